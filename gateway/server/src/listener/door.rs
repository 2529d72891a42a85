//! What all sockets of one listener share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
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
        }
    }

    /// Counts one connection more. False if that is one too many; it is to leave all the same.
    pub(super) fn enter(&self) -> bool {
        self.open.fetch_add(1, Ordering::Relaxed) < self.limits.connections
    }

    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
