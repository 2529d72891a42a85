//! Plugins where a document names them: found, granted what the operator says, and bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cambist_core::{Decider, TokenType};
use cambist_plugin::{
    BindError, Binding, Bound, Config, Grants, KvSpace, Origin, Plugin, PluginKey, Point,
};
use cambist_token::{
    AcrMapper, AmrMapper, BuildError, ClaimMapper, MapperSource,
    jose::{Algorithm, Keyring, SigningKey},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Shelf, Uses};
use crate::{gateway::now, publish_error::PublishError, vault::KeyStore};

/// Bytes a plugin may keep in the store unless the operator says otherwise.
const KV_BYTES: u64 = 1 << 20;

/// A plugin as a document names it, with what it is told and granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginDocument {
    /// `name`, `name@1.2.0` or `name@sha256:…`.
    pub plugin: String,
    /// Its configuration, as its manifest describes it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "GrantsDocument::is_default")]
    pub grants: GrantsDocument,
}

/// What a plugin is granted. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrantsDocument {
    /// Whether it may write to the log.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
    /// Whether it may read the clock.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clock: bool,
    /// Whether it may draw randomness.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub random: bool,
    /// Where it may send requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpDocument>,
    /// Its part of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvDocument>,
    /// Secrets of the vault, by the names the plugin uses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Those of `secrets` that it may see.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub reveal: BTreeSet<String>,
    /// Keys, by the names the plugin uses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, KeyDocument>,
    /// `worker` lets its sandboxes be used for several calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<WorkerDocument>,
}

impl GrantsDocument {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where requests may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpDocument {
    /// Origins such as `https://as.example`.
    pub origins: BTreeSet<String>,
}

/// A part of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvDocument {
    /// Most bytes of keys and values.
    #[serde(default = "kv_bytes")]
    pub bytes: u64,
}

const fn kv_bytes() -> u64 {
    KV_BYTES
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyDocument {
    /// One of the vault, by name.
    Vault(String),
    /// The instance's own.
    Own {
        /// Its algorithm.
        instance: String,
    },
}

/// How sandboxes live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerDocument {
    /// They are used for several calls.
    Worker,
}

/// Binds the plugins of one document, and remembers which.
pub(super) struct Binder<'a> {
    pub(super) instance: &'a str,
    pub(super) issuer: &'a str,
    pub(super) shelf: &'a Shelf<'a>,
    pub(super) uses: std::cell::RefCell<Uses>,
}

impl<'a> Binder<'a> {
    /// One that has bound nothing.
    pub(super) fn new(instance: &'a str, issuer: &'a str, shelf: &'a Shelf<'a>) -> Self {
        Self {
            instance,
            issuer,
            shelf,
            uses: std::cell::RefCell::default(),
        }
    }

    /// The key store of this name.
    pub(super) fn key_store(&self, name: &str) -> Option<Arc<KeyStore>> {
        let found = (self.shelf.key_store)(name)?;
        self.uses.borrow_mut().secrets.push(name.to_owned());
        Some(found)
    }

    /// A secret of the vault, as text.
    pub(super) fn secret_text(&self, name: &str) -> Option<Zeroizing<String>> {
        let found = (self.shelf.secret)(name)?;
        self.uses.borrow_mut().secrets.push(name.to_owned());
        found.text()
    }

    /// Reads a binding and binds it to `point`.
    pub(super) fn bind_value(&self, binding: &Value, point: Point) -> Result<Bound, PublishError> {
        self.bind(&read(binding.clone(), HINT)?, point)
    }

    /// Binds a plugin to `point`.
    pub(super) fn bind(
        &self,
        document: &PluginDocument,
        point: Point,
    ) -> Result<Bound, PublishError> {
        let reference = document.plugin.as_str();
        let plugin: Arc<Plugin> = (self.shelf.plugin)(reference).ok_or_else(|| {
            PublishError::new(
                "plugin",
                format!("no plugin `{reference}` has been uploaded"),
                "upload it with PUT /admin/v1/plugins/{name}, and name it as `name`, `name@1.2.0` or `name@sha256:…`",
            )
        })?;
        let name = reference
            .split_once('@')
            .map_or(reference, |(name, _)| name);
        let grants = self
            .grants(&document.grants, name)
            .map_err(|error| error.within("grants"))?;
        let binding = Binding {
            name: name.to_owned(),
            config: Config(document.config.clone()),
            grants,
        };
        let bound = plugin
            .bind(&[point], binding)
            .map_err(|error| unbound(&error))?;
        let mut uses = self.uses.borrow_mut();
        if name == reference {
            uses.plugins.push(name.to_owned());
        } else {
            uses.pinned.push(name.to_owned());
        }
        uses.digests.push(plugin.digest().to_owned());
        Ok(bound)
    }

