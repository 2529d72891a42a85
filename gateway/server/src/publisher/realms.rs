//! Realms: names under which users and instances live.

use serde::{Deserialize, Serialize};

use super::{Precondition, PublishFailure, Publisher, to_json};
use crate::{
    authenticator, instance,
    publish_error::PublishError,
    store::{Change, DocumentKind, Expected},
};

/// A realm, the body of `PUT /admin/v1/realms/{path}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealmDocument {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Publisher {
    /// Makes a realm, or describes it anew. `path` has no leading slash.
    pub async fn put_realm(
        &self,
        path: &str,
        document: &RealmDocument,
        precondition: Precondition,
    ) -> Result<u64, PublishFailure> {
        if !instance::is_valid_id(path) || path.split('/').count() > 7 {
            return Err(PublishError::new(
                "",
                format!("`{path}` is not a realm"),
                "use up to seven segments of [A-Za-z0-9._-], such as `alpha` or `fred/bobo`",
            )
            .into());
        }
        let mut draft = self.draft().await?;
        precondition.check(draft.registry.realms.get(path).copied())?;
        let revision = draft.revision;
        draft.registry.realms.insert_mut(path.to_owned(), revision);
        draft.changes.push(Change::PutDocument {
            kind: DocumentKind::Realm,
            id: path.to_owned(),
            document: to_json(document)?,
            expected: Expected::Any,
        });
        self.commit(draft).await
    }

    /// Takes a realm away in which nothing is published.
    pub async fn delete_realm(
        &self,
        path: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft.registry.realms.get(path).copied();
        precondition.check(Some(current.ok_or(PublishFailure::NotFound)?))?;
        let realm = format!("/{path}");
        let user = draft
            .registry
            .instances
            .keys()
            .find(|id| instance::realm(id) == realm);
        if let Some(id) = user {
            return Err(PublishFailure::InUse(format!("instance `{id}`")));
        }
        draft.registry.realms.remove_mut(path);
        draft.changes.push(Change::DeleteDocument {
            kind: DocumentKind::Realm,
            id: path.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(drop)
    }

    /// A realm that was made, and its revision.
    pub async fn read_realm(
        &self,
        path: &str,
    ) -> Result<Option<(RealmDocument, u64)>, PublishFailure> {
        let Some(revision) = self.published.load().realms.get(path).copied() else {
            return Ok(None);
        };
        let document = self.stored(DocumentKind::Realm, path).await?;
        Ok(document.map(|document| (document, revision)))
    }

    /// All realms that were made, with their leading slashes, in order.
    pub fn list_realms(&self) -> Vec<String> {
        let registry = self.published.load();
        let mut realms: Vec<String> = registry.realms.keys().map(|r| format!("/{r}")).collect();
        realms.sort();
        realms
    }

    /// Whether there is this realm (with its leading slash): the root, one that was made, or one that has
    /// users.
    pub async fn has_realm(&self, realm: &str) -> Result<bool, PublishFailure> {
        let path = realm.trim_matches('/');
        if path.is_empty() || self.published.load().realms.contains_key(path) {
            return Ok(true);
        }
        let known = self.published.load();
        let is_of_it = |id: &String| authenticator::split(id).0.trim_matches('/') == path;
        if known.authenticators.keys().any(is_of_it) {
            return Ok(true);
        }
        drop(known);
        Ok(self.workshop.store.has_users(realm).await?)
    }
}
