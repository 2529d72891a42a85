//! What an operator writes about a client's way to prove itself.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::digest;
use cambist_core::Fetch;
use cambist_token::{IssuerConfig, TrustedIssuer, jose::Algorithm};
use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use x509_cert::{Certificate, der::Decode, name::RdnSequence};

use super::{
    Authentication,
    assertion::{Assertions, Subject, is_spiffe_path},
    certificate::{CertificateRule, SubjectRule},
};
use crate::publish_error::PublishError;

/// Most authorities, and most pinned certificates, of one client.
const MOST: usize = 16;

/// One method and what it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthenticationDocument {
    /// RFC 7523 §2.2.
    PrivateKeyJwt {
        /// Its public keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks: Option<Map<String, Value>>,
        /// Where its public keys are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks_uri: Option<String>,
        /// Algorithms it may sign with; all asymmetric ones of a trusted issuer by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        algorithms: Option<Vec<Algorithm>>,
        /// Whether the URL of the token endpoint is an acceptable audience too, for clients from before
        /// RFC 7523bis.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        endpoint_audience: bool,
    },
    /// RFC 8705 §2.1.
    TlsClientAuth {
        /// PEM certificates of the authorities it may have its certificate from.
        authorities: Vec<String>,
        /// Whom the certificate must name, as RFC 4514 writes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject_dn: Option<String>,
        /// A DNS name it must hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        san_dns: Option<String>,
        /// A URI it must hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        san_uri: Option<String>,
        /// An address it must hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        san_ip: Option<IpAddr>,
        /// A mailbox it must hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        san_email: Option<String>,
    },
    /// RFC 8705 §2.2.
    SelfSignedTlsClientAuth {
        /// Its certificates, PEM: several while it changes them.
        certificates: Vec<String>,
    },
    /// A JWT-SVID as a client assertion.
    SpiffeJwt {
        /// Its SPIFFE ID, or all below one: `spiffe://example.org/ns/shop/*`.
        spiffe_id: String,
        /// The JWT keys of the trust domain's bundle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks: Option<Map<String, Value>>,
        /// Where the bundle is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks_uri: Option<String>,
    },
    /// An X.509-SVID as TLS certificate.
    SpiffeX509 {
        /// Its SPIFFE ID, or all below one.
        spiffe_id: String,
        /// PEM certificates of the trust domain's bundle.
        authorities: Vec<String>,
    },
}

use AuthenticationDocument::{
    PrivateKeyJwt, SelfSignedTlsClientAuth, SpiffeJwt, SpiffeX509, TlsClientAuth,
};

pub(super) fn build(
    id: &str,
    document: &AuthenticationDocument,
    issuer: &str,
    fetch: &Arc<dyn Fetch>,
) -> Result<Authentication, PublishError> {
    match document {
        PrivateKeyJwt {
            jwks,
            jwks_uri,
            algorithms,
            endpoint_audience,
        } => {
            let mut audiences = vec![issuer.to_owned()];
            if *endpoint_audience {
                audiences.push(format!("{issuer}/token"));
            }
            let keys = keys(
                id,
                jwks.as_ref(),
                jwks_uri.as_ref(),
                algorithms.as_ref(),
                fetch,
            )?;
            Ok(Authentication::Keys(Assertions {
                keys,
                audiences,
                subject: Subject::Client(id.to_owned()),
            }))
        }
        TlsClientAuth {
            authorities,
            subject_dn,
            san_dns,
            san_uri,
            san_ip,
            san_email,
        } => {
            let subject = one_of([
                subject_dn.as_deref().map(distinguished).transpose()?,
                san_dns.clone().map(SubjectRule::Dns),
                san_uri.clone().map(SubjectRule::Uri),
                san_ip.map(SubjectRule::Ip),
                san_email.clone().map(SubjectRule::Email),
            ])?;
            Ok(Authentication::Certificate(CertificateRule::Issued {
                authorities: anchors(authorities)?,
                subject,
            }))
        }
        SelfSignedTlsClientAuth { certificates } => {
            let prints = pems("certificates", certificates)?
                .iter()
                .map(|der| {
                    let mut print = [0; 32];
                    print.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
                    print
                })
                .collect();
            Ok(Authentication::Certificate(CertificateRule::Pinned(prints)))
        }
        SpiffeJwt {
            spiffe_id,
            jwks,
            jwks_uri,
        } => {
            let domain = trust_domain(spiffe_id)?;
            Ok(Authentication::Svid(Assertions {
                keys: keys(domain, jwks.as_ref(), jwks_uri.as_ref(), None, fetch)?,
                audiences: vec![issuer.to_owned()],
                subject: Subject::Spiffe(spiffe_id.clone()),
            }))
        }
        SpiffeX509 {
            spiffe_id,
            authorities,
        } => {
            trust_domain(spiffe_id)?;
            Ok(Authentication::Certificate(CertificateRule::Issued {
                authorities: anchors(authorities)?,
                subject: SubjectRule::Spiffe(spiffe_id.clone()),
            }))
        }
    }
}

