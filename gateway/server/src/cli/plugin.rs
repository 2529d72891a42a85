//! `cambist plugin`: from an empty directory to a plugin that answers real exchanges.

mod client;
mod error;
mod local;
mod new;
mod project;
mod remote;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{CliError, Place, say};
pub(super) use client::Client;
pub(super) use error::PluginError;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Start a plugin project in Rust.
    #[command(after_help = "Example:\n  cambist plugin new badge")]
    New(NewArguments),
    /// Build a project's component, with its manifest and golden cases inside.
    #[command(after_help = "Example:\n  cambist plugin build badge")]
    Build {
        /// The project's directory.
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Say what an upload would say of a component or a project, without a gateway.
    #[command(after_help = "Example:\n  cambist plugin check badge/target/badge.wasm")]
    Check {
        #[command(flatten)]
        place: Place,
        /// A component, or a project's directory, which is built first.
        #[arg(default_value = ".")]
        plugin: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the golden cases in the gateway's own sandbox, without a gateway.
    #[command(after_help = "Example:\n  cambist plugin test badge")]
    Test {
        #[command(flatten)]
        place: Place,
        /// A project's directory, which is built first, or a component with cases inside.
        #[arg(default_value = ".")]
        plugin: PathBuf,
    },
    /// Upload a component or a project to a running gateway.
    #[command(after_help = "Example:\n  cambist plugin push badge")]
    Push {
        #[command(flatten)]
        gateway: GatewayArguments,
        /// A project's directory, which is built first, or a component.
        #[arg(default_value = ".")]
        plugin: PathBuf,
        /// The name to upload it under; the manifest's unless given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Show a plugin of a running gateway, or a component in a file.
    #[command(after_help = "Example:\n  cambist plugin inspect badge")]
    Inspect {
        #[command(flatten)]
        gateway: GatewayArguments,
        /// A plugin's name, or a file.
        plugin: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the plugins of a running gateway.
    #[command(after_help = "Example:\n  cambist plugin list")]
    List {
        #[command(flatten)]
        gateway: GatewayArguments,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a plugin's name stand again for a component it had; twice undoes it.
    #[command(after_help = "Example:\n  cambist plugin rollback badge --to 1.2.0")]
    Rollback {
        #[command(flatten)]
        gateway: GatewayArguments,
        /// The plugin's name.
        name: String,
        /// A version or `sha256:…`; the component before the current one unless given.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewArguments {
    /// Name of the plugin, and of the directory that is made: a-z, 0-9 and -.
    name: String,
    /// Directory of the crate `cambist-guest`; looked for upwards from here unless given.
    #[arg(long, value_name = "PATH")]
    guest: Option<PathBuf>,
}

/// Which gateway, and how it knows us.
#[derive(Debug, Args)]
pub(super) struct GatewayArguments {
    #[command(flatten)]
    place: Place,
    /// The admin listener; the configured `admin.listen` on this machine unless given.
    #[arg(long, env = "CAMBIST_ADMIN", value_name = "URL")]
    url: Option<String>,
    /// File with the admin token; the variable `CAMBIST_TOKEN`, or else the data directory's, unless given.
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

pub(super) fn run(command: PluginCommand) -> Result<(), CliError> {
    match command {
        PluginCommand::New(arguments) => new::run(&arguments.name, arguments.guest.as_deref()),
        PluginCommand::Build { directory } => {
            let built = project::build(&directory)?;
            say(&format!(
                "{}  {} bytes  {}\n",
                built.path.display(),
                built.component.len(),
                built.digest()
            ))
        }
        PluginCommand::Check {
            place,
            plugin,
            json,
        } => {
            let config = place.load([])?.config;
            local::check(&config, &component(&plugin)?, json)
        }
        PluginCommand::Test { place, plugin } => {
            let config = place.load([])?.config;
            local::test(&config, &component(&plugin)?)
        }
        PluginCommand::Push {
            gateway,
            plugin,
            name,
        } => remote::push(gateway, &plugin, name),
        PluginCommand::Inspect {
            gateway,
            plugin,
            json,
        } => {
            let path = Path::new(&plugin);
            if path.is_file() {
                let config = gateway.place.load([])?.config;
                local::check(&config, &component(path)?, json)
            } else {
                remote::inspect(gateway, &plugin, json)
            }
        }
        PluginCommand::List { gateway, json } => remote::list(gateway, json),
        PluginCommand::Rollback { gateway, name, to } => {
            remote::rollback(gateway, &name, to.as_deref())
        }
    }
}

/// The bytes of a component: a file's, or a project's, built now.
fn component(plugin: &Path) -> Result<Vec<u8>, CliError> {
    if plugin.is_dir() {
        Ok(project::build(plugin)?.component)
    } else {
        Ok(project::read(plugin)?)
    }
}
