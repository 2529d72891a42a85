//! The egress guard: the only way a token type reaches the network.
//!
//! An address is checked after it was resolved and then connected to as such, so that a name cannot point
//! elsewhere between check and connection (KF-02). Redirects are never followed (KF-03).

pub mod address;
pub mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use cambist_core::{BoxFuture, Fetch, FetchError, Fetched};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Handle,
};
use tokio_rustls::TlsConnector;

use crate::config::EgressTarget;

/// Bounds and exceptions of the guard.
#[derive(Clone, Debug)]
pub struct EgressRules {
    /// Hosts and networks that may be reached although they are not public.
    pub allow: Vec<EgressTarget>,
    /// For one document, from name resolution to the last byte.
    pub timeout: Duration,
    /// For one body.
    pub body_bytes: usize,
}

/// Fetches documents through the guard, on the background runtime.
pub struct Egress {
    rules: Arc<EgressRules>,
    tls: TlsConnector,
    handle: Handle,
}

impl Egress {
    /// A guard with these rules; requests run on `handle`.
    pub fn new(rules: EgressRules, tls: Arc<rustls::ClientConfig>, handle: Handle) -> Self {
        Self {
            rules: Arc::new(rules),
            tls: TlsConnector::from(tls),
            handle,
        }
    }
}

impl Fetch for Egress {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let (rules, tls, url) = (Arc::clone(&self.rules), self.tls.clone(), url.to_owned());
        let task = self.handle.spawn(async move {
            let limit = rules.timeout;
            tokio::time::timeout(limit, fetch(&rules, &tls, &url))
                .await
                .unwrap_or(Err(FetchError::TimedOut(limit)))
        });
        Box::pin(async move {
            task.await
                .unwrap_or_else(|error| Err(FetchError::Unreachable(error.to_string())))
        })
    }
}

struct Target {
    is_tls: bool,
    host: String,
    port: u16,
    path: String,
}

fn target(url: &str) -> Result<Target, FetchError> {
    let refuse = || FetchError::Forbidden(url.chars().take(200).collect());
    let uri: hyper::Uri = url.parse().map_err(|_| refuse())?;
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(refuse()),
    };
    let authority = uri.authority().ok_or_else(refuse)?;
    if authority.as_str().contains('@') {
        return Err(refuse());
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = authority
        .port_u16()
        .unwrap_or(if is_tls { 443 } else { 80 });
    let path = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    Ok(Target {
        is_tls,
        host,
        port,
        path,
    })
}

async fn fetch(rules: &EgressRules, tls: &TlsConnector, url: &str) -> Result<Fetched, FetchError> {
    let target = target(url)?;
    let address = resolve(rules, &target).await?;
    let unreachable = |error: std::io::Error| FetchError::Unreachable(error.to_string());
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let response = if target.is_tls {
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| FetchError::Forbidden(target.host.clone()))?;
        let stream = tls.connect(name, stream).await.map_err(unreachable)?;
        request(stream, &target).await?
    } else {
        request(stream, &target).await?
    };
    read(response, rules.body_bytes).await
}

async fn resolve(rules: &EgressRules, target: &Target) -> Result<SocketAddr, FetchError> {
    let found = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|error| FetchError::Unreachable(error.to_string()))?;
    let mut refused = false;
    for address in found {
        if address::is_allowed(&rules.allow, &target.host, address, target.is_tls) {
            return Ok(address);
        }
        refused = true;
    }
    if refused {
        return Err(FetchError::Forbidden(format!(
            "{}:{}",
            target.host, target.port
        )));
    }
    Err(FetchError::Unreachable(format!(
        "{} has no address",
        target.host
    )))
}

async fn request<S>(stream: S, target: &Target) -> Result<Response<Incoming>, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let unreachable = |error: hyper::Error| FetchError::Unreachable(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    tokio::spawn(connection);
    let host = if target.host.contains(':') {
        format!("[{}]:{}", target.host, target.port)
    } else {
        format!("{}:{}", target.host, target.port)
    };
    let request = Request::get(&target.path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "cambist")
        .body(Empty::<Bytes>::new())
        .map_err(|error| FetchError::Unexpected(error.to_string()))?;
    sender.send_request(request).await.map_err(unreachable)
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Fetched, FetchError> {
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(FetchError::Unexpected(format!(
            "status {}",
            head.status.as_u16()
        )));
    }
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(FetchError::Unexpected("a compressed body".to_owned()));
    }
    let media = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence != "application/json"
        && !(essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Err(FetchError::Unexpected("a body that is not JSON".to_owned()));
    }
    let collected = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            FetchError::TooLarge(limit)
        } else {
            FetchError::Unreachable(error.to_string())
        }
    })?;
    Ok(Fetched {
        body: collected.to_bytes().to_vec(),
        max_age: max_age(&head.headers),
    })
}

fn max_age(headers: &hyper::HeaderMap) -> Option<Duration> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let seconds = control
        .split(',')
        .find_map(|part| part.trim().strip_prefix("max-age="))?;
    seconds
        .trim_matches('"')
        .parse()
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
