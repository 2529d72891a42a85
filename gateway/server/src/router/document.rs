//! Documents that everybody may read and keep for a while.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, header, header::HeaderValue};

use super::plain;
use crate::body::{Body, Incoming};

/// How long it may be kept, and served while it cannot be fetched again.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static(
    "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400",
);

/// Answers with a document, or says that the caller has it already.
pub fn answer(
    found: Option<Bytes>,
    request: &Request<Incoming>,
    media: &'static str,
) -> Response<Body> {
    let Some(content) = found else {
        return plain(StatusCode::NOT_FOUND);
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let tag = tag(&content);
    let is_known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known {
        plain(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(Body::full(content))
    };
    let headers = response.headers_mut();
    if !is_known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn tag(content: &[u8]) -> String {
    let digest = digest(&SHA256, content);
    let short = digest.as_ref().get(..16).unwrap_or_default();
    format!(
        "\"{}\"",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(short)
    )
}
