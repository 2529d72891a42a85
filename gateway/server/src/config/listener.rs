//! What a listener is configured with, whichever section it stands in.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Limits, Network};

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The admin API, the publish service, health and metrics. It stands alone on its listener.
    Admin,
    /// Routes of the reverse proxy.
    Proxy,
    /// The token endpoint, the REST STS and the documents about instances.
    Sts,
}

impl Role {
    /// Every role, by the name it has in a configuration.
    pub const NAMES: &'static [&'static str] = &["admin", "proxy", "sts"];
    /// Those strangers may be served.
    pub const PUBLIC: &'static [&'static str] = &["proxy", "sts"];
}

/// `[listener.<name>]`: one listener more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    /// Address to bind. Without it the configuration is refused.
    pub listen: Option<SocketAddr>,
    /// Base URL as clients see it, without a trailing slash, for the endpoints that are listed as reached here.
    pub url: Option<String>,
    /// What it serves.
    pub roles: Vec<Role>,
    /// Consent to a `listen` address that other machines reach, for the admin role.
    pub allow_remote: bool,
    /// When it speaks HTTP/2.
    pub http2: Http2,
    /// How it encrypts.
    pub tls: Tls,
    /// Who stands before it.
    pub hops: Hops,
    /// Where it is bounded otherwise than all.
    pub limits: ListenerLimits,
}

impl Listener {
    /// Whether clients can show certificates to the token endpoint here.
    pub fn takes_certificates(&self) -> bool {
        let is_asked = self.tls.client_certificates != ClientCertificates::None;
        let is_handed_on = self.hops.certificate != ForwardedCertificate::None;
        self.roles.contains(&Role::Sts) && (is_asked || is_handed_on)
    }

    /// The base URL under which clients with a certificate find the token endpoint here, given the address
    /// really bound (RFC 8705 §5). None if it is not for them, or nobody says where they find it.
    pub fn certificate_url(&self, bound: SocketAddr) -> Option<String> {
        if !self.takes_certificates() {
            return None;
        }
        let is_asked = self.tls.client_certificates != ClientCertificates::None;
        let known = is_asked && !bound.ip().is_unspecified();
        let url = self.url.clone();
        url.or_else(|| known.then(|| format!("https://{bound}")))
    }
}

/// `[….limits]`: bounds of one listener, in place of those of `[limits]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerLimits {
    /// In place of [`Limits::connections`].
    pub connections: Option<usize>,
    /// In place of [`Limits::header_bytes`].
    pub header_bytes: Option<usize>,
    /// In place of [`Limits::header_count`].
    pub header_count: Option<usize>,
    /// In place of [`Limits::header_seconds`].
    pub header_seconds: Option<u64>,
    /// In place of [`Limits::keep_alive_seconds`].
    pub keep_alive_seconds: Option<u64>,
    /// In place of [`Limits::body_idle_seconds`].
    pub body_idle_seconds: Option<u64>,
    /// In place of [`Limits::send_idle_seconds`].
    pub send_idle_seconds: Option<u64>,
    /// In place of [`Limits::http2_streams`].
    pub http2_streams: Option<u32>,
    /// In place of [`Limits::http2_resets`].
    pub http2_resets: Option<usize>,
}

impl ListenerLimits {
    /// The bounds of this listener, where those of all are `all`.
    pub fn within(&self, all: &Limits) -> Limits {
        Limits {
            connections: self.connections.unwrap_or(all.connections),
            header_bytes: self.header_bytes.unwrap_or(all.header_bytes),
            header_count: self.header_count.unwrap_or(all.header_count),
            header_seconds: self.header_seconds.unwrap_or(all.header_seconds),
            keep_alive_seconds: self.keep_alive_seconds.unwrap_or(all.keep_alive_seconds),
            body_idle_seconds: self.body_idle_seconds.unwrap_or(all.body_idle_seconds),
            send_idle_seconds: self.send_idle_seconds.unwrap_or(all.send_idle_seconds),
            http2_streams: self.http2_streams.unwrap_or(all.http2_streams),
            http2_resets: self.http2_resets.unwrap_or(all.http2_resets),
            ..all.clone()
        }
    }
}

/// When a listener speaks HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Http2 {
    /// Never.
    Off,
    /// When an encrypted connection agrees on it (RFC 9113 §3.2).
    #[default]
    Tls,
    /// Then, and on plain connections that begin with it (RFC 9113 §3.3).
    Always,
}

/// `[….tls]`: encryption ends here, when there is a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file of the certificate chain, the listener's own first.
    pub certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub key_file: Option<PathBuf>,
    /// The oldest version spoken.
    pub minimum_version: TlsVersion,
    /// Whether clients show a certificate.
    pub client_certificates: ClientCertificates,
    /// What is demanded of that certificate.
    pub client_trust: ClientTrust,
    /// PEM file of the authorities that client certificates lead to.
    pub client_ca_file: Option<PathBuf>,
    /// PEM file of revocation lists.
    pub client_crl_file: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate_file: None,
            key_file: None,
            minimum_version: TlsVersion::V1_2,
            client_certificates: ClientCertificates::None,
            client_trust: ClientTrust::Anchors,
            client_ca_file: None,
            client_crl_file: None,
        }
    }
}

impl Tls {
    /// Whether the listener encrypts.
    pub const fn is_on(&self) -> bool {
        self.certificate_file.is_some()
    }

    /// The scheme of URLs that lead to the listener.
    pub const fn scheme(&self) -> &'static str {
        if self.is_on() { "https" } else { "http" }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with authenticated encryption and forward secrecy only.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// None is asked for.
    None,
    /// One is asked for; who has none is served all the same.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// What is demanded of a client certificate before its connection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientTrust {
    /// That it leads to a configured authority, is in its time and not revoked.
    Anchors,
    /// That the client has its key, and nothing else: anybody can make such a certificate. Who reads it
    /// decides whether it means something, as `self_signed_tls_client_auth` (RFC 8705 §2.2) does by
    /// comparing it with what the client registered.
    Possession,
}

/// `[….hops]`: proxies before the listener whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hops {
    /// Addresses they connect from. What anybody else says about a client is removed.
    pub trusted: Vec<Network>,
    /// How they hand on a client's certificate.
    pub certificate: ForwardedCertificate,
    /// The header it is in, for the forms that have no header of their own.
    pub certificate_header: Option<String>,
}

/// How a hop that ended TLS hands on the certificate of its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardedCertificate {
    /// Not at all: such headers are removed.
    #[default]
    None,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    Rfc9440,
    /// `X-Forwarded-Client-Cert` with `Cert` or `Chain`, as Envoy does.
    Xfcc,
    /// Base64 of DER in a configured header, further certificates after commas, as haproxy and Traefik do.
    Der,
    /// URL-encoded PEM in a configured header, as nginx does.
    Pem,
}

impl ForwardedCertificate {
    /// Every form, by the name it has in a configuration.
    pub const NAMES: &'static [&'static str] = &["none", "rfc9440", "xfcc", "der", "pem"];

    /// Whether a header must be named.
    pub const fn needs_header(self) -> bool {
        matches!(self, Self::Der | Self::Pem)
    }
}
