//! What an operator writes to publish a route.

use std::collections::BTreeMap;

use cambist_core::{Scope, TokenType};
use serde::{Deserialize, Serialize};

/// A route as JSON, the body of `PUT /admin/v1/routes/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// The host it serves, without port, in any case; `*.example.com` for every host below one; every host
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The one path it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The beginning of the paths it serves: whole segments, so `/a` takes `/a` and `/a/b`, not `/ab`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// The methods it serves; every method when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Headers a request must have: with this value, or with any when `true`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderCondition>,
    /// Where requests go: `http://host[:port][/base/path]`, or `https`.
    pub upstream: String,
    /// Where to connect, as `host:port`, instead of the upstream's own host. The one with the fewest requests
    /// is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// How the upstream is spoken to.
    #[serde(default, skip_serializing_if = "crate::document::is_default")]
    pub protocol: ProtocolName,
    /// TLS to the upstream, where it differs from the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsDocument>,
    /// Active checks of the endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthDocument>,
    /// Failures in a row after which an endpoint is out of use for a while; 0 for never.
    #[serde(default = "default_eject_after")]
    pub eject_after: u32,
    /// Most requests under way; more are answered 503.
    #[serde(default = "default_max_requests")]
    pub max_requests: usize,
    /// Protocols that clients may switch to, as `Upgrade` names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<String>,
    /// Trailers that go through, beside those of gRPC over HTTP/2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<String>,
    /// The id of the published instance that exchanges the tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The relying party to exchange for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The scope the route may obtain at most; the relying party's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scope>,
    /// The scope that what is issued must have for a request to go on.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub required_scopes: Scope,
    /// The type of the bearer tokens that clients present, when `credentials` is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_token_type: Option<TokenType>,
    /// How clients may present themselves; the first that a request has counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialDocument>,
    /// Where a token of whoever acts for the subject comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<CredentialDocument>,
    /// Whether what is made of a token that is bound to a key may be unbound: the gateway has seen the proof,
    /// and nobody behind it can.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbinding: bool,
    /// What becomes of requests without a credential.
    #[serde(default, skip_serializing_if = "crate::document::is_default")]
    pub anonymous: Anonymous,
    /// The type of token to issue; an access token when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<TokenType>,
    /// Where the issued token goes.
    #[serde(default, skip_serializing_if = "SendDocument::is_bearer")]
    pub send: SendDocument,
    /// Headers for the upstream by name, and the claim whose value each gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claim_headers: BTreeMap<String, String>,
    /// How, and how recently, the subject must have authenticated (RFC 9470).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<StepUpDocument>,
    /// Where the resource's metadata is (RFC 9728), for the challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_metadata: Option<String>,
    /// Longest an exchange is relied upon; 0 exchanges for every request. At most 3600.
    #[serde(default = "default_cache_seconds")]
    pub cache_seconds: u64,
    /// Exchanges kept at most.
    #[serde(default = "default_cache_entries")]
    pub cache_entries: usize,
    /// Whether a request without a body is sent once more, with a new token, when the upstream answers 401.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry_unauthorized: bool,
    /// Whether `path_prefix` is taken off before the base path is put on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip_prefix: bool,
    /// Longest wait for the head of the response, counted from the last progress of the request's body;
    /// also for an exchange. 1 to 3600 seconds.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// Longest silence within the body of the response, or of both sides after an upgrade. 1 to 86400
    /// seconds.
    #[serde(default = "default_idle")]
    pub idle_seconds: u64,
    /// Longest time for all of it. 1 to 86400 seconds; not bounded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_seconds: Option<u64>,
    /// Longest time to resolve, connect and shake hands. 1 to 60 seconds.
    #[serde(default = "default_connect")]
    pub connect_seconds: u64,
    /// Longest use of a connection; the next resolves the upstream's name again. 1 to 86400 seconds.
    #[serde(default = "default_connection")]
    pub connection_seconds: u64,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolName {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, over TLS or at once. gRPC needs it.
    Http2,
}

