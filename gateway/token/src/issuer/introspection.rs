//! How an issuer is asked about tokens that mean nothing by themselves (RFC 7662).

use serde::{Deserialize, Serialize};

use super::config::{URL_HINT, check_url};
use crate::{jose::Algorithm, settings::BuildError};

/// Longest time that an answer may be kept, in seconds.
const LONGEST: u64 = 300;

/// An introspection endpoint and how this gateway is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// The URL of the endpoint.
    pub endpoint: String,
    /// The gateway's `client_id` there.
    pub client_id: String,
    /// How it authenticates.
    #[serde(default)]
    pub authentication: Authentication,
    /// The secret of the vault to authenticate with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The algorithm of the instance's key that signs its assertions. ES256 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// What all of its opaque tokens begin with. Without it any text may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_prefix: Option<String>,
    /// The audience of tokens whose answer names none. Without it these are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_audience: Option<String>,
    /// Whether answers are asked for as signed JWTs (RFC 9701), and no others believed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// How long an answer about an active token serves, in seconds: 0 to 300. Default 15. Never past its end.
    #[serde(default = "default_cache")]
    pub cache_seconds: u64,
}

/// How a client proves itself to the endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// RFC 6749 §2.3.1, in the header.
    #[default]
    ClientSecretBasic,
    /// RFC 6749 §2.3.1, in the body.
    ClientSecretPost,
    /// RFC 7523 §2.2, signed with a key of the instance's JWK set.
    PrivateKeyJwt,
}

const fn default_cache() -> u64 {
    15
}

impl IntrospectionConfig {
    /// Checks every member. `audiences` are those the issuer's tokens may have.
    pub(super) fn check(&self, audiences: &[String]) -> Result<(), BuildError> {
        check_url(&self.endpoint)
            .map_err(|reason| BuildError::new("introspection.endpoint", reason, URL_HINT))?;
        if self.client_id.is_empty() || self.client_id.len() > 256 {
            return Err(BuildError::new(
                "introspection.client_id",
                "empty or too long",
                "the client that this gateway is to the issuer",
            ));
        }
        let needs_secret = self.authentication != Authentication::PrivateKeyJwt;
        if needs_secret != self.secret.is_some() {
            return Err(BuildError::new(
                "introspection.secret",
                "does not fit `authentication`",
                "the name of a secret of the vault for client_secret_basic and client_secret_post, nothing for private_key_jwt",
            ));
        }
        if self.token_prefix.as_deref() == Some("") {
            return Err(BuildError::new(
                "introspection.token_prefix",
                "empty",
                "what all of the issuer's opaque tokens begin with, or nothing at all",
            ));
        }
        let is_known = |audience: &String| audiences.contains(audience);
        if !self.default_audience.as_ref().is_none_or(is_known) {
            return Err(BuildError::new(
                "introspection.default_audience",
                "not one of `audiences`",
                "one of them, or nothing to refuse tokens without an audience",
            ));
        }
        if self.cache_seconds > LONGEST {
            return Err(BuildError::new(
                "introspection.cache_seconds",
                format!("{} is out of range", self.cache_seconds),
                format!("0 to {LONGEST} seconds"),
            ));
        }
        Ok(())
    }
}
