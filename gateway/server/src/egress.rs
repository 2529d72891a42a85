//! The egress guard: the only way a token type or a plugin reaches the network.
//!
//! An address is checked after it was resolved and then connected to as such, so that a name cannot point
//! elsewhere between check and connection (KF-02). Redirects are never followed (KF-03).

pub mod address;
mod connection;
mod idle;
mod post;
mod send;
pub mod tls;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cambist_core::{BoxFuture, Fetch, FetchError, Fetched};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, header};
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

use self::{connection::Place, idle::Idle};
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

/// Fetches documents and sends requests through the guard, on the background runtime. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    rules: Arc<EgressRules>,
    tls: TlsConnector,
    handle: Handle,
    idle: Arc<Idle>,
}

impl Egress {
    /// A guard with these rules; requests run on `handle`.
    pub fn new(rules: EgressRules, tls: Arc<rustls::ClientConfig>, handle: Handle) -> Self {
        Self {
            rules: Arc::new(rules),
            tls: TlsConnector::from(tls),
            handle,
            idle: Arc::default(),
        }
    }
}

impl Egress {
    /// Connects to a checked address, for a protocol other than HTTP. `is_tls` says whether it will be
    /// encrypted; what is not may go to loopback only. For the tasks of a tokio runtime.
    pub async fn tcp(
        &self,
        host: &str,
        port: u16,
        is_tls: bool,
    ) -> Result<std::net::TcpStream, FetchError> {
        let address = Place::named(host, port, is_tls)
            .resolve(&self.rules)
            .await?;
        let connected = tokio::net::TcpStream::connect(address).await;
        connected
            .and_then(tokio::net::TcpStream::into_std)
            .map_err(|error| FetchError::Unreachable(error.to_string()))
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

    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
        form: &'a str,
        media: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(self.post_form(url, authorization, form, media))
    }
}

async fn fetch(
    rules: &Arc<EgressRules>,
    tls: &TlsConnector,
    url: &str,
) -> Result<Fetched, FetchError> {
    let url: Uri = url
        .parse()
        .map_err(|_| FetchError::Forbidden(url.chars().take(200).collect()))?;
    let (place, path) = Place::of(&url)?;
    let request = Request::get(path)
        .header(header::HOST, place.host_header()?)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "cambist")
        .body(Full::<Bytes>::default())
        .map_err(|error| FetchError::Unexpected(error.to_string()))?;
    let mut sender = place.connect(rules, tls).await?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| FetchError::Unreachable(error.to_string()))?;
    read(response, rules.body_bytes).await
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Fetched, FetchError> {
    let (head, body) = response.into_parts();
    let media = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    check_head(
        head.status,
        head.headers.contains_key(header::CONTENT_ENCODING),
        media,
        |essence| {
            essence == "application/json"
                || (essence.starts_with("application/") && essence.ends_with("+json"))
        },
    )?;
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

/// Whether an answer is one with JSON that can be read as it is. `is_json` judges the media type, without its
/// parameters and in lower case.
fn check_head(
    status: StatusCode,
    is_compressed: bool,
    media: &str,
    is_expected: impl Fn(&str) -> bool,
) -> Result<(), FetchError> {
    let unexpected = |what: &str| Err(FetchError::Unexpected(what.to_owned()));
    if status != StatusCode::OK {
        return unexpected(&format!("status {}", status.as_u16()));
    }
    if is_compressed {
        return unexpected("a compressed body");
    }
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !is_expected(&essence.to_ascii_lowercase()) {
        return unexpected("a body of another media type");
    }
    Ok(())
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