/// TLS to an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsDocument {
    /// Authorities to trust instead of the gateway's, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The gateway's certificate for the upstream, with those that lead to its authority, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The secret of the vault that holds its key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The name the upstream's certificate must have; its host when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// Active checks: a GET that must be answered with success or a redirection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthDocument {
    /// The path to ask for.
    pub path: String,
    /// Seconds between two checks of an endpoint. 1 to 3600.
    #[serde(default = "default_every")]
    pub every_seconds: u64,
    /// Longest wait for an answer. 1 to 60.
    #[serde(default = "default_check_timeout")]
    pub timeout_seconds: u64,
    /// Failures in a row that take an endpoint out of use.
    #[serde(default = "default_unhealthy_after")]
    pub unhealthy_after: u32,
    /// Successes in a row that bring it back.
    #[serde(default = "default_healthy_after")]
    pub healthy_after: u32,
}

const fn default_eject_after() -> u32 {
    5
}

const fn default_max_requests() -> usize {
    10_000
}

const fn default_connect() -> u64 {
    5
}

const fn default_connection() -> u64 {
    300
}

const fn default_every() -> u64 {
    10
}

const fn default_check_timeout() -> u64 {
    2
}

const fn default_unhealthy_after() -> u32 {
    3
}

const fn default_healthy_after() -> u32 {
    2
}

/// What a header must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderCondition {
    /// There, whatever its value.
    Present(bool),
    /// Exactly this.
    Value(String),
}

/// One way to present oneself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialDocument {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer {
        /// What it is validated as.
        #[serde(default = "access_token")]
        token_type: TokenType,
    },
    /// `Authorization: DPoP …` with the proof of the key that the token is bound to (RFC 9449 §7.1).
    Dpop {
        /// What it is validated as.
        #[serde(default = "access_token")]
        token_type: TokenType,
        /// Whether proofs must hold a nonce of the gateway (RFC 9449 §9).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nonce_required: bool,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: String,
        /// What it is validated as.
        token_type: TokenType,
        /// How the token is written in it.
        #[serde(default)]
        encoding: Encoding,
    },
    /// A cookie. The others go on.
    Cookie {
        /// Its name.
        name: String,
        /// What it is validated as.
        token_type: TokenType,
    },
    /// A field of a form. The others go on.
    Form {
        /// Its name.
        name: String,
        /// What it is validated as.
        token_type: TokenType,
        /// How the token is written in it.
        #[serde(default)]
        encoding: Encoding,
    },
    /// `Authorization: Basic …` (RFC 7617), validated as `{"username": …, "password": …}`.
    Basic {
        /// What it is validated as.
        #[serde(default = "username")]
        token_type: TokenType,
    },
    /// The certificate of the TLS connection, as base64 of its DER.
    Certificate {
        /// What it is validated as.
        token_type: TokenType,
    },
}

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As it is.
    #[default]
    Plain,
    /// In base64 with `+` and `/`, as SAML has it; it is validated in base64url (RFC 8693 §3).
    Base64,
}

/// What becomes of requests without a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anonymous {
    /// They end here.
    #[default]
    Refuse,
    /// They go on without a token. A bad credential is refused all the same.
    Allow,
    /// There is nothing but them: no credential is looked at, none goes on, nothing is exchanged.
    Only,
}

/// Where the issued token goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case", deny_unknown_fields)]
pub enum SendDocument {
    /// `Authorization: Bearer …`.
    #[default]
    Bearer,
    /// A header that holds it as it is.
    Header {
        /// Its name.
        name: String,
    },
    /// A header that holds an assertion in base64 with `+` and `/`.
    Saml {
        /// Its name.
        name: String,
    },
    /// Nowhere: only the headers from claims go.
    Nothing,
}

impl SendDocument {
    fn is_bearer(&self) -> bool {
        *self == Self::Bearer
    }
}

/// How, and how recently, the subject must have authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpDocument {
    /// Sufficient authentication contexts; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// Most seconds since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
}

const fn access_token() -> TokenType {
    TokenType::ACCESS_TOKEN
}

const fn username() -> TokenType {
    TokenType::USERNAME
}

const fn default_cache_seconds() -> u64 {
    300
}

const fn default_cache_entries() -> usize {
    50_000
}

const fn default_timeout() -> u64 {
    30
}

const fn default_idle() -> u64 {
    60
}
