//! What a presenter proved to hold or to be, beside the tokens it sent.

use std::net::IpAddr;

/// Keys whose possession was proven on this very request, and whence it came. A face fills it in; nothing
/// here says that a key is trusted, only that the caller holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proofs<'a> {
    /// The address the request came from, if that is known.
    pub address: Option<IpAddr>,
    /// The client that authenticated on this request, by its identifier. None on faces without clients.
    pub client: Option<&'a str>,
    /// The certificates of the TLS connection, or those a trusted TLS offloader passed on (RFC 9440), in
    /// DER, the presenter's own first. Empty without one.
    pub certificates: &'a [Vec<u8>],
    /// base64url of the SHA-256 of the first of them (`x5t#S256`, RFC 8705 §3.1).
    pub certificate_thumbprint: Option<&'a str>,
    /// The RFC 7638 thumbprint (base64url of SHA-256) of the key behind a `DPoP` proof that was verified for
    /// this request (RFC 9449 §6.1).
    pub dpop_thumbprint: Option<&'a str>,
}
