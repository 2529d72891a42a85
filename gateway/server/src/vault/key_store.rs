//! Key stores: private keys and certificates by alias.

mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use cambist_saml::{
    algorithm::{KeyKind, SignatureAlgorithm},
    certificate::Certificate,
    decryption::{DecryptionKey, NotADecryptionKey},
    signing::{KeyError, SigningKey},
};
use cambist_token::{
    Keyring,
    jose::{self, Algorithm},
};
use serde::Serialize;
use zeroize::Zeroizing;

pub(super) use read::{EntryDocument, PKCS12_LIMIT};

/// Most entries of one store.
const MOST_ENTRIES: usize = 64;

/// Private keys and certificates by alias. Aliases are told apart whatever their case, as Java does.
#[derive(Default)]
pub struct KeyStore {
    /// By alias in lower case.
    entries: BTreeMap<String, KeyStoreEntry>,
}

/// A private key with its certificates, or certificates alone.
pub struct KeyStoreEntry {
    /// Keys and certificates as PEM, the form that is kept.
    pem: Zeroizing<String>,
    has_key: bool,
    /// In DER, the key's own first.
    certificates: Vec<Vec<u8>>,
    parsed: Parsed,
}

/// What a private key was parsed to, once for all instances that sign with it.
#[derive(Default)]
struct Parsed {
    assertions: Mutex<Vec<(SignatureAlgorithm, Arc<SigningKey>)>>,
    tokens: Mutex<Vec<(Algorithm, Arc<Keyring>)>>,
}

/// What may be known of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntrySummary {
    /// Its alias.
    pub alias: String,
    /// Whether there is a private key.
    pub has_private_key: bool,
    /// The kind of key in its certificate: `RSA`, `P-256`, `P-384`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'static str>,
    /// When its certificate ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<u64>,
    /// `x5t#S256` of its certificate (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
}

impl KeyStore {
    /// The entry of this alias.
    pub fn entry(&self, alias: &str) -> Option<&KeyStoreEntry> {
        self.entries.get(&alias.to_ascii_lowercase())
    }

    /// All aliases, in order.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// What may be known of it.
    pub fn summary(&self) -> Vec<EntrySummary> {
        self.entries
            .iter()
            .map(|(alias, entry)| {
                let certificate = entry.certificate();
                EntrySummary {
                    alias: alias.clone(),
                    has_private_key: entry.has_key,
                    key: certificate.as_ref().map(|known| match known.kind() {
                        KeyKind::P256 => "P-256",
                        KeyKind::P384 => "P-384",
                        KeyKind::Rsa => "RSA",
                    }),
                    not_after: certificate.as_ref().map(|known| known.not_after().0),
                    thumbprint: certificate.map(|known| {
                        base64_simd::URL_SAFE_NO_PAD.encode_to_string(known.thumbprint())
                    }),
                }
            })
            .collect()
    }
}

impl KeyStoreEntry {
    /// The certificate of the key, or the first one, if it holds a key of a kind that is used here.
    pub fn certificate(&self) -> Option<Certificate> {
        Certificate::from_der(self.certificates.first()?).ok()
    }

    /// All certificates in DER, the key's own first.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The private key and its certificates as PEM (PKCS#8 first), if it has a private key.
    pub fn private_key_pem(&self) -> Option<&str> {
        self.has_key.then_some(self.pem.as_str())
    }

    /// The private key with its certificate, to sign assertions with.
    pub fn signing_key(&self, algorithm: SignatureAlgorithm) -> Result<Arc<SigningKey>, KeyError> {
        once(&self.parsed.assertions, algorithm, || {
            let pem = self.private_key_pem().ok_or(KeyError::NotPem)?;
            SigningKey::from_pem(pem, pem, algorithm)
        })
    }

    /// The private key alone in a ring, to sign JWTs with.
    pub fn signing_ring(&self, algorithm: Algorithm) -> Result<Arc<Keyring>, jose::KeyError> {
        once(&self.parsed.tokens, algorithm, || {
            let pem = self.private_key_pem().ok_or(jose::KeyError::NotPem)?;
            let key = jose::SigningKey::from_pkcs8_pem(pem, algorithm)?;
            Ok(Keyring::new(vec![Arc::new(key)]))
        })
    }

    /// The private key, to decrypt with.
    pub fn decryption_key(&self) -> Result<DecryptionKey, NotADecryptionKey> {
        let pem = self.private_key_pem().ok_or(NotADecryptionKey)?;
        DecryptionKey::from_pem(pem)
    }
}

/// What is known for `algorithm`, or else is made now. What cannot be made is tried again the next time.
fn once<A: Copy + PartialEq, T, E>(
    known: &Mutex<Vec<(A, Arc<T>)>>,
    algorithm: A,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<Arc<T>, E> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = known.iter().find(|(made_for, _)| *made_for == algorithm) {
        return Ok(Arc::clone(found));
    }
    let made = Arc::new(make()?);
    known.push((algorithm, Arc::clone(&made)));
    Ok(made)
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.aliases()).finish()
    }
}
