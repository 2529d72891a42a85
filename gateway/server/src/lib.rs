//! The Cambist gateway: configuration, state, faces, proxy and command line of one program.

pub mod cli;
pub mod config;
pub mod data_directory;
pub mod directory;
pub mod heavy;
pub mod serve;
pub mod store;

pub use cli::{Cli, run};
