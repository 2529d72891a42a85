//! A small store that outlives the call, apart for each plugin and instance.

use std::{error, fmt};

use crate::{Refusal, imports};

/// The value of a key that has not ended.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    imports::kv_get(key)
}

/// Sets a key for so many seconds.
pub fn set(key: &str, value: impl AsRef<[u8]>, ttl_seconds: u32) -> Result<(), Error> {
    imports::kv_set(key, value.as_ref(), ttl_seconds)
}

/// Sets a key for so many seconds unless it is there. False if it was: of two that add the same key, one
/// learns so. That is all it takes to accept something once only.
pub fn add(key: &str, value: impl AsRef<[u8]>, ttl_seconds: u32) -> Result<bool, Error> {
    imports::kv_add(key, value.as_ref(), ttl_seconds)
}

/// Removes a key.
pub fn remove(key: &str) -> Result<(), Error> {
    imports::kv_remove(key)
}

/// Why an operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A key of more than 256 bytes, a value of more than 64 KiB, a life of more than 400 days, or none.
    OutOfBounds,
    /// The plugin holds as much as it may.
    Quota,
    /// The store is away.
    Unavailable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "the key, the value or its life is out of bounds",
            Self::Quota => "the plugin holds as much as it may",
            Self::Unavailable => "the store is away",
        })
    }
}

impl error::Error for Error {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfBounds => Self::internal(error.to_string()),
            Error::Quota | Error::Unavailable => Self::unavailable(error.to_string()),
        }
    }
}
