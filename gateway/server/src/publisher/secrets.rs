//! Putting secrets and keys into the vault.

use serde::Serialize;
use serde_json::Value;

use super::{
    Precondition, PublishFailure, Publisher, authenticators::concerns, issuers::check_name,
};
use crate::{
    instance::PublishedInstance,
    registry::Registry,
    store::{Change, Expected},
    vault::{EntrySummary, Material, SecretDocument, VaultEntry, VaultError},
};

/// What names of the gateway's own entries begin with. No operator's name does.
pub(super) const OWN: char = '@';

/// What may be known of an entry of the vault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretSummary {
    /// Its name.
    pub name: String,
    /// `secret`, `key` or `keystore`.
    pub kind: &'static str,
    /// A key's algorithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<&'static str>,
    /// A key's public half (RFC 7517), if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_jwk: Option<Value>,
    /// The entries of a key store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<EntrySummary>>,
    /// Which write this is.
    pub revision: u64,
    /// Instances that use it.
    pub instances: Vec<String>,
}

impl From<VaultError> for PublishFailure {
    fn from(error: VaultError) -> Self {
        Self::Store(error.to_string())
    }
}

impl Publisher {
    /// Stores a secret or a key. Instances that use one of this name use the new one when this returns.
    pub async fn put_secret(
        &self,
        name: &str,
        document: SecretDocument,
        precondition: Precondition,
    ) -> Result<SecretSummary, PublishFailure> {
        check_name(name)?;
        // Making an RSA key takes long.
        let material = self
            .workshop
            .heavy
            .run(move || document.material())
            .await??;
        let sealed = self.workshop.vault.seal(name, &material)?;
        let kind = material.kind().to_owned();
        let mut draft = self.draft().await?;
        precondition.check(draft.registry.vault(name).map(|entry| entry.revision))?;
        let entry = VaultEntry {
            held: material.hold(),
            revision: draft.revision,
        };
        draft.registry.secrets.insert_mut(name.to_owned(), entry);
        let with_it = self
            .rebuild_authenticators(&mut draft.registry, name)
            .await?;
        self.rebuild(&mut draft, |instance| {
            uses(instance, name) || with_it.iter().any(|id| concerns(instance, id))
        })
        .await?;
        draft.changes.push(Change::PutSecret {
            name: name.to_owned(),
            kind,
            sealed,
            expected: Expected::Any,
        });
        let summary = summary(&draft.registry, name);
        self.commit(draft).await?;
        summary.ok_or(PublishFailure::NotFound)
    }

    /// Forgets a secret or key that no instance uses.
    pub async fn delete_secret(
        &self,
        name: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        if name.starts_with(OWN) {
            return Err(PublishFailure::NotFound);
        }
        let mut draft = self.draft().await?;
        let current = draft.registry.vault(name).map(|entry| entry.revision);
        precondition.check(Some(current.ok_or(PublishFailure::NotFound)?))?;
        let users = users(&draft.registry, name);
        if !users.is_empty() {
            return Err(PublishFailure::InUse(format!(
                "instance `{}`",
                users.join("`, `")
            )));
        }
        let holder = draft
            .registry
            .authenticators
            .iter()
            .find(|(_, known)| known.secret.as_deref() == Some(name));
        if let Some((id, _)) = holder {
            return Err(PublishFailure::InUse(format!("authenticator `{id}`")));
        }
        draft.registry.secrets.remove_mut(name);
        draft.changes.push(Change::DeleteSecret {
            name: name.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(drop)
    }

    /// What may be known of one entry.
    pub fn read_secret(&self, name: &str) -> Option<SecretSummary> {
        summary(&self.published.load(), name)
    }

    /// What may be known of all entries, by name.
    pub fn list_secrets(&self) -> Vec<SecretSummary> {
        let registry = self.published.load();
        let mut all: Vec<SecretSummary> = registry
            .secrets
            .keys()
            .filter(|name| !name.starts_with(OWN))
            .filter_map(|name| summary(&registry, name))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Decrypts what is stored.
    pub(super) async fn restore_secrets(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        for stored in self.workshop.store.secrets().await? {
            let opened = self
                .workshop
                .vault
                .open(&stored.name, &stored.kind, &stored.sealed)
                .and_then(|bytes| Material::stored(&stored.kind, bytes).ok_or(VaultError::Foreign));
            match opened {
                Ok(material) => {
                    let entry = VaultEntry {
                        held: material.hold(),
                        revision: stored.revision,
                    };
                    registry.secrets.insert_mut(stored.name, entry);
                }
                Err(error) => failed.push(format!("secret {}: {error}", stored.name)),
            }
        }
        Ok(())
    }
}

fn uses(instance: &PublishedInstance, name: &str) -> bool {
    instance.uses.secrets.iter().any(|used| used == name)
}

fn users(registry: &Registry, name: &str) -> Vec<String> {
    let mut users: Vec<String> = registry
        .instances
        .values()
        .filter(|instance| uses(instance, name))
        .map(|instance| instance.id.clone())
        .collect();
    users.sort();
    users
}

fn summary(registry: &Registry, name: &str) -> Option<SecretSummary> {
    let entry = registry.vault(name)?;
    let (algorithm, public_jwk) = entry.public();
    Some(SecretSummary {
        name: name.to_owned(),
        kind: match (algorithm, entry.key_store()) {
            (Some(_), _) => "key",
            (None, Some(_)) => "keystore",
            (None, None) => "secret",
        },
        algorithm: algorithm.map(cambist_token::jose::Algorithm::name),
        public_jwk,
        entries: entry.key_store().map(|store| store.summary()),
        revision: entry.revision,
        instances: users(registry, name),
    })
}
