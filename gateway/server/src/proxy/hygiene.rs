//! Refuses requests that two readers could read differently. hyper has already refused broken syntax;
//! what it lets through and a naive proxy would pass on is refused here.

use std::net::Ipv6Addr;

use hyper::{
    HeaderMap, Method, Request, Uri, Version,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, RANGE,
        TRANSFER_ENCODING, UPGRADE,
    },
};

/// What is wrong with a request. Each is a flaw the sender can see in its own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// A tunnel (RFC 9110 §9.3.6).
    #[error("CONNECT is not supported")]
    Connect,
    /// A second `Authorization`, or one the application behind could take for it.
    #[error("more than one Authorization header")]
    DuplicateAuthorization,
    /// A header that has one value stands there more than once.
    #[error("a header that has one value stands there more than once")]
    DuplicateHeader,
    /// The message's length is said twice, or in a way that is not understood (RFC 9112 §6.3).
    #[error(
        "Content-Length and Transfer-Encoding must say one length, and Transfer-Encoding only \"chunked\""
    )]
    Framing,
    /// Not exactly one host, not a host, or another than the request target's (RFC 9112 §3.2).
    #[error("exactly one valid Host is needed, equal to the target's authority")]
    Host,
    /// A path that may mean another path after normalisation.
    #[error("the path must be normalised")]
    Path,
    /// It would show the issued token to the client (RFC 9110 §9.3.8).
    #[error("TRACE is not supported")]
    Trace,
    /// A switch of protocols.
    #[error("upgrades are not supported")]
    Upgrade,
}

impl Malformed {
    /// A stable name for logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::DuplicateAuthorization => "duplicate_authorization",
            Self::DuplicateHeader => "duplicate_header",
            Self::Framing => "framing",
            Self::Host => "host",
            Self::Path => "path",
            Self::Trace => "trace",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Headers with one value, of which two readers would take different ones.
const SINGLE: [HeaderName; 3] = [CONTENT_TYPE, EXPECT, RANGE];

/// What holds for every request, whichever face it is for.
pub(crate) fn check_message(
    method: &Method,
    target: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), Malformed> {
    match *method {
        Method::CONNECT => return Err(Malformed::Connect),
        Method::TRACE => return Err(Malformed::Trace),
        _ => {}
    }
    framing(headers, version)?;
    // HTTP/1.0 knows no host; who asks for one there is told by the face.
    if version != Version::HTTP_10 || headers.contains_key(HOST) {
        host(headers, target)?;
    }
    if count(headers, &AUTHORIZATION) > 1 {
        return Err(Malformed::DuplicateAuthorization);
    }
    if SINGLE.iter().any(|name| count(headers, name) > 1) {
        return Err(Malformed::DuplicateHeader);
    }
    Ok(())
}

/// Checks what the proxy demands of a request besides [`check_message`].
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Malformed> {
    if request.headers().contains_key(UPGRADE) {
        return Err(Malformed::Upgrade);
    }
    if request.version() == Version::HTTP_10 {
        host(request.headers(), request.uri())?;
    }
    if is_normalised(request.uri().path()) {
        Ok(())
    } else {
        Err(Malformed::Path)
    }
}

fn count(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}

/// PX-01, PX-02.
fn framing(headers: &HeaderMap, version: Version) -> Result<(), Malformed> {
    let lengths = count(headers, &CONTENT_LENGTH);
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let encoding = encodings.next();
    let sound = match encoding {
        None => lengths <= 1,
        Some(value) => {
            lengths == 0
                && encodings.next().is_none()
                && version == Version::HTTP_11
                && value.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
    };
    if sound {
        Ok(())
    } else {
        Err(Malformed::Framing)
    }
}

/// PX-03. HTTP/1.0 without a host is refused as well: routes are chosen by it.
fn host(headers: &HeaderMap, target: &Uri) -> Result<(), Malformed> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(value), None) = (hosts.next(), hosts.next()) else {
        return Err(Malformed::Host);
    };
    let text = value.to_str().map_err(|_| Malformed::Host)?;
    let same = target
        .authority()
        .is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(text));
    if same && is_host(text) {
        Ok(())
    } else {
        Err(Malformed::Host)
    }
}

/// Whether this is a DNS name, an IPv4 address or a bracketed IPv6 address, with an optional port.
/// RFC 3986 allows percent-encoding and `!$&'()*+,;=` as well; no real host has them.
pub(super) fn is_host(text: &str) -> bool {
    let (is_named, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let has_only_name_characters = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        (
            (1..=255).contains(&name.len()) && has_only_name_characters,
            port,
        )
    };
    is_named && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// PX-09: whether route match and upstream will see the same path, whoever decodes or merges what.
///
/// Refused are empty, `.` and `..` segments (with path parameters too: `..;x`), backslashes, anything
/// but ASCII, incomplete percent-encoding, and the encoded forms of `.`, `/`, `\` and control
/// characters. A trailing slash and `;` within a segment are allowed and passed on as they are.
pub(super) fn is_normalised(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    rest.is_empty() || {
        let segments = rest.strip_suffix('/').unwrap_or(rest);
        segments.split('/').all(is_plain_segment)
    }
}

fn is_plain_segment(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    if segment.is_empty() || matches!(name, "" | "." | "..") {
        return false;
    }
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let decoded = (hex(bytes.next()), hex(bytes.next()));
                let (Some(high), Some(low)) = decoded else {
                    return false;
                };
                if matches!(high << 4 | low, b'.' | b'/' | b'\\' | 0x00..=0x1f | 0x7f) {
                    return false;
                }
            }
            b'\\' | b'#' | 0x00..=0x20 | 0x7f..=0xff => return false,
            _ => {}
        }
    }
    true
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
