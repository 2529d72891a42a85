//! Publishing instances.

use std::sync::Arc;

use super::{Precondition, PublishFailure, Publisher, own_keys, to_json};
use crate::{
    document::InstanceDocument,
    face::rest_publish::forget_stale_state,
    gateway::now,
    instance::ClientSecret,
    publish_error::PublishError,
    store::{Change, DocumentKind, Expected},
};

impl Publisher {
    /// Publishes `document` as `id`. Live when this returns, and after any restart.
    pub async fn put_instance(
        &self,
        id: &str,
        document: InstanceDocument,
        precondition: Precondition,
    ) -> Result<u64, PublishFailure> {
        let mut document = self.with_hashed_secrets(document).await?;
        let own_keys = self.new_own_keys(id, &document).await?;
        let mut draft = self.draft().await?;
        let replaced = draft.registry.instance(id).cloned();
        precondition.check(replaced.as_ref().map(|instance| instance.revision))?;
        let previous = self.stored(DocumentKind::Instance, id).await?;
        document.keep_secrets(previous.as_ref())?;
        forget_stale_state(&mut document);
        if let Some(other) = draft
            .registry
            .folded_ids
            .get(&id.to_ascii_lowercase())
            .filter(|other| *other != id)
        {
            let reason = format!("`{id}` differs from the published `{other}` in case only");
            return Err(PublishError::new("", reason, "choose another name").into());
        }
        self.load_pinned(&mut draft.registry, &document).await?;
        self.give_own_keys(&mut draft, id, own_keys)?;
        self.prepare_keys(&mut draft, id, &document, previous.as_ref())
            .await?;
        let built = self.build(&draft.registry, id, draft.revision, &document)?;
        let at =
            now().ok_or_else(|| PublishFailure::Store("the clock stands before 1970".into()))?;
        for taken in &built.imported {
            taken.check(at)?;
        }
        draft.registry.put_instance(Arc::new(built));
        draft
            .registry
            .release_components(replaced.iter().flat_map(|instance| &instance.uses.digests));
        self.rebuild_routes(&mut draft, &[id.to_owned()]).await?;
        draft.changes.push(Change::PutDocument {
            kind: DocumentKind::Instance,
            id: id.to_owned(),
            document: to_json(&document)?,
            expected: Expected::Any,
        });
        self.commit(draft).await
    }

    /// Takes an instance away.
    pub async fn delete_instance(
        &self,
        id: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft.registry.instance(id).cloned();
        let current = current.ok_or(PublishFailure::NotFound)?;
        precondition.check(Some(current.revision))?;
        let users: Vec<String> = draft
            .registry
            .routes
            .values()
            .filter(|route| route.instance() == Some(id))
            .map(|route| format!("route `{}`", route.name()))
            .collect();
        if !users.is_empty() {
            return Err(PublishFailure::InUse(users.join(", ")));
        }
        draft.registry.remove_instance(id);
        own_keys::forget(&mut draft, id);
        draft.registry.release_components(&current.uses.digests);
        draft.changes.push(Change::DeleteDocument {
            kind: DocumentKind::Instance,
            id: id.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(|_| ())
    }

    /// The document of an instance and its revision.
    pub async fn read_instance(
        &self,
        id: &str,
    ) -> Result<Option<(InstanceDocument, u64)>, PublishFailure> {
        let Some(revision) = self
            .published
            .load()
            .instance(id)
            .map(|instance| instance.revision)
        else {
            return Ok(None);
        };
        let document = self.stored(DocumentKind::Instance, id).await?;
        Ok(document.map(|document| (document, revision)))
    }

    /// All instances by id.
    pub async fn list_instances(
        &self,
    ) -> Result<Vec<(String, InstanceDocument, u64)>, PublishFailure> {
        let mut found = Vec::new();
        for stored in self
            .workshop
            .store
            .documents(DocumentKind::Instance)
            .await?
        {
            let document = serde_json::from_str(&stored.document)
                .map_err(|error| PublishFailure::Store(error.to_string()))?;
            found.push((stored.id, document, stored.revision));
        }
        Ok(found)
    }

    /// Client secrets in clear become hashes before anything else sees the document.
    async fn with_hashed_secrets(
        &self,
        mut document: InstanceDocument,
    ) -> Result<InstanceDocument, PublishFailure> {
        for (id, client) in &mut document.clients {
            let Some(secret) = client.secret.take().map(zeroize::Zeroizing::new) else {
                continue;
            };
            if client.secret_hash.is_some() {
                let path = format!("clients.{id}.secret_hash");
                return Err(PublishError::new(
                    path,
                    "stands beside `secret`",
                    "send one of the two",
                )
                .into());
            }
            let hashed = self
                .workshop
                .heavy
                .run(move || ClientSecret::hash(&secret))
                .await?;
            client.secret_hash =
                Some(hashed.map_err(|error| error.within(&format!("clients.{id}")))?);
        }
        Ok(document)
    }
}