    /// The exchange policies of a document, in order.
    pub(super) fn deciders(
        &self,
        documents: &[PluginDocument],
    ) -> Result<Vec<Arc<dyn Decider>>, PublishError> {
        let bound = |(index, document)| {
            self.bind(document, Point::Policy)
                .map(|bound| bound.decider())
                .map_err(|error| error.within(&format!("policy[{index}]")))
        };
        documents.iter().enumerate().map(bound).collect()
    }

    fn grants(&self, document: &GrantsDocument, plugin: &str) -> Result<Grants, PublishError> {
        let mut grants = Grants {
            log: document.log,
            clock: document.clock,
            random: document.random,
            kv: document.kv.map(|kv| KvSpace {
                name: format!("{plugin}@{}", self.instance),
                bytes: kv.bytes,
            }),
            reuse: document.isolation.is_some(),
            ..Grants::default()
        };
        for origin in document.http.iter().flat_map(|http| &http.origins) {
            grants.origins.push(Origin::parse(origin).ok_or_else(|| {
                PublishError::new(
                    "http.origins",
                    format!("`{origin}` is not an origin"),
                    "use a scheme, a host and perhaps a port, such as `https://as.example`",
                )
            })?);
        }
        if let Some(name) = document
            .reveal
            .iter()
            .find(|name| !document.secrets.contains_key(*name))
        {
            return Err(PublishError::new(
                "reveal",
                format!("`{name}` is not in `secrets`"),
                "list names of `secrets`",
            ));
        }
        for (name, vault) in &document.secrets {
            let mut secret = (self.shelf.secret)(vault)
                .ok_or_else(|| not_in_vault("secrets", name, vault, "secret"))?;
            secret.reveal = document.reveal.contains(name);
            grants.secrets.insert(name.clone(), secret);
            self.uses.borrow_mut().secrets.push(vault.clone());
        }
        for (name, key) in &document.keys {
            let key = match key {
                KeyDocument::Vault(vault) => {
                    let key = (self.shelf.key)(vault)
                        .ok_or_else(|| not_in_vault("keys", name, vault, "key"))?;
                    self.uses.borrow_mut().secrets.push(vault.clone());
                    key
                }
                KeyDocument::Own { instance } => self.own_key(name, instance)?,
            };
            grants.keys.insert(name.clone(), key);
        }
        Ok(grants)
    }

    fn own_key(&self, name: &str, algorithm: &str) -> Result<Arc<dyn PluginKey>, PublishError> {
        let keyring = self.shelf.keyring;
        keyring
            .algorithms()
            .into_iter()
            .find(|known| known.name() == algorithm)
            .map(|known: Algorithm| {
                Arc::new(OwnKey(Arc::clone(keyring), known)) as Arc<dyn PluginKey>
            })
            .ok_or_else(|| {
                let known: Vec<&str> = keyring
                    .algorithms()
                    .into_iter()
                    .map(Algorithm::name)
                    .collect();
                PublishError::new(
                    format!("keys.{name}.instance"),
                    format!("this instance has no key for `{algorithm}`"),
                    format!("use one of {}", known.join(", ")),
                )
            })
    }
}

fn not_in_vault(table: &str, name: &str, vault: &str, what: &str) -> PublishError {
    PublishError::new(
        format!("{table}.{name}"),
        format!("the vault has no {what} `{vault}`"),
        "put it there with PUT /admin/v1/secrets/{name}",
    )
}

