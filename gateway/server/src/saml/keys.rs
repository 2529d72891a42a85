//! Keys and certificates in settings: as PEM, or by their alias in a key store of the vault.

use std::sync::Arc;

use cambist_saml::{
    algorithm::SignatureAlgorithm, certificate::Certificate, decryption::DecryptionKey,
    signing::SigningKey, verify::TrustedKey,
};
use serde::Deserialize;

use super::Frame;
use crate::{publish_error::PublishError, vault::KeyStore};

/// An entry of a key store.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    keystore: String,
    alias: String,
}

/// A certificate.
#[derive(Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "is neither PEM nor {\"keystore\": name, \"alias\": alias}"
)]
pub(super) enum CertificateDocument {
    /// In PEM form.
    Pem(String),
    /// That of an entry of a key store.
    Kept(Kept),
}

impl Frame<'_> {
    fn store(&self, path: &str, kept: &Kept) -> Result<Arc<KeyStore>, PublishError> {
        (self.key_store)(&kept.keystore).ok_or_else(|| {
            PublishError::new(
                format!("{path}.keystore"),
                format!("the vault has no key store `{}`", kept.keystore),
                "put it there with PUT /admin/v1/secrets/{name}",
            )
        })
    }

    fn no_entry(path: &str, kept: &Kept, store: &KeyStore) -> PublishError {
        let known: Vec<&str> = store.aliases().collect();
        PublishError::new(
            format!("{path}.alias"),
            format!("`{}` has no entry `{}`", kept.keystore, kept.alias),
            format!("use one of {}", known.join(", ")),
        )
    }

    /// Reads a certificate whose key can be used here.
    pub(super) fn certificate(
        &self,
        path: &str,
        document: &CertificateDocument,
    ) -> Result<Certificate, PublishError> {
        match document {
            CertificateDocument::Pem(pem) => Certificate::from_pem(pem).map_err(|error| {
                PublishError::new(
                    path,
                    format!("cannot be used: {error}"),
                    "send a certificate as PEM, from `-----BEGIN CERTIFICATE-----` on",
                )
            }),
            CertificateDocument::Kept(kept) => {
                let store = self.store(path, kept)?;
                let entry = store
                    .entry(&kept.alias)
                    .ok_or_else(|| Self::no_entry(path, kept, &store))?;
                entry.certificate().ok_or_else(|| {
                    PublishError::new(
                        format!("{path}.alias"),
                        "has no certificate with an RSA, P-256 or P-384 key",
                        "name another entry",
                    )
                })
            }
        }
    }

    /// Trusts the key of a certificate.
    pub(super) fn trusted_key(
        path: &str,
        certificate: &Certificate,
    ) -> Result<TrustedKey, PublishError> {
        TrustedKey::new(certificate).map_err(|error| {
            PublishError::new(path, error.to_string(), "use RSA keys of 2048 to 8192 bits")
        })
    }

    /// Reads a private key with its certificate.
    pub(super) fn signing_key(
        &self,
        path: &str,
        kept: &Kept,
        algorithm: SignatureAlgorithm,
    ) -> Result<Arc<SigningKey>, PublishError> {
        let store = self.store(path, kept)?;
        let entry = store
            .entry(&kept.alias)
            .ok_or_else(|| Self::no_entry(path, kept, &store))?;
        entry.signing_key(algorithm).map_err(|error| {
            PublishError::new(
                format!("{path}.alias"),
                error.to_string(),
                "name an entry with a private key and its certificate, of the kind that `algorithm` needs",
            )
        })
    }

    /// Reads a private key to decrypt with, and its certificate.
    pub(super) fn decryption_key(
        &self,
        path: &str,
        kept: &Kept,
    ) -> Result<(DecryptionKey, Option<Certificate>), PublishError> {
        let store = self.store(path, kept)?;
        let entry = store
            .entry(&kept.alias)
            .ok_or_else(|| Self::no_entry(path, kept, &store))?;
        let key = entry.decryption_key().map_err(|error| {
            PublishError::new(
                format!("{path}.alias"),
                error.to_string(),
                "name an entry with an RSA private key",
            )
        })?;
        Ok((key, entry.certificate()))
    }
}
