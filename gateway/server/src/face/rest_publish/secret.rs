//! Secrets in an `instance_state`: read once, never given back.

use std::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use super::members::Members;
use crate::publish_error::PublishError;

/// What a read instance shows in place of a secret, and what a client may send back to mean "as it was".
pub(super) const MARKER: &str = "********";

/// A secret as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// The marker: whatever was there before.
    Unchanged,
    /// A value.
    Given(Zeroizing<String>),
}

impl Secret {
    /// Reads a member; none when it is absent, null or empty.
    pub(super) fn read(members: &Members<'_>, name: &str) -> Result<Option<Self>, PublishError> {
        let text = members.text(name)?.map(Zeroizing::new);
        Ok(text.map(|text| {
            if *text == MARKER {
                Self::Unchanged
            } else {
                Self::Given(text)
            }
        }))
    }

    /// What stands for it where it is stored or shown.
    pub(super) fn redacted(secret: Option<&Self>) -> Value {
        secret.map_or(Value::Null, |_| Value::String(MARKER.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
