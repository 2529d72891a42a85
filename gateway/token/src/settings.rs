//! Settings of a builtin: JSON members read one by one, so that every mistake names its member.

use std::fmt;

use cambist_core::{Declared, Scope};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What is wrong with a setting, for the operator who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}; {hint}")]
pub struct BuildError {
    /// The member's path inside the settings, e.g. `issuers[1]`.
    pub member: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be right.
    pub hint: String,
}

impl BuildError {
    /// An error at `member`.
    pub fn new(
        member: impl Into<String>,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            member: member.into(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }
}

/// The members of one builtin's settings.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a>(&'a Map<String, Value>);

impl<'a> Settings<'a> {
    /// Refuses members other than `known`.
    pub(crate) fn new(members: &'a Map<String, Value>, known: &[&str]) -> Result<Self, BuildError> {
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(BuildError::new(
                unknown,
                "unknown member",
                format!("known are: {}", known.join(", ")),
            )),
            None => Ok(Self(members)),
        }
    }

    /// A member that may be absent.
    pub(crate) fn optional<T: Deserialize<'a>>(
        self,
        name: &str,
        hint: &str,
    ) -> Result<Option<T>, BuildError> {
        self.0
            .get(name)
            .map(|value| {
                T::deserialize(value)
                    .map_err(|error| BuildError::new(name, error.to_string(), hint))
            })
            .transpose()
    }

    /// What the operator declares about every token of this source.
    pub(crate) fn declared(self) -> Result<Declared, BuildError> {
        Ok(Declared {
            subject_prefix: self
                .optional(
                    "subject_prefix",
                    "a string put before every subject, e.g. \"corp:\"",
                )?
                .unwrap_or_default(),
            scopes: self.optional::<Scope>("scopes", "a list of scope words, e.g. [\"read\"]")?,
        })
    }

    /// A number of seconds within bounds.
    pub(crate) fn seconds(self, name: &str, default: u64, most: u64) -> Result<u64, BuildError> {
        let hint = format!("a whole number of seconds from 1 to {most}");
        let seconds = self.optional(name, &hint)?.unwrap_or(default);
        if (1..=most).contains(&seconds) {
            Ok(seconds)
        } else {
            Err(BuildError::new(
                name,
                format!("{seconds} is out of range"),
                hint,
            ))
        }
    }
}

/// A configured secret: wiped when dropped, never printed.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