fn unbound(error: &BindError) -> PublishError {
    let hint = match error {
        BindError::MissingExport { .. } => "bind a plugin here that fills this point",
        BindError::Config(_) => "GET /admin/v1/plugins/{name} shows what may be configured",
        BindError::Ungranted { .. } | BindError::Missing { .. } => {
            "grant it, or use another plugin"
        }
        BindError::Unwanted(_) | BindError::Undeclared { .. } | BindError::Reveal(_) => {
            "take the grant away"
        }
        BindError::Algorithm { .. } => "grant a key for one of these algorithms",
        BindError::Isolation => "leave `isolation` out",
    };
    PublishError::new(error.member(), error.to_string(), hint)
}

const HINT: &str = "a binding has `plugin`, and optionally `config` and `grants`";

/// Reads settings; an error names the member that does not fit.
pub(crate) fn read<T: DeserializeOwned>(
    settings: Value,
    hint: &'static str,
) -> Result<T, PublishError> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        PublishError::new(path, error.inner().to_string(), hint)
    })
}

/// The type of a plugin's tokens: a URI of somebody's own.
pub(super) fn check_type(token_type: &TokenType) -> Result<(), PublishError> {
    if token_type.is_ietf() || !token_type.as_str().contains(':') {
        return Err(PublishError::new(
            "token_type",
            format!("`{token_type}` cannot be a plugin's type"),
            "use a URI outside `urn:ietf:`, such as `urn:example:legacy-ticket`",
        ));
    }
    Ok(())
}

impl MapperSource for Binder<'_> {
    fn claims(
        &self,
        binding: &Value,
        wanted: &BTreeMap<String, String>,
    ) -> Result<ClaimMapper, BuildError> {
        let wanted = wanted
            .iter()
            .map(|(claim, source)| (claim.clone(), source.clone()))
            .collect();
        let bound = self
            .bind_value(binding, Point::ClaimMapper)
            .map_err(build_error)?;
        Ok(bound.claim_mapper(self.issuer.to_owned(), wanted))
    }

    fn acr(&self, binding: &Value) -> Result<AcrMapper, BuildError> {
        let bound = self
            .bind_value(binding, Point::AcrMapper)
            .map_err(build_error)?;
        Ok(bound.acr_mapper())
    }

    fn amr(&self, binding: &Value) -> Result<AmrMapper, BuildError> {
        let bound = self
            .bind_value(binding, Point::AmrMapper)
            .map_err(build_error)?;
        Ok(bound.amr_mapper())
    }
}

fn build_error(error: PublishError) -> BuildError {
    BuildError::new(error.path, error.reason, error.hint)
}

/// The instance's own key in the hands of a plugin. It signs nothing that could be taken for a token of the
/// instance's.
struct OwnKey(Arc<Keyring>, Algorithm);

impl OwnKey {
    fn current(&self) -> Option<Arc<SigningKey>> {
        self.0.signing_at(self.1, now()?)
    }
}

impl PluginKey for OwnKey {
    fn algorithm(&self) -> &str {
        self.1.name()
    }

    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        if could_be_a_token(data) {
            return None;
        }
        self.current()?.sign_bytes(data).ok()
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> bool {
        self.0
            .scheduled()
            .iter()
            .filter(|scheduled| scheduled.key.algorithm() == self.1)
            .any(|scheduled| scheduled.key.verify_bytes(data, signature))
    }

    fn public_jwk(&self) -> Option<String> {
        self.current()?.public_jwk().map(|jwk| jwk.to_string())
    }
}

/// Whether a signature over `data` could be read as one of a JWS (a base64url text up to the first dot,
/// RFC 7515 §5.1) or of XML.
fn could_be_a_token(data: &[u8]) -> bool {
    let is_encoded = |bytes: &[u8]| {
        bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_jws = data
        .iter()
        .position(|b| *b == b'.')
        .and_then(|dot| data.get(..dot))
        .is_some_and(is_encoded);
    is_jws || data.trim_ascii_start().first() == Some(&b'<')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instances_key_signs_nothing_like_a_token() {
        for refused in [
            &b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0"[..],
            b".payload",
            b"<ds:SignedInfo>",
            b"\n <a/>",
            b"e30.\x00\x01",
        ] {
            assert!(could_be_a_token(refused), "{refused:?}");
        }
        for allowed in [
            &b"\x04\0\0\0\0\0\0\0v4.public."[..],
            b"plain words. And more",
            b"",
            b"nodots",
        ] {
            assert!(!could_be_a_token(allowed), "{allowed:?}");
        }
    }
}
