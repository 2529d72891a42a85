//! Clients known by their TLS certificate (RFC 8705 §2) or X.509-SVID. That the caller holds its key, the
//! handshake has proven; whose it is, is decided here.

use std::{net::IpAddr, time::Duration};

use aws_lc_rs::{constant_time, digest};
use cambist_core::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::assertion::spiffe_fits;

/// Most certificates of a presented chain that are looked at.
const LONGEST_CHAIN: usize = 8;
/// Largest certificate, in bytes.
const LARGEST: usize = 16 * 1024;

/// The one name by which a certificate of a trusted authority is a client's (RFC 8705 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectRule {
    /// `tls_client_auth_subject_dn`, as RFC 4514 writes it.
    Name(String),
    /// `tls_client_auth_san_dns`.
    Dns(String),
    /// `tls_client_auth_san_uri`.
    Uri(String),
    /// `tls_client_auth_san_ip`.
    Ip(IpAddr),
    /// `tls_client_auth_san_email`.
    Email(String),
    /// An X.509-SVID of this SPIFFE ID, or of one below it (`…/*`): the only URI in the certificate.
    Spiffe(String),
}

/// Which certificates are a client's.
pub enum CertificateRule {
    /// A chain to one of these authorities, and the name.
    Issued {
        /// Whom it may come from.
        authorities: Vec<TrustAnchor<'static>>,
        /// Whom it must name.
        subject: SubjectRule,
    },
    /// Exactly one of these, by SHA-256 of the DER form.
    Pinned(Vec<[u8; 32]>),
}

impl CertificateRule {
    pub(super) const fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Issued {
                subject: SubjectRule::Spiffe(_),
                ..
            } => &["spiffe_x509"],
            Self::Issued { .. } => &["tls_client_auth"],
            Self::Pinned(_) => &["self_signed_tls_client_auth"],
        }
    }

    /// Whether the chain of a connection, the caller's own certificate first, is acceptable at `now`.
    pub fn accepts(&self, chain: &[Vec<u8>], now: Timestamp) -> bool {
        let Some((own, others)) = chain.split_first() else {
            return false;
        };
        if chain.len() > LONGEST_CHAIN || own.len() > LARGEST {
            return false;
        }
        match self {
            Self::Issued {
                authorities,
                subject,
            } => is_issued(own, others, authorities, now) && names(own, subject),
            Self::Pinned(prints) => {
                let print = digest::digest(&digest::SHA256, own);
                let is_known = prints.iter().any(|known| {
                    constant_time::verify_slices_are_equal(known, print.as_ref()).is_ok()
                });
                is_known && is_current(own, now)
            }
        }
    }
}

fn is_issued(
    own: &[u8],
    others: &[Vec<u8>],
    authorities: &[TrustAnchor<'static>],
    now: Timestamp,
) -> bool {
    let own = CertificateDer::from(own);
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let Ok(certificate) = EndEntityCert::try_from(&own) else {
        return false;
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now.0));
    certificate
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            authorities,
            &others,
            time,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .is_ok()
}

fn is_current(der: &[u8], now: Timestamp) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| {
        let validity = certificate.tbs_certificate.validity;
        let now = Duration::from_secs(now.0);
        validity.not_before.to_unix_duration() <= now && now < validity.not_after.to_unix_duration()
    })
}

fn names(der: &[u8], rule: &SubjectRule) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else {
        return false;
    };
    let body = certificate.tbs_certificate;
    if let SubjectRule::Name(wanted) = rule {
        return body.subject.to_string() == *wanted;
    }
    // SC-08: what is compared is the whole value; a NUL in it makes it another.
    let Ok(Some((_, SubjectAltName(all)))) = body.get::<SubjectAltName>() else {
        return false;
    };
    let has = |fits: &dyn Fn(&GeneralName) -> bool| all.iter().any(fits);
    match rule {
        SubjectRule::Name(_) => false,
        SubjectRule::Dns(wanted) => has(
            &|name| matches!(name, GeneralName::DnsName(dns) if dns.as_str().eq_ignore_ascii_case(wanted)),
        ),
        SubjectRule::Uri(wanted) => has(
            &|name| matches!(name, GeneralName::UniformResourceIdentifier(uri) if uri.as_str() == wanted),
        ),
        SubjectRule::Email(wanted) => {
            has(&|name| matches!(name, GeneralName::Rfc822Name(email) if email.as_str() == wanted))
        }
        SubjectRule::Ip(wanted) => has(
            &|name| matches!(name, GeneralName::IpAddress(octets) if is_address(octets.as_bytes(), *wanted)),
        ),
        SubjectRule::Spiffe(pattern) => {
            let mut uris = all.iter().filter_map(|name| match name {
                GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
                _ => None,
            });
            // X509-SVID §2: exactly one URI.
            matches!((uris.next(), uris.next()), (Some(only), None) if spiffe_fits(pattern, only))
        }
    }
}

fn is_address(octets: &[u8], wanted: IpAddr) -> bool {
    match wanted {
        IpAddr::V4(address) => octets == address.octets(),
        IpAddr::V6(address) => octets == address.octets(),
    }
}

#[cfg(test)]
mod tests;
