//! SAML 2.0 assertions as a token type of published instances, in and out (RFC 8693 §3): settings, keys and
//! the memory of what was used. What an assertion is, and when one is accepted, `cambist-saml` knows.

mod bearer;
mod import;
mod keys;
pub mod metadata;
mod points;
mod provider;
mod replay;
mod validator;

#[cfg(test)]
mod tests;

use std::{cell::RefCell, sync::Arc};

use cambist_saml::{algorithm::SignatureAlgorithm, signing::SigningKey};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

pub use bearer::bearer_grants;
pub use import::Taken;
pub use provider::SamlProvider;
pub use validator::SamlValidator;

use crate::{
    instance::build::bindings, publish_error::PublishError, store::Store, vault::KeyStore,
};
use replay::UsedAssertions;

/// The name of the kind in documents.
pub const KIND: &str = "saml2";

/// Longest entity identifier, in bytes (saml-core §8.3.6).
const LONGEST_NAME: usize = 1024;

/// What validators and providers of assertions are built with.
#[derive(Clone)]
pub struct SamlBench {
    keys: Vec<Arc<SigningKey>>,
    used: UsedAssertions,
}

impl SamlBench {
    /// Signs with `keys`, one for each algorithm; remembers in `store`, whose work runs on the runtime of
    /// `handle`.
    pub fn new(keys: Vec<SigningKey>, store: Store, handle: Handle) -> Self {
        Self {
            keys: keys.into_iter().map(Arc::new).collect(),
            used: UsedAssertions::new(store, handle),
        }
    }

    /// The key of an instance that has none of its own to sign with.
    fn any_key(&self) -> Option<&Arc<SigningKey>> {
        let rsa = self.key(SignatureAlgorithm::RsaSha256);
        rsa.or_else(|| self.keys.first())
    }

    fn key(&self, algorithm: SignatureAlgorithm) -> Option<&Arc<SigningKey>> {
        self.keys.iter().find(|key| key.algorithm() == algorithm)
    }
}

/// The name of an instance's own entry in the vault: its keys for what is encrypted to it. No operator's
/// entry can have it.
pub fn own_keys(instance: &str) -> String {
    format!("@saml/{instance}")
}

/// The alias of the key to decrypt with in an instance's own entry.
pub const DECRYPTION: &str = "decryption";

/// What an instance lends to its validator and its providers of assertions while it is built, and what it
/// learns from them.
pub struct Frame<'a> {
    /// Its issuer identifier.
    pub issuer: &'a str,
    /// What all of them are built with.
    pub bench: &'a SamlBench,
    /// Key stores of the vault.
    pub key_store: &'a dyn Fn(&str) -> Option<Arc<KeyStore>>,
    /// Its own, if it has been given one.
    pub own_keys: Option<Arc<KeyStore>>,
    /// What was taken from metadata.
    pub taken: RefCell<Vec<Taken>>,
    /// Those that issue.
    pub providers: RefCell<Vec<Arc<SamlProvider>>>,
    /// Who accepts: at most one.
    pub validators: RefCell<Vec<Arc<SamlValidator>>>,
}

impl<'a> Frame<'a> {
    /// One that has learned nothing yet.
    pub fn new(
        issuer: &'a str,
        bench: &'a SamlBench,
        key_store: &'a dyn Fn(&str) -> Option<Arc<KeyStore>>,
        own_keys: Option<Arc<KeyStore>>,
    ) -> Self {
        Self {
            issuer,
            bench,
            key_store,
            own_keys,
            taken: RefCell::default(),
            providers: RefCell::default(),
            validators: RefCell::default(),
        }
    }
}

/// Reads settings; an error names the member.
fn read<T: serde::de::DeserializeOwned>(
    settings: &Map<String, Value>,
    hint: &'static str,
) -> Result<T, PublishError> {
    bindings::read(Value::Object(settings.clone()), hint)
}

/// An entity identifier.
fn check_entity(path: &str, name: &str) -> Result<(), PublishError> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(PublishError::new(
            path,
            "is not an entity identifier",
            format!(
                "use a URI of at most {LONGEST_NAME} bytes, such as `https://idp.example/saml`"
            ),
        ));
    }
    Ok(())
}

/// A URI.
fn check_uri(path: &str, text: &str, example: &str) -> Result<(), PublishError> {
    if text.len() <= 2048 && fluent_uri::Uri::parse(text).is_ok() {
        return Ok(());
    }
    Err(PublishError::new(
        path,
        format!("`{text}` is not an absolute URI"),
        format!("write it as `{example}`"),
    ))
}

/// A number of seconds from one to `most`.
fn check_seconds(path: &str, seconds: u64, most: u64) -> Result<(), PublishError> {
    if (1..=most).contains(&seconds) {
        return Ok(());
    }
    Err(PublishError::new(
        path,
        format!("{seconds} is out of range"),
        format!("use a whole number of seconds from 1 to {most}"),
    ))
}
