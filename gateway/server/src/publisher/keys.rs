//! The life of signing keys: published, signing, verifying, gone.
//!
//! A key is in the JWK sets first and signs later, when everybody has had time to fetch it; the one before
//! it stays until nothing that it signed is valid. All of that is a matter of times that are stored once, so
//! no step depends on a process being up at the right moment.

mod stored;

use std::{collections::HashMap, sync::Arc};

use cambist_core::Timestamp;
use cambist_token::jose::{Algorithm, Keyring, ScheduledKey, SigningKey};
use serde::Serialize;
use serde_json::Value;

use self::stored::{entry, put, put_revoked};
use super::{Draft, KeyOwner, PublishFailure, Publisher};
use crate::{
    document::InstanceDocument,
    gateway::now,
    instance::build::kept_key,
    publish_error::PublishError,
    store::{Change, DocumentKind},
    vault::Material,
};

/// How long a key is published before it signs, unless told otherwise, and at least: a JWK set may be kept
/// for five minutes.
pub const USUAL_WAIT: u64 = 24 * 3600;
/// See [`USUAL_WAIT`].
pub const SHORTEST_WAIT: u64 = 600;
/// How long a key verifies after it signed last: no token lives longer than a day, and clocks differ.
const AFTERLIFE: u64 = 24 * 3600 + 120;

/// A key and where it stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySummary {
    /// Its `kid`.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The instance whose own it is; none if all instances share it.
    pub instance: Option<String>,
    /// Its relying party whose tokens alone it signs; none if it signs for all without keys of their own.
    pub relying_party: Option<String>,
    /// `published`, `signing` or `retiring`.
    pub state: &'static str,
    /// When it begins to sign.
    pub signs_from: Timestamp,
    /// When it is published no more; none if nothing has taken its place.
    pub verifies_until: Option<Timestamp>,
}

/// Rings by whose own they are.
pub(super) type OwnRings = std::sync::Mutex<HashMap<KeyOwner, Arc<Keyring>>>;

impl Publisher {
    /// The keys of this owner.
    pub(super) fn ring(&self, owner: Option<&KeyOwner>) -> Arc<Keyring> {
        let Some(owner) = owner else {
            return Arc::clone(&self.workshop.keyring);
        };
        let mut rings = self
            .own_rings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(rings.entry(owner.clone()).or_default())
    }

    fn rings(&self) -> Vec<(Option<KeyOwner>, Arc<Keyring>)> {
        let rings = self
            .own_rings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = rings
            .iter()
            .map(|(owner, ring)| (Some(owner.clone()), Arc::clone(ring)));
        std::iter::once((None, Arc::clone(&self.workshop.keyring)))
            .chain(own)
            .collect()
    }

    /// Puts other keys in place. What a relying party's keys sign, its instance verifies and publishes.
    fn put_ring(&self, owner: Option<&KeyOwner>, keys: Vec<ScheduledKey>) {
        let ring = self.ring(owner);
        ring.replace(keys);
        if let Some(KeyOwner {
            instance,
            relying_party: Some(party),
        }) = owner
        {
            let of_instance = self.ring(Some(&KeyOwner::instance(instance)));
            of_instance.hold(party, &ring);
        }
    }

    /// All keys and where they stand.
    pub fn list_keys(&self, now: Timestamp) -> Vec<KeySummary> {
        let mut listed = Vec::new();
        for (owner, ring) in self.rings() {
            for scheduled in ring.scheduled() {
                let key = &scheduled.key;
                let Some(kid) = key.key_id().filter(|_| now < scheduled.verifies_until) else {
                    continue;
                };
                let signs = ring.signing_at(key.algorithm(), now);
                let state = if signs.is_some_and(|signing| signing.key_id() == Some(kid)) {
                    "signing"
                } else if now < scheduled.signs_from {
                    "published"
                } else {
                    "retiring"
                };
                listed.push(KeySummary {
                    kid: kid.to_owned(),
                    algorithm: key.algorithm(),
                    instance: owner.as_ref().map(|owner| owner.instance.clone()),
                    relying_party: owner.as_ref().and_then(|o| o.relying_party.clone()),
                    state,
                    signs_from: scheduled.signs_from,
                    verifies_until: Some(scheduled.verifies_until)
                        .filter(|until| until.0 != u64::MAX),
                });
            }
        }
        listed
    }

