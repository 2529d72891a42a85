//! What the operator declares about every token of one source.

use serde::{Deserialize, Serialize};

use crate::{Principal, Scope};

/// Adjusts what a validator learned by what the operator configured beside it. Applied by every
/// validator, builtin or plugin, as its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// Put before every subject identifier, so that two sources cannot speak of the same `sub` (TX-60).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject_prefix: String,
    /// The scope of tokens that carry none of their own (SX-05). Absent means no scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scope>,
}

impl Declared {
    /// Completes a principal. `carried` is the scope the token itself carried; none if its type or this
    /// very token says nothing about scope.
    pub fn complete(&self, principal: &mut Principal, carried: Option<Scope>) {
        if !self.subject_prefix.is_empty() {
            principal.subject.insert_str(0, &self.subject_prefix);
        }
        principal.scope = carried.or_else(|| self.scopes.clone()).unwrap_or_default();
    }
}
