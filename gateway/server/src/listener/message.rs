//! What holds for every request, whichever face it is for: one shape for both versions of HTTP, and no
//! doubt about its host and length.

use hyper::{
    HeaderMap, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderValue},
};
use serde_json::json;

use super::{Connection, http1::Reason};
use crate::{
    body::Body,
    gateway::Circumstances,
    proxy::hygiene::{self, Malformed},
};

/// Why a request reaches no face.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// Readers could disagree about it.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It has more headers than allowed, in HTTP/2.
    #[error("there are more than {0} header fields")]
    Headers(usize),
    /// Its bytes could be read in two ways, or are too many.
    #[error("{0}")]
    Unclear(#[from] Reason),
    /// A trusted hop sent what it is not configured to send.
    #[error("a trusted hop sent what cannot be read: {0}")]
    Hop(String),
}

/// Gives a request of HTTP/2 the headers it would have in HTTP/1, and checks both.
pub(super) fn prepare<B>(request: &mut Request<B>, header_count: usize) -> Result<(), Flaw> {
    if request.version() == Version::HTTP_2 {
        if request.headers().len() > header_count {
            return Err(Flaw::Headers(header_count));
        }
        let authority = request
            .uri()
            .authority()
            .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        let headers = request.headers_mut();
        if let Some(authority) = authority
            && !headers.contains_key(HOST)
        {
            headers.insert(HOST, authority);
        }
        join_cookies(headers);
    }
    Ok(hygiene::check_message(
        request.method(),
        request.uri(),
        request.version(),
        request.headers(),
    )?)
}

/// HTTP/2 may split them (RFC 9113 §8.2.3); HTTP/1 may not.
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(mut joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}

impl Flaw {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(Malformed::Connect | Malformed::Trace) => StatusCode::NOT_IMPLEMENTED,
            Self::Headers(_) | Self::Unclear(Reason::Long | Reason::Many) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Malformed(_) | Self::Unclear(_) | Self::Hop(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// A stable name for metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.name(),
            Self::Unclear(reason) => reason.name(),
            Self::Headers(_) => "header_count",
            Self::Hop(_) => "hop",
        }
    }

    /// What the client learns (RFC 9457), after which a connection of HTTP/1 ends.
    pub(super) fn response(&self, connection: &Connection) -> Response<Body> {
        let status = self.status();
        let correlation = Circumstances::draw(None).map(|drawn| drawn.correlation.to_string());
        tracing::info!(flaw = %self, peer = %connection.peer, correlation, "a request was refused");
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": match self {
                Self::Hop(_) => "what the proxy before this gateway says cannot be read".to_owned(),
                flaw => flaw.to_string(),
            },
            "correlation": correlation,
        });
        let mut response = Response::new(Body::full(problem.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // HTTP/2 has no such header; hyper takes it out there.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

#[cfg(test)]
mod tests;
