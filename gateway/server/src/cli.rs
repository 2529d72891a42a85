//! The command line.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 4 not found, 5 conflict.

mod config;
mod error;
mod explain;
mod plugin;
mod user;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Loaded, Sources, load},
    serve::serve,
};
use error::CliError;

/// Security token service, token exchange gateway and reverse proxy.
#[derive(Debug, Parser)]
#[command(
    name = "cambist",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Example:\n  cambist serve"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile one plugin from standard input to standard output. A running gateway starts this.
    #[command(
        hide = true,
        after_help = "Example:\n  cambist serve\nstarts this when a plugin is uploaded."
    )]
    CompilePlugin {
        /// The task and its limits.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Check and explain the configuration.
    #[command(
        subcommand,
        after_help = "Example:\n  cambist config check --config /etc/cambist.toml"
    )]
    Config(config::ConfigCommand),
    /// Say why a running gateway would issue a token for a request, or would not. Nothing is issued.
    #[command(
        after_help = "Example:\n  cambist explain alpha/orders --client web subject_token=@token.txt subject_token_type=urn:ietf:params:oauth:token-type:access_token audience=https://orders.example"
    )]
    Explain(explain::ExplainArguments),
    /// Make, try and publish plugins.
    #[command(subcommand, after_help = "Example:\n  cambist plugin new badge")]
    Plugin(plugin::PluginCommand),
    /// Run the gateway until it is interrupted.
    #[command(
        after_help = "Example:\n  cambist serve --config /etc/cambist.toml --public 127.0.0.1:8080"
    )]
    Serve(ServeArguments),
    /// Manage the gateway's own users.
    #[command(
        subcommand,
        after_help = "Example:\n  cambist user add --realm /alpha alice < password.txt"
    )]
    User(user::UserCommand),
    /// Print the version.
    #[command(after_help = "Example:\n  cambist version")]
    Version,
}

#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    place: Place,
    /// Address of the listener for clients and proxied requests.
    #[arg(long, value_name = "ADDRESS")]
    public: Option<String>,
    /// Address of the listener for the admin API, health and metrics.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
}

/// Where configuration and state are.
#[derive(Debug, Args)]
struct Place {
    /// Configuration file; ./cambist.toml, if it exists, when not given.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Data directory, over what the configuration says.
    #[arg(long, value_name = "PATH")]
    data_dir: Option<String>,
}

impl Place {
    fn load(
        self,
        more: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Result<Loaded, CliError> {
        let flags = [("data_dir", self.data_dir)].into_iter().chain(more);
        let flags = flags
            .filter_map(|(path, text)| Some((path, text?)))
            .collect();
        Ok(load(&Sources::of_process(self.config, flags))?)
    }
}

/// Reads the process's arguments and does what they say.
pub fn main() -> ExitCode {
    run(Cli::parse())
}

/// Does what the command line says; errors go to standard error.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::CompilePlugin { arguments } => return cambist_plugin::compile_child(&arguments),
        Command::Config(command) => config::run(command),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Plugin(command) => plugin::run(command),
        Command::Serve(ServeArguments {
            place,
            public,
            admin,
        }) => place
            .load([("public.listen", public), ("admin.listen", admin)])
            .and_then(|loaded| Ok(serve(loaded.config)?)),
        Command::User(command) => user::run(command),
        Command::Version => say(&format!("cambist {}\n", env!("CARGO_PKG_VERSION"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody to tell.
            let _ = io::stderr().write_all(error.report().as_bytes());
            error.exit_code()
        }
    }
}

/// Prints to standard output. A reader that left early, as `head` does, is no failure.
fn say(text: &str) -> Result<(), CliError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command) {
            let example = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                example.starts_with("Example:\n  cambist"),
                "{}",
                command.get_name()
            );
            command.get_subcommands().for_each(check);
        }
        let command = Cli::command();
        command.clone().debug_assert();
        check(&command);
    }

    #[test]
    fn flags_reach_the_configuration() {
        let place = Place {
            config: None,
            data_dir: Some("elsewhere".into()),
        };
        let loaded = place
            .load([
                ("public.listen", Some("127.0.0.1:7".into())),
                ("admin.listen", None),
            ])
            .unwrap();
        assert_eq!(loaded.config.data_dir, PathBuf::from("elsewhere"));
        assert_eq!(loaded.config.public.listen.port(), 7);
        assert_eq!(loaded.origin("data_dir"), "--data-dir");
    }

    #[test]
    fn a_password_is_never_an_argument() {
        assert!(
            Cli::try_parse_from(["cambist", "user", "add", "alice", "--password", "x"]).is_err()
        );
        assert!(Cli::try_parse_from(["cambist", "user", "add", "alice", "x"]).is_err());
        assert!(Cli::try_parse_from(["cambist", "user", "add", "alice"]).is_ok());
    }
}
