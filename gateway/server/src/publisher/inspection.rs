//! What a component is, wants and offers: what an operator reads before granting it anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use cambist_plugin::{
    Capability, Plugin, Point,
    manifest::{ConfigEntry, Isolation, WantedKey, WantedSecret},
};
use serde::Serialize;

use super::{PublishFailure, Publisher};

/// What is known of a component, whether it is stored or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// SHA-256 of its bytes, `sha256:<hex>`.
    pub digest: String,
    /// Its size in bytes.
    pub size: usize,
    /// What its manifest says of it.
    pub manifest: About,
    /// Where it may stand.
    pub points: Vec<&'static str>,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// Capabilities it asks for, and why, imported or not.
    pub capabilities: BTreeMap<Capability, String>,
    /// What may be configured.
    pub config: BTreeMap<String, ConfigEntry>,
    /// Secrets it opens.
    pub secrets: BTreeMap<String, WantedSecret>,
    /// Keys it opens.
    pub keys: BTreeMap<String, WantedKey>,
    /// How its sandboxes live, unless the operator allows less.
    pub isolation: Isolation,
    /// What came of its golden cases.
    pub self_test: SelfTest,
}

/// A component in its author's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// As the component names it.
    pub name: String,
    /// The capability it needs. One without is for types, or inert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
    /// Why the component says it needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The golden cases of a component. One that fails any is not accepted, so these passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SelfTest {
    /// How many ran.
    pub passed: usize,
}

impl Inspection {
    /// What this component is.
    pub fn of(plugin: &Plugin) -> Self {
        let manifest = plugin.manifest();
        let import = |name: &String| {
            let capability = plugin
                .capabilities()
                .iter()
                .find(|(_, import)| import == name)
                .map(|(capability, _)| *capability);
            Import {
                name: name.clone(),
                capability,
                reason: capability.and_then(|wanted| manifest.capabilities.get(&wanted).cloned()),
            }
        };
        Self {
            digest: plugin.digest().to_owned(),
            size: plugin.size(),
            manifest: About {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                description: manifest.description.clone(),
            },
            points: plugin.points().iter().copied().map(Point::name).collect(),
            exports: plugin.exports().to_vec(),
            imports: plugin.imports().iter().map(import).collect(),
            capabilities: manifest.capabilities.clone(),
            config: manifest.config.clone(),
            secrets: manifest.secrets.clone(),
            keys: manifest.keys.clone(),
            isolation: plugin.isolation(),
            self_test: SelfTest {
                passed: manifest.cases.len(),
            },
        }
    }
}

impl Publisher {
    /// Does with a component all that an upload would, and keeps nothing.
    pub async fn inspect_plugin(&self, component: Bytes) -> Result<Inspection, PublishFailure> {
        Ok(Inspection::of(&*self.compiled(component).await?))
    }
}
