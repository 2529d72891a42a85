//! Where the certificate of a caller comes from: its connection, or a TLS offloader's header. Never both.

use std::{collections::HashSet, net::IpAddr};

use cambist_core::Call;
use hyper::{HeaderMap, header::HeaderName};

use super::common_rest::{RestError, RestRequest};
use crate::{document::ClientCertificateDocument, x509::MAX_ENCODED_BYTES};

/// The word that stands for every address.
const ANY: &str = "any";

/// A TLS offloader that is believed.
#[derive(Clone, Debug)]
pub(super) struct Offload {
    header: HeaderName,
    /// None believes everybody.
    hosts: Option<HashSet<IpAddr>>,
}

impl Offload {
    /// What `document` describes. What is neither an address nor `any` stands for nobody.
    pub(super) fn new(document: &ClientCertificateDocument) -> Self {
        let hosts = document
            .hosts
            .iter()
            .filter_map(|host| host.parse().ok())
            .map(|address: IpAddr| address.to_canonical());
        Self {
            header: document.header.clone(),
            hosts: (!document.hosts.contains(ANY)).then(|| hosts.collect()),
        }
    }

    fn believes(&self, peer: Option<IpAddr>) -> bool {
        match (&self.hosts, peer) {
            (None, _) => true,
            (Some(hosts), Some(peer)) => hosts.contains(&peer.to_canonical()),
            (Some(_), None) => false,
        }
    }
}

/// What came with a request beside its body.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) certificates: &'a [Vec<u8>],
    pub(super) peer: Option<IpAddr>,
}

impl<'a> Source<'a> {
    pub(super) const fn of(
        request: &'a RestRequest,
        call: &Call<'a>,
        peer: Option<IpAddr>,
    ) -> Self {
        Self {
            headers: &request.headers,
            certificates: call.proofs.certificates,
            peer,
        }
    }

    /// The caller's certificate in DER. With an offloader nothing but its header counts.
    pub(super) fn certificate(&self, offload: Option<&Offload>) -> Result<Vec<u8>, RestError> {
        let Some(offload) = offload else {
            return self.certificates.first().cloned().ok_or_else(|| {
                RestError::bad_request(
                    "The X509 token must be consumed via two-way-tls, as no header is specified for it, and a client \
                     certificate was not found.",
                )
            });
        };
        if !offload.believes(self.peer) {
            return Err(RestError::bad_request(
                "The caller was not among the list of IP addresses corresponding to the TLS offload-engine hosts.",
            ));
        }
        // Of several the first is the caller's own; the others are those above it.
        let value = self.headers.get(&offload.header).ok_or_else(|| {
            RestError::bad_request(
                "A header was specified in config for the client certificate, yet no certificate was found in it.",
            )
        })?;
        decoded(value.as_bytes()).ok_or_else(|| {
            RestError::bad_request(
                "Exception marshalling X509 cert from value set in header: send one certificate in base64 of DER, on \
                 one line, without PEM armour.",
            )
        })
    }
}

fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() > MAX_ENCODED_BYTES {
        return None;
    }
    let der = base64_simd::STANDARD
        .decode_to_vec(value.trim_ascii())
        .ok()?;
    // Whether it is a certificate at all is a matter of form (T11); whether it is a good one is not.
    let certificate = rustls_pki_types::CertificateDer::from(der.as_slice());
    webpki::EndEntityCert::try_from(&certificate).ok()?;
    Some(der)
}
