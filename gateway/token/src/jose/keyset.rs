//! A set of public keys (RFC 7517 §5), parsed once.

use std::fmt;

use cambist_core::Rejection;
use serde_json::{Map, Value};

use super::{
    Algorithm, json,
    jwk::{self, Key, Unusable, Verifier},
};

/// Largest accepted key set document, in bytes (KF-04).
pub const MAX_KEY_SET_BYTES: usize = 1024 * 1024;
/// Most keys accepted in one set (KF-04).
pub const MAX_KEYS: usize = 100;

/// Keys to verify with. Everything in it has been parsed and checked.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    refused: Vec<String>,
}

/// Why a document is not a key set. The whole set is refused: a set with one of these mistakes says
/// nothing reliable about its other keys either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Two keys have one `kid` (SJ-06).
    #[error("the key id `{0}` stands twice")]
    DuplicateKeyId(String),
    /// Not a JSON object with an array `keys` of objects, or a member name stands twice.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// It holds a private or a symmetric key: whoever published it has published a secret (SJ-06).
    #[error("key number {0} is a private or symmetric key")]
    Secret(usize),
    /// More than [`MAX_KEY_SET_BYTES`].
    #[error("larger than {MAX_KEY_SET_BYTES} bytes")]
    TooLarge,
    /// More than [`MAX_KEYS`].
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
}

impl KeySet {
    /// Reads a JWK Set document. Keys of kinds, purposes and algorithms that are none of ours are skipped
    /// (RFC 7517 §5); unacceptable keys are left out and listed by [`refused`](Self::refused).
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLarge);
        }
        Self::from_members(&json::object(document, json::MAX_DEPTH).ok_or(KeySetError::Malformed)?)
    }

    /// Reads a JWK Set that is JSON already, by the rules of [`parse`](Self::parse).
    pub fn from_members(set: &Map<String, Value>) -> Result<Self, KeySetError> {
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(KeySetError::Malformed);
        };
        if entries.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut ids: Vec<&str> = Vec::with_capacity(entries.len());
        let mut parsed = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let Value::Object(entry) = entry else {
                return Err(KeySetError::Malformed);
            };
            if jwk::is_secret(entry) {
                return Err(KeySetError::Secret(index + 1));
            }
            if let Some(Value::String(id)) = entry.get("kid") {
                if ids.contains(&id.as_str()) {
                    return Err(KeySetError::DuplicateKeyId(id.chars().take(256).collect()));
                }
                ids.push(id);
            }
            match jwk::parse(entry) {
                Ok(key) => parsed.keys.push(key),
                Err(Unusable::Foreign) => {}
                Err(Unusable::Refused(reason)) => parsed
                    .refused
                    .push(format!("key number {}: {reason}", index + 1)),
            }
        }
        Ok(parsed)
    }

    pub(super) fn of(keys: impl IntoIterator<Item = Key>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            refused: Vec::new(),
        }
    }

    /// What was left out because it is not acceptable, for operators.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// How many usable keys it has.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key has exactly this id.
    pub fn contains(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The key a header chooses: by exact id, or without one the only key that fits the algorithm.
    pub(super) fn choose(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Verifier, Rejection> {
        if let Some(id) = id {
            let key = self
                .keys
                .iter()
                .find(|key| key.id.as_deref() == Some(id))
                .ok_or(Rejection::UnknownKey)?;
            return key
                .verifier(algorithm)
                .ok_or(Rejection::AlgorithmNotAllowed);
        }
        let mut fitting = self.keys.iter().filter_map(|key| key.verifier(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Rejection::UnknownKey),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self
            .keys
            .iter()
            .map(|key| key.id.as_deref().unwrap_or("(no id)"));
        f.debug_list().entries(ids).finish()
    }
}

#[cfg(test)]
mod tests;
