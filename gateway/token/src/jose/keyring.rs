//! The signing keys of published instances, each with its time.

use std::{collections::BTreeMap, fmt, sync::Arc};

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

type Parties = BTreeMap<String, Arc<Keyring>>;

#[derive(Default)]
struct Ring {
    keys: Vec<ScheduledKey>,
    parties: Parties,
    verification: Arc<KeySet>,
}

impl Ring {
    fn new(keys: Vec<ScheduledKey>, parties: Parties) -> Self {
        let mut all = keys.clone();
        all.extend(parties.values().flat_map(|ring| ring.scheduled()));
        let asymmetric = all
            .iter()
            .filter(|scheduled| !scheduled.key.algorithm().is_symmetric());
        let verification = KeySet::of(asymmetric.map(|scheduled| scheduled.key.verification_key()));
        Self {
            verification: Arc::new(verification),
            keys,
            parties,
        }
    }
}

/// Several signing keys, which may be replaced while they are in use. Of keys with one algorithm the one
/// whose time to sign began last signs; the others verify, and are published, while what they signed lives.
///
/// It may hold a ring for each of several relying parties. Their keys verify and are published with its own, and
/// sign only for whoever asks for that ring.
#[derive(Default)]
pub struct Keyring(ArcSwap<Ring>);

impl Keyring {
    /// Takes keys that sign from the beginning and for good, the preferred one of each algorithm first.
    pub fn new(keys: Vec<Arc<SigningKey>>) -> Self {
        let ring = Self::default();
        ring.replace(keys.into_iter().map(ScheduledKey::unending).collect());
        ring
    }

    /// Puts other keys in place. Who asks from now on gets these. One change at a time.
    pub fn replace(&self, keys: Vec<ScheduledKey>) {
        let parties = self.0.load().parties.clone();
        self.0.store(Arc::new(Ring::new(keys, parties)));
    }

    /// Holds `ring` for the relying party `name` from now on, with the keys that are in it at this moment. To be
    /// repeated whenever these are replaced.
    pub fn hold(&self, name: &str, ring: &Arc<Self>) {
        let known = self.0.load_full();
        let mut parties = known.parties.clone();
        parties.insert(name.to_owned(), Arc::clone(ring));
        self.0
            .store(Arc::new(Ring::new(known.keys.clone(), parties)));
    }

    /// The ring for a relying party, if there is one.
    pub fn of_party(&self, name: &str) -> Option<Arc<Self>> {
        self.0.load().parties.get(name).cloned()
    }

    /// Whether a key of this algorithm waits for its time to sign, and none may sign yet.
    pub fn is_waiting(&self, algorithm: Algorithm, now: Timestamp) -> bool {
        let waits = |scheduled: &ScheduledKey| {
            scheduled.key.algorithm() == algorithm && now < scheduled.signs_from
        };
        self.signing_at(algorithm, now).is_none() && self.0.load().keys.iter().any(waits)
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

    /// The public keys of these algorithms at this moment as a JWK Set, and all that it holds for relying
    /// parties. Shared secrets are never in it.
    pub fn jwks(&self, algorithms: &[Algorithm], now: Timestamp) -> Value {
        let ring = self.0.load();
        let own = ring.keys.iter().cloned();
        let own = own.filter(|scheduled| algorithms.contains(&scheduled.key.algorithm()));
        let of_parties = ring.parties.values().flat_map(|ring| ring.scheduled());
        let keys: Vec<Value> = own
            .chain(of_parties)
            .filter(|scheduled| now < scheduled.verifies_until)
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
