//! What a proxy before the gateway says about its client. It is believed from configured addresses only;
//! from anybody else it is removed (PX-08, RFC 9440 §4).

mod certificate;

use std::net::IpAddr;

use hyper::{
    HeaderMap, Request,
    header::{HeaderName, HeaderValue},
};

use self::certificate::Unreadable;
use super::{Connection, Door};
use crate::config::{ForwardedCertificate, Hops};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

pub(super) fn is_trusted(hops: &Hops, peer: IpAddr) -> bool {
    hops.trusted.iter().any(|network| network.contains(peer))
}

/// Takes what is said about the client's certificate out of the request, whoever said it. For a trusted
/// hop, gives the connection as that hop describes it.
pub(super) fn believe<B>(
    request: &mut Request<B>,
    connection: &Connection,
    door: &Door,
    is_hop: bool,
) -> Result<Option<Connection>, Unreadable> {
    let said = take(request.headers_mut(), &door.hops);
    if !is_hop {
        return Ok(None);
    }
    let headers = request.headers();
    let mut seen = connection.clone();
    if let Some(client) = client(headers, &door.hops) {
        seen.set_client(client);
    }
    let protocol = headers.get(X_FORWARDED_PROTO);
    seen.is_secure |= protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"https"));
    if door.hops.certificate != ForwardedCertificate::None {
        // The hop's own certificate is not its client's.
        let chain = said.read(door.hops.certificate)?;
        let terminator = door.tls.as_ref();
        seen.is_anchored = chain
            .as_deref()
            .zip(terminator)
            .is_some_and(|(chain, terminator)| terminator.is_anchored(chain));
        seen.certificates = chain;
    }
    Ok(Some(seen))
}

/// The headers that speak of a certificate, as they came.
#[derive(Debug, Default)]
struct Said {
    client_cert: Vec<HeaderValue>,
    client_cert_chain: Vec<HeaderValue>,
    xfcc: Vec<HeaderValue>,
    configured: Vec<HeaderValue>,
}

fn take(headers: &mut HeaderMap, hops: &Hops) -> Said {
    let mut said = Said {
        client_cert: removed(headers, &CLIENT_CERT),
        client_cert_chain: removed(headers, &CLIENT_CERT_CHAIN),
        xfcc: removed(headers, &XFCC),
        configured: Vec::new(),
    };
    let configured = hops.certificate_header.as_deref();
    if let Some(name) = configured.and_then(|name| HeaderName::try_from(name).ok()) {
        said.configured = removed(headers, &name);
    }
    said
}

fn removed(headers: &mut HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    if !headers.contains_key(name) {
        return Vec::new();
    }
    let values = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    values
}

/// The last address in `X-Forwarded-For` that is no trusted hop's: what stands before it was said by the
/// client.
fn client(headers: &HeaderMap, hops: &Hops) -> Option<IpAddr> {
    let values: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    let mut latest = None;
    for value in values.iter().rev() {
        for text in value.to_str().ok()?.rsplit(',') {
            let Some(address) = address(text.trim()) else {
                return latest;
            };
            latest = Some(address);
            if !is_trusted(hops, address) {
                return latest;
            }
        }
    }
    latest
}

/// An address, with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text)
        .parse::<IpAddr>()
        .ok()
        .or_else(|| {
            text.parse::<std::net::SocketAddr>()
                .ok()
                .map(|socket| socket.ip())
        })
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
