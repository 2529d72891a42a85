//! Uploading plugins: compiled and checked off the request threads, then swapped for all who name them.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use cambist_plugin::Plugin;
use serde::Serialize;

use super::{Precondition, PublishFailure, Publisher, issuers::check_name};
use crate::{
    document::InstanceDocument,
    instance::PublishedInstance,
    registry::{NamedPlugin, Registry},
    store::{Change, Expected, component_digest},
};

/// Compiled components kept beyond those in use.
const RECENT: usize = 4;

/// What is known of an uploaded plugin.
#[derive(Clone, Debug, Serialize)]
pub struct PluginSummary {
    /// Its name.
    pub name: String,
    /// SHA-256 of the uploaded bytes, `sha256:<hex>`.
    pub digest: String,
    /// Size of the component in bytes.
    pub size: usize,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Which upload this is.
    pub revision: u64,
    /// Instances that are bound to it by name.
    pub instances: Vec<String>,
}

impl Publisher {
    /// Uploads a component as `name`; every instance that names it without a digest runs it when this
    /// returns, all of them from the same moment.
    pub async fn put_plugin(
        &self,
        name: &str,
        component: Bytes,
        precondition: Precondition,
    ) -> Result<PluginSummary, PublishFailure> {
        check_name(name)?;
        let plugin = self.compiled(component.clone()).await?;
        let mut draft = self.draft().await?;
        precondition.check(draft.registry.plugins.get(name).map(|named| named.revision))?;
        let named = NamedPlugin {
            plugin: Arc::clone(&plugin),
            revision: draft.revision,
        };
        let previous = draft
            .registry
            .plugins
            .get(name)
            .map(|named| named.plugin.digest().to_owned());
        draft
            .registry
            .components
            .insert_mut(plugin.digest().to_owned(), plugin);
        draft
            .registry
            .plugins
            .insert_mut(name.to_owned(), named.clone());
        self.rebuild(&mut draft, |instance| names(instance, name))
            .await?;
        draft.registry.release_components(&previous);
        let summary = summary(
            name,
            &named,
            draft.registry.instances.values().map(|i| &**i),
        );
        draft.changes.push(Change::PutPlugin {
            name: name.to_owned(),
            component,
            version: None,
            expected: Expected::Any,
        });
        self.commit(draft).await?;
        Ok(summary)
    }

    /// Forgets a plugin that no instance is bound to.
    pub async fn delete_plugin(
        &self,
        name: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft
            .registry
            .plugins
            .get(name)
            .ok_or(PublishFailure::NotFound)?
            .clone();
        precondition.check(Some(current.revision))?;
        if let Some(user) = draft
            .registry
            .instances
            .values()
            .find(|instance| binds(instance, name))
        {
            return Err(PublishFailure::InUse(format!("instance `{}`", user.id)));
        }
        draft.registry.plugins.remove_mut(name);
        let digest = current.plugin.digest().to_owned();
        draft.registry.release_components([&digest]);
        draft.changes.push(Change::DeletePlugin {
            name: name.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(|_| ())
    }

    /// What is known of one plugin.
    pub fn read_plugin(&self, name: &str) -> Option<PluginSummary> {
        let registry = self.published.load();
        let named = registry.plugins.get(name)?;
        Some(summary(
            name,
            named,
            registry.instances.values().map(|i| &**i),
        ))
    }

    /// All plugins.
    pub fn list_plugins(&self) -> Vec<PluginSummary> {
        let registry = self.published.load();
        let mut all: Vec<PluginSummary> = registry
            .plugins
            .iter()
            .map(|(name, named)| summary(name, named, registry.instances.values().map(|i| &**i)))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Brings the components that `document` names by digest into the registry, compiling stored ones.
    pub(super) async fn load_pinned(
        &self,
        registry: &mut Registry,
        document: &InstanceDocument,
    ) -> Result<(), PublishFailure> {
        for reference in document.plugin_references() {
            let Some((_, digest)) = reference.split_once('@') else {
                continue;
            };
            if registry.components.contains_key(digest) {
                continue;
            }
            if let Some(component) = self.workshop.store.component(digest).await? {
                let plugin = self.compiled(component).await?;
                registry.components.insert_mut(digest.to_owned(), plugin);
            }
        }
        Ok(())
    }

    /// The component, compiled: now, or by one of the last uploads, so that going back and forth between
    /// editions costs no compilation.
    pub(super) async fn compiled(&self, component: Bytes) -> Result<Arc<Plugin>, PublishFailure> {
        let digest = component_digest(&component);
        if let Some(known) = self.recent(&digest) {
            return Ok(known);
        }
        let host = Arc::clone(&self.workshop.plugin_host);
        let plugin = Arc::new(
            self.workshop
                .compilation
                .run(move || host.compile(&component))
                .await??,
        );
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.truncate(RECENT - 1);
        recent.push_front(Arc::clone(&plugin));
        Ok(plugin)
    }

    fn recent(&self, digest: &str) -> Option<Arc<Plugin>> {
        if let Some(live) = self.published.load().components.get(digest) {
            return Some(Arc::clone(live));
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .iter()
            .find(|plugin| plugin.digest() == digest)
            .cloned()
    }
}

fn names(instance: &PublishedInstance, name: &str) -> bool {
    instance.uses.plugins.iter().any(|used| used == name)
}

fn binds(instance: &PublishedInstance, name: &str) -> bool {
    names(instance, name) || instance.uses.pinned.iter().any(|pinned| pinned == name)
}

fn summary<'a>(
    name: &str,
    named: &NamedPlugin,
    instances: impl Iterator<Item = &'a PublishedInstance>,
) -> PluginSummary {
    let mut bound: Vec<String> = instances
        .filter(|i| names(i, name))
        .map(|i| i.id.clone())
        .collect();
    bound.sort();
    PluginSummary {
        name: name.to_owned(),
        digest: named.plugin.digest().to_owned(),
        size: named.plugin.size(),
        exports: named.plugin.exports().to_vec(),
        imports: named.plugin.imports().to_vec(),
        revision: named.revision,
        instances: bound,
    }
}
