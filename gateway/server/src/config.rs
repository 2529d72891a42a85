//! What an operator configures: plain data, one struct per section.
//!
//! A value comes from the defaults below, `cambist.toml`, `CAMBIST__SECTION__KEY` or a flag, the later
//! ones winning. Every key stands in [`KEYS`] with its meaning; [`load`] refuses what is not there.

mod egress;
mod explain;
mod file;
mod introspection;
mod keys;
mod listener;
mod load;
mod network;
mod problem;
mod rules;
mod sessions;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use egress::{EgressTarget, EgressTargetError};
pub use explain::{explain, explain_all};
pub use introspection::Introspection;
pub use keys::{KEYS, Key, Kind, key, suggestion};
pub use listener::{
    ClientCertificates, ClientTrust, ForwardedCertificate, Hops, Http2, Listener, ListenerLimits,
    Role, Tls, TlsVersion,
};
pub use load::{DEFAULT_FILE, Loaded, Sources, load};
pub use network::{Network, NetworkError};
pub use problem::{ConfigError, Problem};
pub use sessions::Sessions;

/// The configuration of one gateway process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where state and secrets are kept.
    pub data_dir: PathBuf,
    /// The listener strangers reach.
    pub public: Public,
    /// The listener operators reach.
    pub admin: Admin,
    /// Listeners beside these two, by name.
    pub listener: BTreeMap<String, Listener>,
    /// Bounds on what a stranger may cost.
    pub limits: Limits,
    /// Bounds on what a plugin may cost.
    pub plugins: Plugins,
    /// What the gateway itself may connect to.
    pub egress: Egress,
    /// Password hashing.
    pub passwords: Passwords,
    /// Questions about tokens.
    pub introspection: Introspection,
    /// Sessions that clients of an access manager sign in to.
    pub sessions: Sessions,
    /// The way down.
    pub shutdown: Shutdown,
    /// The log.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./cambist-data"),
            public: Public::default(),
            admin: Admin::default(),
            listener: BTreeMap::new(),
            limits: Limits::default(),
            plugins: Plugins::default(),
            egress: Egress::default(),
            passwords: Passwords::default(),
            introspection: Introspection::default(),
            sessions: Sessions::default(),
            shutdown: Shutdown::default(),
            log: Log::default(),
        }
    }
}

/// `[public]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Public {
    /// Address to bind. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// External base URL without a trailing slash.
    pub url: Option<String>,
    /// Threads that serve requests, of this listener and of further ones without the admin role.
    pub workers: Option<usize>,
    /// What it serves.
    pub roles: Vec<Role>,
    /// When it speaks HTTP/2.
    pub http2: Http2,
    /// How it encrypts.
    pub tls: Tls,
    /// Who stands before it.
    pub hops: Hops,
    /// Where it is bounded otherwise than all.
    pub limits: ListenerLimits,
}

impl Default for Public {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            url: None,
            workers: None,
            roles: vec![Role::Sts, Role::Proxy],
            http2: Http2::default(),
            tls: Tls::default(),
            hops: Hops::default(),
            limits: ListenerLimits::default(),
        }
    }
}

