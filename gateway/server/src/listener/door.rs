//! What all sockets of one listener share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::tls::Terminator;
use crate::config::{Hops, Http2, Limits, Role};

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// The token endpoint, the REST STS and the documents about instances.
    pub sts: bool,
    /// Routes of the reverse proxy.
    pub proxy: bool,
}

impl From<&[Role]> for Roles {
    fn from(roles: &[Role]) -> Self {
        Self {
            sts: roles.contains(&Role::Sts),
            proxy: roles.contains(&Role::Proxy),
        }
    }
}

/// One listener: who may come in, and how.
pub struct Door {
    /// Its name in the configuration.
    pub name: String,
    /// What it serves.
    pub roles: Roles,
    /// What a stranger may cost.
    pub limits: Limits,
    /// When it speaks HTTP/2.
    pub http2: Http2,
    /// Who stands before it.
    pub hops: Hops,
    /// How it encrypts; none for plain text.
    pub tls: Option<Arc<Terminator>>,
    open: AtomicUsize,
    accepted: AtomicU64,
    turned_away: AtomicU64,
    not_secured: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// What a listener has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections that are open.
    pub open: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were one too many.
    pub turned_away: u64,
    /// Connections that ended in their TLS handshake.
    pub not_secured: u64,
    /// Requests that no face was shown, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Door {
    /// A listener with nobody connected.
    pub fn new(
        name: impl Into<String>,
        roles: Roles,
        limits: Limits,
        http2: Http2,
        hops: Hops,
        tls: Option<Arc<Terminator>>,
    ) -> Self {
        Self {
            name: name.into(),
            roles,
            limits,
            http2,
            hops,
            tls,
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            not_secured: AtomicU64::new(0),
            refused: Mutex::default(),
        }
    }

    /// Counts one connection more. False if that is one too many; it is to leave all the same.
    pub(super) fn enter(&self) -> bool {
        let may_stay = self.open.fetch_add(1, Ordering::Relaxed) < self.limits.connections;
        let count = if may_stay {
            &self.accepted
        } else {
            &self.turned_away
        };
        count.fetch_add(1, Ordering::Relaxed);
        may_stay
    }

    /// A handshake came to nothing.
    pub(super) fn not_secured(&self) {
        self.not_secured.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused before any face saw it. Reasons are constants of the program.
    pub(super) fn refused(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(reason).or_default() += 1;
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        Seen {
            open: u64::try_from(self.open.load(Ordering::Relaxed)).unwrap_or(u64::MAX),
            accepted: self.accepted.load(Ordering::Relaxed),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            not_secured: self.not_secured.load(Ordering::Relaxed),
            refused: refused.clone(),
        }
    }

    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
