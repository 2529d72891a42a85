//! What an operator says about an issuer.

use std::{collections::BTreeMap, net::IpAddr};

use fluent_uri::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{introspection::IntrospectionConfig, refresh::Source, rules};
use crate::{
    jose::{Algorithm, KeySet, MAX_LEEWAY},
    settings::BuildError,
};

/// Shortest and longest time that fetched keys are considered fresh, in seconds.
pub(super) const FRESHNESS: std::ops::RangeInclusive<u64> = 60..=3600;
const MOST_VERIFIED_TOKENS: usize = 100_000;
const LONGEST_STALE: u64 = 7 * 24 * 3600;

/// A trusted issuer, as configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The preset it was registered by, for whoever reads this again; what it fills in stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// Where its JWK Set is. Absent: found through the issuer's metadata, first
    /// `{issuer}/.well-known/openid-configuration`, then the place of RFC 8414 §3.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its JWK Set itself, instead of a place to fetch it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Map<String, Value>>,
    /// Algorithms it may sign with, asymmetric ones only. Default: ES256, RS256, PS256, `EdDSA`, ES384.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Audiences of its tokens that are acceptable here, at least one (SX-03).
    pub audiences: Vec<String>,
    /// The claim that names the client a token was issued to. Absent: `client_id`, else `azp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_claim: Option<String>,
    /// Put before every subject of its tokens, so that several issuers can share a validator (TX-60).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject_prefix: String,
    /// Subjects that are accepted: whole, or all below one that ends with `/*` or `:*`. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Claims its tokens must have: a value, or a list of values of which one must be met.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
    /// Whether its tokens are never accepted as actor tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_actor: bool,
    /// The SPIFFE trust domain its subjects belong to. Its tokens may then come without `iss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// How it is asked about opaque tokens (RFC 7662).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection: Option<IntrospectionConfig>,
    /// Tolerated clock difference in seconds, 0 to 60. Default 30.
    #[serde(default = "default_leeway")]
    pub leeway_seconds: u64,
    /// Whether its access tokens may have `typ: JWT` or none instead of `at+jwt` (RFC 9068 §2.1). Such a
    /// token must then show by its claims that it is an access token.
    #[serde(default)]
    pub access_token_typ_optional: bool,
    /// How long fetched keys stay fresh, in seconds, when the source does not say so: 60 to 3600.
    /// Default 300.
    #[serde(default = "default_max_age")]
    pub max_age_seconds: u64,
    /// How long the last good keys serve while fetching fails, in seconds: from `max_age_seconds` to a
    /// week. Default one day.
    #[serde(default = "default_last_good")]
    pub last_good_seconds: u64,
    /// How many of its tokens are remembered once verified, so that their signature is not verified again as
    /// long as its keys stay: 0 to 100,000. Default 4,096.
    #[serde(
        default = "default_verified_tokens",
        skip_serializing_if = "is_default_verified_tokens"
    )]
    pub verified_tokens: usize,
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![
        Algorithm::Es256,
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
        Algorithm::Es384,
    ]
}

const fn default_leeway() -> u64 {
    30
}

const fn default_max_age() -> u64 {
    300
}

const fn default_last_good() -> u64 {
    24 * 3600
}

