//! The vault: secrets and keys that plugins may be granted, and key stores. Written by operators, encrypted at
//! rest, read back by nobody.
//!
//! Plugins are granted no key store, and no key that the gateway signs tokens with: nothing that they sign is a
//! token of the gateway's.

mod document;
mod key_store;
mod material;

use std::{fmt, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use cambist_plugin::{GrantedSecret, PluginKey};
use cambist_token::jose::{Algorithm, SigningKey};
use zeroize::Zeroizing;

pub use document::SecretDocument;
pub use key_store::{EntrySummary, KeyStore, KeyStoreEntry};
pub use material::Material;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Encrypts entries for the store, and decrypts them.
pub struct Vault {
    key: RandomizedNonceKey,
}

/// Why an entry cannot be encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The cryptographic library refused to work.
    #[error("the vault's encryption failed")]
    Failed,
    /// Another key, another name or damage.
    #[error("it was not encrypted under this gateway's vault key, or is damaged")]
    Foreign,
}

impl Vault {
    /// A vault under this key.
    pub fn new(key: &[u8; 32]) -> Result<Self, VaultError> {
        RandomizedNonceKey::new(&AES_256_GCM, key)
            .map(|key| Self { key })
            .map_err(|_| VaultError::Failed)
    }

    /// Encrypts `material` as the entry `name`: a nonce, and AES-256-GCM's output behind it.
    pub fn seal(&self, name: &str, material: &Material) -> Result<Vec<u8>, VaultError> {
        let plain = material.bytes();
        // Room for the tag at once: a buffer that grows leaves copies behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_BYTES));
        sealed.extend_from_slice(plain);
        let nonce = self
            .key
            .seal_in_place_append_tag(associated(name, material.kind()), &mut *sealed)
            .map_err(|_| VaultError::Failed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Decrypts the entry `name` of this kind.
    pub fn open(
        &self,
        name: &str,
        kind: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Foreign)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let length = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                associated(name, kind),
                &mut opened,
            )
            .map_err(|_| VaultError::Foreign)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(hidden)")
    }
}

/// Binds what is encrypted to its name and kind, so that entries cannot be swapped in the store.
fn associated(name: &str, kind: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("cambist vault 1\0{kind}\0{name}").into_bytes())
}

/// An entry of the vault, ready for use.
#[derive(Clone, Debug)]
pub struct VaultEntry {
    /// What it holds.
    pub held: Held,
    /// Which write this is.
    pub revision: u64,
}

/// What an entry holds.
#[derive(Clone)]
pub enum Held {
    /// A key that works by handle.
    Key(Arc<VaultKey>),
    /// Private keys and certificates by alias.
    KeyStore(Arc<KeyStore>),
    /// Secret bytes.
    Secret(Arc<Zeroizing<Vec<u8>>>),
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::KeyStore(store) => store.fmt(f),
            Self::Secret(_) => f.write_str("Secret(hidden)"),
        }
    }
}

impl VaultEntry {
    /// The secret to grant a plugin. None for a key, which is never shown.
    pub fn secret(&self, reveal: bool) -> Option<GrantedSecret> {
        match &self.held {
            Held::Secret(bytes) => Some(GrantedSecret {
                bytes: Arc::clone(bytes),
                reveal,
            }),
            Held::Key(_) | Held::KeyStore(_) => None,
        }
    }

    /// The key to grant a plugin. None for a secret, which says nothing about an algorithm.
    pub fn key(&self) -> Option<Arc<dyn PluginKey>> {
        match &self.held {
            Held::Key(key) => Some(Arc::<VaultKey>::clone(key)),
            Held::KeyStore(_) | Held::Secret(_) => None,
        }
    }

    /// The key store, if it is one.
    pub fn key_store(&self) -> Option<&Arc<KeyStore>> {
        match &self.held {
            Held::KeyStore(store) => Some(store),
            Held::Key(_) | Held::Secret(_) => None,
        }
    }

    /// The algorithm and the public JWK of a key.
    pub fn public(&self) -> (Option<Algorithm>, Option<serde_json::Value>) {
        match &self.held {
            Held::Key(key) => (Some(key.0.algorithm()), key.0.public_jwk()),
            Held::KeyStore(_) | Held::Secret(_) => (None, None),
        }
    }
}

/// A key of the vault's. It signs for plugins, and nothing else signs with it.
#[derive(Debug)]
pub struct VaultKey(SigningKey);

impl PluginKey for VaultKey {
    fn algorithm(&self) -> &str {
        self.0.algorithm().name()
    }

    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        self.0.sign_bytes(data).ok()
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> bool {
        self.0.verify_bytes(data, signature)
    }

    fn public_jwk(&self) -> Option<String> {
        self.0.public_jwk().map(|jwk| jwk.to_string())
    }
}

#[cfg(test)]
mod tests;
