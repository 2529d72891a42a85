//! The signing keys of one published instance.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Algorithm, KeySet, SigningKey};

/// Several signing keys. Of keys with one algorithm the first signs; the others still verify, and are
/// still published, while what they signed lives.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<Arc<SigningKey>>);

impl Keyring {
    /// Takes the keys, the preferred one of each algorithm first.
    pub const fn new(keys: Vec<Arc<SigningKey>>) -> Self {
        Self(keys)
    }

    /// The key to sign with, if there is one for this algorithm.
    pub fn signing(&self, algorithm: Algorithm) -> Option<Arc<SigningKey>> {
        self.0
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .cloned()
    }

    /// The public keys of these algorithms as a JWK Set. Shared secrets are never in it.
    pub fn jwks(&self, algorithms: &[Algorithm]) -> Value {
        let keys: Vec<Value> = self
            .0
            .iter()
            .filter(|key| algorithms.contains(&key.algorithm()))
            .filter_map(|key| key.public_jwk())
            .collect();
        json!({ "keys": keys })
    }

    /// The keys that verify what these keys signed. Shared secrets are not in it: a token under one is
    /// meant for the party that shares it, not for us.
    pub fn verification_keys(&self) -> KeySet {
        KeySet::of(
            self.0
                .iter()
                .filter(|key| !key.algorithm().is_symmetric())
                .map(|key| key.verification_key()),
        )
    }

    /// The algorithms it can sign with, repeated for each key.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().map(|key| key.algorithm())
    }
}
