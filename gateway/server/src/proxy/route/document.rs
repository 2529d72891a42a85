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
    /// What becomes of requests without a credential.
    #[serde(default, skip_serializing_if = "Anonymous::is_refused")]
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
    /// Longest silence within the body of the response. 1 to 86400 seconds.
    #[serde(default = "default_idle")]
    pub idle_seconds: u64,
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

impl Anonymous {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_refused(&self) -> bool {
        *self == Self::Refuse
    }
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
