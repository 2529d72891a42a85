//! Where a route's requests go, and how one gets there.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::{
    Uri,
    header::{HeaderName, HeaderValue},
    http::uri::{Authority, Scheme},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};

use super::{
    UpstreamError,
    endpoint::{Endpoint, EndpointSeen, Lease, clock},
};
use crate::{egress::tls::trusting, proxy::hygiene::is_host};

/// Endpoints that one request is sent to at most, one after the other, as long as nothing was sent.
const MOST_TRIES: usize = 3;
/// Most endpoints of an origin; a bit of a number stands for each.
pub(in crate::proxy) const MOST_ENDPOINTS: usize = 64;

/// How the upstream is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) enum Protocol {
    #[default]
    Http1,
    Http2,
}

/// An upstream and all that was said about the way there.
#[derive(Debug)]
pub(in crate::proxy) struct Origin {
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<Tls>,
    scheme: Scheme,
    host: Authority,
    /// What it receives as `Host`.
    pub(in crate::proxy) authority: HeaderValue,
    pub(in crate::proxy) settings: Settings,
    next: AtomicUsize,
}

/// Bounds on the way to an upstream.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Settings {
    /// Longest time to resolve, connect and shake hands.
    pub(in crate::proxy) connect: Duration,
    /// Longest use of a connection; the next one resolves the name again.
    pub(in crate::proxy) age: Duration,
    /// Most requests under way at all endpoints together.
    pub(in crate::proxy) most_requests: usize,
    /// Failures in a row after which an endpoint is out of use for a while; never when zero.
    pub(in crate::proxy) eject_after: u32,
    /// Trailers that go through, both ways.
    pub(in crate::proxy) trailers: Arc<[HeaderName]>,
    pub(in crate::proxy) health: Option<Health>,
}

/// How an upstream's endpoints are checked.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Health {
    pub(in crate::proxy) target: Uri,
    pub(in crate::proxy) every: Duration,
    pub(in crate::proxy) timeout: Duration,
    pub(in crate::proxy) unhealthy_after: u32,
    pub(in crate::proxy) healthy_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            age: Duration::from_mins(5),
            most_requests: 10_000,
            eject_after: 5,
            trailers: Arc::default(),
            health: None,
        }
    }
}

/// How the upstream proves its name, and the gateway its own.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) name: ServerName<'static>,
    authorities: Option<RootCertStore>,
    identity: Option<Arc<CertifiedKey>>,
    config: OnceLock<Arc<ClientConfig>>,
}

/// What was said about TLS to the upstream, in PEM.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::proxy) struct TlsFiles<'p> {
    /// Authorities to trust instead of the gateway's.
    pub(in crate::proxy) authorities: Option<&'p str>,
    /// The gateway's certificate for it, and those that lead to its authority.
    pub(in crate::proxy) certificate: Option<&'p str>,
    /// Its key.
    pub(in crate::proxy) key: Option<&'p [u8]>,
    /// The name that the upstream's certificate must have, instead of its host.
    pub(in crate::proxy) name: Option<&'p str>,
}

impl Origin {
    /// Reads scheme, host and port; none if there is anything else before the path, or not these.
    pub(in crate::proxy) fn parse(uri: &Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        let (host, port) = place(authority)?;
        let (tls, default_port) = match scheme.as_str() {
            "http" => (None, 80),
            "https" => (Some(Tls::named(host)?), 443),
            _ => return None,
        };
        let lowered = authority.as_str().to_ascii_lowercase();
        let key: Arc<str> = format!("{scheme}://{lowered}").into();
        Some(Self {
            endpoints: vec![Arc::new(Endpoint::new(
                key,
                host,
                port.unwrap_or(default_port),
            ))],
            protocol: Protocol::Http1,
            tls,
            scheme: scheme.clone(),
            host: Authority::try_from(lowered.as_str()).ok()?,
            authority: HeaderValue::try_from(lowered).ok()?,
            settings: Settings::default(),
            next: AtomicUsize::new(0),
        })
    }

    /// The same upstream at these places. `revision` keeps its connections apart from those of others that
    /// were told something else about TLS.
    pub(in crate::proxy) fn reach(
        &mut self,
        endpoints: &[String],
        protocol: Protocol,
        apart: Option<&str>,
    ) -> Result<(), usize> {
        self.protocol = protocol;
        let default_port = if self.tls.is_some() { 443 } else { 80 };
        let mut places = Vec::new();
        for (index, text) in endpoints.iter().enumerate() {
            let authority = Authority::try_from(text.as_str()).map_err(|_| index)?;
            let (host, port) = place(&authority).ok_or(index)?;
            places.push((host.to_owned(), port.unwrap_or(default_port)));
        }
        if places.is_empty() {
            places = self
                .endpoints
                .iter()
                .map(|endpoint| (endpoint.host.to_string(), endpoint.port))
                .collect();
        }
        let (scheme, host) = (&self.scheme, &self.host);
        self.endpoints = places
            .iter()
            .map(|(at, port)| {
                let key = format!(
                    "{scheme}://{host} at {at} {port} by {protocol:?} {}",
                    apart.unwrap_or_default()
                );
                Arc::new(Endpoint::new(key.into(), at, *port))
            })
            .collect();
        Ok(())
    }

