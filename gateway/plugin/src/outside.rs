//! What lies outside the sandbox: the host's end of the capabilities.

pub(crate) mod untouched;

use std::{fmt, time::Duration};

use cambist_core::BoxFuture;
use zeroize::Zeroizing;

use crate::KvSpace;

/// The world a host's plugins may be let into. The gateway's own is one; a bench where plugins are tried
/// is another.
pub trait Outside: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;

    /// Fills `bytes` with randomness fit for keys. False if there is none to be had.
    fn random(&self, bytes: &mut [u8]) -> bool;

    /// Takes one line for the log.
    fn log(&self, line: &LogLine<'_>);

    /// Sends a request whose origin was found granted, and waits for the whole answer.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>>;

    /// The value of a key that has not ended.
    fn kv_get<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>>;

    /// Sets a key until `seconds` from now. With `only_if_absent`, false if it was there.
    fn kv_put<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
        value: Vec<u8>,
        seconds: u32,
        only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>>;

    /// Removes a key.
    fn kv_remove<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>>;
}

/// Nothing lies outside: for hosts that look at plugins and bind none.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Outside for Nowhere {
    fn now_ms(&self) -> u64 {
        0
    }

    fn random(&self, _bytes: &mut [u8]) -> bool {
        false
    }

    fn log(&self, _line: &LogLine<'_>) {}

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let nobody = HttpError::Unreachable(request.url.to_string());
        Box::pin(std::future::ready(Err(nobody)))
    }

    fn kv_get<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }

    fn kv_put<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
        _value: Vec<u8>,
        _seconds: u32,
        _only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }

    fn kv_remove<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(std::future::ready(Err(KvError::Unavailable)))
    }
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// For its author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Wrong.
    Error,
}

/// One line of a plugin's, bounded, without control characters.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// The plugin's name and digest.
    pub plugin: &'a str,
    /// The instance it was called for.
    pub instance: &'a str,
    /// The request it was called for.
    pub correlation: &'a str,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: &'a str,
}

/// A scheme, a host and a port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://as.example` or `http://localhost:8080`. None if something else stands there too.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let is_bare = uri.path_and_query().is_none_or(|path| path == "/") && !text.ends_with('/');
        is_bare.then(|| Self::of(&uri)).flatten()
    }

    /// The origin of an absolute `http` or `https` URL without user information.
    pub fn of(url: &http::Uri) -> Option<Self> {
        let is_tls = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = url.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        Some(Self {
            is_tls,
            host: authority.host().to_ascii_lowercase(),
            port: match authority.as_str().strip_prefix(authority.host())? {
                "" => {
                    if is_tls {
                        443
                    } else {
                        80
                    }
                }
                port => port.strip_prefix(':')?.parse().ok()?,
            },
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// A request of a plugin's, checked: a known method, a granted origin, no header that is the host's own.
pub struct HttpRequest {
    /// GET, HEAD, POST, PUT, PATCH or DELETE.
    pub method: http::Method,
    /// Where to.
    pub url: http::Uri,
    /// Headers, credentials among them.
    pub headers: Vec<(http::HeaderName, Zeroizing<String>)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait.
    pub timeout: Duration,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers whose values are text, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not allowed.
    #[error("not allowed: {0}")]
    Denied(String),
    /// Larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// No complete answer in time.
    #[error("no complete answer in time")]
    TimedOut,
    /// The connection failed.
    #[error("cannot connect: {0}")]
    Unreachable(String),
}

/// Why the store did not do as told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The plugin holds as much as it may.
    #[error("the plugin holds as much as it may")]
    Quota,
    /// The store is away.
    #[error("the store is away")]
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_whole_or_not_at_all() {
        let shown = |text| Origin::parse(text).map(|origin| origin.to_string());
        assert_eq!(shown("https://AS.example").unwrap(), "https://as.example");
        assert_eq!(
            shown("https://as.example:443").unwrap(),
            "https://as.example"
        );
        assert_eq!(shown("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for text in [
            "",
            "as.example",
            "ftp://as.example",
            "https://as.example/",
            "https://as.example/path",
            "https://as.example?q",
            "https://user@as.example",
            "https://",
            "https://as.example:99999",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn urls_of_one_origin_are_recognised() {
        let granted = Origin::parse("https://as.example").unwrap();
        let of = |url: &str| Origin::of(&url.parse().unwrap());
        assert_eq!(of("https://as.example/introspect?x"), Some(granted.clone()));
        assert_eq!(of("https://AS.EXAMPLE:443/"), Some(granted.clone()));
        assert_ne!(of("http://as.example/"), Some(granted.clone()));
        assert_ne!(of("https://as.example.evil/"), Some(granted.clone()));
        assert_eq!(of("https://as.example@evil/"), None);
        assert_eq!(of("/introspect"), None);
    }
}
