//! A token's bytes and the URI that names its type.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use zeroize::optimization_barrier;

/// The bytes of a token or credential. They are wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl Token {
    /// Takes ownership of the token's bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they were presented.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The token as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Token {
    /// As `Zeroizing` does, a word at a time instead of a byte.
    fn drop(&mut self) {
        self.0.clear();
        self.0.resize(self.0.capacity(), 0);
        optimization_barrier(self.0.as_slice());
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

/// A token type identifier: a URI, compared exactly (RFC 8693 §3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An OAuth 2.0 access token usable at its audience (RFC 8693 §3).
    pub const ACCESS_TOKEN: Self =
        Self::from_static("urn:ietf:params:oauth:token-type:access_token");
    /// An `OpenID` Connect ID token (RFC 8693 §3).
    pub const ID_TOKEN: Self = Self::from_static("urn:ietf:params:oauth:token-type:id_token");
    /// The client itself, which has no token: the subject of `client_credentials` (RFC 6749 §4.4).
    pub const CLIENT: Self = Self::from_static("urn:cambist:token-type:client");
    /// Any JWT, by format alone (RFC 8693 §3).
    pub const JWT: Self = Self::from_static("urn:ietf:params:oauth:token-type:jwt");
    /// A base64url-encoded SAML 2.0 assertion (RFC 8693 §3).
    pub const SAML2: Self = Self::from_static("urn:ietf:params:oauth:token-type:saml2");
    /// A user name and password as a JSON object `{"username": …, "password": …}`.
    pub const USERNAME: Self = Self::from_static("urn:cambist:token-type:username");

    /// A session of an access manager: this gateway's own, or one of `PingAM` or `OpenAM`.
    pub const SESSION: Self = Self::from_static("urn:cambist:token-type:session");
    /// An X.509 certificate in base64 of DER. Worth something only with proof that its key is held.
    pub const X509: Self = Self::from_static("urn:cambist:token-type:x509");

    /// A type named by a constant URI.
    pub const fn from_static(uri: &'static str) -> Self {
        Self(Cow::Borrowed(uri))
    }

    /// A type named by whatever URI arrived; comparison is by exact string.
    pub fn new(uri: impl Into<String>) -> Self {
        Self(Cow::Owned(uri.into()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the URI lies in the IETF's own namespace, where private types may not be registered.
    pub fn is_ietf(&self) -> bool {
        self.0.starts_with("urn:ietf:")
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_token() {
        let shown = format!("{:?}", Token::new("s3cret"));
        assert_eq!(shown, "Token(6 bytes)");
    }

    #[test]
    fn token_types_compare_exactly() {
        assert_eq!(
            TokenType::new("urn:ietf:params:oauth:token-type:jwt"),
            TokenType::JWT
        );
        assert_ne!(
            TokenType::new("URN:ietf:params:oauth:token-type:jwt"),
            TokenType::JWT
        );
    }
}
