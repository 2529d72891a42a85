//! What every request can reach, and the circumstances of one.

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use aws_lc_rs::{digest, rand};
use cambist_core::{Call, Proofs, Timestamp};

use crate::{
    audit::Audit,
    config::Config,
    data_directory::{AdminToken, DataDirectory},
    directory::UserDirectory,
    dpop::Dpop,
    heavy::HeavyPool,
    publisher::Publisher,
    registry::Published,
};

/// The running gateway, shared by all listeners.
pub struct Gateway {
    /// What the operator configured.
    pub config: Config,
    /// Base of all issuer identifiers, without a trailing slash.
    pub base_url: String,
    /// What is published.
    pub published: Arc<Published>,
    /// Changes what is published.
    pub publisher: Publisher,
    /// Where slow work goes.
    pub heavy: HeavyPool,
    /// Where every exchange is recorded.
    pub audit: Audit,
    /// Checks and remembers proofs of possession.
    pub dpop: Dpop,
    /// Who signs in with a password.
    pub users: Arc<UserDirectory>,
    /// Who may administer.
    pub admin_token: AdminToken,
    /// Held for its lock: one gateway per directory.
    pub(crate) _data: DataDirectory,
}

/// Time and randomness of one request, drawn once.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// When it arrived.
    pub now: Timestamp,
    /// Identifies it to client and operator: 16 hexadecimal digits.
    pub correlation: String,
    /// For the identifier of what it issues.
    pub random: [u8; 16],
    /// The certificates the caller proved to hold in the TLS handshake, in DER, its own first.
    pub certificates: Option<Arc<[Vec<u8>]>>,
    /// Whence it came.
    pub peer: Option<std::net::SocketAddr>,
    certificate_thumbprint: OnceLock<String>,
}

impl Circumstances {
    /// Reads the clock and draws randomness. None when the machine has no randomness to give, or its clock
    /// stands before 1970; nothing may be issued then.
    pub fn draw(peer: Option<std::net::SocketAddr>) -> Option<Self> {
        let mut drawn = [0; 24];
        rand::fill(&mut drawn).ok()?;
        let (random, correlation) = drawn.split_first_chunk::<16>()?;
        let correlation = u64::from_ne_bytes(*correlation.first_chunk::<8>()?);
        Some(Self {
            now: now()?,
            correlation: format!("{correlation:016x}"),
            random: *random,
            certificates: None,
            peer,
            certificate_thumbprint: OnceLock::new(),
        })
    }

    /// What the engine is told of this request to `instance`.
    pub fn call<'a>(&'a self, instance: &'a str) -> Call<'a> {
        Call {
            now: self.now,
            instance,
            correlation: &self.correlation,
            random: self.random,
            proofs: Proofs {
                address: self.peer.map(|peer| peer.ip()),
                certificates: self.certificates.as_deref().unwrap_or_default(),
                certificate_thumbprint: self.certificate_thumbprint(),
                dpop_thumbprint: None,
            },
        }
    }

    /// `x5t#S256` of the caller's own certificate (RFC 8705 §3.1): computed when it is first asked for.
    pub fn certificate_thumbprint(&self) -> Option<&str> {
        let own = self.certificates.as_deref()?.first()?;
        Some(self.certificate_thumbprint.get_or_init(|| {
            let digest = digest::digest(&digest::SHA256, own);
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest.as_ref())
        }))
    }
}

/// The clock. Everything below takes time as an argument.
pub fn now() -> Option<Timestamp> {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .map(|since| Timestamp(since.as_secs()))
}
