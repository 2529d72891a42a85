//! A plugin's manifest: what it is called, what it wants and how it is configured. The author's words,
//! shipped inside the component, so that one digest covers both.

mod config;
mod embed;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use embed::{ComponentError, embed, manifest_in};

pub use config::{ConfigEntry, ConfigError, ConfigType, ConfigValue};

use crate::{Capability, Case, PluginRejected};

/// The name of the custom section that holds a manifest, as JSON.
pub const SECTION: &str = "cambist:manifest";

/// Most bytes of a manifest with its cases.
pub const MANIFEST_BYTES: usize = 256 << 10;
/// Most golden cases in a manifest.
const CASES: usize = 64;
/// Most entries of any of its tables.
const ENTRIES: usize = 64;

/// What a component says it is and wants. A component without one wants nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: `[a-z0-9-]`, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, such as `1.2.0` (Semantic Versioning 2.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How its sandboxes live.
    #[serde(default)]
    pub isolation: Isolation,
    /// With `isolation = "worker"`, the most calls of one sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_calls: Option<u32>,
    /// The golden case that an instance made ahead plays before it waits for its call: its pages are touched
    /// and its code is warm then. For guests that keep nothing of one call for the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<String>,
    /// What it wants, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<Capability, String>,
    /// What may be configured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, ConfigEntry>,
    /// Secrets it opens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, WantedSecret>,
    /// Keys it opens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, WantedKey>,
    /// How it is built. For the author's tools only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Golden cases, run at upload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
}

/// How a plugin's sandboxes live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Made for one call.
    #[default]
    Fresh,
    /// Made ahead, used for one call. For guests that take long to start.
    Ready,
    /// Used for several calls, if the operator allows it: what one call leaves behind the next may see.
    Worker,
}

/// A secret that a plugin opens by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedSecret {
    /// What it is, for the operator.
    #[serde(default)]
    pub description: String,
    /// Whether the plugin wants to see it.
    #[serde(default)]
    pub reveal: bool,
}

/// A key that a plugin opens by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedKey {
    /// What it is, for the operator.
    #[serde(default)]
    pub description: String,
    /// Acceptable algorithms by their JOSE names. Empty accepts any.
    #[serde(default)]
    pub algorithms: Vec<String>,
}

/// How a component is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The command and its arguments, run in the project's directory.
    pub command: Vec<String>,
    /// The component it makes, relative to the project's directory.
    pub component: String,
}

impl Manifest {
    /// Reads the JSON form and checks it.
    pub fn from_json(json: &[u8]) -> Result<Self, PluginRejected> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| PluginRejected::Manifest(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the TOML form, `cambist-plugin.toml`, and checks it.
    pub fn from_toml(text: &str) -> Result<Self, PluginRejected> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| PluginRejected::Manifest(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What can be wrong without looking at the component.
    fn check(&self) -> Result<(), PluginRejected> {
        let wrong = |reason: String| Err(PluginRejected::Manifest(reason));
        if let Some(name) = self.name.as_deref().filter(|name| !is_name(name)) {
            return wrong(format!(
                "`name` is `{name}`; use 1 to 64 of a-z, 0-9 and `-`"
            ));
        }
        if let Some(version) = self.version.as_deref().filter(|v| !is_version(v)) {
            return wrong(format!(
                "`version` is `{version}`; use a version such as `1.2.0`"
            ));
        }
        if self.worker_calls.is_some() && self.isolation != Isolation::Worker {
            return wrong("`worker_calls` stands without `isolation = \"worker\"`".to_owned());
        }
        if self
            .worker_calls
            .is_some_and(|calls| !(1..=4096).contains(&calls))
        {
            return wrong("`worker_calls` is outside 1 to 4096".to_owned());
        }
        if self.warm_up.is_some() && self.isolation == Isolation::Worker {
            return wrong(
                "`warm_up` is for instances made ahead, and `isolation` is `worker`".to_owned(),
            );
        }
        if self.cases.len() > CASES {
            return wrong(format!("more than {CASES} `cases`"));
        }
        let tables = [self.config.len(), self.secrets.len(), self.keys.len()];
        if tables.into_iter().any(|entries| entries > ENTRIES) {
            return wrong(format!("a table with more than {ENTRIES} entries"));
        }
        for (table, capability, is_used) in [
            ("secrets", Capability::Secrets, !self.secrets.is_empty()),
            ("keys", Capability::Crypto, !self.keys.is_empty()),
        ] {
            if is_used != self.capabilities.contains_key(&capability) {
                return wrong(format!(
                    "`{table}` and `capabilities.{capability}` go together: give both or none"
                ));
            }
        }
        for (name, entry) in &self.config {
            entry
                .check()
                .map_err(|reason| PluginRejected::Manifest(format!("`config.{name}` {reason}")))?;
        }
        Ok(())
    }

    /// The configuration as a plugin sees it: every given value of its type and in its bounds, every
    /// default filled in, in the order of the names.
    pub fn configure(
        &self,
        given: &serde_json::Map<String, Value>,
    ) -> Result<Vec<(String, ConfigValue)>, ConfigError> {
        config::configure(&self.config, given)
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Three numbers, and what Semantic Versioning lets follow them.
fn is_version(version: &str) -> bool {
    let (numbers, rest) = version
        .find(['-', '+'])
        .map_or((version, ""), |at| version.split_at(at));
    let parts: Vec<&str> = numbers.split('.').collect();
    version.len() <= 64
        && parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
}

#[cfg(test)]
mod tests;
