//! Ending TLS: certificates from files that may change while connections go on.

mod client;
mod material;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::material::{Files, Material};
use crate::config::{ClientTrust, Http2, Tls};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// Why TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("{certificate} with {key}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What a client showed in the handshake.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) certificates: Option<Arc<[Vec<u8>]>>,
    pub(super) is_anchored: bool,
    /// Whether HTTP/2 was agreed on.
    pub(super) is_http2: bool,
}

/// Ends TLS for one listener, and knows the authorities of its clients.
pub struct Terminator {
    name: String,
    settings: Tls,
    http2: Http2,
    current: ArcSwap<Material>,
    /// What was last read, good or not; none after files that could not be read.
    seen: Mutex<Option<Files>>,
    is_current: AtomicBool,
}

impl Terminator {
    /// Reads the files. None if the settings name neither a certificate nor authorities.
    pub fn open(name: &str, settings: &Tls, http2: Http2) -> Result<Option<Self>, TlsError> {
        if !settings.is_on() && settings.client_ca_file.is_none() {
            return Ok(None);
        }
        let files = Files::read(settings)?;
        let material = Material::make(settings, http2, &files)?;
        Ok(Some(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            http2,
            current: ArcSwap::from_pointee(material),
            seen: Mutex::new(Some(files)),
            is_current: AtomicBool::new(true),
        }))
    }

    /// The name of its listener.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether connections are encrypted, or only authorities were configured.
    pub const fn is_on(&self) -> bool {
        self.settings.is_on()
    }

    /// Whether what is in use is what the files hold.
    pub fn is_current(&self) -> bool {
        self.is_current.load(Ordering::Relaxed)
    }

    /// Reads the files again and uses what they hold from the next connection on; connections that are open
    /// go on with what they have. If that cannot be used, what was in use stays so.
    pub fn reload(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match Files::read(&self.settings) {
            Ok(files) if seen.as_ref() == Some(&files) => return,
            Ok(files) => {
                let made = Material::make(&self.settings, self.http2, &files);
                *seen = Some(files);
                made
            }
            // Said already.
            Err(_) if seen.is_none() => return,
            Err(error) => {
                *seen = None;
                Err(error)
            }
        };
        match made {
            Ok(material) => {
                self.current.store(Arc::new(material));
                self.is_current.store(true, Ordering::Relaxed);
                tracing::info!(listener = self.name, "certificates were read again");
            }
            Err(error) => {
                self.is_current.store(false, Ordering::Relaxed);
                tracing::error!(listener = self.name, %error, "certificates cannot be used; the earlier ones stay in use");
            }
        }
    }

    /// Shakes hands.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Shown)> {
        let material = self.current.load_full();
        let server = material
            .server
            .clone()
            .ok_or_else(|| io::Error::other("no certificate is configured"))?;
        let stream = TlsAcceptor::from(server).accept(stream).await?;
        let session = stream.get_ref().1;
        let chain = session.peer_certificates();
        let shown = Shown {
            // The handshake has checked it already where it had to lead there.
            is_anchored: chain.is_some_and(|chain| {
                self.settings.client_trust == ClientTrust::Anchors
                    || material.is_anchored(chain, UnixTime::now())
            }),
            certificates: chain.map(|chain| chain.iter().map(|one| one.to_vec()).collect()),
            is_http2: session.alpn_protocol() == Some(material::HTTP2),
        };
        Ok((stream, shown))
    }

    /// Whether a chain that a trusted hop handed on leads to a configured authority.
    pub(super) fn is_anchored(&self, chain: &[Vec<u8>]) -> bool {
        let chain: Vec<_> = chain
            .iter()
            .map(|one| CertificateDer::from(one.as_slice()))
            .collect();
        self.current.load().is_anchored(&chain, UnixTime::now())
    }
}

/// Follows the files of all listeners for as long as the runtime lives.
pub async fn follow(terminators: Vec<Arc<Terminator>>) {
    if terminators.is_empty() {
        return;
    }
    loop {
        tokio::time::sleep(INTERVAL).await;
        let terminators = terminators.clone();
        let read = tokio::task::spawn_blocking(move || {
            for terminator in &terminators {
                terminator.reload();
            }
        });
        if read.await.is_err() {
            tracing::error!("reading certificates again panicked");
        }
    }
}
