//! What can go wrong with a plugin on its author's machine.

use std::{io, path::PathBuf};

use cambist_plugin::{HostError, PluginRejected};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PluginError {
    #[error("`{command}` failed; what it wrote above says why{hint}")]
    Build { command: String, hint: &'static str },
    #[error("`{0}` does not start; is it installed and on the PATH?")]
    Command(String, #[source] io::Error),
    #[error("{0} exists already; choose another name, or remove it")]
    Exists(PathBuf),
    #[error("{failed} of {all} cases failed")]
    Failed { failed: usize, all: usize },
    #[error(
        "the crate `cambist-guest` is not found upwards from here; give its directory with --guest"
    )]
    NoGuest,
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the sandbox cannot be set up")]
    Host(#[from] HostError),
    #[error("{path}: {reason}")]
    Manifest { path: PathBuf, reason: String },
    #[error("there are no golden cases; write some into cases.toml beside the manifest")]
    NoCases,
    #[error(
        "the build left no component; it must be a library with `crate-type = [\"cdylib\"]`, or name one in `[build]`"
    )]
    NoComponent,
    #[error("the plugin has no name; give one in cambist-plugin.toml, or with --name")]
    NoName,
    #[error(
        "{0} is no plugin project: it has no cambist-plugin.toml; `cambist plugin new` makes one"
    )]
    NoProject(PathBuf),
    #[error("`{0}` is not a plugin's name; use 1 to 64 of a-z, 0-9 and -, starting with a letter")]
    Name(String),
    #[error("`{0}` is no parameter; write `name=value`, or `name=@file`")]
    Parameter(String),
    #[error("`{0}` is not a plugin's name; use 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`")]
    Reference(String),
    #[error("no gateway answers at {url}; is `cambist serve` running? give another with --url")]
    NoGateway { url: String, source: io::Error },
    #[error("{0}")]
    Protocol(String),
    #[error("the gateway refused ({status}): {detail}\n  hint: {hint}")]
    Refused {
        status: u16,
        detail: String,
        hint: String,
    },
    #[error("the component would be refused: {0}")]
    Rejected(PluginRejected),
    #[error(
        "there is no admin token: start the gateway once, or give --token-file or CAMBIST_TOKEN"
    )]
    NoToken,
    #[error("`{0}` is no URL of an admin listener; use https, or http on this machine")]
    Url(String),
}

/// All of it is in the message already: it is no cause beside it.
impl From<PluginRejected> for PluginError {
    fn from(rejected: PluginRejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl PluginError {
    /// Whether what was asked for does not exist.
    pub(in crate::cli) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether something else is in the way.
    pub(in crate::cli) const fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Exists(_)
                | Self::Refused {
                    status: 409 | 412,
                    ..
                }
        )
    }

    /// Whether it was asked wrongly.
    pub(in crate::cli) const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Name(_)
                | Self::Reference(_)
                | Self::NoName
                | Self::NoProject(_)
                | Self::Url(_)
                | Self::NoGuest
                | Self::Parameter(_)
        )
    }
}
