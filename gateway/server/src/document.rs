//! What an operator writes to publish an instance: plain data, checked when it is built.

use std::collections::{BTreeMap, BTreeSet};

use cambist_core::Scope;
use cambist_token::jose::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    face::oauth::grant::Grant,
    instance::{AuthenticationDocument, build::bindings::PluginDocument},
    ledger::Persistence,
    publish_error::PublishError,
};

/// A published instance as JSON, the body of `PUT /admin/v1/instances/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceDocument {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Ways to read tokens, by a name of the operator's choosing.
    #[serde(default)]
    pub validators: BTreeMap<String, PartDocument>,
    /// Ways to make tokens, by a name of the operator's choosing.
    #[serde(default)]
    pub providers: BTreeMap<String, PartDocument>,
    /// Which validator feeds which provider.
    #[serde(default)]
    pub transformations: Vec<TransformationDocument>,
    /// Validators whose tokens may be presented as actor tokens. None by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// Whom tokens are issued for, by audience.
    #[serde(default)]
    pub relying_parties: BTreeMap<String, RelyingPartyDocument>,
    /// Who may ask, by `client_id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, ClientDocument>,
    /// Offers `client_credentials` (RFC 6749 §4.4) to clients that may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentialsDocument>,
    /// Assertions that are grants (RFC 7523 §2.1).
    #[serde(default, skip_serializing_if = "is_default")]
    pub jwt_bearer: JwtBearerDocument,
    /// Set when several sources of subjects speak of the same people on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_subjects: bool,
    /// Exchange policies of the operator's own, asked in this order after the gateway's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<PluginDocument>,
    /// Bounds on delegation chains.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: LimitsDocument,
    /// What it signs with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keys: KeysDocument,
    /// What is kept of issued tokens.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ledger: LedgerDocument,
    /// Proof of possession (RFC 9449).
    #[serde(default, skip_serializing_if = "is_default")]
    pub dpop: DpopDocument,
    /// The REST STS face, if the instance has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_sts: Option<RestStsDocument>,
}

impl InstanceDocument {
    /// Every plugin the document names, as it names it.
    pub fn plugin_references(&self) -> Vec<&str> {
        let mut found: Vec<&str> = self.policy.iter().map(|p| p.plugin.as_str()).collect();
        for part in self.validators.values().chain(self.providers.values()) {
            let parts = part.settings.values().filter_map(Value::as_object);
            let named = std::iter::once(&part.settings)
                .chain(parts)
                .filter_map(|members| members.get("plugin")?.as_str());
            found.extend(named);
        }
        found
    }
}

/// Stands for a secret where a document is read, and means "as before" where it is written.
pub const UNCHANGED: &str = "(unchanged)";

impl InstanceDocument {
    /// The document as it may be shown: provider secrets replaced by [`UNCHANGED`].
    #[must_use]
    pub fn redacted(mut self) -> Self {
        for secret in self.provider_secrets() {
            UNCHANGED.clone_into(secret.1);
        }
        self
    }

    /// Puts the secrets of `previous` where this document says [`UNCHANGED`].
    pub fn keep_secrets(&mut self, previous: Option<&Self>) -> Result<(), PublishError> {
        for (name, secret) in self.provider_secrets() {
            if secret != UNCHANGED {
                continue;
            }
            let kept = previous
                .and_then(|document| {
                    document
                        .providers
                        .get(name)?
                        .settings
                        .get("secret")?
                        .as_str()
                })
                .ok_or_else(|| {
                    PublishError::new(
                        format!("providers.{name}.secret"),
                        "is to stay as it was, and there was none",
                        "send the secret itself",
                    )
                })?;
            kept.clone_into(secret);
        }
        Ok(())
    }

    fn provider_secrets(&mut self) -> impl Iterator<Item = (&String, &mut String)> {
        self.providers
            .iter_mut()
            .filter_map(|(name, part)| match part.settings.get_mut("secret") {
                Some(Value::String(secret)) => Some((name, secret)),
                _ => None,
            })
    }
}

/// A validator or provider: its kind and that kind's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartDocument {
    /// A builtin's name, or `plugin`.
    pub kind: String,
    /// Everything else; the kind knows what it may hold.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// One of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformationDocument {
    /// The name of a validator.
    pub subject: String,
    /// The name of a provider.
    pub issue: String,
}

/// Whom tokens are issued for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelyingPartyDocument {
    /// Its resources: absolute URIs without fragment (RFC 8707 §2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The scope it understands.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scopes: Scope,
    /// Longest life of a token issued for it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_seconds: Option<u64>,
    /// What its tokens are signed with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keys: PartyKeysDocument,
}

/// What the tokens of one relying party are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartyKeysDocument {
    /// Whether it is keys that sign for nobody else.
    pub own: bool,
    /// Their algorithm; that of the provider by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// How long the first of them is published before it signs, where tokens were issued for the relying party
    /// before it had keys of its own. A day by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_seconds: Option<u64>,
}

