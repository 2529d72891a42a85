//! What went wrong, for a person and for a script.

use std::{error::Error, fmt::Write, io, process::ExitCode};

use super::plugin::PluginError;
use crate::{
    config::ConfigError,
    data_directory::DataDirectoryError,
    directory::{NameError, UserError},
    serve::ServeError,
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    #[error("the password cannot be read from {from}")]
    PasswordInput { from: String, source: io::Error },
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error("the runtime cannot be set up")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no key `{key}`{hint}")]
    UnknownKey { key: String, hint: String },
    #[error(transparent)]
    User(#[from] UserError),
}

const FAILURE: u8 = 1;
const USAGE: u8 = 2;
const NOT_FOUND: u8 = 4;
const CONFLICT: u8 = 5;

impl CliError {
    pub(super) fn exit_code(&self) -> ExitCode {
        let store = |error: &StoreError| match error {
            StoreError::Conflict { .. } | StoreError::Exists { .. } | StoreError::InUse { .. } => {
                CONFLICT
            }
            StoreError::Missing { .. } => NOT_FOUND,
            _ => FAILURE,
        };
        ExitCode::from(match self {
            Self::Config(_)
            | Self::Name(_)
            | Self::User(UserError::Name(_) | UserError::Password) => USAGE,
            Self::Plugin(error) if error.is_usage() => USAGE,
            Self::Plugin(error) if error.is_not_found() => NOT_FOUND,
            Self::Plugin(error) if error.is_conflict() => CONFLICT,
            Self::UnknownKey { .. } => NOT_FOUND,
            Self::Store(error) | Self::User(UserError::Store(error)) => store(error),
            _ => FAILURE,
        })
    }

    /// All causes, one line each; the problems of a configuration stand for themselves.
    pub(super) fn report(&self) -> String {
        if let Self::Config(error) = self {
            return format!("{error}\n");
        }
        let mut text = format!("error: {self}\n");
        let mut cause = self.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  because: {error}");
            cause = error.source();
        }
        text
    }
}
