//! The gateway: published instances, protocol faces and the reverse proxy over the exchange engine.

pub mod document;
pub mod face;
pub mod publish_error;
