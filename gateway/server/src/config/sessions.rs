//! `[sessions]`

use serde::{Deserialize, Serialize};

/// Sessions in the protocol of `PingAM`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// Whether there are any.
    pub enabled: bool,
    /// Name of the cookie and of the header that carry a session.
    pub cookie: String,
    /// Minutes after which a session ends, used or not.
    pub life_minutes: u64,
    /// Minutes without use after which a session ends.
    pub idle_minutes: u64,
    /// Most sessions at a time.
    pub most: usize,
    /// Most sessions of one user at a time.
    pub most_per_user: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            enabled: true,
            cookie: "iPlanetDirectoryPro".to_owned(),
            life_minutes: 120,
            idle_minutes: 30,
            most: 200_000,
            most_per_user: 100,
        }
    }
}
