//! Answers as both endpoints write them.

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use super::{Protocol, RestError, RestRequest};

/// An answer, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestResponse {
    /// The status.
    pub status: StatusCode,
    /// All header fields but `Content-Length`.
    pub headers: HeaderMap,
    /// JSON.
    pub body: Bytes,
}

/// What a handler answers, before it is rendered for the protocol version that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// 200 unless set.
    pub status: StatusCode,
    /// `_id`, for resources.
    pub id: Option<String>,
    /// `_rev` and `ETag`, for resources.
    pub revision: Option<String>,
    /// `Location`, for what was created.
    pub location: Option<String>,
    /// The members.
    pub members: Map<String, Value>,
}

/// Writes an answer the way this request wants it.
pub fn render(request: &RestRequest, outcome: Result<Content, RestError>) -> RestResponse {
    let outcome =
        outcome.and_then(|content| request.protocol().map(|protocol| (content, protocol)));
    let (status, value, fields) = match outcome {
        Ok((content, protocol)) => success(request, content, protocol),
        Err(error) => failure(error),
    };
    let pretty = request.parameter("_prettyPrint") == Some("true");
    let text = if pretty {
        serde_json::to_vec_pretty(&value)
    } else {
        serde_json::to_vec(&value)
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=UTF-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, text) in fields {
        // Ids are checked when they are published; a value that is no header text is not worth a failure.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    RestResponse {
        status,
        headers,
        body: Bytes::from(text.unwrap_or_default()),
    }
}

type Fields = Vec<(HeaderName, String)>;

fn success(
    request: &RestRequest,
    content: Content,
    protocol: Protocol,
) -> (StatusCode, Value, Fields) {
    let mut fields = Fields::new();
    if let Some(revision) = content
        .revision
        .as_deref()
        .filter(|revision| !revision.is_empty())
    {
        fields.push((header::ETAG, format!("\"{revision}\"")));
    }
    fields.extend(
        content
            .location
            .map(|location| (header::LOCATION, location)),
    );
    let mut members = match request.parameter("_fields") {
        Some(wanted) => only(&Value::Object(content.members), wanted),
        None => content.members,
    };
    if protocol == Protocol::V2 {
        let identity = [("_id", content.id), ("_rev", content.revision)];
        let identity = identity
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
        members = identity.chain(members).collect();
    }
    (content.status, Value::Object(members), fields)
}

fn failure(error: RestError) -> (StatusCode, Value, Fields) {
    let mut value = json!({
        "code": error.status.as_u16(),
        "reason": reason(error.status),
        "message": error.message,
    });
    if let (Some(detail), Value::Object(members)) = (error.detail, &mut value) {
        members.insert("detail".to_owned(), Value::String(detail));
    }
    let mut fields = Fields::new();
    let usual = (error.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
    if let Some(seconds) = error.retry_after.or(usual) {
        fields.push((header::RETRY_AFTER, seconds.to_string()));
    }
    (error.status, value, fields)
}

/// The fixed text of a code. Only one differs from HTTP's own.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        other => other.canonical_reason().unwrap_or("Unknown"),
    }
}

/// The members that `_fields` names: JSON pointers, comma separated, the first slash optional.
fn only(content: &Value, wanted: &str) -> Map<String, Value> {
    let mut kept = Map::new();
    for field in wanted
        .split(',')
        .map(|field| field.trim().trim_start_matches('/'))
    {
        let Some(value) = content.pointer(&format!("/{field}")) else {
            continue;
        };
        let mut segments = field
            .split('/')
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"));
        let Some(first) = segments.next() else {
            continue;
        };
        let rest: Vec<String> = segments.collect();
        put(&mut kept, first, &rest, value);
    }
    kept
}

fn put(into: &mut Map<String, Value>, name: String, rest: &[String], value: &Value) {
    let Some((next, rest)) = rest.split_first() else {
        into.insert(name, value.clone());
        return;
    };
    let inner = into
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, next.clone(), rest, value);
    }
}
