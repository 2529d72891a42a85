//! Typed configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bytes of all configured texts together.
const CONFIG_BYTES: usize = 64 << 10;

/// One thing that may be configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigEntry {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ConfigType,
    /// What it means, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it is when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The least integer, bytes of a text, or number of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The greatest integer, bytes of a text, or number of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The only texts allowed, if there are any here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// The type of a configured value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// Several texts.
    Texts,
}

/// A configured value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The manifest knows no such name.
    #[error("the plugin has no setting `{name}`; it has {}", known.join(", "))]
    Unknown {
        /// The given name.
        name: String,
        /// Names it has.
        known: Vec<String>,
    },
    /// It must be given and is not.
    #[error("the setting `{name}` is required: {description}")]
    Missing {
        /// Its name.
        name: String,
        /// What it means.
        description: String,
    },
    /// It is not what it should be.
    #[error("the setting `{name}` {reason}")]
    Wrong {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// All of it together is too much.
    #[error("the settings hold more than {CONFIG_BYTES} bytes of text")]
    TooLarge,
}

impl ConfigEntry {
    /// Whether the entry makes sense.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.required && self.default.is_some() {
            return Err("is both `required` and has a `default`".to_owned());
        }
        if !self.choices.is_empty() && !matches!(self.kind, ConfigType::Text | ConfigType::Texts) {
            return Err("has `choices`, which are for texts".to_owned());
        }
        if (self.min.is_some() || self.max.is_some()) && self.kind == ConfigType::Boolean {
            return Err("has bounds, and a boolean has none".to_owned());
        }
        match &self.default {
            Some(default) => self
                .read(default)
                .map(drop)
                .map_err(|reason| format!("has a `default` that {reason}")),
            None => Ok(()),
        }
    }

    fn read(&self, given: &Value) -> Result<ConfigValue, String> {
        let value = match (self.kind, given) {
            (ConfigType::Boolean, Value::Bool(value)) => ConfigValue::Boolean(*value),
            (ConfigType::Integer, Value::Number(number)) => {
                let integer = number.as_i64().ok_or("is not a whole number of 64 bits")?;
                self.bounded(integer, "")?;
                ConfigValue::Integer(integer)
            }
            (ConfigType::Text, Value::String(text)) => {
                self.bounded(length(text.len()), " bytes")?;
                self.chosen(text)?;
                ConfigValue::Text(text.clone())
            }
            (ConfigType::Texts, Value::Array(items)) => {
                self.bounded(length(items.len()), " texts")?;
                let texts = items
                    .iter()
                    .map(|item| item.as_str().map(ToOwned::to_owned))
                    .collect::<Option<Vec<String>>>()
                    .ok_or("is not a list of texts")?;
                texts.iter().try_for_each(|text| self.chosen(text))?;
                ConfigValue::Texts(texts)
            }
            (ConfigType::Boolean, _) => return Err("is not true or false".to_owned()),
            (ConfigType::Integer, _) => return Err("is not a whole number".to_owned()),
            (ConfigType::Text, _) => return Err("is not a text".to_owned()),
            (ConfigType::Texts, _) => return Err("is not a list of texts".to_owned()),
        };
        Ok(value)
    }

    fn bounded(&self, found: i64, unit: &str) -> Result<(), String> {
        if let Some(min) = self.min.filter(|min| found < *min) {
            return Err(format!("is {found}{unit}, less than {min}"));
        }
        if let Some(max) = self.max.filter(|max| found > *max) {
            return Err(format!("is {found}{unit}, more than {max}"));
        }
        Ok(())
    }

    fn chosen(&self, text: &str) -> Result<(), String> {
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice == text) {
            Ok(())
        } else {
            Err(format!("is none of {}", self.choices.join(", ")))
        }
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(super) fn configure(
    entries: &BTreeMap<String, ConfigEntry>,
    given: &Map<String, Value>,
) -> Result<Vec<(String, ConfigValue)>, ConfigError> {
    if let Some(name) = given.keys().find(|name| !entries.contains_key(*name)) {
        return Err(ConfigError::Unknown {
            name: name.clone(),
            known: entries.keys().map(|name| format!("`{name}`")).collect(),
        });
    }
    let mut configured = Vec::new();
    let mut bytes = 0;
    for (name, entry) in entries {
        let Some(value) = given.get(name).or(entry.default.as_ref()) else {
            if entry.required {
                return Err(ConfigError::Missing {
                    name: name.clone(),
                    description: entry.description.clone(),
                });
            }
            continue;
        };
        let value = entry.read(value).map_err(|reason| ConfigError::Wrong {
            name: name.clone(),
            reason,
        })?;
        bytes += match &value {
            ConfigValue::Text(text) => text.len(),
            ConfigValue::Texts(texts) => texts.iter().map(String::len).sum(),
            ConfigValue::Boolean(_) | ConfigValue::Integer(_) => 0,
        };
        configured.push((name.clone(), value));
    }
    if bytes > CONFIG_BYTES {
        return Err(ConfigError::TooLarge);
    }
    Ok(configured)
}
