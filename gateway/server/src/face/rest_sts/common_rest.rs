//! The conventions that the translate and the publish endpoints share: one error object, one set of
//! verbs, one content type, protocol versions.

mod condition;
mod response;

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

pub use condition::{if_match, refuse_conditions};
pub use response::{Content, RestResponse, render};

/// The largest JSON body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// What the listener found out about who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Presented the admin token, in the `iPlanetDirectoryPro` header or cookie or as a bearer token.
    Admin,
    /// Presented a session of a user, who is no administrator.
    User,
    /// Presented nothing, or nothing that is valid.
    Anonymous,
}

/// A request as the listener hands it over, its body read whole.
#[derive(Clone, Debug)]
pub struct RestRequest {
    /// The method on the request line.
    pub method: Method,
    /// The path up to where [`path`](Self::path) begins, such as `/am/sts-publish/rest`.
    pub mount: String,
    /// The segments after the mount, percent-decoded.
    pub path: Vec<String>,
    /// Query parameters in order, percent-decoded.
    pub query: Vec<(String, String)>,
    /// All header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Who calls.
    pub caller: Caller,
}

impl RestRequest {
    /// The instance id that the path names; empty for the collection itself. Empty segments do not count.
    pub fn id(&self) -> String {
        let segments: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .filter(|s| !s.is_empty())
            .collect();
        segments.join("/")
    }

    /// The first query parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The method that is meant: a POST may stand in for another (`X-HTTP-Method-Override`).
    pub fn effective_method(&self) -> Method {
        let meant = self
            .headers
            .get("x-http-method-override")
            .filter(|_| self.method == Method::POST);
        meant
            .and_then(|value| Method::from_bytes(value.as_bytes()).ok())
            .unwrap_or_else(|| self.method.clone())
    }

    /// Whether the request is a query, whatever it asks for.
    pub fn is_query(&self) -> bool {
        ["_queryFilter", "_queryId", "_queryExpression"]
            .iter()
            .any(|name| self.parameter(name).is_some())
    }

    /// The body as JSON, after the checks on size and content type.
    pub fn json(&self, content_type: ContentType) -> Result<Value, RestError> {
        if self.body.len() > MAX_BODY {
            return Err(RestError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request body is too large.",
            ));
        }
        self.check_content_type(content_type)?;
        serde_json::from_slice(&self.body).map_err(|error| not_json(&error))
    }

    fn check_content_type(&self, rule: ContentType) -> Result<(), RestError> {
        let Some(value) = self.headers.get(header::CONTENT_TYPE) else {
            return match rule {
                ContentType::Optional => Ok(()),
                ContentType::Required => Err(RestError::bad_request(
                    "The request could not be processed because it has no Content-Type; send application/json.",
                )),
            };
        };
        let media_type = value
            .to_str()
            .ok()
            .and_then(|text| text.split(';').next())
            .map(str::trim);
        if media_type.is_some_and(|found| found.eq_ignore_ascii_case("application/json")) {
            Ok(())
        } else {
            Err(RestError::bad_request(
                "The request could not be processed because its Content-Type is not supported; send application/json.",
            ))
        }
    }

    /// The protocol version asked for in `Accept-API-Version`; 2 when the header is absent.
    pub fn protocol(&self) -> Result<Protocol, RestError> {
        let Some(value) = self.headers.get("accept-api-version") else {
            return Ok(Protocol::V2);
        };
        let unreadable = || {
            RestError::bad_request("Accept-API-Version must read like protocol=2.1,resource=1.0")
        };
        let mut protocol = Protocol::V2;
        for part in value.to_str().map_err(|_| unreadable())?.split(',') {
            let (name, version) = part.split_once('=').ok_or_else(unreadable)?;
            let version = version.trim().trim_matches('"');
            let major: u32 = version
                .split('.')
                .next()
                .and_then(|n| n.parse().ok())
                .ok_or_else(unreadable)?;
            match (name.trim(), major) {
                ("protocol", 1) => protocol = Protocol::V1,
                ("protocol", 2) | ("resource", _) => {}
                ("protocol", _) => {
                    return Err(RestError::bad_request(
                        "Accept-API-Version names a protocol version other than 1 and 2",
                    ));
                }
                _ => return Err(unreadable()),
            }
        }
        Ok(protocol)
    }
}

/// Whether a request must say what its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// Actions: absent is taken as JSON.
    Optional,
    /// Create and replace.
    Required,
}

/// Which members a resource body carries besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// None.
    V1,
    /// `_id` and `_rev`.
    V2,
}

/// A failure as both endpoints tell it: `{"code", "reason", "message"[, "detail"]}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct RestError {
    /// The HTTP status, repeated in `code`.
    pub status: StatusCode,
    /// What happened. Never holds a value that the caller sent as a credential.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// Seconds until trying again may help (`Retry-After`).
    pub retry_after: Option<u64>,
}

impl RestError {
    /// A failure without detail.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            detail: None,
            retry_after: None,
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404 for a path at which nothing is published.
    pub fn no_resource(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("Resource '{}' not found", shown(id)),
        )
    }

    /// 501 for an action nobody knows.
    pub fn unknown_action() -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "The specified _action parameter is not supported.",
        )
    }

    /// 401 for a missing or invalid admin token.
    pub fn access_denied() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Access Denied")
    }

    /// 403: the caller is known, and is no administrator.
    pub fn not_an_administrator() -> Self {
        Self::new(StatusCode::FORBIDDEN, "User is not an administrator.")
    }
}

/// A name from a request, cut to a length that is safe to repeat in a message.
pub fn shown(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(64)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if name.chars().nth(64).is_some() {
        text.push('…');
    }
    text
}

/// Says where the JSON is broken but repeats none of it: it may hold a password.
pub(super) fn not_json(error: &serde_json::Error) -> RestError {
    RestError {
        status: StatusCode::BAD_REQUEST,
        message:
            "The request could not be processed because the provided content is not valid JSON"
                .to_owned(),
        detail: Some(format!(
            "at line {}, column {}",
            error.line(),
            error.column()
        )),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests;
