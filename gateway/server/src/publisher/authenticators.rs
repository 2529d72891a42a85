//! Publishing authenticators.

use super::{Precondition, PublishFailure, Publisher, to_json};
use crate::{
    authenticator::{self, Authenticator, AuthenticatorBench, AuthenticatorDocument},
    instance::{self, PublishedInstance},
    publish_error::PublishError,
    registry::{RegisteredAuthenticator, Registry},
    store::{Change, DocumentKind, Expected},
};

impl Publisher {
    /// Publishes an authenticator, or replaces it for every instance that uses it.
    pub async fn put_authenticator(
        &self,
        id: &str,
        document: AuthenticatorDocument,
        precondition: Precondition,
    ) -> Result<u64, PublishFailure> {
        check_id(id)?;
        let mut draft = self.draft().await?;
        let current = draft.registry.authenticators.get(id);
        precondition.check(current.map(|known| known.revision))?;
        let registered =
            self.build_authenticator(&draft.registry, id, &document, draft.revision)?;
        draft
            .registry
            .authenticators
            .insert_mut(id.to_owned(), registered);
        self.rebuild(&mut draft, |instance| concerns(instance, id))
            .await?;
        draft.changes.push(Change::PutDocument {
            kind: DocumentKind::Authenticator,
            id: id.to_owned(),
            document: to_json(&document)?,
            expected: Expected::Any,
        });
        self.commit(draft).await
    }

    /// Takes an authenticator away that no instance names.
    pub async fn delete_authenticator(
        &self,
        id: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft
            .registry
            .authenticators
            .get(id)
            .ok_or(PublishFailure::NotFound)?
            .revision;
        precondition.check(Some(current))?;
        let names = |instance: &&instance::SharedInstance| {
            instance.uses.authenticators.iter().any(|used| used == id)
        };
        if let Some(user) = draft.registry.instances.values().find(names) {
            return Err(PublishFailure::InUse(format!("instance `{}`", user.id)));
        }
        draft.registry.authenticators.remove_mut(id);
        self.rebuild(&mut draft, |instance| concerns(instance, id))
            .await?;
        draft.changes.push(Change::DeleteDocument {
            kind: DocumentKind::Authenticator,
            id: id.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(|_| ())
    }

    /// The document of an authenticator and its revision.
    pub async fn read_authenticator(
        &self,
        id: &str,
    ) -> Result<Option<(AuthenticatorDocument, u64)>, PublishFailure> {
        let known = self.published.load();
        let Some(revision) = known.authenticators.get(id).map(|known| known.revision) else {
            return Ok(None);
        };
        drop(known);
        let document = self.stored(DocumentKind::Authenticator, id).await?;
        Ok(document.map(|document| (document, revision)))
    }

    /// Whether there is an authenticator of this id.
    pub fn has_authenticator(&self, id: &str) -> bool {
        self.published.load().authenticators.contains_key(id)
    }

    pub(super) async fn restore_authenticators(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        let kind = DocumentKind::Authenticator;
        for stored in self.workshop.store.documents(kind).await? {
            let built = serde_json::from_str::<AuthenticatorDocument>(&stored.document)
                .map_err(|error| error.to_string())
                .and_then(|document| {
                    self.build_authenticator(registry, &stored.id, &document, stored.revision)
                        .map_err(|error| error.to_string())
                });
            match built {
                Ok(registered) => {
                    registry.authenticators.insert_mut(stored.id, registered);
                }
                Err(error) => failed.push(format!("authenticator {}: {error}", stored.id)),
            }
        }
        Ok(())
    }

    pub(super) fn build_authenticator(
        &self,
        registry: &Registry,
        id: &str,
        document: &AuthenticatorDocument,
        revision: u64,
    ) -> Result<RegisteredAuthenticator, PublishError> {
        let (realm, _) = authenticator::split(id);
        let secret = |name: &str| registry.vault(name)?.secret(false)?.text();
        let bench = AuthenticatorBench {
            users: &self.workshop.directory,
            egress: &self.workshop.egress,
            handle: &self.workshop.handle,
            secret: &secret,
        };
        Ok(RegisteredAuthenticator {
            authenticator: Authenticator::build(document, &realm, &bench)?,
            secret: document.secret().map(ToOwned::to_owned),
            revision,
        })
    }

    /// Builds again, in the draft, every authenticator that uses the secret `name`, and returns their ids.
    pub(super) async fn rebuild_authenticators(
        &self,
        registry: &mut Registry,
        name: &str,
    ) -> Result<Vec<String>, PublishFailure> {
        let affected: Vec<(String, u64)> = registry
            .authenticators
            .iter()
            .filter(|(_, known)| known.secret.as_deref() == Some(name))
            .map(|(id, known)| (id.clone(), known.revision))
            .collect();
        for (id, revision) in &affected {
            let Some(document) = self
                .stored::<AuthenticatorDocument>(DocumentKind::Authenticator, id)
                .await?
            else {
                continue;
            };
            let registered = self
                .build_authenticator(registry, id, &document, *revision)
                .map_err(|error| error.within(&format!("authenticators.{id}")))?;
            registry.authenticators.insert_mut(id.clone(), registered);
        }
        Ok(affected.into_iter().map(|(id, _)| id).collect())
    }
}

/// Whether what an instance does depends on the authenticator `id`: it names it, or uses the default of its
/// realm.
pub(super) fn concerns(instance: &PublishedInstance, id: &str) -> bool {
    let (realm, name) = authenticator::split(id);
    instance.uses.authenticators.iter().any(|used| used == id)
        || (name == authenticator::DEFAULT && instance::realm(&instance.id) == realm)
}

fn check_id(id: &str) -> Result<(), PublishError> {
    if instance::is_valid_id(id) {
        return Ok(());
    }
    Err(PublishError::new(
        "",
        format!("`{id}` does not name an authenticator"),
        "use realm segments and a name of [A-Za-z0-9._-], such as `alpha/ldap`",
    ))
}
