//! What the vault encrypts: secret bytes, or a key's.

use std::{fmt, sync::Arc};

use aws_lc_rs::rand;
use cambist_token::jose::{Algorithm, KeyError, SigningKey};
use zeroize::Zeroizing;

use super::{Held, KeyStore, VaultKey};
use crate::publish_error::PublishError;

/// The kind of secret bytes; that of a key is its algorithm.
const SECRET: &str = "secret";
/// The kind of key stores.
const KEY_STORE: &str = "keystore";

/// An entry in clear, for as short a time as possible. `Debug` hides it.
pub enum Material {
    /// A key and what it was made of: shared bytes, or the PEM form of a private key.
    Key {
        /// Parsed and checked.
        key: Arc<VaultKey>,
        /// As it is encrypted.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Private keys and certificates by alias.
    KeyStore {
        /// Parsed and checked.
        store: Arc<KeyStore>,
        /// As it is encrypted.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Secret bytes.
    Secret(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({})", self.kind())
    }
}

impl Material {
    /// What [`Vault::open`](super::Vault::open) decrypted. None if it is not of this kind after all.
    pub fn stored(kind: &str, bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        if kind == SECRET {
            return Some(Self::Secret(bytes));
        }
        if kind == KEY_STORE {
            let store = Arc::new(KeyStore::from_kept(&bytes)?);
            return Some(Self::KeyStore { store, bytes });
        }
        let algorithm = Algorithm::from_name(kind)?;
        if algorithm.is_symmetric() {
            return Self::mac(algorithm, bytes).ok();
        }
        let key = SigningKey::from_pkcs8_pem(std::str::from_utf8(&bytes).ok()?, algorithm).ok()?;
        Some(Self::of(key, bytes))
    }

    pub(super) fn mac(
        algorithm: Algorithm,
        bytes: Zeroizing<Vec<u8>>,
    ) -> Result<Self, PublishError> {
        let key = SigningKey::hmac(&bytes, algorithm).map_err(|error| refused("value", &error))?;
        Ok(Self::of(key, bytes))
    }

    /// A private key in PEM form, for this algorithm.
    pub fn pair(algorithm: Algorithm, mut pem: Zeroizing<String>) -> Result<Self, PublishError> {
        let key =
            SigningKey::from_pkcs8_pem(&pem, algorithm).map_err(|error| refused("pem", &error))?;
        let bytes = Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
        Ok(Self::of(key, bytes))
    }

    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, PublishError> {
        let failed = |error: KeyError| refused("generate", &error);
        let length = match algorithm {
            Algorithm::Hs256 => 32,
            Algorithm::Hs384 => 48,
            Algorithm::Hs512 => 64,
            _ => {
                let (key, mut pem) = SigningKey::generate(algorithm).map_err(failed)?;
                let bytes = Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
                return Ok(Self::of(key, bytes));
            }
        };
        let mut bytes = Zeroizing::new(vec![0; length]);
        // Once in tens of thousands, random bytes look like an encoded key.
        loop {
            rand::fill(&mut bytes).map_err(|_| failed(KeyError::Failed))?;
            match SigningKey::hmac(&bytes, algorithm) {
                Err(KeyError::SecretIsKey) => {}
                Err(error) => return Err(failed(error)),
                Ok(key) => return Ok(Self::of(key, bytes)),
            }
        }
    }

    /// A key store, to be kept.
    pub fn key_store(store: KeyStore) -> Self {
        Self::KeyStore {
            bytes: store.kept(),
            store: Arc::new(store),
        }
    }

    fn of(key: SigningKey, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::Key {
            key: Arc::new(VaultKey(key)),
            bytes,
        }
    }

    /// `secret`, `keystore`, or a key's algorithm.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key { key, .. } => key.0.algorithm().name(),
            Self::KeyStore { .. } => KEY_STORE,
            Self::Secret(_) => SECRET,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Key { bytes, .. } | Self::KeyStore { bytes, .. } | Self::Secret(bytes) => bytes,
        }
    }

    /// What the registry holds of it.
    pub fn hold(self) -> Held {
        match self {
            Self::Key { key, .. } => Held::Key(key),
            Self::KeyStore { store, .. } => Held::KeyStore(store),
            Self::Secret(bytes) => Held::Secret(Arc::new(bytes)),
        }
    }
}

fn refused(member: &str, error: &KeyError) -> PublishError {
    PublishError::new(
        member,
        error.to_string(),
        "an HS algorithm takes a secret at least as long as its hash, every other a PKCS#8 private key of its kind",
    )
}
