//! SAML 2.0 assertions (saml-core): what stands in them, how they are written, signed, encrypted and
//! accepted. Nothing here does I/O, reads a clock or keeps state.
//!
//! Issuing: a [`Draft`](draft::Draft) makes a [`model::Assertion`], which a caller may change at will, and
//! [`issue`](issue::issue) turns it into a document. We write canonical form from the start, so what is
//! signed is never parsed.

//!
//! Accepting: an [`Acceptance`](accept::Acceptance) takes a document through every check, or refuses it.

pub mod accept;
pub mod algorithm;
pub mod certificate;
pub mod decryption;
mod dom;
pub mod draft;
pub mod encryption;
pub mod identity;
mod instant;
pub mod issue;
pub mod mapping;
pub mod metadata;
pub mod model;
mod read;
pub mod refusal;
mod scan;
mod self_signed;
pub mod signing;
pub mod transport;
pub mod uri;
pub mod verify;
pub mod write;
mod xml;

pub use self_signed::SelfSigned;

#[cfg(test)]
mod fixture;
