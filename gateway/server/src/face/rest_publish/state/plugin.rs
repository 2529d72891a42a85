//! Plugins where a state names them: by their reference alone, as clients of this protocol do, or with what
//! they are told and granted, which is this gateway's own form.

use serde_json::{Map, Value, json};

use super::super::members::Members;
use crate::publish_error::PublishError;

const PLUGIN: &str = "plugin";
const CONFIG: &str = "config";
const GRANTS: &str = "grants";

/// A plugin, with the terms it is bound on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct PluginTerms {
    reference: String,
    config: Map<String, Value>,
    grants: Map<String, Value>,
}

impl PluginTerms {
    /// Reads a member; none if it is absent. Its object form may also come as text, for an encoding that
    /// knows nothing else.
    pub(super) fn read(members: &Members<'_>, name: &str) -> Result<Option<Self>, PublishError> {
        match members.value(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) => {
                Self::from_object(&Members::of(object, members.at(name))?).map(Some)
            }
            Some(_) => match members.text(name)? {
                Some(text) if is_object(&text) => {
                    let object: Value = serde_json::from_str(&text).map_err(|error| {
                        members.wrong(
                            name,
                            format!("begins as a JSON object and is none: {error}"),
                            HINT,
                        )
                    })?;
                    Self::from_object(&Members::of(&object, members.at(name))?).map(Some)
                }
                text => Ok(text.map(Self::named)),
            },
        }
    }

    /// Reads a member that must be there.
    pub(super) fn required(members: &Members<'_>, name: &str) -> Result<Self, PublishError> {
        Self::read(members, name)?
            .ok_or_else(|| members.wrong(name, "is missing or empty", "send a JSON string"))
    }

    fn named(reference: String) -> Self {
        Self {
            reference,
            config: Map::new(),
            grants: Map::new(),
        }
    }

    fn from_object(members: &Members<'_>) -> Result<Self, PublishError> {
        members.only(&[PLUGIN, CONFIG, GRANTS])?;
        let object = |name| match members.value(name) {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(_) => Err(members.wrong(name, "is not a JSON object", HINT)),
        };
        Ok(Self {
            reference: members.required(PLUGIN)?,
            config: object(CONFIG)?,
            grants: object(GRANTS)?,
        })
    }

    /// As it is stored and read back: text, if there is nothing to say but the reference.
    pub(super) fn to_json(&self) -> Value {
        if self.config.is_empty() && self.grants.is_empty() {
            Value::String(self.reference.clone())
        } else {
            Value::Object(self.binding())
        }
    }

    /// As a document binds it.
    pub(in super::super) fn binding(&self) -> Map<String, Value> {
        let mut binding = Map::new();
        binding.insert(PLUGIN.to_owned(), json!(self.reference));
        for (name, object) in [(CONFIG, &self.config), (GRANTS, &self.grants)] {
            if !object.is_empty() {
                binding.insert(name.to_owned(), Value::Object(object.clone()));
            }
        }
        binding
    }

    /// Whether it says what the plugin is told.
    pub(super) fn has_config(&self) -> bool {
        !self.config.is_empty()
    }
}

const HINT: &str =
    "name a plugin, or send {\"plugin\": \"name\", \"config\": {…}, \"grants\": {…}}";

/// Whether a text is meant as an object: no reference to a plugin begins like that.
pub(in super::super) fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}
