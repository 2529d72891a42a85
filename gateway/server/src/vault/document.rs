//! What an operator writes to put something into the vault.

use std::{collections::BTreeMap, fmt};

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use cambist_token::jose::Algorithm;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{
    KeyStore, Material,
    key_store::{EntryDocument, PKCS12_LIMIT},
};
use crate::publish_error::PublishError;

/// Most bytes of a secret.
const MAX_SECRET: usize = 8 * 1024;
/// Most bytes of a private key in PEM form.
const MAX_PEM: usize = 64 * 1024;

const FORMS: &str = "send `value` or `value_base64` for a secret; `algorithm` and one of `value`, `value_base64`, `pem` (PKCS#8) \
                     or `generate` for a key; `pkcs12_base64` and `password`, or `entries`, for a key store";

/// A secret or a key as JSON, the body of `PUT /admin/v1/secrets/{name}`. `Debug` hides it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretDocument {
    /// The one algorithm of a key.
    #[serde(default)]
    algorithm: Option<Algorithm>,
    /// Secret bytes as text.
    #[serde(default, deserialize_with = "hidden")]
    value: Option<Zeroizing<String>>,
    /// Secret bytes in base64.
    #[serde(default, deserialize_with = "hidden")]
    value_base64: Option<Zeroizing<String>>,
    /// A private key, PKCS#8.
    #[serde(default, deserialize_with = "hidden")]
    pem: Option<Zeroizing<String>>,
    /// Whether the gateway makes the key.
    #[serde(default)]
    generate: bool,
    /// A key store in PKCS#12 form, in base64.
    #[serde(default, deserialize_with = "hidden")]
    pkcs12_base64: Option<Zeroizing<String>>,
    /// The password of that key store.
    #[serde(default, deserialize_with = "hidden")]
    password: Option<Zeroizing<String>>,
    /// A key store, entry by entry.
    #[serde(default, deserialize_with = "hidden_entries")]
    entries: Option<BTreeMap<String, EntryDocument>>,
}

fn hidden_entries<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, EntryDocument>>, D::Error> {
    BTreeMap::deserialize(deserializer)
        .map(Some)
        .map_err(|_| serde::de::Error::custom("is not an object of PEM texts or {\"generate\": …}"))
}

fn hidden<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    // The library's own words would repeat the value.
    String::deserialize(deserializer)
        .map(|text| Some(Zeroizing::new(text)))
        .map_err(|_| serde::de::Error::custom("is not text"))
}

impl fmt::Debug for SecretDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretDocument")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl SecretDocument {
    /// Reads it. An error names the member and never repeats what it held.
    pub fn material(self) -> Result<Material, PublishError> {
        let Self {
            algorithm,
            value,
            value_base64,
            pem,
            generate,
            pkcs12_base64,
            password,
            entries,
        } = self;
        if pkcs12_base64.is_some() || password.is_some() || entries.is_some() {
            let others = (algorithm, value, value_base64, pem, generate);
            return match (others, pkcs12_base64, password, entries) {
                ((None, None, None, None, false), Some(store), Some(password), None) => {
                    let store = decoded_store(&store)?;
                    KeyStore::from_pkcs12(&store, &password).map(Material::key_store)
                }
                ((None, None, None, None, false), None, None, Some(entries)) => {
                    KeyStore::from_entries(entries).map(Material::key_store)
                }
                _ => Err(PublishError::new("", "is not one key store", FORMS)),
            };
        }
        match (algorithm, value, value_base64, pem, generate) {
            (None, Some(text), None, None, false) => Ok(Material::Secret(bytes(&text)?)),
            (None, None, Some(text), None, false) => Ok(Material::Secret(decoded(&text)?)),
            (Some(algorithm), Some(text), None, None, false) => {
                Material::mac(algorithm, bytes(&text)?)
            }
            (Some(algorithm), None, Some(text), None, false) => {
                Material::mac(algorithm, decoded(&text)?)
            }
            (Some(algorithm), None, None, Some(pem), false) => {
                if pem.len() > MAX_PEM {
                    return Err(too_large("pem", MAX_PEM));
                }
                Material::pair(algorithm, pem)
            }
            (Some(algorithm), None, None, None, true) => Material::generate(algorithm),
            _ => Err(PublishError::new(
                "",
                "is neither one secret nor one key",
                FORMS,
            )),
        }
    }
}

fn bytes(text: &str) -> Result<Zeroizing<Vec<u8>>, PublishError> {
    checked("value", Zeroizing::new(text.as_bytes().to_vec()))
}

/// Both alphabets are in use, the standard one with padding and that of URLs without (RFC 4648 §4, §5).
fn decoded(text: &str) -> Result<Zeroizing<Vec<u8>>, PublishError> {
    let decoded = STANDARD
        .decode_to_vec(text)
        .or_else(|_| URL_SAFE_NO_PAD.decode_to_vec(text))
        .map_err(|_| {
            PublishError::new(
                "value_base64",
                "is not base64",
                "use the standard alphabet with padding, or that of URLs without",
            )
        })?;
    checked("value_base64", Zeroizing::new(decoded))
}

fn decoded_store(text: &str) -> Result<Zeroizing<Vec<u8>>, PublishError> {
    if text.len() > PKCS12_LIMIT * 2 {
        return Err(too_large("pkcs12_base64", PKCS12_LIMIT));
    }
    let dense: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    STANDARD
        .decode_to_vec(&*dense)
        .map(Zeroizing::new)
        .map_err(|_| PublishError::new("pkcs12_base64", "is not base64", "send `base64 keys.p12`"))
}

fn checked(member: &str, bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, PublishError> {
    match bytes.len() {
        0 => Err(PublishError::new(member, "is empty", "send the secret")),
        1..=MAX_SECRET => Ok(bytes),
        _ => Err(too_large(member, MAX_SECRET)),
    }
}

fn too_large(member: &str, limit: usize) -> PublishError {
    PublishError::new(
        member,
        format!("is larger than {limit} bytes"),
        "the vault is for secrets and keys",
    )
}
