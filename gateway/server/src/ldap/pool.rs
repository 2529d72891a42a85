//! Connections to a directory: a few are kept, and each request has one for itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cambist_core::ValidateError;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use rustls::ClientConfig;
use tokio::time::Instant;

use super::{away, broken};
use crate::egress::Egress;

/// Connections that are kept for later.
const KEPT: usize = 8;
/// How long one is kept. Directories end idle connections themselves, sooner or later.
const LIFE: Duration = Duration::from_mins(1);

/// Where a directory is, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) start_tls: bool,
    /// Whether nothing is encrypted, which the egress guard allows to loopback only.
    pub(super) is_plain: bool,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) timeout: Duration,
    pub(super) egress: Egress,
}

pub(super) struct Pool {
    place: Place,
    idle: Mutex<Vec<(Ldap, Instant)>>,
}

impl Pool {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// A connection in whatever state it was left, if one is kept.
    pub(super) fn take_idle(&self) -> Option<Ldap> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < LIFE && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for later.
    pub(super) fn put(&self, connection: Ldap) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }

    pub(super) async fn connect(&self) -> Result<Ldap, ValidateError> {
        let place = &self.place;
        let stream = place
            .egress
            .tcp(&place.host, place.port, !place.is_plain)
            .await
            .map_err(|error| away(&error.to_string()))?;
        let settings = LdapConnSettings::new()
            .set_conn_timeout(place.timeout)
            .set_config(Arc::clone(&place.tls))
            .set_starttls(place.start_tls)
            .set_std_stream(StdStream::Tcp(stream));
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &place.url)
            .await
            .map_err(|error| broken(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "an LDAP connection ended");
            }
        });
        Ok(ldap)
    }
}
