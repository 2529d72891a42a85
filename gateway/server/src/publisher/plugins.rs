//! Uploading plugins: compiled and checked off the request threads, then swapped for all who name them.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use bytes::Bytes;
use cambist_plugin::Plugin;
use serde::Serialize;

use super::{Inspection, Precondition, PublishFailure, Publisher, issuers::check_name};
use crate::{
    instance::PublishedInstance,
    registry::Registry,
    store::{Change, Expected, component_digest},
};

/// Compiled components kept beyond those in use.
const RECENT: usize = 4;

/// What is known of an uploaded plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PluginSummary {
    /// The name it was uploaded under.
    pub name: String,
    /// The version its manifest gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What its component is.
    #[serde(flatten)]
    pub inspection: Inspection,
    /// Which upload or rollback this is.
    pub revision: u64,
    /// Instances that are bound to it by name, which follow it.
    pub instances: Vec<String>,
    /// Instances that pin one of its versions or components.
    pub pinned: Vec<String>,
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
        let version = plugin.manifest().version.clone();
        let mut draft = self.draft().await?;
        let current = draft.registry.plugins.get(name);
        precondition.check(current.map(|named| named.revision))?;
        let mut versions = current
            .map(|named| BTreeMap::clone(&named.versions))
            .unwrap_or_default();
        if let Some(version) = &version {
            let known = versions
                .entry(version.clone())
                .or_insert_with(|| plugin.digest().to_owned());
            if known != plugin.digest() {
                return Err(PublishFailure::VersionTaken {
                    name: name.to_owned(),
                    version: version.clone(),
                    digest: known.clone(),
                });
            }
        }
        self.stand_for(&mut draft, name, &plugin, Arc::new(versions))
            .await?;
        let summary = summary(&draft.registry, name);
        draft.changes.push(Change::PutPlugin {
            name: name.to_owned(),
            component,
            version,
            expected: Expected::Any,
        });
        self.commit(draft).await?;
        summary.ok_or(PublishFailure::NotFound)
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
        summary(&self.published.load(), name)
    }

    /// All plugins.
    pub fn list_plugins(&self) -> Vec<PluginSummary> {
        let registry = self.published.load();
        let mut all: Vec<PluginSummary> = registry
            .plugins
            .keys()
            .filter_map(|name| summary(&registry, name))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The component with this digest: loaded, or stored and compiled now. None if it is not stored.
    pub(super) async fn component(
        &self,
        digest: &str,
    ) -> Result<Option<Arc<Plugin>>, PublishFailure> {
        if let Some(known) = self.recent(digest) {
            return Ok(Some(known));
        }
        match self.workshop.store.component(digest).await? {
            Some(component) => self.compiled(component).await.map(Some),
            None => Ok(None),
        }
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

pub(super) fn names(instance: &PublishedInstance, name: &str) -> bool {
    instance.uses.plugins.iter().any(|used| used == name)
}

fn pins(instance: &PublishedInstance, name: &str) -> bool {
    instance.uses.pinned.iter().any(|pinned| pinned == name)
}

pub(super) fn binds(instance: &PublishedInstance, name: &str) -> bool {
    names(instance, name) || pins(instance, name)
}

pub(super) fn summary(registry: &Registry, name: &str) -> Option<PluginSummary> {
    let named = registry.plugins.get(name)?;
    let bound = |is_bound: fn(&PublishedInstance, &str) -> bool| {
        let mut ids: Vec<String> = registry
            .instances
            .values()
            .filter(|instance| is_bound(instance, name))
            .map(|instance| instance.id.clone())
            .collect();
        ids.sort();
        ids
    };
    let inspection = Inspection::of(&named.plugin);
    Some(PluginSummary {
        name: name.to_owned(),
        version: inspection.manifest.version.clone(),
        inspection,
        revision: named.revision,
        instances: bound(names),
        pinned: bound(pins),
    })
}