/// Who may ask, with its allow-lists. What is not listed is not allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a permission of its own in the document"
)]
pub struct ClientDocument {
    /// The secret in clear, on the way in only: it is hashed before anything is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What is kept of the secret: `sha256:<hex>` or an argon2id PHC string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_hash: Option<String>,
    /// Another way to prove itself, instead of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationDocument>,
    /// Grants it may use, by their names on the wire. Token exchange by default.
    #[serde(default = "token_exchange", skip_serializing_if = "is_token_exchange")]
    pub grant_types: BTreeSet<Grant>,
    /// Audiences it may ask for.
    #[serde(default)]
    pub audiences: BTreeSet<String>,
    /// Scope it may ask for.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scopes: Scope,
    /// Audiences of the subject tokens it may present; its own id by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_audiences: Option<BTreeSet<String>>,
    /// Relying parties about whose tokens it may ask, as their resource server (RFC 7662).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub introspects: BTreeSet<String>,
    /// Whether it may receive tokens that do not name it as the actor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub impersonation: bool,
    /// Actors besides itself whose tokens it may present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<ActorDocument>,
    /// Longest life of a token issued to it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_seconds: Option<u64>,
    /// Whether every token it gets must be bound to a key it proves by `DPoP` (RFC 9449 §5.2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// Whether every token it gets must be bound to its TLS certificate (RFC 8705 §3.4).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether it may receive a bearer token for a bound one whose key it proved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbinding: bool,
}

fn token_exchange() -> BTreeSet<Grant> {
    BTreeSet::from([Grant::TokenExchange])
}

fn is_token_exchange(grants: &BTreeSet<Grant>) -> bool {
    *grants == token_exchange()
}

/// What clients get that ask in their own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentialsDocument {
    /// The name of a provider.
    pub issue: String,
    /// Put before the client's identifier in `sub`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject_prefix: String,
}

/// How an instance treats JWTs that are grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JwtBearerDocument {
    /// Whether one serves as often as somebody brings it. Once only by default (RFC 7523 §3, item 7).
    pub reusable: bool,
}

/// An actor a client may bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorDocument {
    /// Its issuer; any accepted one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its subject identifier.
    pub subject: String,
}

/// Bounds on delegation chains (TX-57).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsDocument {
    /// Most actors, 1 to 8.
    pub chain_depth: usize,
}

impl Default for LimitsDocument {
    fn default() -> Self {
        Self { chain_depth: 8 }
    }
}

/// Whether a member may be left out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What an instance signs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysDocument {
    /// Whether it has keys that no other instance signs with.
    pub own: bool,
}

/// What is kept of issued tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerDocument {
    /// Which tokens are kept, and when they are written.
    pub persistence: Persistence,
}

/// How an instance treats `DPoP` proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpopDocument {
    /// Whether a proof needs a nonce that the gateway gave out (RFC 9449 §8). A client that has none is told
    /// one, at the cost of another request.
    pub nonce_required: bool,
}

/// How an instance answers on the REST STS face, where token types go by short names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestStsDocument {
    /// Validators by input token type name (`USERNAME`, `OPENIDCONNECT`, or a custom name).
    pub inputs: BTreeMap<String, String>,
    /// Providers by output token type name (`OPENIDCONNECT`, or a custom name).
    pub outputs: BTreeMap<String, String>,
    /// The pairs that may be translated.
    pub transforms: Vec<RestTransformDocument>,
    /// Audiences every issued token is addressed to; each a relying party.
    pub audiences: BTreeSet<String>,
    /// Where certificates of clients come from, if not from their TLS connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificateDocument>,
    /// Of these, the audiences of an output token type that is not for all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_audiences: BTreeMap<String, BTreeSet<String>>,
    /// Whether issued tokens can be validated, cancelled and listed. They are then on disk before they leave,
    /// but for their text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_tokens: bool,
    /// Whether their text is kept too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_text: bool,
    /// The `instance_state` this was published from, when it was published through `/sts-publish/rest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_state: Option<Value>,
}

/// A TLS offloader that passes the certificates of clients on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateDocument {
    /// The header that holds a certificate in base64 of DER.
    #[serde(with = "header_name")]
    pub header: hyper::header::HeaderName,
    /// Whose header is believed: addresses, or `any`.
    pub hosts: BTreeSet<String>,
}

mod header_name {
    //! Names of headers as text.

    use hyper::header::HeaderName;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(name: &HeaderName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HeaderName, D::Error> {
        let name = String::deserialize(from)?;
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| D::Error::custom("is no name of a header"))
    }
}

/// One translatable pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestTransformDocument {
    /// Input token type name.
    pub input: String,
    /// Output token type name.
    pub output: String,
    /// Whether a session made while validating the input ends with the translation.
    #[serde(default)]
    pub invalidate_interim_session: bool,
}

/// Reads a document of any kind; an error names the path of the member that does not fit.
pub fn read<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, PublishError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        PublishError::new(
            if path == "." { String::new() } else { path },
            error.into_inner().to_string(),
            "see the reference of this document",
        )
    })?;
    deserializer.end().map_err(|error| {
        PublishError::new("", error.to_string(), "send exactly one JSON object")
    })?;
    Ok(document)
}
