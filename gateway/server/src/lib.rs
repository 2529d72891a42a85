//! The gateway: published instances, protocol faces and the reverse proxy over the exchange engine.

pub mod access_log;
pub mod access_manager;
pub mod admin;
mod append;
pub mod audit;
pub mod authenticator;
pub mod body;
pub mod cli;
pub mod config;
pub mod data_directory;
pub mod directory;
pub mod document;
pub mod dpop;
pub mod egress;
pub mod explain;
mod exposition;
pub mod face;
pub mod gateway;
pub mod heavy;
#[cfg(test)]
mod history;
mod http1;
pub mod instance;
pub mod ldap;
pub mod ledger;
pub mod listener;
pub mod opaque;
pub mod openapi;
pub mod outside;
pub mod proxy;
pub mod publish_error;
pub mod publisher;
pub mod registry;
pub mod rest_token;
pub mod router;
pub mod saml;
pub mod serve;
pub mod sessions;
pub mod store;
mod stream;
pub mod used;
pub mod vault;
pub mod x509;

pub use cli::{Cli, run};