impl Public {
    /// The base URL of everything this gateway issues under, given the address really bound.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        self.url
            .clone()
            .unwrap_or_else(|| format!("{}://{bound}", self.tls.scheme()))
    }

    /// Threads that serve requests: as configured, otherwise one per core.
    pub fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(cores).max(1)
    }
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Address to bind. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Consent to a `listen` address that other machines reach.
    pub allow_remote: bool,
    /// When it speaks HTTP/2.
    pub http2: Http2,
    /// How it encrypts.
    pub tls: Tls,
    /// Who stands before it.
    pub hops: Hops,
    /// Where it is bounded otherwise than all.
    pub limits: ListenerLimits,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            allow_remote: false,
            http2: Http2::default(),
            tls: Tls::default(),
            hops: Hops::default(),
            limits: ListenerLimits::default(),
        }
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most bytes of a request body the gateway reads itself. Proxied bodies stream.
    pub body_bytes: usize,
    /// Most open connections per listener.
    pub connections: usize,
    /// Most bytes of a request head.
    pub header_bytes: usize,
    /// Most header fields in a request.
    pub header_count: usize,
    /// Seconds a connection may take to send a request head.
    pub header_seconds: u64,
    /// Seconds a connection may wait for its next request.
    pub keep_alive_seconds: u64,
    /// Seconds within which more of a request body must come.
    pub body_idle_seconds: u64,
    /// Seconds within which a client must take more of a response.
    pub send_idle_seconds: u64,
    /// Most HTTP/2 streams open at a time on a connection.
    pub http2_streams: u32,
    /// Most HTTP/2 streams of a connection that were reset and are not cleared away yet.
    pub http2_resets: usize,
    /// Seconds until an upstream must have sent its response head.
    pub upstream_seconds: u64,
    /// Most bytes of an uploaded plugin component.
    pub plugin_bytes: usize,
    /// Seconds a request the gateway answers itself may take, body included.
    pub request_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            connections: 10_000,
            header_bytes: 32 * 1024,
            header_count: 100,
            header_seconds: 10,
            keep_alive_seconds: 75,
            body_idle_seconds: 30,
            send_idle_seconds: 30,
            http2_streams: 100,
            http2_resets: 20,
            upstream_seconds: 60,
            plugin_bytes: 32 * 1024 * 1024,
            request_seconds: 30,
        }
    }
}

impl Limits {
    /// [`Self::header_seconds`] as a duration.
    pub const fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    /// [`Self::keep_alive_seconds`] as a duration.
    pub const fn keep_alive_time(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds)
    }

    /// [`Self::request_seconds`] as a duration.
    pub const fn request_time(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// [`Self::upstream_seconds`] as a duration.
    pub const fn upstream_time(&self) -> Duration {
        Duration::from_secs(self.upstream_seconds)
    }
}

/// `[plugins]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugins {
    /// Most bytes of linear memory per call.
    pub memory_bytes: usize,
    /// Milliseconds a call may take.
    pub call_milliseconds: u64,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            memory_bytes: 32 * 1024 * 1024,
            call_milliseconds: 100,
        }
    }
}

impl Plugins {
    /// [`Self::call_milliseconds`] as a duration.
    pub const fn call_time(&self) -> Duration {
        Duration::from_millis(self.call_milliseconds)
    }
}

/// `[egress]`: what the gateway itself fetches, such as an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Targets allowed although their address is private or loopback (KF-02).
    pub allow: Vec<EgressTarget>,
    /// PEM file of further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Seconds a fetch may take from resolving the name to the last byte (KF-04).
    pub timeout_seconds: u64,
    /// Most bytes of a fetched body (KF-04).
    pub body_bytes: usize,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ca_file: None,
            timeout_seconds: 5,
            body_bytes: 1024 * 1024,
        }
    }
}

impl Egress {
    /// [`Self::timeout_seconds`] as a duration.
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// `[passwords]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// Hashes computed at a time, each taking 19 MiB.
    pub concurrency: Option<usize>,
    /// Hashes that may wait; more are refused at once.
    pub queue: usize,
    /// Failures about one user that are free; one more every six seconds. None: no limit.
    pub user_failures: u64,
    /// Failures from one address that are free; one more every second. None: no limit.
    pub address_failures: u64,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            concurrency: None,
            queue: 32,
            user_failures: 10,
            address_failures: 100,
        }
    }
}

impl Passwords {
    /// Hashes computed at a time: as configured, otherwise all cores but one.
    pub fn hash_count(&self) -> usize {
        self.concurrency
            .unwrap_or_else(|| cores().saturating_sub(1))
            .max(1)
    }
}

/// `[shutdown]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Seconds that open requests get to finish.
    pub drain_seconds: u64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_seconds: 30 }
    }
}

impl Shutdown {
    /// [`Self::drain_seconds`] as a duration.
    pub const fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged: a level, or directives such as `info,cambist=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Where a line goes for each proxied request.
    pub access_file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
            access_file: None,
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
