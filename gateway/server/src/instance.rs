//! A published instance: an immutable snapshot that a request loads once and keeps to its end.

pub mod authentication;
pub mod build;
pub mod client_secret;
pub mod outline;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use cambist_core::{Client, Timestamp, TokenType};
use cambist_token::jose::{Algorithm, Keyring};
use serde_json::Value;

pub use authentication::{Authentication, AuthenticationDocument};
pub use build::{Shelf, build};
pub use client_secret::ClientSecret;
pub use outline::Outline;

use crate::{
    face::{
        oauth::{grant::Grant, introspect::budget::Questions},
        rest_sts::RestFace,
    },
    ledger::Persistence,
    saml::{Taken, metadata::SignedMetadata},
};

/// Everything a request to one instance needs, resolved when it was published.
pub struct PublishedInstance {
    /// Realm path without its leading slash, `/`, name.
    pub id: String,
    /// Which publication this is; it never repeats.
    pub revision: u64,
    /// The issuer identifier of its OAuth face, the `iss` of what it issues by default.
    pub issuer: String,
    /// What stands in place of it in the endpoints for clients with a certificate, if these have their own.
    pub certificate_base: Option<String>,
    /// What the engine reads.
    pub engine: cambist_core::Instance,
    /// Who may ask on the OAuth face.
    pub clients: HashMap<String, RegisteredClient>,
    /// The REST STS face, if it has one.
    pub rest: Option<RestFace>,
    /// Whether `DPoP` proofs need a nonce of ours (RFC 9449 §8).
    pub dpop_nonce_required: bool,
    /// The keys it signs with, each in its time.
    pub keyring: Arc<Keyring>,
    /// The algorithms it signs with and publishes keys of.
    pub algorithms: Vec<Algorithm>,
    /// Keys of key stores that it signs with too, and publishes.
    pub kept_keys: Vec<(Arc<Keyring>, Algorithm)>,
    /// Whose tokens it takes, by token type: issuer identifiers.
    pub sources: HashMap<TokenType, Vec<String>>,
    /// What it keeps of what it issues.
    pub persistence: Persistence,
    /// Its authorization server metadata, serialised (RFC 8414 §2).
    pub metadata: Bytes,
    /// Its signed SAML metadata (saml-metadata §2.4), if it issues or accepts assertions.
    pub saml_metadata: Option<SignedMetadata>,
    /// What was taken from SAML metadata of others.
    pub imported: Vec<Taken>,
    /// What it was built from that may be replaced under it.
    pub uses: Uses,
    /// Its parts in its operator's words.
    pub outline: Outline,
}

impl PublishedInstance {
    /// Its JWK set at this moment, serialised (RFC 7517 §5).
    pub fn jwks(&self, now: Timestamp) -> Bytes {
        let mut set = self.keyring.jwks(&self.algorithms, now);
        if let Some(Value::Array(keys)) = set.get_mut("keys") {
            for (ring, algorithm) in &self.kept_keys {
                let kept = ring.signing(*algorithm).and_then(|key| key.public_jwk());
                keys.extend(kept.filter(|key| !keys.contains(key)));
            }
        }
        Bytes::from(set.to_string())
    }
}

/// A client and how it proves itself.
pub struct RegisteredClient {
    /// Its allow-lists.
    pub client: Client,
    /// How it proves who it is.
    pub authentication: Authentication,
    /// Grants it may use.
    pub grants: BTreeSet<Grant>,
    /// Relying parties about whose tokens it may ask.
    pub introspects: BTreeSet<String>,
    /// How much it has asked about tokens.
    pub questions: Questions,
}

/// Other published things an instance was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Plugins by name, for those bound by name and not by digest.
    pub plugins: Vec<String>,
    /// Plugins by name, for those bound by digest.
    pub pinned: Vec<String>,
    /// Digests of all bound plugins.
    pub digests: Vec<String>,
    /// Registered issuers by name.
    pub issuers: Vec<String>,
    /// Authenticators by id, for those it names.
    pub authenticators: Vec<String>,
    /// Secrets and keys of the vault by name.
    pub secrets: Vec<String>,
}

/// An instance as the registry holds it.
pub type SharedInstance = Arc<PublishedInstance>;

/// Whether `id` can name an instance: realm segments and a name, each 1 to 64 characters of
/// `[A-Za-z0-9._-]`, at most eight in all, none of them `.` or `..`.
pub fn is_valid_id(id: &str) -> bool {
    let segments: Vec<&str> = id.split('/').collect();
    segments.len() <= 8
        && segments.iter().all(|segment| {
            (1..=64).contains(&segment.len())
                && *segment != "."
                && *segment != ".."
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        })
}

/// The realm of an instance id: `/alpha` of `alpha/orders`, `/` of `orders`.
pub fn realm(id: &str) -> String {
    match id.rsplit_once('/') {
        Some((realm, _)) => format!("/{realm}"),
        None => "/".to_owned(),
    }
}
