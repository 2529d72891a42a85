//! Which headers cross the gateway, in either direction.

use hyper::{
    HeaderMap,
    header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, VIA},
};

use super::grant::Granted;
use crate::http1::listed;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The gateway's own name in `Via` (RFC 9110 §7.6.3).
const VIA_US: HeaderValue = HeaderValue::from_static("1.1 cambist");

/// Meant for one connection only (RFC 9110 §7.6.1). Everything named `proxy-…` is, too.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Set by the gateway or relied upon to be its own: removed from what clients send, in any spelling
/// that some server folds into these (PX-07, PX-08).
/// `client-cert…` is what a TLS-terminating proxy asserts (RFC 9440 §2.4), `proxy` becomes an environment
/// variable in CGI.
const OURS: [&str; 8] = [
    "authorization",
    "client-cert",
    "client-cert-chain",
    "dpop",
    "forwarded",
    "proxy",
    "x-real-ip",
    "x-rewrite-url",
];
const OUR_PREFIXES: [&str; 4] = ["x-envoy-", "x-forwarded-", "x-original-", "proxy-"];

/// Frame the message or name its host: genuine in their own spelling, never in another.
const GENUINE: [&str; 3] = ["content-length", "cookie", "host"];

/// What the gateway says about a request.
pub(super) struct Said<'a> {
    /// The upstream's authority.
    pub(super) host: &'a HeaderValue,
    /// What the exchange gave; nothing for a request without a credential.
    pub(super) granted: Option<&'a Granted>,
    /// Names that the route sets or takes credentials from, folded.
    pub(super) owned: &'a [Box<str>],
    /// The address of who sent the request.
    pub(super) client: &'a HeaderValue,
    /// Whether the upstream is told that trailers are welcome, if the client said so.
    pub(super) keeps_te: bool,
    /// Whether it was encrypted.
    pub(super) is_secure: bool,
}

/// Makes a client's headers into those the upstream receives. What the client said about itself is
/// removed before what the gateway says is set, so naming one of ours in `Connection` removes nothing
/// (PX-06).
pub(super) fn towards_upstream(headers: &mut HeaderMap, said: &Said<'_>) {
    let original_host = headers.remove(HOST);
    let wants_trailers = said.keeps_te
        && headers
            .get_all(TE)
            .iter()
            .any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    strip(headers, |name| {
        is_hop_by_hop(name) || is_ours(name) || is_owned(name, said.owned)
    });
    headers.insert(HOST, said.host.clone());
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(granted) = said.granted {
        grant(headers, granted);
    }
    headers.insert(X_FORWARDED_FOR, said.client.clone());
    if let Some(host) = original_host {
        headers.insert(X_FORWARDED_HOST, host);
    }
    let protocol = if said.is_secure { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(protocol));
    headers.append(VIA, VIA_US);
}

/// Sets what an exchange gave, in place of what another gave.
pub(super) fn grant(headers: &mut HeaderMap, granted: &Granted) {
    for (name, value) in granted.token.iter().chain(&granted.claims) {
        headers.insert(name.clone(), value.clone());
    }
}

/// Makes an upstream's headers into those the client receives.
pub(super) fn towards_client(headers: &mut HeaderMap) {
    strip(headers, is_hop_by_hop);
}

/// Removes what `unwanted` says, and what `Connection` lists. Only the length stays though listed:
/// without it the body would be framed another way, and not be another body.
fn strip(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let listed = listed(headers, &CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| *name != CONTENT_LENGTH);
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name.as_str()))
        .cloned()
        .chain(listed)
        .collect();
    for name in names {
        headers.remove(name);
    }
}

pub(super) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name) || name.starts_with("proxy-")
}

/// Whether some server would read this name as one the gateway owns. CGI and its heirs fold `-`, `_` and
/// `.` into one character.
fn is_ours(name: &str) -> bool {
    let is_alias = name.bytes().any(|b| matches!(b, b'_' | b'.'));
    OURS.iter()
        .any(|ours| name.len() == ours.len() && folds_to(name, ours))
        || OUR_PREFIXES.iter().any(|prefix| folds_to(name, prefix))
        || (is_alias
            && GENUINE
                .iter()
                .chain(&HOP_BY_HOP)
                .any(|own| name.len() == own.len() && folds_to(name, own)))
}

/// Whether some server would read this name as one that the route sets (PX-07).
fn is_owned(name: &str, owned: &[Box<str>]) -> bool {
    owned
        .iter()
        .any(|own| own.len() == name.len() && folds_to(name, own))
}

/// A name as [`Said::owned`] holds it.
pub(super) fn folded(name: &HeaderName) -> Box<str> {
    name.as_str().replace(['_', '.'], "-").into()
}

/// Whether `name` begins with `start` once its separators are folded.
fn folds_to(name: &str, start: &str) -> bool {
    let folded = name
        .bytes()
        .map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b });
    name.len() >= start.len()
        && folded
            .zip(start.bytes())
            .all(|(have, wanted)| have == wanted)
}

#[cfg(test)]
mod tests;
