//! The circumstances of a call.

use std::collections::BTreeMap;

use crate::Refusal;

/// What a plugin is told beside the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Call {
    /// The time at which the token is judged, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// The published instance that was asked, for example `alpha/orders`.
    pub instance: String,
    /// Identifies the request to the client and in the gateway's records.
    pub correlation: String,
    /// The token type (a URI) under which the token was presented.
    pub token_type: String,
    /// What the operator configured for this use of the plugin.
    pub settings: BTreeMap<String, String>,
}

impl Call {
    /// A call at this time and otherwise empty, for tests.
    pub fn at(now: u64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Adds a setting, for tests.
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// What the operator configured under this name.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The same for a setting that the plugin cannot work without. Its absence is the operator's
    /// mistake, not the token's.
    pub fn required_setting(&self, name: &str) -> Result<&str, Refusal> {
        self.setting(name)
            .ok_or_else(|| Refusal::internal(format!("the setting `{name}` is missing")))
    }
}
