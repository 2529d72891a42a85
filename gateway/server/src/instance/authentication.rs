//! How a client proves who it is: one method each, chosen when the instance is published.

pub mod assertion;
mod certificate;
mod document;

use std::sync::Arc;

use cambist_core::{Fetch, Timestamp};

pub use self::{
    assertion::{AssertionError, Assertions},
    certificate::{CertificateRule, SubjectRule},
    document::AuthenticationDocument,
};
use super::ClientSecret;
use crate::{gateway::Circumstances, publish_error::PublishError};

/// What is known of a client to recognise it by.
pub enum Authentication {
    /// `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1).
    Secret(ClientSecret),
    /// `private_key_jwt` (RFC 7523 §2.2).
    Keys(Assertions),
    /// `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705 §2), and X.509-SVIDs.
    Certificate(CertificateRule),
    /// A JWT-SVID.
    Svid(Assertions),
}

impl Authentication {
    /// The registered names of the methods it stands for.
    pub const fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Secret(_) => &["client_secret_basic", "client_secret_post"],
            Self::Keys(_) => &["private_key_jwt"],
            Self::Certificate(rule) => rule.names(),
            Self::Svid(_) => &["spiffe_jwt"],
        }
    }

    /// Builds what a document describes, for the client `id` of the instance with this issuer identifier.
    pub fn build(
        id: &str,
        document: &AuthenticationDocument,
        issuer: &str,
        fetch: &Arc<dyn Fetch>,
    ) -> Result<Self, PublishError> {
        document::build(id, document, issuer, fetch)
    }

    /// Whether the caller's TLS certificate is this client's.
    pub fn accepts_certificate(&self, circumstances: &Circumstances) -> bool {
        let Self::Certificate(rule) = self else {
            return false;
        };
        circumstances
            .certificates
            .as_deref()
            .is_some_and(|chain| rule.accepts(chain, circumstances.now))
    }

    /// What an acceptable assertion of this client says that is to be remembered.
    pub async fn accept_assertion(
        &self,
        assertion: &[u8],
        is_svid: bool,
        now: Timestamp,
    ) -> Result<assertion::Accepted, AssertionError> {
        match self {
            Self::Keys(assertions) if !is_svid => assertions.accept(assertion, now).await,
            Self::Svid(assertions) if is_svid => assertions.accept(assertion, now).await,
            _ => Err(AssertionError::Method),
        }
    }

    /// Whether a SPIFFE ID is this client's (JWT-SVID).
    pub fn is_named_by(&self, spiffe_id: &str) -> bool {
        matches!(self, Self::Svid(assertions) if assertions.subject_fits(spiffe_id))
    }
}
