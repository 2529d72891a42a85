//! Secrets, by the names that the manifest declares. The operator says what stands behind each name.

use std::{error, fmt};

use crate::{Refusal, imports};

/// A secret. To have one is not to see it.
#[derive(Debug)]
pub struct Secret(pub(crate) imports::Secret);

impl Secret {
    /// Whether these are exactly its bytes, compared in constant time.
    #[must_use]
    pub fn matches(&self, candidate: impl AsRef<[u8]>) -> bool {
        self.0.matches(candidate.as_ref())
    }

    /// Its bytes, if the manifest asks to see them and the operator allows it.
    pub fn reveal(&self) -> Result<Vec<u8>, Error> {
        self.0.reveal()
    }
}

/// The secret of this name.
pub fn open(name: &str) -> Result<Secret, Error> {
    imports::open_secret(name).map(Secret)
}

/// Why a secret cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The operator did not allow it to be seen.
    Denied,
    /// The manifest declares no secret of this name, or the operator granted none.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the secret may not be seen"),
            Self::Unknown(name) => write!(f, "there is no secret `{name}` for this plugin"),
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::internal(error.to_string())
    }
}
