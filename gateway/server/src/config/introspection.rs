//! `[introspection]`

use serde::{Deserialize, Serialize};

/// How often one caller may ask about tokens (RFC 7662 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Introspection {
    /// Questions a second, of one client of one instance. None: no limit.
    pub per_second: u64,
    /// How many questions one counts as whose answer is that the token is not active.
    pub inactive_cost: u64,
}

impl Default for Introspection {
    fn default() -> Self {
        Self {
            per_second: 5000,
            inactive_cost: 10,
        }
    }
}