/// MT-02: exactly one name is registered.
fn one_of(rules: [Option<SubjectRule>; 5]) -> Result<SubjectRule, PublishError> {
    let mut rules = rules.into_iter().flatten();
    match (rules.next(), rules.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(PublishError::new(
            "",
            "names no subject, or several",
            "give one of `subject_dn`, `san_dns`, `san_uri`, `san_ip`, `san_email` (RFC 8705 §2.1.2)",
        )),
    }
}

fn keys(
    name: &str,
    jwks: Option<&Map<String, Value>>,
    jwks_uri: Option<&String>,
    algorithms: Option<&Vec<Algorithm>>,
    fetch: &Arc<dyn Fetch>,
) -> Result<Arc<TrustedIssuer>, PublishError> {
    if jwks.is_none() == jwks_uri.is_none() {
        return Err(PublishError::new(
            "jwks",
            "there must be one source of keys",
            "give `jwks` or `jwks_uri`",
        ));
    }
    let mut config = IssuerConfig {
        jwks: jwks.cloned(),
        jwks_uri: jwks_uri.cloned(),
        ..IssuerConfig::new(name, vec![name.to_owned()])
    };
    config.algorithms = algorithms.map_or_else(|| Algorithm::ASYMMETRIC.to_vec(), Clone::clone);
    TrustedIssuer::build(config, Arc::clone(fetch))
        .map(Arc::new)
        .map_err(|error| PublishError::new(error.member, error.reason, error.hint))
}

/// The one spelling that certificates' names are compared in.
fn distinguished(name: &str) -> Result<SubjectRule, PublishError> {
    let invalid = || {
        PublishError::new(
            "subject_dn",
            format!("`{name}` is not a distinguished name"),
            "write it as RFC 4514 does: `CN=web,O=Example,C=DE`",
        )
    };
    if name.is_empty() || name.len() > 1024 || name.chars().any(char::is_control) {
        return Err(invalid());
    }
    let parsed: RdnSequence = name.parse().map_err(|_| invalid())?;
    Ok(SubjectRule::Name(parsed.to_string()))
}

/// The trust domain of a SPIFFE ID or of a pattern of them.
fn trust_domain(id: &str) -> Result<&str, PublishError> {
    let parts = id
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(domain, path)| {
            let path = path.strip_suffix("/*").unwrap_or(path);
            !domain.is_empty()
                && domain
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && (path == "*" || is_spiffe_path(path))
        });
    parts.map(|(domain, _)| domain).ok_or_else(|| {
        PublishError::new(
            "spiffe_id",
            format!("`{id}` is not a SPIFFE ID"),
            "write `spiffe://example.org/ns/shop/sa/web`, or end it with `/*` for all below",
        )
    })
}

fn anchors(pem: &[String]) -> Result<Vec<TrustAnchor<'static>>, PublishError> {
    let ders = pems("authorities", pem)?;
    ders.iter()
        .enumerate()
        .map(|(index, der)| {
            webpki::anchor_from_trusted_cert(der)
                .map(|anchor| anchor.to_owned())
                .map_err(|error| {
                    PublishError::new(
                        format!("authorities[{index}]"),
                        error.to_string(),
                        "send the PEM certificate of an authority",
                    )
                })
        })
        .collect()
}

fn pems(member: &str, pem: &[String]) -> Result<Vec<CertificateDer<'static>>, PublishError> {
    if !(1..=MOST).contains(&pem.len()) {
        return Err(PublishError::new(
            member,
            format!("has {} certificates", pem.len()),
            format!("list 1 to {MOST} PEM certificates"),
        ));
    }
    pem.iter()
        .enumerate()
        .map(|(index, text)| {
            CertificateDer::from_pem_slice(text.as_bytes())
                .ok()
                .filter(|der| Certificate::from_der(der).is_ok())
                .ok_or_else(|| {
                    PublishError::new(
                        format!("{member}[{index}]"),
                        "is not a certificate",
                        "send it as PEM, from `-----BEGIN CERTIFICATE-----` on",
                    )
                })
        })
        .collect()
}
