//! From what an operator sends: PKCS#12, PEM, or nothing but the wish for a new key.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use cambist_saml::{
    SelfSigned,
    algorithm::SignatureAlgorithm,
    certificate::is_certificate,
    signing::{SigningKey, pem},
};
use p12_keystore::{Certificate as Pkcs12Certificate, Pkcs12Archive};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{KeyStore, KeyStoreEntry, MOST_ENTRIES, Parsed};
use crate::{gateway, publish_error::PublishError};

/// Most bytes of a key store in PKCS#12 form.
pub(crate) const PKCS12_LIMIT: usize = 64 * 1024;
/// Most bytes of one entry as PEM.
const MOST_PEM: usize = 32 * 1024;
/// Most certificates behind one key.
const MOST_CERTIFICATES: usize = 8;
/// Relying parties trust a certificate because they were given it, so it need not end soon.
const DAYS: u32 = 3650;

/// What Java key stores of its own two kinds begin with.
const JAVA: [[u8; 4]; 2] = [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce]];
const CONVERT: &str = "convert it: keytool -importkeystore -srckeystore keys.jks -destkeystore keys.p12 -deststoretype pkcs12";
const PKCS8: &str = "convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem";

/// An entry as an operator sends it.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum EntryDocument {
    /// A private key (PKCS#8), its certificates, or both, as PEM.
    Pem(#[serde(deserialize_with = "text")] Zeroizing<String>),
    /// A new key with a certificate that it signs itself.
    Generate {
        /// `RS256` or `ES256`.
        generate: String,
        /// The common name in the certificate.
        #[serde(default = "common_name")]
        common_name: String,
    },
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

fn common_name() -> String {
    "Cambist".to_owned()
}

impl KeyStore {
    /// Reads a store in PKCS#12 form. `password` opens it and the keys in it.
    pub fn from_pkcs12(store: &[u8], password: &str) -> Result<Self, PublishError> {
        const MEMBER: &str = "pkcs12_base64";
        if store.len() > PKCS12_LIMIT {
            return Err(too_large(MEMBER, PKCS12_LIMIT));
        }
        if JAVA.iter().any(|magic| store.starts_with(magic)) {
            return Err(PublishError::new(
                MEMBER,
                "is a key store of Java's own kind (JKS)",
                CONVERT,
            ));
        }
        let archive = Pkcs12Archive::from_pkcs12(store, password).map_err(|error| {
            let reason = match error {
                p12_keystore::error::Error::MacError(_) => {
                    "does not open with this password".to_owned()
                }
                error => format!("is not a PKCS#12 key store that can be read: {error}"),
            };
            PublishError::new(
                MEMBER,
                reason,
                "send the file in base64, and its password as `password`",
            )
        })?;
        let mut entries = Vec::new();
        let mut is_taken = vec![false; archive.certs.len()];
        for (index, bag) in archive.keys.iter().enumerate() {
            let alias = bag
                .friendly_name
                .clone()
                .unwrap_or_else(|| (index + 1).to_string());
            let mut text = Zeroizing::new(pem("PRIVATE KEY", bag.key.as_der()));
            let leaf = archive
                .certs
                .iter()
                .position(|certificate| match &bag.local_key_id {
                    Some(id) => certificate.local_key_id.as_deref() == Some(id.as_ref()),
                    None => certificate.friendly_name == bag.friendly_name,
                });
            let mut next = leaf;
            let mut chain: Vec<&Pkcs12Certificate> = Vec::new();
            while let Some(found) = next {
                let Some(bag) = archive.certs.get(found) else {
                    break;
                };
                if chain.len() == MOST_CERTIFICATES || chain.contains(&&bag.cert) {
                    break;
                }
                if let Some(taken) = is_taken.get_mut(found) {
                    *taken = true;
                }
                text.push_str(&pem("CERTIFICATE", bag.cert.as_der()));
                chain.push(&bag.cert);
                next = archive.certs.iter().position(|other| {
                    other.cert.subject() == bag.cert.issuer()
                        && other.cert.subject() != bag.cert.subject()
                });
            }
            entries.push((alias, text));
        }
        for (bag, is_taken) in archive.certs.iter().zip(is_taken) {
            if !is_taken {
                let alias = bag
                    .friendly_name
                    .clone()
                    .unwrap_or_else(|| bag.cert.subject().to_owned());
                entries.push((alias, Zeroizing::new(pem("CERTIFICATE", bag.cert.as_der()))));
            }
        }
        Self::of(MEMBER, entries)
    }

    /// Reads entries of a document.
    pub fn from_entries(entries: BTreeMap<String, EntryDocument>) -> Result<Self, PublishError> {
        let texts: Vec<_> = entries
            .into_iter()
            .map(|(alias, entry)| match entry {
                EntryDocument::Pem(text) => Ok((alias, text)),
                EntryDocument::Generate {
                    generate,
                    common_name,
                } => {
                    let text = made(&generate, &common_name)
                        .map_err(|error| error.within(&format!("entries.{alias}")))?;
                    Ok((alias, text))
                }
            })
            .collect::<Result<_, PublishError>>()?;
        Self::of("entries", texts)
    }

    /// Reads what [`kept`](Self::kept) wrote.
    pub fn from_kept(bytes: &[u8]) -> Option<Self> {
        let entries: BTreeMap<String, String> = serde_json::from_slice(bytes).ok()?;
        let entries = entries
            .into_iter()
            .map(|(alias, text)| (alias, Zeroizing::new(text)));
        Self::of("entries", entries).ok()
    }

    /// The form that is encrypted and kept.
    pub fn kept(&self) -> Zeroizing<Vec<u8>> {
        let entries: BTreeMap<&str, &str> = self
            .entries
            .iter()
            .map(|(alias, entry)| (alias.as_str(), entry.pem.as_str()))
            .collect();
        Zeroizing::new(serde_json::to_vec(&entries).unwrap_or_default())
    }

    /// A new RSA key under this alias.
    pub fn generated(alias: &str) -> Result<Self, PublishError> {
        Self::of("entries", [(alias.to_owned(), made("RS256", "Cambist")?)])
    }

    fn of(
        member: &str,
        entries: impl IntoIterator<Item = (String, Zeroizing<String>)>,
    ) -> Result<Self, PublishError> {
        let mut store = Self::default();
        for (alias, text) in entries {
            let path = format!("{member}.{alias}");
            let is_name = (1..=256).contains(&alias.len()) && !alias.chars().any(char::is_control);
            if !is_name {
                return Err(PublishError::new(
                    member,
                    "an alias is not 1 to 256 visible characters",
                    "rename it",
                ));
            }
            if store.entries.len() == MOST_ENTRIES {
                return Err(PublishError::new(
                    member,
                    format!("has more than {MOST_ENTRIES} entries"),
                    "send several",
                ));
            }
            let entry = KeyStoreEntry::read(text).map_err(|error| error.within(&path))?;
            if store
                .entries
                .insert(alias.to_ascii_lowercase(), entry)
                .is_some()
            {
                return Err(PublishError::new(
                    path,
                    "stands twice",
                    "give each entry an alias of its own",
                ));
            }
        }
        if store.entries.is_empty() {
            return Err(PublishError::new(
                member,
                "holds neither keys nor certificates",
                "send at least one",
            ));
        }
        Ok(store)
    }
}

impl KeyStoreEntry {
    fn read(text: Zeroizing<String>) -> Result<Self, PublishError> {
        const FORM: &str = "send PEM: a `PRIVATE KEY` (PKCS#8), its `CERTIFICATE` behind it, or certificates alone";
        if text.len() > MOST_PEM {
            return Err(too_large("", MOST_PEM));
        }
        for other in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            if text.contains(&format!("-----BEGIN {other}-----")) {
                let reason = format!("holds a `{other}`, which is not PKCS#8 in clear");
                return Err(PublishError::new("", reason, PKCS8));
            }
        }
        let wrong = |reason: &str| PublishError::new("", reason, FORM);
        let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(text.as_bytes())
            .take(MOST_CERTIFICATES + 1)
            .map(|found| found.map(|der| der.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("is not PEM"))?;
        if certificates.len() > MOST_CERTIFICATES {
            return Err(wrong("has too many certificates"));
        }
        if !certificates.iter().all(|der| is_certificate(der)) {
            return Err(wrong("holds something else than an X.509 certificate"));
        }
        let has_key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).is_ok();
        if !has_key && certificates.is_empty() {
            return Err(wrong("holds neither a private key nor a certificate"));
        }
        let entry = Self {
            pem: text,
            has_key,
            certificates,
            parsed: Parsed::default(),
        };
        entry.check_pair()?;
        Ok(entry)
    }

    /// A certificate of a kind that is used here must be that of the key it stands beside.
    fn check_pair(&self) -> Result<(), PublishError> {
        let (true, Some(certificate)) = (self.has_key, self.certificate()) else {
            return Ok(());
        };
        let algorithm = SignatureAlgorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.key_kind() == certificate.kind());
        let Some(algorithm) = algorithm else {
            return Ok(());
        };
        self.signing_key(algorithm).map(drop).map_err(|error| {
            PublishError::new(
                "",
                error.to_string(),
                "send a key and the certificate of that key",
            )
        })
    }
}

fn made(algorithm: &str, common_name: &str) -> Result<Zeroizing<String>, PublishError> {
    let algorithm = match algorithm {
        "RS256" => SignatureAlgorithm::RsaSha256,
        "ES256" => SignatureAlgorithm::EcdsaSha256,
        other => {
            return Err(PublishError::new(
                "generate",
                format!("`{other}` is unknown"),
                "use RS256 or ES256",
            ));
        }
    };
    let failed = |reason: String| PublishError::new("generate", reason, "try again");
    let mut random = [0; 16];
    rand::fill(&mut random).map_err(|_| failed("there is no randomness".to_owned()))?;
    let wanted = SelfSigned {
        name: common_name,
        now: gateway::now().ok_or_else(|| failed("the clock stands before 1970".to_owned()))?,
        days: DAYS,
        random,
    };
    let made =
        SigningKey::generate(algorithm, &wanted).map_err(|error| failed(error.to_string()))?;
    let mut text = made.private_key;
    text.push_str(&made.certificate);
    Ok(text)
}

fn too_large(member: &str, limit: usize) -> PublishError {
    PublishError::new(
        member,
        format!("is larger than {limit} bytes"),
        "send less at once",
    )
}
