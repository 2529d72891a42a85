//! Keys, by the names that the manifest declares. A plugin never holds a key: it has a handle, and the
//! gateway does the work.

use std::{error, fmt};

use crate::{Refusal, imports};

/// A key with the one algorithm it is for.
#[derive(Debug)]
pub struct Key(pub(crate) imports::Key);

impl Key {
    /// The algorithm by its JOSE name, such as `HS256`, `EdDSA` or `ES256` (RFC 7518 §3.1).
    pub fn algorithm(&self) -> String {
        self.0.algorithm()
    }

    /// The signature or MAC of `data`.
    pub fn sign(&self, data: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        self.0.sign(data.as_ref())
    }

    /// Checks that `signature` is the signature or MAC of `data`; in constant time for a MAC. What is not is
    /// [`Error::BadSignature`], so that `?` is the whole check.
    pub fn verify(&self, data: impl AsRef<[u8]>, signature: impl AsRef<[u8]>) -> Result<(), Error> {
        if self.0.verify(data.as_ref(), signature.as_ref())? {
            Ok(())
        } else {
            Err(Error::BadSignature)
        }
    }

    /// The public half as a JWK (RFC 7517). None for a key without one.
    pub fn public_jwk(&self) -> Option<String> {
        self.0.public_jwk()
    }
}

/// The key of this name.
pub fn key(name: &str) -> Result<Key, Error> {
    imports::open_key(name).map(Key)
}

/// Why a key cannot be used, or what it was used on does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The signature or MAC is another's.
    BadSignature,
    /// What was to be signed could be taken for a token of the gateway's own.
    Refused,
    /// The manifest declares no key of this name, or the operator granted none.
    Unknown(String),
    /// The key cannot do this.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => f.write_str("the signature does not verify"),
            Self::Refused => f.write_str("this could be taken for a token of the gateway's own"),
            Self::Unknown(name) => write!(f, "there is no key `{name}` for this plugin"),
            Self::Unsupported => f.write_str("the key cannot do this"),
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::BadSignature => Self::bad_signature(),
            Error::Refused | Error::Unknown(_) | Error::Unsupported => {
                Self::internal(error.to_string())
            }
        }
    }
}
