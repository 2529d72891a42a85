//! The life of signing keys: published, signing, verifying, gone.
//!
//! A key is in the JWK sets first and signs later, when everybody has had time to fetch it; the one before
//! it stays until nothing that it signed is valid. All of that is a matter of times that are stored once, so
//! no step depends on a process being up at the right moment.

use std::{collections::HashMap, sync::Arc};

use cambist_core::Timestamp;
use cambist_token::jose::{Algorithm, Keyring, ScheduledKey, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Draft, PublishFailure, Publisher, to_json};
use crate::{
    document::InstanceDocument,
    gateway::now,
    instance::build::kept_key,
    publish_error::PublishError,
    store::{Change, DocumentKind, Expected},
    vault::Material,
};

/// How long a key is published before it signs, unless told otherwise, and at least: a JWK set may be kept
/// for five minutes.
pub const USUAL_WAIT: u64 = 24 * 3600;
/// See [`USUAL_WAIT`].
pub const SHORTEST_WAIT: u64 = 600;
/// How long a key verifies after it signed last: no token lives longer than a day, and clocks differ.
const AFTERLIFE: u64 = 24 * 3600 + 120;

/// A key as stored, under its `kid`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDocument {
    algorithm: Algorithm,
    /// The instance whose own it is; none if all instances share it.
    instance: Option<String>,
    signs_from: Timestamp,
    verifies_until: Timestamp,
    #[serde(default)]
    is_revoked: bool,
    /// The private key, encrypted. None for those that are files in the data directory.
    sealed: Option<String>,
}

/// A key and where it stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySummary {
    /// Its `kid`.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The instance whose own it is; none if all instances share it.
    pub instance: Option<String>,
    /// `published`, `signing` or `retiring`.
    pub state: &'static str,
    /// When it begins to sign.
    pub signs_from: Timestamp,
    /// When it is published no more; none if nothing has taken its place.
    pub verifies_until: Option<Timestamp>,
}

/// Rings by the instance whose own they are.
pub(super) type OwnRings = std::sync::Mutex<HashMap<String, Arc<Keyring>>>;

impl Publisher {
    /// The keys that this instance signs with.
    pub(super) fn ring(&self, own: Option<&str>) -> Arc<Keyring> {
        let Some(instance) = own else {
            return Arc::clone(&self.workshop.keyring);
        };
        let mut rings = self
            .own_rings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(rings.entry(instance.to_owned()).or_default())
    }

    fn rings(&self) -> Vec<(Option<String>, Arc<Keyring>)> {
        let rings = self
            .own_rings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = rings
            .iter()
            .map(|(instance, ring)| (Some(instance.clone()), Arc::clone(ring)));
        std::iter::once((None, Arc::clone(&self.workshop.keyring)))
            .chain(own)
            .collect()
    }

