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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The manifest declares no such secret.
    Unknown,
    /// The operator did not allow it to be seen.
    Denied,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the manifest declares no such secret",
            Self::Denied => "the secret may not be seen",
        })
    }
}

impl error::Error for Error {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::internal(error.to_string())
    }
}
