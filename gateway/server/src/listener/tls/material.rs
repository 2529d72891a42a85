//! What the files of a listener hold, and what it becomes.

use std::{path::Path, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject,
};
use zeroize::Zeroizing;

use super::{TlsError, client::Possession};
use crate::config::{ClientCertificates, ClientTrust, Http2, Tls, TlsVersion};

/// Names of protocols (RFC 7301).
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Most bytes of a file. Revocation lists are the largest.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The files' bytes. Equal bytes need not be looked at again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Files {
    certificate: Option<Vec<u8>>,
    key: Option<Zeroizing<Vec<u8>>>,
    authorities: Option<Vec<u8>>,
    revoked: Option<Vec<u8>>,
}

impl Files {
    pub(super) fn read(settings: &Tls) -> Result<Self, TlsError> {
        let read = |path: &Option<std::path::PathBuf>| path.as_deref().map(read).transpose();
        Ok(Self {
            certificate: read(&settings.certificate_file)?,
            key: read(&settings.key_file)?.map(Zeroizing::new),
            authorities: read(&settings.client_ca_file)?,
            revoked: read(&settings.client_crl_file)?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let outcome =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(read) if read as u64 <= LARGEST => Ok(bytes),
        Ok(_) => Err(content(path, format!("is larger than {LARGEST} bytes"))),
        Err(source) => Err(TlsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn content(path: &Path, reason: impl std::fmt::Display) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Ready for handshakes.
pub(super) struct Material {
    /// None on a listener that does not encrypt but knows authorities.
    pub(super) server: Option<Arc<ServerConfig>>,
    anchors: Option<Arc<dyn ClientCertVerifier>>,
}

impl Material {
    pub(super) fn make(settings: &Tls, http2: Http2, files: &Files) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let anchors = match (&settings.client_ca_file, &files.authorities) {
            (Some(path), Some(bytes)) => {
                let revoked = settings
                    .client_crl_file
                    .as_deref()
                    .zip(files.revoked.as_deref());
                Some(anchors(path, bytes, revoked, settings, &provider)?)
            }
            _ => None,
        };
        let server = match (&settings.certificate_file, &settings.key_file) {
            (Some(certificate), Some(key)) => Some(Arc::new(server(
                (
                    certificate,
                    files.certificate.as_deref().unwrap_or_default(),
                ),
                (key, files.key.as_deref().map_or(&[], Vec::as_slice)),
                (settings, http2),
                anchors.as_ref(),
                provider,
            )?)),
            _ => None,
        };
        Ok(Self { server, anchors })
    }

    /// Whether `chain`, the client's own certificate first, leads to a configured authority.
    pub(super) fn is_anchored(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        self.anchors
            .as_ref()
            .zip(chain.split_first())
            .is_some_and(|(anchors, (own, others))| {
                anchors.verify_client_cert(own, others, now).is_ok()
            })
    }
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| content(path, error))?;
    if found.is_empty() {
        return Err(content(path, "holds no certificate in PEM"));
    }
    Ok(found)
}

fn anchors(
    path: &Path,
    bytes: &[u8],
    revoked: Option<(&Path, &[u8])>,
    settings: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        roots
            .add(certificate)
            .map_err(|error| content(path, error))?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some((path, bytes)) = revoked {
        let lists = CertificateRevocationListDer::pem_slice_iter(bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| content(path, error))?;
        if lists.is_empty() {
            return Err(content(path, "holds no revocation list in PEM"));
        }
        // A list that is out of date may lack who was revoked since.
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    if settings.client_certificates != ClientCertificates::Required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| content(path, error))
}

fn server(
    (certificate_file, certificate): (&Path, &[u8]),
    (key_file, key): (&Path, &[u8]),
    (settings, http2): (&Tls, Http2),
    anchors: Option<&Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    const LATEST: &[&SupportedProtocolVersion] = &[&TLS13];
    let pair = |source| TlsError::Pair {
        certificate: certificate_file.to_owned(),
        key: key_file.to_owned(),
        source,
    };
    let chain = certificates(certificate_file, certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| content(key_file, error))?;
    let versions = match settings.minimum_version {
        TlsVersion::V1_2 => BOTH,
        TlsVersion::V1_3 => LATEST,
    };
    let asks = settings.client_certificates != ClientCertificates::None;
    let verifier = match (asks, settings.client_trust, anchors) {
        (false, ..) => WebPkiClientVerifier::no_client_auth(),
        (true, ClientTrust::Anchors, Some(anchors)) => Arc::clone(anchors),
        (true, ClientTrust::Anchors, None) => {
            return Err(content(certificate_file, "client_ca_file is missing"));
        }
        (true, ClientTrust::Possession, _) => Arc::new(Possession::new(
            &provider,
            settings.client_certificates == ClientCertificates::Required,
        )),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(pair)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.alpn_protocols = match http2 {
        Http2::Off => vec![HTTP1.to_vec()],
        Http2::Tls | Http2::Always => vec![HTTP2.to_vec(), HTTP1.to_vec()],
    };
    if asks {
        // A resumed session brings its certificates along unchecked: one that was revoked or has ended
        // meanwhile would go on (TL-06).
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(pair)?;
    }
    Ok(config)
}
