//! `cambist config`.

use clap::Subcommand;

use super::{CliError, Place, say};
use crate::config::{explain, explain_all, key, suggestion};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Report everything that is wrong with the configuration.
    #[command(after_help = "Example:\n  cambist config check --config /etc/cambist.toml")]
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Explain a key: what it means, its value, and where that comes from. Without KEY, list all.
    #[command(after_help = "Example:\n  cambist config explain public.listen")]
    Explain {
        #[command(flatten)]
        place: Place,
        /// Dotted path of a key, such as public.listen.
        key: Option<String>,
    },
}

pub(super) fn run(command: ConfigCommand) -> Result<(), CliError> {
    match command {
        ConfigCommand::Check { place } => {
            place.load([])?;
            say("ok\n")
        }
        ConfigCommand::Explain { place, key: None } => say(&explain_all(&place.load([])?)),
        ConfigCommand::Explain {
            place,
            key: Some(path),
        } => match key(&path) {
            Some(key) => say(&explain(&place.load([])?, key, &path)),
            None => Err(CliError::UnknownKey {
                hint: suggestion(&path),
                key: path,
            }),
        },
    }
}