    /// Takes over what was said about TLS. The error names the member and what is wrong with it.
    pub(in crate::proxy) fn secure(
        &mut self,
        files: TlsFiles<'_>,
    ) -> Result<(), (&'static str, String)> {
        let Some(tls) = &mut self.tls else {
            return Err(("tls", "is given for an upstream without TLS".to_owned()));
        };
        if let Some(name) = files.name {
            tls.name = ServerName::try_from(name.to_owned())
                .map_err(|_| ("tls.server_name", "is not a name".to_owned()))?;
        }
        if let Some(pem) = files.authorities {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                certificate
                    .map_err(|error| error.to_string())
                    .and_then(|certificate| {
                        roots.add(certificate).map_err(|error| error.to_string())
                    })
                    .map_err(|error| ("tls.ca", error))?;
            }
            if roots.is_empty() {
                return Err(("tls.ca", "holds no certificate".to_owned()));
            }
            tls.authorities = Some(roots);
        }
        match (files.certificate, files.key) {
            (None, None) => {}
            (Some(certificate), Some(key)) => {
                tls.identity = Some(Arc::new(identity(certificate, key)?));
            }
            (Some(_), None) => {
                return Err(("tls.key", "is missing beside a certificate".to_owned()));
            }
            (None, Some(_)) => {
                return Err(("tls.certificate", "is missing beside a key".to_owned()));
            }
        }
        Ok(())
    }

    /// Its endpoints as operators see them.
    pub(in crate::proxy) fn endpoints_seen(&self) -> impl Iterator<Item = EndpointSeen> {
        self.endpoints.iter().map(|endpoint| endpoint.seen())
    }

    /// Whether it is spoken to by HTTP/2.
    pub(in crate::proxy) fn is_http2(&self) -> bool {
        self.protocol == Protocol::Http2
    }

    /// An endpoint with the fewest requests among those in use that were not tried before.
    pub(super) fn lease(&self, tried: &mut Tried) -> Result<Lease, UpstreamError> {
        let now = clock();
        if let [only] = self.endpoints.as_slice() {
            return if tried.is_over(1) || !only.is_open(now) {
                Err(UpstreamError::OutOfUse)
            } else if only.load() >= self.settings.most_requests {
                Err(UpstreamError::Full)
            } else {
                tried.add(0);
                Ok(Lease::new(only, self.settings.eject_after))
            };
        }
        let count = self.endpoints.len();
        if tried.is_over(count.min(MOST_TRIES)) {
            return Err(UpstreamError::OutOfUse);
        }
        let start = self.next.fetch_add(1, Relaxed) % count.max(1);
        let mut total = 0;
        let mut best: Option<(usize, usize)> = None;
        for index in (start..count).chain(0..start) {
            let Some(endpoint) = self.endpoints.get(index) else {
                continue;
            };
            let load = endpoint.load();
            total += load;
            if best.is_none_or(|(_, least)| load < least)
                && !tried.has(index)
                && endpoint.is_open(now)
            {
                best = Some((index, load));
            }
        }
        if total >= self.settings.most_requests {
            return Err(UpstreamError::Full);
        }
        let (index, endpoint) = best
            .and_then(|(index, _)| Some((index, self.endpoints.get(index)?)))
            .ok_or(UpstreamError::OutOfUse)?;
        tried.add(index);
        Ok(Lease::new(endpoint, self.settings.eject_after))
    }

    /// A request target as HTTP/2 has it, with scheme and authority (RFC 9113 §8.3.1).
    pub(super) fn absolute(&self, target: &Uri) -> Option<Uri> {
        let mut parts = target.clone().into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.host.clone());
        Uri::from_parts(parts).ok()
    }
}

/// Endpoints that one request was sent to.
#[derive(Debug, Default)]
pub(super) struct Tried(u64);

impl Tried {
    fn add(&mut self, index: usize) {
        self.0 |= 1_u64
            .checked_shl(u32::try_from(index).unwrap_or(u32::MAX))
            .unwrap_or(0);
    }

    fn has(&self, index: usize) -> bool {
        let mut probe = Self(0);
        probe.add(index);
        self.0 & probe.0 != 0
    }

    fn is_over(&self, most: usize) -> bool {
        usize::try_from(self.0.count_ones()).unwrap_or(usize::MAX) >= most
    }
}

impl Tls {
    fn named(host: &str) -> Option<Self> {
        Some(Self {
            name: ServerName::try_from(host.to_owned()).ok()?,
            authorities: None,
            identity: None,
            config: OnceLock::new(),
        })
    }

    /// The gateway's own configuration with what is special here. All cores have the same, so the first
    /// makes it for all.
    pub(super) fn config(
        &self,
        usual: &Arc<ClientConfig>,
        protocol: Protocol,
    ) -> Result<Arc<ClientConfig>, UpstreamError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let is_usual = self.authorities.is_none() && self.identity.is_none();
        let config = if is_usual && protocol == Protocol::Http1 {
            Arc::clone(usual)
        } else {
            let mut config = match &self.authorities {
                None => ClientConfig::clone(usual),
                Some(roots) => {
                    let made = trusting(roots.clone()).map_err(UpstreamError::Tls)?;
                    Arc::unwrap_or_clone(made)
                }
            };
            if let Some(identity) = &self.identity {
                config.client_auth_cert_resolver =
                    Arc::new(SingleCertAndKey::from(Arc::clone(identity)));
            }
            if protocol == Protocol::Http2 {
                config.alpn_protocols = vec![b"h2".to_vec()];
            }
            Arc::new(config)
        };
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }
}

fn identity(certificate: &str, key: &[u8]) -> Result<CertifiedKey, (&'static str, String)> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| ("tls.certificate", error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| ("tls.key", error.to_string()))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| ("tls.certificate", error.to_string()))
}

/// Host and port of an authority that has nothing else.
fn place(authority: &Authority) -> Option<(&str, Option<u16>)> {
    if !is_host(authority.as_str()) {
        return None;
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    Some((host, authority.port_u16()))
}
