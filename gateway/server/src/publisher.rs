//! Publication: build everything, store it, then make it live, or change nothing at all.
//!
//! Publications happen one after the other. Each builds the next [`Registry`] beside the current one, writes
//! the store in one transaction, and swaps. What was acknowledged has been stored; what is live has been
//! stored; a request in flight keeps the registry it began with.

mod authenticators;
mod failure;
mod inspection;
mod instances;
mod issuers;
mod key_owner;
mod keys;
mod own_keys;
mod plugins;
mod realms;
mod restore;
mod routes;
mod secrets;
#[cfg(test)]
mod tests;
mod versions;

use std::{collections::VecDeque, sync::Arc};

use cambist_core::{Fetch, Timestamp};
use cambist_plugin::{Plugin, PluginHost};
use cambist_token::{PasswordDirectory, SessionDirectory, TrustedIssuer, jose::Keyring};
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

pub use failure::PublishFailure;
pub use inspection::{Import, Inspection, SelfTest};
pub use key_owner::KeyOwner;
pub use keys::{KeySummary, SHORTEST_WAIT, USUAL_WAIT};
pub use plugins::PluginSummary;
pub use realms::RealmDocument;
pub use secrets::SecretSummary;
pub use versions::PluginVersion;

use crate::{
    document::InstanceDocument,
    egress::Egress,
    gateway::now,
    heavy::HeavyPool,
    instance::{self, PublishedInstance, Shelf},
    ledger::Ledger,
    publish_error::PublishError,
    registry::{Published, Registry},
    saml::SamlBench,
    store::{Change, DocumentKind, Store},
    used::UsedAssertions,
    vault::Vault,
};

/// Whether a write is wanted whatever is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// `If-Match`: only over this revision.
    At(u64),
    /// `If-None-Match: *`: only where nothing is.
    Absent,
    /// Only where something is.
    Present,
    /// Always.
    #[default]
    None,
}

impl Precondition {
    fn check(self, current: Option<u64>) -> Result<(), PublishFailure> {
        match (self, current) {
            (Self::None, _) | (Self::Absent, None) | (Self::Present, Some(_)) => Ok(()),
            (Self::At(wanted), Some(revision)) if wanted == revision => Ok(()),
            (Self::At(_), Some(_)) => Err(PublishFailure::Changed),
            (Self::Absent, Some(_)) => Err(PublishFailure::Exists),
            (Self::At(_) | Self::Present, None) => Err(PublishFailure::NotFound),
        }
    }
}

/// What publications are made with.
pub struct Workshop {
    /// Base of all issuer identifiers, without a trailing slash.
    pub base_url: String,
    /// Base of the URLs for clients with a certificate, if they have their own (RFC 8705 §5).
    pub certificate_url: Option<String>,
    /// Where documents and components are kept.
    pub store: Store,
    /// Compiles plugins.
    pub plugin_host: Arc<PluginHost>,
    /// Signing keys.
    pub keyring: Arc<Keyring>,
    /// Knows what was issued and what was revoked.
    pub ledger: Arc<Ledger>,
    /// What SAML assertions are signed with and remembered by.
    pub saml: SamlBench,
    /// Encrypts secrets for the store.
    pub vault: Vault,
    /// Checks passwords.
    pub directory: Arc<dyn PasswordDirectory>,
    /// Looks sessions up.
    pub sessions: Arc<dyn SessionDirectory>,
    /// The way to issuers' keys.
    pub fetch: Arc<dyn Fetch>,
    /// The way to directories and access managers.
    pub egress: Egress,
    /// The runtime that connections to directories live on.
    pub handle: Handle,
    /// Where hashing goes.
    pub heavy: HeavyPool,
    /// Where compilation goes: one at a time, and never in the way of passwords.
    pub compilation: HeavyPool,
}

/// Changes what is published.
pub struct Publisher {
    workshop: Workshop,
    published: Arc<Published>,
    turn: Mutex<()>,
    /// Remembers assertions that were used as grants.
    used_grants: UsedAssertions,
    /// Keys of instances that have their own.
    own_rings: keys::OwnRings,
    /// Compiled components of the last uploads, newest first.
    recent: std::sync::Mutex<VecDeque<Arc<Plugin>>>,
}

/// A publication under way: the next registry and what must be stored for it.
struct Draft<'a> {
    registry: Registry,
    changes: Vec<Change>,
    revision: u64,
    _turn: MutexGuard<'a, ()>,
}

