//! Registering the issuers whose tokens are accepted.

use std::sync::Arc;

use cambist_token::{IssuerConfig, TrustedIssuer};

use super::{Precondition, PublishFailure, Publisher, to_json};
use crate::{
    instance::PublishedInstance,
    publish_error::PublishError,
    registry::RegisteredIssuer,
    store::{Change, DocumentKind, Expected},
};

impl Publisher {
    /// Registers an issuer, or replaces it for every instance that names it.
    pub async fn put_issuer(
        &self,
        name: &str,
        config: IssuerConfig,
        precondition: Precondition,
    ) -> Result<u64, PublishFailure> {
        check_name(name)?;
        let issuer = self.build_issuer(config.clone())?;
        let mut draft = self.draft().await?;
        precondition.check(draft.registry.issuers.get(name).map(|known| known.revision))?;
        let registered = RegisteredIssuer {
            issuer: Arc::new(issuer),
            revision: draft.revision,
        };
        draft
            .registry
            .issuers
            .insert_mut(name.to_owned(), registered);
        self.rebuild(&mut draft, |instance| uses(instance, name))
            .await?;
        draft.changes.push(Change::PutDocument {
            kind: DocumentKind::Issuer,
            id: name.to_owned(),
            document: to_json(&config)?,
            expected: Expected::Any,
        });
        self.commit(draft).await
    }

    /// Forgets an issuer that no instance names.
    pub async fn delete_issuer(
        &self,
        name: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft
            .registry
            .issuers
            .get(name)
            .ok_or(PublishFailure::NotFound)?
            .revision;
        precondition.check(Some(current))?;
        if let Some(user) = draft
            .registry
            .instances
            .values()
            .find(|instance| uses(instance, name))
        {
            return Err(PublishFailure::InUse(format!("instance `{}`", user.id)));
        }
        draft.registry.issuers.remove_mut(name);
        draft.changes.push(Change::DeleteDocument {
            kind: DocumentKind::Issuer,
            id: name.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(|_| ())
    }

    /// The registration of an issuer and its revision.
    pub async fn read_issuer(
        &self,
        name: &str,
    ) -> Result<Option<(IssuerConfig, u64)>, PublishFailure> {
        let Some(revision) = self
            .published
            .load()
            .issuers
            .get(name)
            .map(|known| known.revision)
        else {
            return Ok(None);
        };
        let config = self.stored(DocumentKind::Issuer, name).await?;
        Ok(config.map(|config| (config, revision)))
    }

    pub(super) fn build_issuer(&self, config: IssuerConfig) -> Result<TrustedIssuer, PublishError> {
        TrustedIssuer::build(config, Arc::clone(&self.workshop.fetch))
            .map_err(|error| PublishError::new(error.member, error.reason, error.hint))
    }
}

fn uses(instance: &PublishedInstance, name: &str) -> bool {
    instance.uses.issuers.iter().any(|used| used == name)
}

/// Names of issuers, plugins and routes stand in paths and references.
pub(super) fn check_name(name: &str) -> Result<(), PublishError> {
    let is_good = (1..=64).contains(&name.len())
        && name != "self"
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if is_good {
        Ok(())
    } else {
        Err(PublishError::new(
            "",
            format!("`{name}` is not a name"),
            "use 1 to 64 of [A-Za-z0-9._-]",
        ))
    }
}
