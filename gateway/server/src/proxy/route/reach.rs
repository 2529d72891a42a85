//! How a route's upstream is reached.

use std::time::Duration;

use hyper::{
    Uri,
    header::{HeaderName, HeaderValue},
};

use super::{
    super::{
        credential::own_header,
        hygiene::is_normalised,
        upstream::{Health, MOST_ENDPOINTS, Origin, Protocol, Settings, TlsFiles},
    },
    HealthDocument, ProtocolName, RouteDocument,
    check::{check_count, check_seconds, check_upstream},
};
use crate::publish_error::PublishError;

/// Trailers that gRPC cannot do without.
const GRPC: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// The upstream of a document and its base path. `key` is the secret that `tls.key` names; `revision` tells
/// its connections from those to the same place under other terms.
pub(super) fn origin(
    document: &RouteDocument,
    key: Option<&[u8]>,
    name: &str,
    revision: u64,
) -> Result<(Origin, String), PublishError> {
    let (mut origin, base) = check_upstream(&document.upstream)?;
    let protocol = match document.protocol {
        ProtocolName::Http1 => Protocol::Http1,
        ProtocolName::Http2 => Protocol::Http2,
    };
    if document.endpoints.len() > MOST_ENDPOINTS {
        return Err(PublishError::new(
            "endpoints",
            "are too many",
            format!("give at most {MOST_ENDPOINTS}"),
        ));
    }
    if let Some(tls) = &document.tls {
        let files = TlsFiles {
            authorities: tls.ca.as_deref(),
            certificate: tls.certificate.as_deref(),
            key,
            name: tls.server_name.as_deref(),
        };
        origin.secure(files).map_err(|(member, reason)| {
            PublishError::new(
                member,
                reason,
                "give certificates in PEM, and the name of a secret of the vault that holds the key in PEM",
            )
        })?;
    }
    if document.tls.is_some() || protocol == Protocol::Http2 || !document.endpoints.is_empty() {
        let apart = document
            .tls
            .as_ref()
            .map(|_| format!("for {name} {revision}"));
        origin
            .reach(&document.endpoints, protocol, apart.as_deref())
            .map_err(|index| {
                PublishError::new(
                    format!("endpoints[{index}]"),
                    "is not an endpoint",
                    "write it as host:port",
                )
            })?;
    }
    if document.max_requests == 0 {
        return Err(PublishError::new(
            "max_requests",
            "is 0",
            "choose at least 1",
        ));
    }
    origin.settings = Settings {
        connect: check_seconds("connect_seconds", document.connect_seconds, 60)?,
        age: check_seconds("connection_seconds", document.connection_seconds, 86400)?,
        most_requests: document.max_requests,
        eject_after: document.eject_after,
        trailers: trailers(document, protocol)?.into(),
        health: document
            .health_check
            .as_ref()
            .map(|check| health(check, &base))
            .transpose()?,
    };
    Ok((origin, base))
}

fn trailers(document: &RouteDocument, protocol: Protocol) -> Result<Vec<HeaderName>, PublishError> {
    check_count("trailers", document.trailers.len())?;
    let mut names = Vec::new();
    if protocol == Protocol::Http2 {
        names.extend(GRPC);
    }
    for (index, name) in document.trailers.iter().enumerate() {
        let name = own_header(name).ok_or_else(|| {
            PublishError::new(
                format!("trailers[{index}]"),
                "is not a trailer that may go through",
                "name one that neither frames nor authorises a message",
            )
        })?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn health(document: &HealthDocument, base: &str) -> Result<Health, PublishError> {
    let refuse = |member: &str, reason: &str, hint: &str| {
        PublishError::new(format!("health_check.{member}"), reason, hint)
    };
    let path = document.path.split('?').next().unwrap_or_default();
    let target: Uri = is_normalised(path)
        .then(|| format!("{base}{}", document.path).parse().ok())
        .flatten()
        .ok_or_else(|| refuse("path", "is not a normalised path", "begin with '/'"))?;
    if document.unhealthy_after == 0 || document.healthy_after == 0 {
        return Err(refuse(
            "unhealthy_after",
            "a verdict cannot come from no check",
            "choose at least 1 for both",
        ));
    }
    Ok(Health {
        target,
        every: check_seconds("health_check.every_seconds", document.every_seconds, 3600)?,
        timeout: check_seconds("health_check.timeout_seconds", document.timeout_seconds, 60)?,
        unhealthy_after: document.unhealthy_after,
        healthy_after: document.healthy_after,
    })
}

/// The protocols that clients may switch to.
pub(super) fn upgrades(document: &RouteDocument) -> Result<Vec<HeaderValue>, PublishError> {
    check_count("upgrades", document.upgrades.len())?;
    if !document.upgrades.is_empty() && document.protocol != ProtocolName::Http1 {
        return Err(PublishError::new(
            "upgrades",
            "are given for an upstream that is spoken to by HTTP/2",
            "leave `protocol` at http1",
        ));
    }
    document
        .upgrades
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let is_name = !name.is_empty()
                && !name.eq_ignore_ascii_case("h2c")
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'));
            let value = HeaderValue::from_str(name).ok().filter(|_| is_name);
            value.ok_or_else(|| {
                PublishError::new(
                    format!("upgrades[{index}]"),
                    "is not a protocol that can be switched to",
                    "name it as Upgrade does, for example \"websocket\"",
                )
            })
        })
        .collect()
}

/// Longest time for all of a request.
pub(super) fn total(document: &RouteDocument) -> Result<Option<Duration>, PublishError> {
    document
        .total_seconds
        .map(|seconds| check_seconds("total_seconds", seconds, 86400))
        .transpose()
}
