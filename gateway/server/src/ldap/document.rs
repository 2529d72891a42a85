//! A directory as an operator describes it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hyper::Uri;
use ldap3::Scope;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::{
    Find, PLACE, Shared,
    pool::{Place, Pool},
};
use crate::{
    egress::{Egress, tls},
    publish_error::PublishError,
};

/// An LDAP directory or an Active Directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapDocument {
    /// `ldaps://host[:port]`, or `ldap://host[:port]`, where `StartTLS` is used.
    pub url: String,
    /// Consent to a connection that nothing encrypts. Loopback only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plaintext: bool,
    /// Certificate authorities of the directory in PEM; those of the platform when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// As whom entries are searched for; anonymously when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_dn: Option<String>,
    /// The secret of the vault that is the password of `bind_dn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_password: Option<String>,
    /// Below which entry users are searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// How far below.
    #[serde(default, skip_serializing_if = "crate::document::is_default")]
    pub scope: LdapScope,
    /// The filter that finds a user, `{username}` standing for the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Instead of a search: the entry's name, `{username}` standing for the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_dn: Option<String>,
    /// The attribute whose value becomes the subject: `uid`, or `sAMAccountName`.
    #[serde(default = "uid")]
    pub username_attribute: String,
    /// Attributes that become claims, by the names of the claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Seconds for everything that one sign-in asks, 1 to 60.
    #[serde(default = "usual_timeout")]
    pub timeout_seconds: u64,
}

/// How far below the base users are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LdapScope {
    /// Directly.
    OneLevel,
    /// Anywhere.
    #[default]
    Subtree,
}

fn uid() -> String {
    "uid".to_owned()
}

const fn usual_timeout() -> u64 {
    5
}

/// Members of a profile that may not come from a directory: they carry meaning of their own.
fn is_reserved(claim: &str) -> bool {
    cambist_core::RESERVED_CLAIMS.contains(&claim)
}

pub(super) fn build(
    document: &LdapDocument,
    secret: Option<Zeroizing<String>>,
    egress: Egress,
    handle: Handle,
) -> Result<Shared, PublishError> {
    let timeout = Duration::from_secs(document.timeout_seconds);
    if !(1..=60).contains(&document.timeout_seconds) {
        return Err(PublishError::new(
            "timeout_seconds",
            "is out of range",
            "use a whole number of seconds from 1 to 60",
        ));
    }
    for name in std::iter::once(&document.username_attribute).chain(document.attributes.values()) {
        check_attribute(name)?;
    }
    if let Some(claim) = document.attributes.keys().find(|claim| is_reserved(claim)) {
        return Err(PublishError::new(
            format!("attributes.{claim}"),
            "is a claim with a meaning of its own",
            "choose another name; a claim map can rename it",
        ));
    }
    let bind_dn = document.bind_dn.clone().unwrap_or_default();
    let bind_password = match (bind_dn.is_empty(), secret) {
        (true, None) => Zeroizing::default(),
        (false, Some(secret)) if !secret.is_empty() => secret,
        _ => {
            return Err(PublishError::new(
                "bind_password",
                "does not stand beside `bind_dn`",
                "name the secret of the vault that is its password, or leave both out",
            ));
        }
    };
    let place = place(document, timeout, egress)?;
    let attributes = document
        .attributes
        .iter()
        .map(|(claim, name)| (claim.clone(), name.clone()));
    Ok(Shared {
        service: Pool::new(place.clone()),
        users: Pool::new(place),
        bind_dn,
        bind_password,
        find: find(document)?,
        username_attribute: document.username_attribute.clone(),
        attributes: attributes.collect(),
        timeout,
        handle,
    })
}

/// Names of attributes with their options (RFC 4512 §2.5).
fn check_attribute(name: &str) -> Result<(), PublishError> {
    let is_name = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b';'));
    if is_name {
        return Ok(());
    }
    Err(PublishError::new(
        "attributes",
        format!("`{name}` is not the name of an attribute"),
        "use names such as `mail`",
    ))
}

fn find(document: &LdapDocument) -> Result<Find, PublishError> {
    let without = |member: &str| {
        Err(PublishError::new(
            member,
            format!("does not hold {PLACE} where the name is to stand"),
            format!("write it as `(&(objectClass=person)(uid={PLACE}))`"),
        ))
    };
    match (&document.user_dn, &document.base, &document.filter) {
        (Some(template), None, None) if template.contains(PLACE) => {
            Ok(Find::Name(template.clone()))
        }
        (Some(_), None, None) => without("user_dn"),
        (None, Some(base), Some(filter)) => {
            if !filter.contains(PLACE) {
                return without("filter");
            }
            if ldap3::parse_filter(filter.replace(PLACE, "x")).is_err() {
                return Err(PublishError::new(
                    "filter",
                    "is not a filter",
                    "write it as RFC 4515 has it, in parentheses",
                ));
            }
            Ok(Find::Search {
                base: base.clone(),
                scope: match document.scope {
                    LdapScope::OneLevel => Scope::OneLevel,
                    LdapScope::Subtree => Scope::Subtree,
                },
                filter: filter.clone(),
            })
        }
        _ => Err(PublishError::new(
            "base",
            "does not say how users are found",
            "set `base` and `filter`, or `user_dn` alone",
        )),
    }
}

fn place(
    document: &LdapDocument,
    timeout: Duration,
    egress: Egress,
) -> Result<Place, PublishError> {
    let wrong = |reason: &str| {
        PublishError::new(
            "url",
            reason,
            "write it as `ldaps://ldap.example` or `ldap://ldap.example`, with a port if it is not the usual one",
        )
    };
    let url: Uri = document
        .url
        .parse()
        .map_err(|_| wrong("is not the URL of a directory"))?;
    let usual = match url.scheme_str() {
        Some("ldap") => 389,
        Some("ldaps") => 636,
        _ => return Err(wrong("is not the URL of a directory")),
    };
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
    let authority = url
        .authority()
        .filter(|authority| is_bare && !authority.as_str().contains('@'))
        .ok_or_else(|| wrong("holds more than a host and a port"))?;
    let is_ldaps = usual == 636;
    if is_ldaps && document.plaintext {
        return Err(PublishError::new(
            "plaintext",
            "stands beside an ldaps URL",
            "leave it out",
        ));
    }
    let mut roots = RootCertStore::empty();
    let tls = match &document.ca {
        None => tls::trust_roots(None),
        Some(pem) => {
            let bad = |reason: String| {
                PublishError::new("ca", reason, "send certificate authorities in PEM")
            };
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate =
                    certificate.map_err(|error| bad(format!("is not PEM: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| bad(format!("cannot be used: {error}")))?;
            }
            if roots.is_empty() {
                return Err(bad("holds no certificate".to_owned()));
            }
            tls::trusting(roots)
        }
    };
    let mut tls = Arc::unwrap_or_clone(tls.map_err(|error| PublishError::new("ca", error, ""))?);
    // There is nothing to negotiate: LDAP has no name in ALPN that directories know.
    tls.alpn_protocols.clear();
    let host = authority.host().to_ascii_lowercase();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok(Place {
        url: format!("{}://{}", url.scheme_str().unwrap_or("ldaps"), authority),
        port: authority.port_u16().unwrap_or(usual),
        host,
        start_tls: !is_ldaps && !document.plaintext,
        is_plain: document.plaintext,
        tls: Arc::new(tls),
        timeout,
        egress,
    })
}