impl Publisher {
    /// A publisher over a registry that [`restore`](Self::restore) will fill.
    pub fn new(workshop: Workshop, published: Arc<Published>) -> Self {
        let (store, handle) = (workshop.store.clone(), workshop.handle.clone());
        Self {
            used_grants: UsedAssertions::of_grants(store, handle),
            workshop,
            published,
            turn: Mutex::new(()),
            own_rings: keys::OwnRings::default(),
            recent: std::sync::Mutex::default(),
        }
    }

    /// Public halves of all signing keys, as a JWK set.
    pub fn public_keys(&self, now: Timestamp) -> serde_json::Value {
        let keyring = &self.workshop.keyring;
        keyring.jwks(&keyring.algorithms(), now)
    }

    /// The store, for readiness checks.
    pub const fn store(&self) -> &Store {
        &self.workshop.store
    }

    async fn draft(&self) -> Result<Draft<'_>, PublishFailure> {
        let turn = self.turn.lock().await;
        let registry = Registry::clone(&self.published.load());
        let revision = self.workshop.store.revision().await? + 1;
        Ok(Draft {
            registry,
            changes: Vec::new(),
            revision,
            _turn: turn,
        })
    }

    /// Stores, then makes live. After an error nothing has changed.
    async fn commit(&self, draft: Draft<'_>) -> Result<u64, PublishFailure> {
        let at = now()
            .ok_or_else(|| PublishFailure::Store("the clock stands before 1970".to_owned()))?;
        self.workshop.store.apply(&draft.changes, at).await?;
        self.published.publish(draft.registry);
        Ok(draft.revision)
    }

    fn build(
        &self,
        registry: &Registry,
        id: &str,
        revision: u64,
        document: &InstanceDocument,
    ) -> Result<PublishedInstance, PublishError> {
        let issuer = |name: &str| -> Option<Arc<TrustedIssuer>> {
            registry
                .issuers
                .get(name)
                .map(|known| Arc::clone(&known.issuer))
        };
        let plugin = |reference: &str| registry.plugin(reference);
        let secret = |name: &str| registry.vault(name)?.secret(false);
        let key = |name: &str| registry.vault(name)?.key();
        let authenticator = |id: &str| {
            let known = registry.authenticators.get(id)?;
            Some(known.authenticator.clone())
        };
        let key_store = |name: &str| registry.vault(name)?.key_store().cloned();
        let shelf = Shelf {
            base_url: &self.workshop.base_url,
            certificate_url: self.workshop.certificate_url.as_deref(),
            keyring: &self.ring(document.keys.own.then(|| KeyOwner::instance(id)).as_ref()),
            ledger: &self.workshop.ledger,
            saml: &self.workshop.saml,
            directory: &self.workshop.directory,
            fetch: &self.workshop.fetch,
            used_grants: &self.used_grants,
            sessions: &self.workshop.sessions,
            authenticator: &authenticator,
            issuer: &issuer,
            plugin: &plugin,
            secret: &secret,
            key: &key,
            key_store: &key_store,
        };
        instance::build(id, revision, document, &shelf)
    }

    /// Builds again, in the draft, every instance that `concerns`, and the routes over them.
    async fn rebuild(
        &self,
        draft: &mut Draft<'_>,
        concerns: impl Fn(&PublishedInstance) -> bool,
    ) -> Result<(), PublishFailure> {
        let affected: Vec<(String, u64)> = draft
            .registry
            .instances
            .values()
            .filter(|i| concerns(i))
            .map(|i| (i.id.clone(), i.revision))
            .collect();
        for (id, revision) in &affected {
            let (id, revision) = (id.as_str(), *revision);
            let Some(document) = self
                .stored::<InstanceDocument>(DocumentKind::Instance, id)
                .await?
            else {
                continue;
            };
            // The document is the same, so its revision stays; what it resolves to has changed.
            let built = self
                .build(&draft.registry, id, revision, &document)
                .map_err(|error| error.within(&format!("instances.{id}")))?;
            draft.registry.put_instance(Arc::new(built));
        }
        let ids: Vec<String> = affected.into_iter().map(|(id, _)| id).collect();
        self.rebuild_routes(draft, &ids).await
    }

    async fn stored<T: serde::de::DeserializeOwned>(
        &self,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Option<T>, PublishFailure> {
        let Some(stored) = self.workshop.store.document(kind, id).await? else {
            return Ok(None);
        };
        let document = serde_json::from_str(&stored.document)
            .map_err(|error| PublishFailure::Store(format!("{id}: {error}")))?;
        Ok(Some(document))
    }
}

fn to_json<T: serde::Serialize>(document: &T) -> Result<String, PublishFailure> {
    serde_json::to_string(document).map_err(|error| PublishFailure::Store(error.to_string()))
}
