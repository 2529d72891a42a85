//! From a certificate up to a trust anchor (RFC 5280 §6).

use std::time::Duration;

use cambist_core::{Rejection, Timestamp};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime, pem::PemObject,
};
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder,
    anchor_from_trusted_cert,
};

use super::{RevocationDepth, X509Document};
use crate::publish_error::PublishError;

/// The purpose of clients, `id-kp-clientAuth` (RFC 5280 §4.2.1.12), as DER writes it.
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
/// Most certificates in one member.
const MAX_CERTIFICATES: usize = 256;
/// Most revocation lists.
const MAX_LISTS: usize = 64;

pub(super) struct Chain {
    anchors: Vec<TrustAnchor<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    lists: Vec<CertRevocationList<'static>>,
    depth: RevocationCheckDepth,
    expiration: ExpirationPolicy,
    purpose: KeyUsage,
}

impl Chain {
    pub(super) fn build(document: &X509Document) -> Result<Self, PublishError> {
        let roots = certificates("trust_anchors", &document.trust_anchors)?;
        if roots.is_empty() {
            return Err(PublishError::new(
                "trust_anchors",
                "holds no certificate",
                "send the authorities that are trusted in PEM, from `-----BEGIN CERTIFICATE-----` on",
            ));
        }
        let anchors: Result<_, PublishError> = roots
            .iter()
            .map(|root| {
                anchor_from_trusted_cert(root)
                    .map(|anchor| anchor.to_owned())
                    .map_err(|error| {
                        PublishError::new(
                            "trust_anchors",
                            format!("holds a certificate that cannot be used: {error:?}"),
                            "send certificates of authorities (RFC 5280)",
                        )
                    })
            })
            .collect();
        if document.revocation_lists.len() > MAX_LISTS {
            return Err(PublishError::new(
                "revocation_lists",
                format!("has more than {MAX_LISTS} lists"),
                "leave out those of authorities that are not trusted",
            ));
        }
        let lists: Result<_, PublishError> = document
            .revocation_lists
            .iter()
            .enumerate()
            .map(|(index, list)| revocation_list(index, list))
            .collect();
        Ok(Self {
            anchors: anchors?,
            intermediates: certificates("intermediates", &document.intermediates)?,
            lists: lists?,
            depth: match document.revocation_depth {
                RevocationDepth::Chain => RevocationCheckDepth::Chain,
                RevocationDepth::EndEntity => RevocationCheckDepth::EndEntity,
            },
            expiration: if document.accept_stale_lists {
                ExpirationPolicy::Ignore
            } else {
                ExpirationPolicy::Enforce
            },
            purpose: if document.require_client_purpose {
                KeyUsage::required(CLIENT_AUTH)
            } else {
                KeyUsage::client_auth()
            },
        })
    }

    /// Whether `own` leads to a trust anchor by way of `others` and the known intermediates, is valid as of
    /// `now`, may authenticate clients, and is not revoked.
    pub(super) fn verify(
        &self,
        own: &CertificateDer<'_>,
        others: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let certificate = EndEntityCert::try_from(own).map_err(|_| Rejection::Malformed)?;
        let between: Vec<CertificateDer<'_>> = others
            .iter()
            .map(|other| CertificateDer::from(other.as_slice()))
            .chain(self.intermediates.iter().cloned())
            .collect();
        let lists: Vec<&CertRevocationList<'_>> = self.lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(self.depth)
                .with_expiration_policy(self.expiration)
                .build()
        });
        certificate
            .verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &self.anchors,
                &between,
                UnixTime::since_unix_epoch(Duration::from_secs(now.0)),
                self.purpose,
                revocation,
                None,
            )
            .map(drop)
            .map_err(|error| {
                tracing::debug!(?error, "a certificate was not accepted");
                rejection(&error)
            })
    }
}

fn rejection(error: &Error) -> Rejection {
    match error {
        Error::CertExpired { .. } => Rejection::Expired,
        Error::CertNotValidYet { .. } => Rejection::NotYetValid,
        Error::UnknownIssuer => Rejection::UnknownIssuer,
        Error::InvalidSignatureForPublicKey => Rejection::BadSignature,
        Error::BadDer | Error::BadDerTime | Error::MalformedExtensions => Rejection::Malformed,
        Error::CaUsedAsEndEntity | Error::RequiredEkuNotFoundContext(_) => Rejection::WrongType,
        _ => Rejection::Refused,
    }
}

fn certificates(member: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, PublishError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| {
        PublishError::new(
            member,
            format!("is not PEM: {error}"),
            "send certificates from `-----BEGIN CERTIFICATE-----` on",
        )
    })?;
    if found.len() > MAX_CERTIFICATES {
        return Err(PublishError::new(
            member,
            format!("holds more than {MAX_CERTIFICATES} certificates"),
            "leave out what is not needed",
        ));
    }
    Ok(found)
}

fn revocation_list(index: usize, text: &str) -> Result<CertRevocationList<'static>, PublishError> {
    let wrong = |reason: String| {
        PublishError::new(
            format!("revocation_lists[{index}]"),
            reason,
            "send a list in PEM, from `-----BEGIN X509 CRL-----` on, or in base64 of DER",
        )
    };
    let der = if text.contains("-----BEGIN") {
        CertificateRevocationListDer::from_pem_slice(text.as_bytes())
            .map_err(|error| wrong(format!("is not PEM: {error}")))?
            .to_vec()
    } else {
        let text: String = text.split_ascii_whitespace().collect();
        base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(|_| wrong("is not base64".to_owned()))?
    };
    OwnedCertRevocationList::from_der(&der)
        .map(CertRevocationList::from)
        .map_err(|error| wrong(format!("is not a revocation list: {error:?}")))
}
