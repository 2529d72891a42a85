//! Signing keys as they are stored.

use std::sync::Arc;

use cambist_core::Timestamp;
use cambist_token::jose::{Algorithm, ScheduledKey, SigningKey};
use serde::{Deserialize, Serialize};

use super::super::{KeyOwner, PublishFailure, Publisher, to_json};
use crate::store::{Change, DocumentKind, Expected};

/// A key as stored, under its `kid`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDocument {
    algorithm: Algorithm,
    /// The instance whose own it is; none if all instances share it.
    instance: Option<String>,
    /// Its relying party whose tokens alone it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relying_party: Option<String>,
    signs_from: Timestamp,
    verifies_until: Timestamp,
    #[serde(default)]
    is_revoked: bool,
    /// The private key, encrypted. None for those that are files in the data directory.
    sealed: Option<String>,
}

impl KeyDocument {
    fn owner(&self) -> Option<KeyOwner> {
        Some(KeyOwner {
            instance: self.instance.clone()?,
            relying_party: self.relying_party.clone(),
        })
    }
}

impl Publisher {
    /// Puts stored keys into their rings, and times and revocations into effect.
    pub(in crate::publisher) async fn restore_keys(
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
        let owner = document.owner();
        let mut keys = self.ring(owner.as_ref()).scheduled();
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
        self.put_ring(owner.as_ref(), keys);
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

    async fn sealed(&self, scheduled: &ScheduledKey) -> Result<Option<String>, PublishFailure> {
        let kid = scheduled.key.key_id().unwrap_or_default();
        let stored: Option<KeyDocument> = self.stored(DocumentKind::Key, kid).await?;
        Ok(stored.and_then(|stored| stored.sealed))
    }

    pub(super) async fn put_again(
        &self,
        scheduled: &ScheduledKey,
        owner: Option<&KeyOwner>,
    ) -> Result<Change, PublishFailure> {
        put(scheduled, owner, self.sealed(scheduled).await?)
    }
}

/// The private part is not kept.
pub(super) fn put_revoked(
    scheduled: &ScheduledKey,
    owner: Option<&KeyOwner>,
) -> Result<Change, PublishFailure> {
    let document = KeyDocument {
        is_revoked: true,
        ..document(scheduled, owner, None)
    };
    change(scheduled, &document)
}

/// What a vault entry of this key would be called. No entry that an operator writes has a colon.
pub(super) fn entry(kid: &str) -> String {
    format!("signing-key:{kid}")
}

fn document(
    scheduled: &ScheduledKey,
    owner: Option<&KeyOwner>,
    sealed: Option<String>,
) -> KeyDocument {
    KeyDocument {
        algorithm: scheduled.key.algorithm(),
        instance: owner.map(|owner| owner.instance.clone()),
        relying_party: owner.and_then(|owner| owner.relying_party.clone()),
        signs_from: scheduled.signs_from,
        verifies_until: scheduled.verifies_until,
        is_revoked: false,
        sealed,
    }
}

pub(super) fn put(
    scheduled: &ScheduledKey,
    owner: Option<&KeyOwner>,
    sealed: Option<String>,
) -> Result<Change, PublishFailure> {
    change(scheduled, &document(scheduled, owner, sealed))
}

fn change(scheduled: &ScheduledKey, document: &KeyDocument) -> Result<Change, PublishFailure> {
    Ok(Change::PutDocument {
        kind: DocumentKind::Key,
        id: scheduled.key.key_id().unwrap_or_default().to_owned(),
        document: to_json(document)?,
        expected: Expected::Any,
    })
}