    /// All keys and where they stand.
    pub fn list_keys(&self, now: Timestamp) -> Vec<KeySummary> {
        let mut listed = Vec::new();
        for (instance, ring) in self.rings() {
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
                    instance: instance.clone(),
                    state,
                    signs_from: scheduled.signs_from,
                    verifies_until: Some(scheduled.verifies_until)
                        .filter(|until| until.0 != u64::MAX),
                });
            }
        }
        listed
    }

    /// Puts stored keys into their rings, and times and revocations into effect.
    pub(super) async fn restore_keys(
        &self,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        let stored = self.workshop.store.documents(DocumentKind::Key).await?;
        for stored in stored {
            let opened = serde_json::from_str::<KeyDocument>(&stored.document)
                .map_err(|error| error.to_string())
                .and_then(|document| self.restore_key(&stored.id, &document));
            if let Err(error) = opened {
                failed.push(format!("key {}: {error}", stored.id));
            }
        }
        Ok(())
    }

    fn restore_key(&self, kid: &str, document: &KeyDocument) -> Result<(), String> {
        let ring = self.ring(document.instance.as_deref());
        let mut keys = ring.scheduled();
        let place = keys
            .iter()
            .position(|scheduled| scheduled.key.key_id() == Some(kid));
        let known = place.map(|place| keys.remove(place).key);
        if !document.is_revoked {
            let key = match (known, &document.sealed) {
                (Some(key), _) => key,
                (None, Some(sealed)) => Arc::new(self.open(kid, document.algorithm, sealed)?),
                (None, None) => return Err("its file is gone".to_owned()),
            };
            keys.push(ScheduledKey {
                key,
                signs_from: document.signs_from,
                verifies_until: document.verifies_until,
            });
        }
        ring.replace(keys);
        Ok(())
    }

    fn open(&self, kid: &str, algorithm: Algorithm, sealed: &str) -> Result<SigningKey, String> {
        let sealed = base64_simd::STANDARD
            .decode_to_vec(sealed)
            .map_err(|error| error.to_string())?;
        let pem = self
            .workshop
            .vault
            .open(&entry(kid), algorithm.name(), &sealed)
            .map_err(|error| error.to_string())?;
        let pem = std::str::from_utf8(&pem).map_err(|error| error.to_string())?;
        SigningKey::from_pkcs8_pem(pem, algorithm).map_err(|error| error.to_string())
    }

    /// Makes the keys that `document` needs and that its ring has not. Part of the publication under way, but
    /// stored at once: a key that is in a ring must be there after a restart.
    pub(super) async fn prepare_keys(
        &self,
        draft: &mut Draft<'_>,
        id: &str,
        document: &InstanceDocument,
    ) -> Result<(), PublishFailure> {
        let own = document.keys.own.then_some(id);
        let ring = self.ring(own);
        let known = ring.algorithms();
        let mut changes = Vec::new();
        let mut keys = ring.scheduled();
        for algorithm in wanted(document).into_iter().filter(|a| !known.contains(a)) {
            let at = clock()?;
            keys.push(self.make(algorithm, own, at, &mut changes).await?);
        }
        if !changes.is_empty() {
            self.workshop.store.apply(&changes, clock()?).await?;
            draft.revision += 1;
            ring.replace(keys);
        }
        Ok(())
    }

    async fn make(
        &self,
        algorithm: Algorithm,
        own: Option<&str>,
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
        instance: Option<&str>,
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
        self.check_owner(&draft, instance).await?;
        let at = clock()?;
        let ring = self.ring(instance);
        let mut keys = ring.scheduled();
        let mut of_algorithm = keys
            .iter()
            .filter(|scheduled| scheduled.key.algorithm() == algorithm);
        if of_algorithm
            .clone()
            .any(|scheduled| at < scheduled.signs_from)
        {
            return Err(PublishFailure::Exists);
        }
        let is_first = of_algorithm.next().is_none();
        let signs_from = if is_first { at } else { at.plus(wait) };
        let mut changes = Vec::new();
        let new = self
            .make(algorithm, instance, signs_from, &mut changes)
            .await?;
        let until = signs_from.plus(AFTERLIFE);
        for scheduled in &mut keys {
            if scheduled.key.algorithm() == algorithm && until < scheduled.verifies_until {
                scheduled.verifies_until = until;
                changes.push(self.put_again(scheduled, instance).await?);
            }
        }
        keys.retain(|scheduled| at < scheduled.verifies_until);
        keys.push(new.clone());
        draft.changes = changes;
        self.commit(draft).await?;
        ring.replace(keys);
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
        let (instance, ring) = found.ok_or(PublishFailure::NotFound)?;
        let instance = instance.as_deref();
        let mut keys = ring.scheduled();
        let place = keys
            .iter()
            .position(|scheduled| scheduled.key.key_id() == Some(kid))
            .ok_or(PublishFailure::NotFound)?;
        let revoked = keys.remove(place);
        let algorithm = revoked.key.algorithm();
        let mut changes = vec![put_revoked(&revoked, instance)?];
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
                    changes.push(self.put_again(waiting, instance).await?);
                }
                None => keys.push(self.make(algorithm, instance, at, &mut changes).await?),
            }
        }
        draft.changes = changes;
        self.commit(draft).await?;
        ring.replace(keys);
        Ok(())
    }

    async fn check_owner(
        &self,
        draft: &Draft<'_>,
        instance: Option<&str>,
    ) -> Result<(), PublishFailure> {
        let Some(instance) = instance else {
            return Ok(());
        };
        if draft.registry.instance(instance).is_none() {
            return Err(PublishFailure::NotFound);
        }
        let document: Option<InstanceDocument> =
            self.stored(DocumentKind::Instance, instance).await?;
        if document.is_some_and(|document| document.keys.own) {
            return Ok(());
        }
        Err(PublishError::new(
            "instance",
            "has no keys of its own",
            "leave it out, or publish the instance with {\"keys\": {\"own\": true}}",
        )
        .into())
    }

    async fn sealed(&self, scheduled: &ScheduledKey) -> Result<Option<String>, PublishFailure> {
        let kid = scheduled.key.key_id().unwrap_or_default();
        let stored: Option<KeyDocument> = self.stored(DocumentKind::Key, kid).await?;
        Ok(stored.and_then(|stored| stored.sealed))
    }

    async fn put_again(
        &self,
        scheduled: &ScheduledKey,
        instance: Option<&str>,
    ) -> Result<Change, PublishFailure> {
        put(scheduled, instance, self.sealed(scheduled).await?)
    }
}

/// The private part is not kept.
fn put_revoked(scheduled: &ScheduledKey, instance: Option<&str>) -> Result<Change, PublishFailure> {
    let document = KeyDocument {
        is_revoked: true,
        ..document(scheduled, instance, None)
    };
    change(scheduled, &document)
}

/// What a vault entry of this key would be called. No entry that an operator writes has a colon.
fn entry(kid: &str) -> String {
    format!("signing-key:{kid}")
}

fn document(
    scheduled: &ScheduledKey,
    instance: Option<&str>,
    sealed: Option<String>,
) -> KeyDocument {
    KeyDocument {
        algorithm: scheduled.key.algorithm(),
        instance: instance.map(ToOwned::to_owned),
        signs_from: scheduled.signs_from,
        verifies_until: scheduled.verifies_until,
        is_revoked: false,
        sealed,
    }
}

fn put(
    scheduled: &ScheduledKey,
    instance: Option<&str>,
    sealed: Option<String>,
) -> Result<Change, PublishFailure> {
    change(scheduled, &document(scheduled, instance, sealed))
}

fn change(scheduled: &ScheduledKey, document: &KeyDocument) -> Result<Change, PublishFailure> {
    Ok(Change::PutDocument {
        kind: DocumentKind::Key,
        id: scheduled.key.key_id().unwrap_or_default().to_owned(),
        document: to_json(document)?,
        expected: Expected::Any,
    })
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