    /// Makes the keys that `document` needs and that its rings have not. Part of the publication under way, but
    /// stored at once: a key that is in a ring must be there after a restart. Where `previous` had tokens signed
    /// with other keys, whoever verifies them gets time to fetch the new ones.
    pub(super) async fn prepare_keys(
        &self,
        draft: &mut Draft<'_>,
        id: &str,
        document: &InstanceDocument,
        previous: Option<&InstanceDocument>,
    ) -> Result<(), PublishFailure> {
        let own = document.keys.own.then(|| KeyOwner::instance(id));
        self.prepare_ring(draft, own, &wanted(document), 0).await?;
        if !document.keys.own {
            return Ok(());
        }
        for (audience, party) in &document.relying_parties {
            if !party.keys.own {
                continue;
            }
            let algorithms = match party.keys.algorithm {
                Some(algorithm) if algorithm.is_symmetric() => continue,
                Some(algorithm) => vec![algorithm],
                None => wanted(document),
            };
            let before = previous.and_then(|known| known.relying_parties.get(audience));
            let wait = match before {
                Some(before) if !before.keys.own => {
                    let asked = party.keys.publish_seconds.unwrap_or(USUAL_WAIT);
                    asked.max(SHORTEST_WAIT)
                }
                _ => 0,
            };
            let owner = Some(KeyOwner::party(id, audience));
            self.prepare_ring(draft, owner, &algorithms, wait).await?;
        }
        Ok(())
    }

    async fn prepare_ring(
        &self,
        draft: &mut Draft<'_>,
        owner: Option<KeyOwner>,
        algorithms: &[Algorithm],
        wait: u64,
    ) -> Result<(), PublishFailure> {
        let owner = owner.as_ref();
        let ring = self.ring(owner);
        let known = ring.algorithms();
        let mut changes = Vec::new();
        let mut keys = ring.scheduled();
        for algorithm in algorithms.iter().filter(|a| !known.contains(a)) {
            let signs_from = clock()?.plus(wait);
            keys.push(
                self.make(*algorithm, owner, signs_from, &mut changes)
                    .await?,
            );
        }
        if !changes.is_empty() {
            self.workshop.store.apply(&changes, clock()?).await?;
            draft.revision += 1;
            self.put_ring(owner, keys);
        }
        Ok(())
    }

    async fn make(
        &self,
        algorithm: Algorithm,
        own: Option<&KeyOwner>,
        signs_from: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<ScheduledKey, PublishFailure> {
        let made = self
            .workshop
            .heavy
            .run(move || SigningKey::generate(algorithm))
            .await?;
        let failed = |error: String| PublishFailure::Store(format!("a new key: {error}"));
        let (key, pem) = made.map_err(|error| failed(error.to_string()))?;
        let kid = key
            .key_id()
            .ok_or_else(|| failed("it has no name".to_owned()))?;
        let material = Material::pair(algorithm, pem)?;
        let sealed = self
            .workshop
            .vault
            .seal(&entry(kid), &material)
            .map_err(|error| failed(error.to_string()))?;
        let scheduled = ScheduledKey {
            signs_from,
            verifies_until: Timestamp(u64::MAX),
            key: Arc::new(key),
        };
        let sealed = Some(base64_simd::STANDARD.encode_to_string(sealed));
        changes.push(put(&scheduled, own, sealed)?);
        Ok(scheduled)
    }

    /// Publishes a new key, which begins to sign after `wait` seconds and lets the one before it retire. A
    /// key of an algorithm that there was none of signs at once.
    pub async fn rotate_key(
        &self,
        algorithm: Algorithm,
        owner: Option<&KeyOwner>,
        wait: u64,
    ) -> Result<KeySummary, PublishFailure> {
        if algorithm.is_symmetric() {
            return Err(PublishError::new(
                "algorithm",
                format!("{algorithm} has secrets, which are members of an instance's providers"),
                "use ES256, ES384, EdDSA, RS256 or PS256",
            )
            .into());
        }
        if wait < SHORTEST_WAIT {
            return Err(PublishError::new(
                "publish_seconds",
                format!("{wait} seconds are too short for everybody to fetch the key"),
                format!("use {SHORTEST_WAIT} or more; a compromised key is to be revoked"),
            )
            .into());
        }
        let mut draft = self.draft().await?;
        self.check_owner(&draft, owner).await?;
        let at = clock()?;
        let ring = self.ring(owner);
        let mut keys = ring.scheduled();
        let mut of_algorithm = keys
            .iter()
            .filter(|scheduled| scheduled.key.algorithm() == algorithm);
        let waiting = of_algorithm
            .clone()
            .find(|scheduled| at < scheduled.signs_from);
        if let Some(waiting) = waiting {
            return Err(PublishFailure::Waiting {
                kid: waiting.key.key_id().unwrap_or_default().to_owned(),
                signs_from: waiting.signs_from,
            });
        }
        let is_first = of_algorithm.next().is_none();
        let signs_from = if is_first { at } else { at.plus(wait) };
        let mut changes = Vec::new();
        let new = self
            .make(algorithm, owner, signs_from, &mut changes)
            .await?;
        let until = signs_from.plus(AFTERLIFE);
        for scheduled in &mut keys {
            if scheduled.key.algorithm() == algorithm && until < scheduled.verifies_until {
                scheduled.verifies_until = until;
                changes.push(self.put_again(scheduled, owner).await?);
            }
        }
        keys.retain(|scheduled| at < scheduled.verifies_until);
        keys.push(new.clone());
        draft.changes = changes;
        self.commit(draft).await?;
        self.put_ring(owner, keys);
        let kid = new.key.key_id().unwrap_or_default().to_owned();
        self.list_keys(at)
            .into_iter()
            .find(|listed| listed.kid == kid)
            .ok_or(PublishFailure::NotFound)
    }

    /// Takes a key away at once. If it was the one to sign, the next one signs from now on, without having
    /// been published for long: a known key is worse.
    pub async fn revoke_key(&self, kid: &str) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let at = clock()?;
        let has_it = |ring: &Keyring| {
            ring.scheduled()
                .iter()
                .any(|scheduled| scheduled.key.key_id() == Some(kid))
        };
        let found = self.rings().into_iter().find(|(_, ring)| has_it(ring));
        let (owner, ring) = found.ok_or(PublishFailure::NotFound)?;
        let owner = owner.as_ref();
        let mut keys = ring.scheduled();
        let place = keys
            .iter()
            .position(|scheduled| scheduled.key.key_id() == Some(kid))
            .ok_or(PublishFailure::NotFound)?;
        let revoked = keys.remove(place);
        let algorithm = revoked.key.algorithm();
        let mut changes = vec![put_revoked(&revoked, owner)?];
        let may_sign = |scheduled: &ScheduledKey| {
            scheduled.key.algorithm() == algorithm
                && scheduled.verifies_until.0 == u64::MAX
                && scheduled.signs_from <= at
        };
        if !keys.iter().any(may_sign) {
            let waiting = keys.iter_mut().find(|scheduled| {
                scheduled.key.algorithm() == algorithm && at < scheduled.signs_from
            });
            match waiting {
                Some(waiting) => {
                    waiting.signs_from = at;
                    changes.push(self.put_again(waiting, owner).await?);
                }
                None => match self.check_owner(&draft, owner).await {
                    Ok(()) => keys.push(self.make(algorithm, owner, at, &mut changes).await?),
                    // Nobody signs with these any more.
                    Err(PublishFailure::NotFound | PublishFailure::Invalid(_)) => {}
                    Err(failure) => return Err(failure),
                },
            }
        }
        draft.changes = changes;
        self.commit(draft).await?;
        self.put_ring(owner, keys);
        Ok(())
    }

