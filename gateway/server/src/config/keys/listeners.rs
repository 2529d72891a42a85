//! The keys that every listener has, whichever section it stands in.

use super::{
    super::{ForwardedCertificate, Role},
    DAY, KIB, Key, Kind, MIB, is, number,
};

/// How many keys every listener has.
const SHARED: usize = 20;

macro_rules! shared {
    ($section:literal) => {
        [
            is(concat!($section, ".http2"), Kind::Choice(&["off", "tls", "always"]), "When it speaks HTTP/2: tls where an encrypted connection agrees on it, always also on plain connections that begin with it."),
            is(concat!($section, ".tls.certificate_file"), Kind::Path, "PEM file of the certificate chain, the listener's own first. With it the listener speaks TLS only.").optional(),
            is(concat!($section, ".tls.key_file"), Kind::Path, "PEM file of the certificate's private key.").optional(),
            is(concat!($section, ".tls.minimum_version"), Kind::Choice(&["1.2", "1.3"]), "The oldest version of TLS spoken."),
            is(concat!($section, ".tls.client_certificates"), Kind::Choice(&["none", "optional", "required"]), "Whether clients are asked for a certificate, and whether they are served without."),
            is(concat!($section, ".tls.client_trust"), Kind::Choice(&["anchors", "possession"]), "anchors: a client certificate must lead to client_ca_file. possession: any certificate whose key the client has is let through, self-signed ones too; whoever reads it decides what it is worth."),
            is(concat!($section, ".tls.client_ca_file"), Kind::Path, "PEM file of the authorities that client certificates must lead to.").optional(),
            is(concat!($section, ".tls.client_crl_file"), Kind::Path, "PEM file of revocation lists, one from each authority in use. A certificate without a list in force is refused.").optional(),
            is(concat!($section, ".hops.trusted"), Kind::Networks, "Addresses of proxies before this listener whose word about the client is taken: X-Forwarded-For, X-Forwarded-Proto and the certificate header."),
            is(concat!($section, ".hops.certificate"), Kind::Choice(ForwardedCertificate::NAMES), "How those proxies hand on a client certificate: rfc9440 (Client-Cert), xfcc (Envoy), or der or pem in hops.certificate_header."),
            is(concat!($section, ".hops.certificate_header"), Kind::Header, "The header with the certificate, for der and pem.").optional(),
            number(concat!($section, ".limits.connections"), 1, 1_000_000, "Most open connections here, instead of limits.connections.").optional(),
            number(concat!($section, ".limits.header_bytes"), 8 * KIB, MIB, "Most bytes of a request head here, instead of limits.header_bytes.").optional(),
            number(concat!($section, ".limits.header_count"), 8, 1000, "Most header fields in a request here, instead of limits.header_count.").optional(),
            number(concat!($section, ".limits.header_seconds"), 1, 3600, "Seconds for a request head here, instead of limits.header_seconds.").optional(),
            number(concat!($section, ".limits.keep_alive_seconds"), 1, DAY, "Seconds an HTTP/1 connection may wait for its next request here, instead of limits.keep_alive_seconds.").optional(),
            number(concat!($section, ".limits.body_idle_seconds"), 1, 3600, "Seconds within which more of a request body must come here, instead of limits.body_idle_seconds.").optional(),
            number(concat!($section, ".limits.send_idle_seconds"), 1, 3600, "Seconds within which a client must take more of a response here, instead of limits.send_idle_seconds.").optional(),
            number(concat!($section, ".limits.http2_streams"), 1, 10_000, "Most HTTP/2 streams open at a time on a connection here, instead of limits.http2_streams.").optional(),
            number(concat!($section, ".limits.http2_resets"), 1, 10_000, "Most reset HTTP/2 streams of a connection here, instead of limits.http2_resets.").optional(),
        ]
    };
}

pub(super) const PUBLIC: [Key; SHARED] = shared!("public");
pub(super) const ADMIN: [Key; SHARED] = shared!("admin");
pub(super) const FURTHER: [Key; SHARED] = shared!("listener.*");

/// What a further listener has besides; its name takes the place of the star.
pub(super) const FURTHER_OWN: [Key; 4] = [
    is(
        "listener.*.listen",
        Kind::Address,
        "Address of a further listener. Port 0 picks a free one.",
    )
    .optional(),
    is(
        "listener.*.url",
        Kind::Url,
        "Base URL as clients see it, of a listener of the role sts that takes client certificates; the metadata of instances lists its endpoints (mtls_endpoint_aliases). Without it, https:// and the bound address.",
    )
    .optional(),
    is(
        "listener.*.roles",
        Kind::Choices(Role::NAMES),
        "What it serves: sts and proxy, or admin alone.",
    ),
    is(
        "listener.*.allow_remote",
        Kind::Boolean,
        "Consent to an address that other machines reach, for the admin role.",
    ),
];
