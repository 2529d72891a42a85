//! Which requests a route takes.

use hyper::{
    HeaderMap, Method,
    header::{HeaderName, HeaderValue},
};

use super::{HeaderCondition, RouteDocument, check_host, check_path};
use crate::publish_error::PublishError;

/// Most methods and header conditions of a route.
const CONDITIONS: usize = 16;

/// The hosts of a route, in lower case and without port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) enum HostMatch {
    /// This one.
    Exact(String),
    /// Every one that ends with this; it begins with a dot.
    Below(String),
    /// Every one.
    Any,
}

/// The paths of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) enum PathMatch {
    /// This one.
    Exact(String),
    /// It and all below it. Without a slash at its end, so empty for every path.
    Prefix(String),
}

/// All that a request must be for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Matching {
    pub(in crate::proxy) host: HostMatch,
    pub(in crate::proxy) path: PathMatch,
    methods: Vec<Method>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
}

impl Matching {
    /// Reads the members that say which requests a route takes.
    pub(super) fn build(document: &RouteDocument) -> Result<Self, PublishError> {
        let host = match document.host.as_deref() {
            None => HostMatch::Any,
            Some(host) => match host.strip_prefix('*') {
                Some(below) if below.starts_with('.') => {
                    let name = check_host(below.strip_prefix('.').unwrap_or_default())?;
                    HostMatch::Below(format!(".{name}"))
                }
                _ => HostMatch::Exact(check_host(host)?),
            },
        };
        let path = match (&document.path, &document.path_prefix) {
            (Some(_), Some(_)) => {
                return Err(PublishError::new(
                    "path",
                    "is given together with `path_prefix`",
                    "give one of them",
                ));
            }
            (Some(path), None) => {
                check_path("path", path)?;
                PathMatch::Exact(path.clone())
            }
            (None, prefix) => {
                PathMatch::Prefix(check_path("path_prefix", prefix.as_deref().unwrap_or("/"))?)
            }
        };
        if document.methods.len() > CONDITIONS || document.headers.len() > CONDITIONS {
            return Err(PublishError::new(
                "headers",
                "there are too many conditions",
                format!("at most {CONDITIONS} methods and {CONDITIONS} headers"),
            ));
        }
        let mut methods = Vec::new();
        for (index, name) in document.methods.iter().enumerate() {
            let method = Method::from_bytes(name.as_bytes())
                .ok()
                .filter(|method| {
                    method.as_str().bytes().all(|b| b.is_ascii_uppercase())
                        && *method != Method::CONNECT
                        && *method != Method::TRACE
                })
                .ok_or_else(|| {
                    PublishError::new(
                        format!("methods[{index}]"),
                        format!("`{name}` is not a method that is forwarded"),
                        "name methods in upper case, as in [\"GET\", \"HEAD\"]",
                    )
                })?;
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        let mut headers = Vec::new();
        for (name, condition) in &document.headers {
            headers.push(header(name, condition)?);
        }
        Ok(Self {
            host,
            path,
            methods,
            headers,
        })
    }

    /// Whether method and headers fit. Host and path are found by the table.
    pub(in crate::proxy) fn takes(&self, method: &Method, headers: &HeaderMap) -> bool {
        (self.methods.is_empty() || self.methods.contains(method))
            && self.headers.iter().all(|(name, value)| {
                let mut found = headers.get_all(name).iter();
                match (found.next(), value) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(first), Some(value)) => first == value && found.next().is_none(),
                }
            })
    }

    /// The more it asks of a request beside host and path, the earlier it is tried.
    pub(in crate::proxy) const fn conditions(&self) -> (usize, bool) {
        (self.headers.len(), !self.methods.is_empty())
    }

    /// Whether one of two routes could never be told from the other.
    pub(in crate::proxy) fn collides_with(&self, other: &Self) -> bool {
        self.host == other.host
            && self.path == other.path
            && self.headers == other.headers
            && (self.methods.is_empty() == other.methods.is_empty())
            && (self.methods.is_empty() || self.methods.iter().any(|m| other.methods.contains(m)))
    }
}

fn header(
    name: &str,
    condition: &HeaderCondition,
) -> Result<(HeaderName, Option<HeaderValue>), PublishError> {
    let path = || format!("headers.{name}");
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        PublishError::new(path(), "is not a header name", "name a header of requests")
    })?;
    let value = match condition {
        HeaderCondition::Present(true) => None,
        HeaderCondition::Present(false) => {
            return Err(PublishError::new(
                path(),
                "a header cannot be asked to be absent",
                "give the value it must have, or true",
            ));
        }
        HeaderCondition::Value(value) => Some(HeaderValue::from_str(value).map_err(|_| {
            PublishError::new(path(), "is not a header's value", "use visible characters")
        })?),
    };
    Ok((header, value))
}