const fn default_verified_tokens() -> usize {
    4096
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_default_verified_tokens(count: &usize) -> bool {
    *count == default_verified_tokens()
}

impl IssuerConfig {
    /// An issuer found by discovery, with defaults.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>) -> Self {
        Self {
            preset: None,
            issuer: issuer.into(),
            jwks_uri: None,
            jwks: None,
            algorithms: default_algorithms(),
            audiences,
            client_claim: None,
            subject_prefix: String::new(),
            subjects: Vec::new(),
            claims: BTreeMap::new(),
            never_actor: false,
            trust_domain: None,
            introspection: None,
            leeway_seconds: default_leeway(),
            access_token_typ_optional: false,
            max_age_seconds: default_max_age(),
            last_good_seconds: default_last_good(),
            verified_tokens: default_verified_tokens(),
        }
    }

    /// Checks every member and says where the keys come from.
    pub(super) fn check(&self) -> Result<Source, BuildError> {
        if self.issuer.is_empty() || self.issuer.len() > 2048 {
            return Err(BuildError::new(
                "issuer",
                "empty or too long",
                "the exact `iss` of the issuer's tokens",
            ));
        }
        self.check_algorithms()?;
        if self.verified_tokens > MOST_VERIFIED_TOKENS {
            return Err(BuildError::new(
                "verified_tokens",
                "too many",
                "at most 100000; each takes a few kilobytes",
            ));
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(BuildError::new(
                "audiences",
                "empty",
                "at least one `aud` value of tokens meant for this service",
            ));
        }
        if self.client_claim.as_deref() == Some("") {
            return Err(BuildError::new(
                "client_claim",
                "empty",
                "a claim name such as \"azp\", or nothing at all",
            ));
        }
        rules::check(&self.subjects, &self.claims, self.trust_domain.as_deref())?;
        if let Some(introspection) = &self.introspection {
            introspection.check(&self.audiences)?;
        }
        if self.leeway_seconds > MAX_LEEWAY {
            return Err(out_of_range(
                "leeway_seconds",
                self.leeway_seconds,
                0,
                MAX_LEEWAY,
            ));
        }
        if !FRESHNESS.contains(&self.max_age_seconds) {
            return Err(out_of_range(
                "max_age_seconds",
                self.max_age_seconds,
                *FRESHNESS.start(),
                *FRESHNESS.end(),
            ));
        }
        if !(self.max_age_seconds..=LONGEST_STALE).contains(&self.last_good_seconds) {
            return Err(out_of_range(
                "last_good_seconds",
                self.last_good_seconds,
                self.max_age_seconds,
                LONGEST_STALE,
            ));
        }
        self.source()
    }

    fn check_algorithms(&self) -> Result<(), BuildError> {
        let member = |index: usize| format!("algorithms[{index}]");
        if self.algorithms.is_empty() {
            return Err(BuildError::new(
                "algorithms",
                "empty",
                "at least one algorithm, or leave it out",
            ));
        }
        match self
            .algorithms
            .iter()
            .position(|algorithm| algorithm.is_symmetric())
        {
            Some(index) => Err(BuildError::new(
                member(index),
                "a shared-secret algorithm, which would let a public key serve as the secret",
                "ES256, ES384, EdDSA or one of RS256 to PS512",
            )),
            None => Ok(()),
        }
    }

    fn source(&self) -> Result<Source, BuildError> {
        match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => Err(BuildError::new(
                "jwks",
                "given beside `jwks_uri`",
                "only one of `jwks` and `jwks_uri`",
            )),
            (Some(jwks), None) => inline(jwks),
            (None, Some(uri)) => {
                check_url(uri).map_err(|reason| BuildError::new("jwks_uri", reason, URL_HINT))?;
                Ok(Source::At(uri.clone()))
            }
            (None, None) => {
                check_url(&self.issuer)
                    .and_then(|()| {
                        if self.issuer.contains('?') {
                            Err("it has a query")
                        } else {
                            Ok(())
                        }
                    })
                    .map_err(|reason| {
                        BuildError::new(
                            "issuer",
                            reason,
                            "for discovery an https URL; otherwise give `jwks_uri` or `jwks`",
                        )
                    })?;
                Ok(Source::Discovered)
            }
        }
    }
}

fn inline(jwks: &Map<String, Value>) -> Result<Source, BuildError> {
    let hint = "a JWK Set such as {\"keys\": [{\"kty\": \"EC\", …}]} with public keys only";
    let keys = KeySet::from_members(jwks)
        .map_err(|error| BuildError::new("jwks", error.to_string(), hint))?;
    if let Some(refused) = keys.refused().first() {
        return Err(BuildError::new("jwks", refused, hint));
    }
    if keys.is_empty() {
        return Err(BuildError::new(
            "jwks",
            "no usable signature key in it",
            hint,
        ));
    }
    Ok(Source::Inline(keys))
}

fn out_of_range(member: &str, value: u64, least: u64, most: u64) -> BuildError {
    BuildError::new(
        member,
        format!("{value} is out of range"),
        format!("{least} to {most} seconds"),
    )
}

pub(super) const URL_HINT: &str =
    "an https URL, or an http URL of a loopback address, without user name and fragment";

/// KF-01: `https`, or `http` to this very machine.
pub(super) fn check_url(text: &str) -> Result<(), &'static str> {
    let uri = Uri::parse(text).map_err(|_| "not an absolute URL")?;
    let authority = uri.authority().ok_or("not a URL with a host")?;
    if authority.has_userinfo() {
        return Err("it holds a user name");
    }
    if uri.has_fragment() {
        return Err("it has a fragment");
    }
    if authority.host().is_empty() {
        return Err("it has no host");
    }
    match uri.scheme().as_str() {
        "https" => Ok(()),
        "http" if is_loopback(authority.host()) => Ok(()),
        "http" => Err("plain http to another machine"),
        _ => Err("neither https nor http"),
    }
}

/// Whether a URL that passed [`check_url`] stays on this machine without TLS.
pub(super) fn is_plain(url: &str) -> bool {
    url.starts_with("http:")
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests;
