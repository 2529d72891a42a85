//! The gateway: published instances, protocol faces and the reverse proxy over the exchange engine.

pub mod body;
pub mod document;
pub mod proxy;
pub mod publish_error;
