//! What every request can reach, and the circumstances of one.

mod correlation;
mod randomness;

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use aws_lc_rs::digest;
use bytes::Bytes;
use cambist_core::{Call, Proofs, Purpose, Timestamp};
use hyper::HeaderMap;

pub use self::correlation::Correlation;
use crate::{
    access_log::AccessLog,
    audit::Audit,
    config::Config,
    data_directory::{AdminToken, DataDirectory},
    directory::UserDirectory,
    dpop::Dpop,
    face::{
        rest_sts::common_rest::Caller,
        session::{self, SignInKey},
    },
    heavy::HeavyPool,
    ledger::Ledger,
    listener::{Connection, Door, tls::Terminator},
    openapi,
    proxy::Counts,
    publisher::Publisher,
    registry::Published,
    sessions::SessionStore,
    used::UsedAssertions,
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
    /// Knows what was issued and what was revoked.
    pub ledger: Arc<Ledger>,
    /// Where slow work goes.
    pub heavy: HeavyPool,
    /// Where every exchange is recorded.
    pub audit: Audit,
    /// Where every proxied request is, if that is wanted.
    pub access_log: Option<AccessLog>,
    /// Counts the requests that no route took.
    pub(crate) unrouted: Counts,
    /// Every listener.
    pub doors: Vec<Arc<Door>>,
    /// What the public listener offers, once somebody has asked.
    pub(crate) description: OnceLock<Bytes>,
    /// Checks and remembers proofs of possession.
    pub dpop: Dpop,
    /// Remembers client assertions.
    pub used_assertions: UsedAssertions,
    /// Who signs in with a password.
    pub users: Arc<UserDirectory>,
    /// Who is signed in.
    pub sessions: SessionStore,
    /// Protects sign-ins of several rounds.
    pub sign_in_key: SignInKey,
    /// Who may administer.
    pub admin_token: AdminToken,
    /// What ends TLS, on the listeners that do.
    pub terminators: Vec<Arc<Terminator>>,
    /// Held for its lock: one gateway per directory.
    pub(crate) _data: DataDirectory,
}

impl Gateway {
    /// What the public listener offers, as `OpenAPI`.
    pub fn description(&self) -> Bytes {
        let described = || openapi::public(&self.base_url, self.config.sessions.enabled);
        self.description.get_or_init(described).clone()
    }

    /// Whom the session of a request stands for, as far as the REST STS cares: some user or nobody. Asking does
    /// not count as use of the session.
    pub fn user(&self, headers: &HeaderMap, now: Timestamp) -> Caller {
        let session = session::presented(headers, &self.config.sessions.cookie);
        match session.and_then(|token| self.sessions.known(token.as_bytes(), now, false)) {
            Some(_) => Caller::User,
            None => Caller::Anonymous,
        }
    }
}

/// Time and randomness of one request, drawn once.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// When it arrived.
    pub now: Timestamp,
    /// Identifies it to client and operator.
    pub correlation: Correlation,
    /// For the identifier of what it issues.
    pub random: [u8; 16],
    /// The certificates the caller proved to hold in the TLS handshake, in DER, its own first.
    pub certificates: Option<Arc<[Vec<u8>]>>,
    /// Whether those lead to an authority configured for the listener. If not, the caller has the key, and
    /// nothing else is known about it.
    pub is_anchored: bool,
    /// Whence it came: the client, or whom a trusted hop names as such.
    pub peer: Option<std::net::SocketAddr>,
    certificate_thumbprint: OnceLock<String>,
}

impl Circumstances {
    /// Reads the clock and draws randomness. None when the machine has no randomness to give, or its clock
    /// stands before 1970; nothing may be issued then.
    pub fn draw(connection: Option<&Connection>) -> Option<Self> {
        let drawn = randomness::draw()?;
        let (random, correlation) = drawn.split_first_chunk::<16>()?;
        Some(Self {
            now: now()?,
            correlation: Correlation::of(*correlation.first_chunk::<8>()?),
            random: *random,
            certificates: connection.and_then(|connection| connection.certificates.clone()),
            is_anchored: connection.is_some_and(|connection| connection.is_anchored),
            peer: connection.map(Connection::client_address),
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
                client: None,
                certificates: self.certificates.as_deref().unwrap_or_default(),
                certificate_thumbprint: self.certificate_thumbprint(),
                dpop_thumbprint: None,
            },
            purpose: Purpose::Issue,
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
