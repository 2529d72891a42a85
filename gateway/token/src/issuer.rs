//! Issuers whose tokens are trusted: their names, rules and keys.

mod config;
mod discovery;
mod introspection;
pub mod preset;
mod refresh;
mod rules;

use std::{fmt, sync::Arc};

use cambist_core::{Fault, Fetch, FetchError, Fetched, Principal, Rejection, Timestamp};
use serde_json::{Map, Value};

pub use config::IssuerConfig;
pub use introspection::{Authentication, IntrospectionConfig};

use self::refresh::Keys;
use crate::{
    jose::{Algorithm, KeySet},
    jwt::remembered::VerifiedTokens,
    settings::BuildError,
};

/// What is wrong with an [`IssuerConfig`].
pub type IssuerConfigError = BuildError;

/// An issuer as configured, with its keys as last fetched.
pub struct TrustedIssuer {
    config: IssuerConfig,
    keys: Keys,
    fetch: Arc<dyn Fetch>,
    verified: VerifiedTokens,
}

impl TrustedIssuer {
    /// Checks the configuration. Nothing is fetched before the first token asks for a key.
    pub fn build(config: IssuerConfig, fetch: Arc<dyn Fetch>) -> Result<Self, IssuerConfigError> {
        let source = config.check()?;
        let keys = Keys::new(source, &config, Arc::clone(&fetch));
        Ok(Self {
            verified: VerifiedTokens::new(config.verified_tokens),
            config,
            keys,
            fetch,
        })
    }

    /// The exact `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Algorithms it may sign with.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.config.algorithms
    }

    /// Audiences a subject token of this issuer may have (SX-03).
    pub fn audiences(&self) -> &[String] {
        &self.config.audiences
    }

    /// How it is asked about tokens that mean nothing by themselves, if it can be.
    pub const fn introspection(&self) -> Option<&IntrospectionConfig> {
        self.config.introspection.as_ref()
    }

    /// Posts a form to one of its endpoints.
    pub(crate) async fn post(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
        media: &str,
    ) -> Result<Fetched, FetchError> {
        self.fetch.post(url, authorization, form, media).await
    }

    /// The claim that names the client; none tries `client_id`, then `azp`.
    pub fn client_claim(&self) -> Option<&str> {
        self.config.client_claim.as_deref()
    }

    /// Tolerated clock difference, in seconds.
    pub const fn leeway_seconds(&self) -> u64 {
        self.config.leeway_seconds
    }

    /// Put before every subject of its tokens.
    pub fn subject_prefix(&self) -> &str {
        &self.config.subject_prefix
    }

    /// Whether its tokens never name an actor.
    pub const fn never_actor(&self) -> bool {
        self.config.never_actor
    }

    /// Whether a subject is a SPIFFE ID of its trust domain. Such a token need not name its issuer.
    pub fn holds_domain_of(&self, subject: &str) -> bool {
        let domain = self.config.trust_domain.as_deref();
        domain.is_some_and(|domain| rules::is_of(domain, subject))
    }

    /// Says whose word it is about a principal that was read from a token of this issuer.
    pub(crate) fn vouch(&self, principal: &mut Principal) {
        principal.subject.insert_str(0, self.subject_prefix());
        principal.never_actor = self.never_actor();
        principal
            .issuer
            .get_or_insert_with(|| self.issuer().to_owned());
    }

    /// Its tokens that were verified before.
    pub(crate) const fn verified(&self) -> &VerifiedTokens {
        &self.verified
    }

    /// Judges the claims of a token that was verified with its keys, by the operator's rules for it.
    pub fn accept(&self, claims: &Map<String, Value>) -> Result<(), Rejection> {
        let config = &self.config;
        rules::accept(
            claims,
            &config.subjects,
            &config.claims,
            config.trust_domain.as_deref(),
        )
    }

    /// Whether its access tokens may come without `typ: at+jwt`.
    pub const fn access_token_typ_is_optional(&self) -> bool {
        self.config.access_token_typ_optional
    }

    /// Its keys as of `now`, fresh enough to know `kid` if the issuer has it: an unknown `kid` fetches
    /// them anew, but at most once in ten seconds (KF-05). When fetching fails, the last good keys serve
    /// until the stale limit.
    pub async fn keys(&self, kid: Option<&str>, now: Timestamp) -> Result<Arc<KeySet>, Fault> {
        self.keys.current(kid, now).await
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedIssuer({})", self.config.issuer)
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
