//! The Cambist gateway: configuration, state, faces, proxy and command line of one program.

pub mod config;
pub mod store;
