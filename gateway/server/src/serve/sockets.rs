//! Every configured listener, bound.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, runtime::Runtime};

use super::ServeError;
use crate::{
    config::{Config, Hops, Http2, Limits, ListenerLimits, Role, Tls},
    listener::{Door, Opened, Roles, bind_alone, bind_shared, tls::Terminator},
};

/// Bound before anything is opened, so that a taken address touches nothing.
pub(super) struct Sockets {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    /// Addresses of further listeners by name.
    pub(super) further: Vec<(String, SocketAddr)>,
    /// For the workers.
    pub(super) shared: Vec<Opened>,
    /// For the admin role.
    pub(super) alone: Vec<(Arc<Door>, TcpListener)>,
    pub(super) terminators: Vec<Arc<Terminator>>,
}

/// One listener as configured.
struct Wanted<'a> {
    name: &'a str,
    listen: SocketAddr,
    roles: &'a [Role],
    http2: Http2,
    tls: &'a Tls,
    hops: &'a Hops,
    limits: &'a ListenerLimits,
}

impl Sockets {
    pub(super) fn bind(config: &Config, background: &Runtime) -> Result<Self, ServeError> {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut sockets = Self {
            public: unknown,
            admin: unknown,
            further: Vec::new(),
            shared: Vec::new(),
            alone: Vec::new(),
            terminators: Vec::new(),
        };
        let public = Wanted {
            name: "public",
            listen: config.public.listen,
            roles: &config.public.roles,
            http2: config.public.http2,
            tls: &config.public.tls,
            hops: &config.public.hops,
            limits: &config.public.limits,
        };
        let admin = Wanted {
            name: "admin",
            listen: config.admin.listen,
            roles: &[Role::Admin],
            http2: config.admin.http2,
            tls: &config.admin.tls,
            hops: &config.admin.hops,
            limits: &config.admin.limits,
        };
        sockets.public = sockets.open(&public, config, background)?;
        sockets.admin = sockets.open(&admin, config, background)?;
        for (name, listener) in &config.listener {
            let listen = listener
                .listen
                .ok_or_else(|| ServeError::NoAddress(name.clone()))?;
            let wanted = Wanted {
                name,
                listen,
                roles: &listener.roles,
                http2: listener.http2,
                tls: &listener.tls,
                hops: &listener.hops,
                limits: &listener.limits,
            };
            let bound = sockets.open(&wanted, config, background)?;
            sockets.further.push((name.clone(), bound));
        }
        Ok(sockets)
    }

    /// Every listener.
    pub(super) fn doors(&self) -> Vec<Arc<Door>> {
        let shared = self.shared.iter().map(|opened| &opened.door);
        let alone = self.alone.iter().map(|(door, _)| door);
        shared.chain(alone).cloned().collect()
    }

    fn open(
        &mut self,
        wanted: &Wanted<'_>,
        config: &Config,
        background: &Runtime,
    ) -> Result<SocketAddr, ServeError> {
        let terminator =
            Terminator::open(wanted.name, wanted.tls, wanted.http2).map_err(|source| {
                ServeError::Tls {
                    listener: wanted.name.to_owned(),
                    source: Box::new(source),
                }
            })?;
        let terminator = terminator.map(Arc::new);
        self.terminators.extend(terminator.clone());
        let limits: Limits = wanted.limits.within(&config.limits);
        let door = Arc::new(Door::new(
            wanted.name,
            Roles::from(wanted.roles),
            limits,
            wanted.http2,
            wanted.hops.clone(),
            terminator,
        ));
        let failed = |source: io::Error| ServeError::Listen {
            address: wanted.listen,
            source,
        };
        if wanted.roles.contains(&Role::Admin) {
            let socket = background
                .block_on(async { bind_alone(wanted.listen) })
                .map_err(failed)?;
            let bound = socket.local_addr()?;
            self.alone.push((door, socket));
            return Ok(bound);
        }
        let count = config.public.worker_count();
        let (bound, sockets) = bind_shared(wanted.listen, count).map_err(failed)?;
        self.shared.push(Opened { door, sockets });
        Ok(bound)
    }
}
