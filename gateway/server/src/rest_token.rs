//! Tokens of the REST STS that are kept: what each is known by there, and the provider that says so to the
//! ledger.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use cambist_core::{BoxFuture, Call, Issuance, IssueError, IssuedToken, Provider, TokenType};
use cambist_saml::{
    identity::{Identity, identity},
    transport,
};
use serde_json::{Map, Value};

/// The member of a kept row's content that holds the identifier.
pub const ID: &str = "rest_token_id";
/// The member that holds the token itself, where the operator wants that.
pub const TEXT: &str = "rest_token";

/// What a JWT is known by: SHA-1 in upper-case hexadecimal digits. Nothing rests on it but a name; who
/// presents a token is judged by its SHA-256.
pub fn of_jwt(token: &[u8]) -> String {
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, token).as_ref())
}

/// What an assertion in XML is known by: its identifier, or the digest of its encrypted content.
pub fn of_assertion(document: &[u8]) -> Result<String, cambist_saml::refusal::Refusal> {
    Ok(match identity(document)? {
        Identity::Id(id) => id,
        Identity::Cipher(value) => of_jwt(value.as_bytes()),
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble)).unwrap_or(&b'0'));
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

/// A provider whose tokens are found again by their REST STS identifiers.
pub struct KeptProvider {
    inner: Arc<dyn Provider>,
    keeps_text: bool,
}

impl KeptProvider {
    /// Issues as `inner` does. `keeps_text` has the token itself kept too.
    pub const fn new(inner: Arc<dyn Provider>, keeps_text: bool) -> Self {
        Self { inner, keeps_text }
    }
}

impl Provider for KeptProvider {
    fn token_type(&self) -> &TokenType {
        self.inner.token_type()
    }

    fn issuer(&self) -> Option<&str> {
        self.inner.issuer()
    }

    fn content(
        &self,
        issuance: &Issuance<'_>,
        issued: &IssuedToken,
        call: &Call<'_>,
    ) -> Option<Map<String, Value>> {
        let mut content = self
            .inner
            .content(issuance, issued, call)
            .unwrap_or_default();
        let token = issued.token.as_bytes();
        let (id, text) = if issued.token_type == TokenType::SAML2 {
            let document = transport::decode_token(token).ok()?;
            (
                of_assertion(&document).ok()?,
                String::from_utf8(document).ok()?,
            )
        } else {
            (of_jwt(token), issued.token.as_str()?.to_owned())
        };
        content.insert(ID.to_owned(), Value::String(id));
        if self.keeps_text {
            content.insert(TEXT.to_owned(), Value::String(text));
        }
        Some(content)
    }

    fn can_bind(&self) -> bool {
        self.inner.can_bind()
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        self.inner.issue(issuance, call)
    }

    fn preview<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Option<IssuedToken>, IssueError>> {
        self.inner.preview(issuance, call)
    }
}
