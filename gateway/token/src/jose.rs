//! Signed tokens in the JWS compact form (RFC 7515, RFC 7519): the one strict place for reading and
//! writing them.
//!
//! Keys are parsed once and kept; signing and verifying call the cryptographic library directly over one
//! buffer. A token has exactly one accepted spelling, every size is capped, and nothing in a token's
//! header can choose a key other than by naming it.

mod algorithm;
mod base64url;
mod der;
mod header;
pub(crate) mod json;
mod jwk;
mod keyring;
mod keyset;
mod pair;
mod signing;
mod verify;

pub use algorithm::{Algorithm, UnsupportedAlgorithm};
pub use header::key_id;
pub use keyring::{Keyring, ScheduledKey};
pub use keyset::{KeySet, KeySetError, MAX_KEY_SET_BYTES, MAX_KEYS};
pub use signing::{KeyError, SigningKey};
pub use verify::{
    Expected, MAX_LEEWAY, MAX_TOKEN_BYTES, Unverified, Verified, peek_issuer, verify,
};

pub(crate) use base64url::encode as base64url;
pub(crate) use verify::{audiences, check_times, moment};
