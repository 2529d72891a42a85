//! What a plugin name stood for over time, and the way back.

use std::{collections::BTreeMap, sync::Arc};

use cambist_plugin::Plugin;
use serde::Serialize;

use super::{Draft, PluginSummary, Precondition, PublishFailure, Publisher, plugins};
use crate::{
    document::InstanceDocument,
    publish_error::PublishError,
    registry::{NamedPlugin, Registry},
    store::{self, Change, Expected},
};

/// A component that a plugin name stood for from some moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginVersion {
    /// Which upload or rollback it was.
    pub revision: u64,
    /// The component's digest.
    pub digest: String,
    /// The version its manifest gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was, in seconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Whether the name stands for it now.
    pub is_current: bool,
}

impl Publisher {
    /// The history of a plugin, the latest first. None if there is no such plugin.
    pub async fn plugin_versions(
        &self,
        name: &str,
    ) -> Result<Option<Vec<PluginVersion>>, PublishFailure> {
        let Some(revision) = self.plugin_revision(name) else {
            return Ok(None);
        };
        let versions = self.workshop.store.plugin_versions(name).await?;
        let told = versions.into_iter().map(|version| PluginVersion {
            is_current: version.revision == revision,
            revision: version.revision,
            digest: version.digest,
            version: version.version,
            at: version.at.0,
        });
        Ok(Some(told.collect()))
    }

    fn plugin_revision(&self, name: &str) -> Option<u64> {
        self.published
            .load()
            .plugins
            .get(name)
            .map(|named| named.revision)
    }

    /// Lets a name stand again for a component it had: the one with the digest or version `to`, otherwise
    /// the one before the current. Every instance that names it runs that one when this returns. Nothing is
    /// compiled if the component is still loaded.
    pub async fn rollback_plugin(
        &self,
        name: &str,
        to: Option<&str>,
        precondition: Precondition,
    ) -> Result<PluginSummary, PublishFailure> {
        // Compiling waits for no other publication, and none waits for it.
        let wanted = self.earlier(name, to).await?;
        let plugin = self
            .component(&wanted)
            .await?
            .ok_or(PublishFailure::NotFound)?;
        let mut draft = self.draft().await?;
        let current = draft.registry.plugins.get(name);
        precondition.check(current.map(|named| named.revision))?;
        let versions = current
            .map(|named| Arc::clone(&named.versions))
            .ok_or(PublishFailure::NotFound)?;
        self.stand_for(&mut draft, name, &plugin, versions).await?;
        let summary = plugins::summary(&draft.registry, name);
        draft.changes.push(Change::PointPlugin {
            name: name.to_owned(),
            digest: wanted,
            expected: Expected::Any,
        });
        self.commit(draft).await?;
        summary.ok_or(PublishFailure::NotFound)
    }

    /// The digest to go back to.
    async fn earlier(&self, name: &str, to: Option<&str>) -> Result<String, PublishFailure> {
        let current = {
            let registry = self.published.load();
            let named = registry.plugins.get(name).ok_or(PublishFailure::NotFound)?;
            named.plugin.digest().to_owned()
        };
        let versions = self.workshop.store.plugin_versions(name).await?;
        let is_wanted = |version: &store::PluginVersion| match to {
            None => version.digest != current,
            Some(to) => version.digest == to || version.version.as_deref() == Some(to),
        };
        let found = versions.into_iter().find(is_wanted);
        found.map(|version| version.digest).ok_or_else(|| {
            let reason = match to {
                Some(to) => format!("plugin `{name}` never was `{to}`"),
                None => format!("plugin `{name}` never was another component"),
            };
            PublishError::new(
                "to",
                reason,
                "GET /admin/v1/plugins/{name}/versions lists what it was",
            )
            .into()
        })
    }

    /// Forgets a component that a plugin name had and neither has now nor any instance needs under it.
    pub async fn delete_plugin_version(&self, name: &str, pin: &str) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let named = draft
            .registry
            .plugins
            .get(name)
            .ok_or(PublishFailure::NotFound)?
            .clone();
        let digest = draft
            .registry
            .pinned_digest(name, pin)
            .ok_or(PublishFailure::NotFound)?
            .to_owned();
        if named.plugin.digest() == digest {
            return Err(PublishFailure::InUse(format!(
                "plugin `{name}`, as its current component"
            )));
        }
        let user = draft.registry.instances.values().find(|instance| {
            plugins::binds(instance, name) && instance.uses.digests.contains(&digest)
        });
        if let Some(user) = user {
            return Err(PublishFailure::InUse(format!("instance `{}`", user.id)));
        }
        let history = self.workshop.store.plugin_versions(name).await?;
        if !history.iter().any(|version| version.digest == digest) {
            return Err(PublishFailure::NotFound);
        }
        let mut versions = BTreeMap::clone(&named.versions);
        versions.retain(|_, known| *known != digest);
        let named = NamedPlugin {
            versions: Arc::new(versions),
            ..named
        };
        draft.registry.plugins.insert_mut(name.to_owned(), named);
        draft.changes.push(Change::ForgetVersion {
            name: name.to_owned(),
            digest,
        });
        self.commit(draft).await.map(drop)
    }

    /// Puts `plugin` behind `name` in the draft, and builds again what names it.
    pub(super) async fn stand_for(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        plugin: &Arc<Plugin>,
        versions: Arc<BTreeMap<String, String>>,
    ) -> Result<(), PublishFailure> {
        let previous = draft
            .registry
            .plugins
            .get(name)
            .map(|named| named.plugin.digest().to_owned());
        let named = NamedPlugin {
            plugin: Arc::clone(plugin),
            revision: draft.revision,
            versions,
        };
        draft
            .registry
            .components
            .insert_mut(plugin.digest().to_owned(), Arc::clone(plugin));
        draft.registry.plugins.insert_mut(name.to_owned(), named);
        self.rebuild(draft, |instance| plugins::names(instance, name))
            .await?;
        draft.registry.release_components(&previous);
        Ok(())
    }

    /// Digests by the versions that a name has had.
    pub(super) async fn versions(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, String>, PublishFailure> {
        let history = self.workshop.store.plugin_versions(name).await?;
        Ok(history
            .into_iter()
            .filter_map(|known| Some((known.version?, known.digest)))
            .collect())
    }

    /// Brings the components that `document` pins into the registry, compiling stored ones. Only those that
    /// the pinned name has had.
    pub(super) async fn load_pinned(
        &self,
        registry: &mut Registry,
        document: &InstanceDocument,
    ) -> Result<(), PublishFailure> {
        for reference in document.plugin_references() {
            let Some((name, pin)) = reference.split_once('@') else {
                continue;
            };
            let Some(digest) = registry.pinned_digest(name, pin).map(ToOwned::to_owned) else {
                continue;
            };
            if registry.components.contains_key(&digest) {
                continue;
            }
            let history = self.workshop.store.plugin_versions(name).await?;
            if !history.iter().any(|version| version.digest == digest) {
                continue;
            }
            if let Some(plugin) = self.component(&digest).await? {
                registry.components.insert_mut(digest, plugin);
            }
        }
        Ok(())
    }
}