    async fn check_owner(
        &self,
        draft: &Draft<'_>,
        owner: Option<&KeyOwner>,
    ) -> Result<(), PublishFailure> {
        let Some(owner) = owner else {
            return Ok(());
        };
        let instance = owner.instance.as_str();
        if draft.registry.instance(instance).is_none() {
            return Err(PublishFailure::NotFound);
        }
        let document: Option<InstanceDocument> =
            self.stored(DocumentKind::Instance, instance).await?;
        let document = document.filter(|document| document.keys.own);
        let wrong = match (&document, &owner.relying_party) {
            (None, _) => PublishError::new(
                "instance",
                "has no keys of its own",
                "leave it out, or publish the instance with {\"keys\": {\"own\": true}}",
            ),
            (Some(document), Some(audience)) => {
                let party = document.relying_parties.get(audience);
                if party.is_some_and(|party| party.keys.own) {
                    return Ok(());
                }
                PublishError::new(
                    "relying_party",
                    "has no keys of its own at this instance",
                    "leave it out, or publish the relying party with {\"keys\": {\"own\": true}}",
                )
            }
            (Some(_), None) => return Ok(()),
        };
        Err(wrong.into())
    }
}

/// The algorithms that the builtin providers of an instance sign with.
fn wanted(document: &InstanceDocument) -> Vec<Algorithm> {
    let mut wanted = Vec::new();
    for part in document.providers.values() {
        if !matches!(part.kind.as_str(), "access_token" | "id_token" | "jwt") {
            continue;
        }
        if part.settings.contains_key(kept_key::MEMBER) {
            continue;
        }
        let algorithm = match part.settings.get("algorithm") {
            None => Some(Algorithm::Es256),
            Some(Value::String(name)) => Algorithm::from_name(name),
            Some(_) => None,
        };
        let new = algorithm.filter(|a| !a.is_symmetric() && !wanted.contains(a));
        wanted.extend(new);
    }
    wanted
}

fn clock() -> Result<Timestamp, PublishFailure> {
    now().ok_or_else(|| PublishFailure::Store("the clock stands before 1970".to_owned()))
}
