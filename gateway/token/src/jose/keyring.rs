//! The signing keys of published instances, each with its time.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use cambist_core::Timestamp;
use serde_json::{Value, json};

use super::{Algorithm, KeySet, SigningKey};

/// A key and its time. It is published as long as it is in a [`Keyring`].
#[derive(Clone, Debug)]
pub struct ScheduledKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// When it begins to sign: late enough for everybody to have fetched it.
    pub signs_from: Timestamp,
    /// When nothing that it signed is valid any more.
    pub verifies_until: Timestamp,
}

impl ScheduledKey {
    /// A key that signs from the beginning and for good.
    pub const fn unending(key: Arc<SigningKey>) -> Self {
        Self {
            key,
            signs_from: Timestamp(0),
            verifies_until: Timestamp(u64::MAX),
        }
    }
}

#[derive(Default)]
struct Ring {
    keys: Vec<ScheduledKey>,
    verification: Arc<KeySet>,
}

impl Ring {
    fn new(keys: Vec<ScheduledKey>) -> Self {
        let asymmetric = keys
            .iter()
            .filter(|scheduled| !scheduled.key.algorithm().is_symmetric());
        let verification = KeySet::of(asymmetric.map(|scheduled| scheduled.key.verification_key()));
        Self {
            verification: Arc::new(verification),
            keys,
        }
    }
}

/// Several signing keys, which may be replaced while they are in use. Of keys with one algorithm the one
/// whose time to sign began last signs; the others verify, and are published, while what they signed lives.
#[derive(Default)]
pub struct Keyring(ArcSwap<Ring>);

impl Keyring {
    /// Takes keys that sign from the beginning and for good, the preferred one of each algorithm first.
    pub fn new(keys: Vec<Arc<SigningKey>>) -> Self {
        let ring = Self::default();
        ring.replace(keys.into_iter().map(ScheduledKey::unending).collect());
        ring
    }

    /// Puts other keys in place. Who asks from now on gets these.
    pub fn replace(&self, keys: Vec<ScheduledKey>) {
        self.0.store(Arc::new(Ring::new(keys)));
    }

    /// The keys and their times.
    pub fn scheduled(&self) -> Vec<ScheduledKey> {
        self.0.load().keys.clone()
    }

    /// The key of this algorithm to sign with at this moment.
    pub fn signing_at(&self, algorithm: Algorithm, now: Timestamp) -> Option<Arc<SigningKey>> {
        let ring = self.0.load();
        let mut found: Option<&ScheduledKey> = None;
        for scheduled in &ring.keys {
            let may_sign = scheduled.key.algorithm() == algorithm
                && scheduled.signs_from <= now
                && now < scheduled.verifies_until;
            if may_sign && found.is_none_or(|known| known.signs_from < scheduled.signs_from) {
                found = Some(scheduled);
            }
        }
        found.map(|scheduled| Arc::clone(&scheduled.key))
    }

    /// The key of this algorithm that has been published longest.
    pub fn signing(&self, algorithm: Algorithm) -> Option<Arc<SigningKey>> {
        let ring = self.0.load();
        let mut of_algorithm = ring
            .keys
            .iter()
            .filter(|scheduled| scheduled.key.algorithm() == algorithm);
        of_algorithm
            .next()
            .map(|scheduled| Arc::clone(&scheduled.key))
    }

    /// The public keys of these algorithms at this moment as a JWK Set. Shared secrets are never in it.
    pub fn jwks(&self, algorithms: &[Algorithm], now: Timestamp) -> Value {
        let ring = self.0.load();
        let keys: Vec<Value> = ring
            .keys
            .iter()
            .filter(|scheduled| now < scheduled.verifies_until)
            .filter(|scheduled| algorithms.contains(&scheduled.key.algorithm()))
            .filter_map(|scheduled| scheduled.key.public_jwk())
            .collect();
        json!({ "keys": keys })
    }

    /// The keys that verify what these keys signed. Shared secrets are not in it: a token under one is
    /// meant for the party that shares it, not for us.
    pub fn verification_keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.load().verification)
    }

    /// The algorithms it has keys of, each once.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut known = Vec::new();
        for scheduled in &self.0.load().keys {
            if !known.contains(&scheduled.key.algorithm()) {
                known.push(scheduled.key.algorithm());
            }
        }
        known
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.load().keys).finish()
    }
}
