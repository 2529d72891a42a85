//! An instance in its operator's words: what the engine no longer needs, and explanations do.

use std::collections::{BTreeMap, HashMap};

use cambist_core::TokenType;
use serde_json::Value;

use crate::document::{InstanceDocument, PartDocument};

/// The names behind the parts of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Names of validator and provider, in the order of the engine's transformations.
    pub transformations: Vec<(String, String)>,
    /// Names of validators by what they read.
    pub readers: HashMap<TokenType, String>,
    /// The provider of `client_credentials`.
    pub for_clients: Option<String>,
    /// Plugins that decide, in the order in which they are asked, as the document refers to them.
    pub deciders: Vec<String>,
    /// Validators by name.
    pub validators: BTreeMap<String, Part>,
    /// Providers by name.
    pub providers: BTreeMap<String, Part>,
}

/// A validator or provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// A builtin's name, or `plugin`.
    pub kind: String,
    /// The plugin it is, as the document refers to it.
    pub plugin: Option<String>,
    /// Plugins that decide parts of its tokens, by the member that names them.
    pub mappers: Vec<(String, String)>,
}

impl Outline {
    /// What a document says.
    pub fn of(document: &InstanceDocument, readers: HashMap<TokenType, String>) -> Self {
        let parts = |parts: &BTreeMap<String, PartDocument>| {
            let part = |(name, part): (&String, &PartDocument)| (name.clone(), Part::of(part));
            parts.iter().map(part).collect()
        };
        let pairs = document.transformations.iter();
        Self {
            transformations: pairs
                .map(|pair| (pair.subject.clone(), pair.issue.clone()))
                .collect(),
            readers,
            for_clients: document
                .client_credentials
                .as_ref()
                .map(|offered| offered.issue.clone()),
            deciders: document
                .policy
                .iter()
                .map(|decider| decider.plugin.clone())
                .collect(),
            validators: parts(&document.validators),
            providers: parts(&document.providers),
        }
    }
}

impl Part {
    fn of(part: &PartDocument) -> Self {
        let named = |value: &Value| Some(value.get("plugin")?.as_str()?.to_owned());
        let mappers = part.settings.iter();
        let own = part.settings.get("plugin").and_then(Value::as_str);
        Self {
            kind: part.kind.clone(),
            plugin: own.map(ToOwned::to_owned),
            mappers: mappers
                .filter_map(|(member, value)| Some((member.clone(), named(value)?)))
                .collect(),
        }
    }
}
