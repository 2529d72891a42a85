//! The circumstances of a call.

use std::collections::BTreeMap;

use crate::{Refusal, Value};

/// What a plugin is told beside its subject matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Call {
    /// The time at which everything is judged, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// The published instance that was asked, for example `alpha/orders`.
    pub instance: String,
    /// Identifies the request to the client and in the gateway's records.
    pub correlation: String,
    /// What the operator configured for this use of the plugin: checked against the manifest when the
    /// instance was published, defaults filled in.
    pub config: BTreeMap<String, Value>,
}

impl Call {
    /// A call at this time and otherwise empty, for tests.
    pub fn at(now: u64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Adds a configured value, for tests. There the manifest's defaults are not filled in.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.config.insert(name.into(), value.into());
        self
    }

    /// The text configured under this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.config.get(name)?.as_text()
    }

    /// The whole number configured under this name.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.config.get(name)?.as_integer()
    }

    /// True or false, as configured under this name.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.config.get(name)?.as_boolean()
    }

    /// The texts configured under this name.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.config.get(name)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// As [`text`](Self::text), for what the plugin cannot work without. Its absence is the operator's
    /// mistake, not the token's.
    pub fn required_text(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// As [`integer`](Self::integer), for what the plugin cannot work without.
    pub fn required_integer(&self, name: &str) -> Result<i64, Refusal> {
        self.integer(name).ok_or_else(|| missing(name))
    }

    /// As [`boolean`](Self::boolean), for what the plugin cannot work without.
    pub fn required_boolean(&self, name: &str) -> Result<bool, Refusal> {
        self.boolean(name).ok_or_else(|| missing(name))
    }

    /// As [`texts`](Self::texts), for what the plugin cannot work without.
    pub fn required_texts(&self, name: &str) -> Result<&[String], Refusal> {
        self.texts(name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::internal(format!("`{name}` is not configured, or as another type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    #[test]
    fn configuration_is_typed() {
        let call = Call::at(7)
            .with("name", "dana")
            .with("age", 300)
            .with("strict", true)
            .with("groups", ["sales", "ops"]);
        assert_eq!(call.now, 7);
        assert_eq!(call.text("name"), Some("dana"));
        assert_eq!(call.integer("age"), Some(300));
        assert_eq!(call.boolean("strict"), Some(true));
        assert_eq!(call.required_texts("groups").unwrap(), ["sales", "ops"]);
        assert_eq!(call.text("age"), None);
        assert_eq!(call.integer("name"), None);
    }

    #[test]
    fn what_is_missing_is_the_operators_mistake() {
        let call = Call::at(7).with("age", "old");
        for refusal in [
            call.required_text("name").unwrap_err(),
            call.required_integer("age").unwrap_err(),
            call.required_boolean("age").unwrap_err(),
            call.required_texts("age").unwrap_err(),
        ] {
            assert_eq!(refusal.fault, Fault::Internal);
        }
    }
}
