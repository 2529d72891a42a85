//! ID tokens that are signed with a private key of a key store, not with one of the gateway's.

use std::sync::Arc;

use cambist_token::{
    Keyring,
    jose::{Algorithm, KeyError},
};
use serde::Deserialize;
use serde_json::Value;

use super::bindings::{self, Binder};
use crate::{document::PartDocument, publish_error::PublishError};

/// The member that names the key.
pub(crate) const MEMBER: &str = "key";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    keystore: String,
    alias: String,
}

/// A provider's part without the member that names its key, and a ring of nothing but that key.
pub(super) struct KeptKey {
    pub(super) part: PartDocument,
    pub(super) ring: Arc<Keyring>,
    pub(super) algorithm: Algorithm,
}

impl KeptKey {
    /// The key that `part` names, if it names one.
    pub(super) fn of(
        part: &PartDocument,
        binder: &Binder<'_>,
    ) -> Result<Option<Self>, PublishError> {
        let Some(named) = part
            .settings
            .get(MEMBER)
            .filter(|_| part.kind == "id_token")
        else {
            return Ok(None);
        };
        let kept: Kept = bindings::read(
            named.clone(),
            "name a key of the vault: {\"keystore\": name, \"alias\": alias}",
        )
        .map_err(|error| error.within(MEMBER))?;
        let algorithm = part.settings.get("algorithm").and_then(Value::as_str);
        let algorithm = algorithm
            .map_or(Some(Algorithm::Es256), Algorithm::from_name)
            .filter(|algorithm| !algorithm.is_symmetric())
            .ok_or_else(|| {
                PublishError::new(
                    "algorithm",
                    "signs with no private key",
                    "leave `key` out, or use one of RS256, ES256 and their like",
                )
            })?;
        let ring = ring(&kept, algorithm, binder)?;
        let mut part = part.clone();
        part.settings.remove(MEMBER);
        Ok(Some(Self {
            part,
            ring,
            algorithm,
        }))
    }
}

fn ring(
    kept: &Kept,
    algorithm: Algorithm,
    binder: &Binder<'_>,
) -> Result<Arc<Keyring>, PublishError> {
    let store = binder.key_store(&kept.keystore).ok_or_else(|| {
        PublishError::new(
            "key.keystore",
            format!("the vault has no key store `{}`", kept.keystore),
            "put it there with PUT /admin/v1/secrets/{name}",
        )
    })?;
    let entry = store.entry(&kept.alias).ok_or_else(|| {
        let known: Vec<&str> = store.aliases().collect();
        PublishError::new(
            "key.alias",
            format!("`{}` has no entry `{}`", kept.keystore, kept.alias),
            format!("use one of {}", known.join(", ")),
        )
    })?;
    entry.signing_ring(algorithm).map_err(|error| {
        let reason = match &error {
            KeyError::Unfit { .. } if algorithm.name().starts_with(['R', 'P']) => {
                format!("PublicKey not of type RSAPublicKey: {error}")
            }
            error => error.to_string(),
        };
        PublishError::new(
            "key.alias",
            reason,
            format!("name an entry with a private key for {algorithm}"),
        )
    })
}
