//! The gateway: published instances, protocol faces and the reverse proxy over the exchange engine.

pub mod config;
pub mod document;
pub mod publish_error;
pub mod store;
