//! X.509 certificates as input: the chain, the purpose, revocation, and the name that becomes the subject.
//!
//! A certificate is no secret. It counts only for whoever proved to hold its key on this very connection, or
//! to a TLS offloader that the operator trusts.

mod chain;
mod names;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Token, ValidateError, Validator,
};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use names::NameSource;

use crate::{instance::build::bindings, publish_error::PublishError};
use chain::Chain;

/// The name of the kind in documents.
pub const KIND: &str = "x509";

/// Largest certificate, in bytes of DER.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
/// The same in base64.
pub const MAX_ENCODED_BYTES: usize = MAX_CERTIFICATE_BYTES * 4 / 3 + 4;
/// Most certificates that a presenter may bring beside its own.
const MAX_CHAIN: usize = 8;

/// How certificates are judged, as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X509Document {
    /// Certificate authorities that are trusted, in PEM.
    pub trust_anchors: String,
    /// Authorities in between that presenters need not send, in PEM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub intermediates: String,
    /// Revocation lists, each in PEM or in base64 of DER. With any, every certificate of a chain must be
    /// covered by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_lists: Vec<String>,
    /// What `revocation_lists` is asked about.
    #[serde(default, skip_serializing_if = "crate::document::is_default")]
    pub revocation_depth: RevocationDepth,
    /// Whether a list is used after its next update is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_stale_lists: bool,
    /// Whether a certificate must name client authentication as its purpose; by default only one that names
    /// purposes must.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_client_purpose: bool,
    /// Which name becomes the subject.
    #[serde(default)]
    pub subject: NameSource,
}

/// How far up a chain revocation is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationDepth {
    /// Every certificate but the trust anchor.
    #[default]
    Chain,
    /// The presenter's own certificate.
    EndEntity,
}

/// Judges certificates.
pub struct X509Validator {
    rules: Arc<X509Rules>,
    declared: Declared,
}

/// What is judged by, ready for use.
pub struct X509Rules {
    chain: Chain,
    subject: NameSource,
}

impl X509Rules {
    /// Reads anchors and lists; an error names the member.
    pub fn build(document: &X509Document) -> Result<Arc<Self>, PublishError> {
        Ok(Arc::new(Self {
            chain: Chain::build(document)?,
            subject: document.subject,
        }))
    }
}

impl X509Validator {
    /// A validator by shared rules.
    pub const fn new(rules: Arc<X509Rules>, declared: Declared) -> Self {
        Self { rules, declared }
    }

    /// A validator with settings of its own, those of [`X509Document`] beside what is declared.
    pub fn build(settings: &Map<String, Value>) -> Result<Self, PublishError> {
        let mut settings = settings.clone();
        let declared: Map<String, Value> = ["scopes", "subject_prefix"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), settings.remove(*name)?)))
            .collect();
        let declared = bindings::read(
            Value::Object(declared),
            "`subject_prefix` is text, `scopes` a list of scope words",
        )?;
        let document: X509Document = bindings::read(
            Value::Object(settings),
            "an x509 validator has `trust_anchors`, and optionally `intermediates`, `revocation_lists`, \
             `revocation_depth`, `accept_stale_lists`, `require_client_purpose`, `subject`, `subject_prefix`, `scopes`",
        )?;
        Ok(Self::new(X509Rules::build(&document)?, declared))
    }

    /// What the operator declares about every certificate.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }

    fn check(&self, token: &Token, call: &Call<'_>) -> Result<Principal, Rejection> {
        let own = CertificateDer::from(proven(token, call)?);
        let others = call.proofs.certificates.get(1..).unwrap_or_default();
        if others.len() > MAX_CHAIN {
            return Err(Rejection::TooLarge);
        }
        self.rules.chain.verify(&own, others, call.now)?;
        let names = names::Names::read(&own)?;
        let mut principal = Principal {
            subject: names.subject(self.rules.subject)?,
            issuer: None,
            expires_at: Some(names.ends_at),
            authenticated_at: Some(call.now),
            authentication_methods: vec!["swk".to_owned()],
            claims: names.claims(),
            ..Principal::default()
        };
        self.declared.complete(&mut principal, None);
        Ok(principal)
    }
}

impl Validator for X509Validator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        let checked = self.check(token, call).map(Arc::new).map_err(Into::into);
        Box::pin(std::future::ready(checked))
    }
}

/// The certificate that `token` is, in DER, if it is the one whose key the presenter proved to hold.
pub(crate) fn proven<'c>(token: &Token, call: &'c Call<'_>) -> Result<&'c [u8], Rejection> {
    if token.len() > MAX_ENCODED_BYTES {
        return Err(Rejection::TooLarge);
    }
    let presented = der(token.as_bytes()).ok_or(Rejection::Malformed)?;
    let own = call
        .proofs
        .certificates
        .first()
        .ok_or(Rejection::BadSignature)?;
    // Neither is secret, so the comparison may take as long as it takes.
    if *own == *presented {
        Ok(own)
    } else {
        Err(Rejection::BadSignature)
    }
}

/// DER as it is, or from base64 in either alphabet (RFC 4648 §4, §5).
fn der(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    // A SEQUENCE, which no base64 of one begins like.
    if bytes.first() == Some(&0x30) {
        return Some(Cow::Borrowed(bytes));
    }
    let decoded = base64_simd::STANDARD
        .decode_to_vec(bytes)
        .or_else(|_| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(bytes));
    decoded.ok().map(Cow::Owned)
}
