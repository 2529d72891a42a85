//! The composition root: `cambist serve` from configuration to the last connection.

mod banner;
mod keys;
mod log;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cambist_plugin::{CodeCache, Compilation, HeavyLimits, HostError, HostLimits, PluginHost};
use cambist_token::{Allowance, Attempts, PasswordDirectory};
use rustls::ClientConfig;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use crate::{
    admin::AdminHandler,
    audit::Audit,
    config::{Config, Passwords},
    data_directory::{DataDirectory, DataDirectoryError},
    directory::UserDirectory,
    dpop::Dpop,
    egress::{Egress, EgressRules, tls::trust_roots},
    gateway::Gateway,
    heavy::HeavyPool,
    listener::{self, Drain, Workers, bind_alone, bind_shared},
    outside::{self, GatewayOutside},
    publisher::{PublishFailure, Publisher, Workshop},
    registry::{Published, Registry},
    router::PublicHandler,
    saml::SamlBench,
    store::{Store, StoreError},
    vault::{Vault, VaultError},
};

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The plugin host cannot run here.
    #[error(transparent)]
    Plugins(#[from] HostError),
    /// A signing key cannot be read or made.
    #[error("signing keys: {0}")]
    Keys(String),
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was published cannot be read back.
    #[error("published state: {0}")]
    Restore(#[from] PublishFailure),
    /// Trust roots cannot be read.
    #[error("egress.ca_file: {0}")]
    Trust(String),
    /// The log cannot be written as configured.
    #[error("{0}")]
    Log(String),
    /// The machine refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A gateway that is up.
pub struct Running {
    /// Where the public listener is.
    pub public: SocketAddr,
    /// Where the admin listener is.
    pub admin: SocketAddr,
    /// The shared state.
    pub gateway: Arc<Gateway>,
    background: Runtime,
    workers: Workers,
    drain: Drain,
}

/// Runs until told to stop, then drains.
pub fn serve(config: Config) -> Result<(), ServeError> {
    log::start(&config.log).map_err(ServeError::Log)?;
    let running = start_with(config, Some(this_program()?))?;
    banner::print(&running);
    let waited = running.background.block_on(stopped());
    tracing::info!("draining");
    running.stop();
    waited.map_err(ServeError::Io)
}

async fn stopped() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}

/// The file that this process runs, even if an upgrade has put another in its place: what the one
/// compiles the other could refuse.
fn this_program() -> io::Result<PathBuf> {
    let link = Path::new("/proc/self/exe");
    if link.exists() {
        Ok(link.to_owned())
    } else {
        std::env::current_exe()
    }
}

/// Starts everything and returns once both listeners accept. For programs that have a gateway inside: as
/// they are not `cambist`, it cannot start them as its compiler, and compiles plugins in their process,
/// without bounds.
pub fn start(config: Config) -> Result<Running, ServeError> {
    start_with(config, None)
}

/// `compiler` is the program to start for compiling a plugin.
fn start_with(config: Config, compiler: Option<PathBuf>) -> Result<Running, ServeError> {
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(64)
        .thread_name("background")
        .enable_all()
        .build()?;
    let sockets = Sockets::bind(&config, &background)?;
    let base_url = config.public.base_url(sockets.public);
    let roots = trust_roots(config.egress.ca_file.as_deref()).map_err(ServeError::Trust)?;
    let gateway = Arc::new(gateway(config, base_url, &roots, &background, compiler)?);
    let (public, admin) = (sockets.public, sockets.admin);
    let (workers, drain) = listen(&gateway, sockets, &roots, &background)?;
    Ok(Running {
        public,
        admin,
        gateway,
        background,
        workers,
        drain,
    })
}

/// Bound before anything is opened, so that a taken address touches nothing.
struct Sockets {
    public: SocketAddr,
    public_listeners: Vec<std::net::TcpListener>,
    admin: SocketAddr,
    admin_listener: TcpListener,
}

impl Sockets {
    fn bind(config: &Config, background: &Runtime) -> Result<Self, ServeError> {
        let failed = |address| move |source| ServeError::Listen { address, source };
        let (public, public_listeners) =
            bind_shared(config.public.listen, config.public.worker_count())
                .map_err(failed(config.public.listen))?;
        let admin_listener = background
            .block_on(async { bind_alone(config.admin.listen) })
            .map_err(failed(config.admin.listen))?;
        Ok(Self {
            public,
            public_listeners,
            admin: admin_listener.local_addr()?,
            admin_listener,
        })
    }
}

fn gateway(
    config: Config,
    base_url: String,
    roots: &Arc<ClientConfig>,
    background: &Runtime,
    compiler: Option<PathBuf>,
) -> Result<Gateway, ServeError> {
    let data = DataDirectory::open(&config.data_dir)?;
    let store = background.block_on(Store::open(&data.store_file()))?;
    let handle = background.handle();
    let heavy = HeavyPool::new(
        handle.clone(),
        config.passwords.hash_count(),
        config.passwords.queue,
    );
    let users = Arc::new(
        UserDirectory::new(store.clone(), heavy.clone())
            .bounded_by(Arc::new(attempts(&config.passwords))),
    );
    let directory: Arc<dyn PasswordDirectory> = users.clone();
    let rules = EgressRules {
        allow: config.egress.allow.clone(),
        timeout: config.egress.timeout(),
        body_bytes: config.egress.body_bytes,
    };
    let egress = Egress::new(rules, Arc::clone(roots), handle.clone());
    background.spawn(outside::sweep(store.clone()));
    let outside = GatewayOutside::new(egress.clone(), store.clone(), handle.clone());
    let compilation = Compilation {
        program: compiler,
        cache: Some(CodeCache::new(
            data.path().join("plugin-cache"),
            data.plugin_cache_key()?,
        )),
        ..Compilation::default()
    };
    let plugin_host = PluginHost::new(plugin_limits(&config), compilation, Arc::new(outside))?;
    let published = Arc::new(Published::new(Registry::default()));
    let keyring = Arc::new(keys::open(&data)?);
    let saml = SamlBench::new(keys::open_saml(&data)?, store.clone(), handle.clone());
    let workshop = Workshop {
        base_url: base_url.clone(),
        store,
        plugin_host: Arc::new(plugin_host),
        keyring,
        saml,
        vault: Vault::new(&*data.vault_key()?)?,
        directory,
        fetch: Arc::new(egress),
        heavy: heavy.clone(),
        compilation: HeavyPool::new(handle.clone(), 1, 4),
    };
    let publisher = Publisher::new(workshop, Arc::clone(&published));
    background.block_on(publisher.restore())?;
    Ok(Gateway {
        config,
        base_url,
        published,
        publisher,
        heavy,
        audit: Audit::open(&data.path().join("audit.jsonl"))?,
        dpop: Dpop::new().ok_or_else(|| io::Error::other("no randomness"))?,
        users,
        admin_token: data.admin_token()?,
        _data: data,
    })
}

/// What the configuration grants those who guess passwords.
fn attempts(config: &Passwords) -> Attempts {
    let per_user = Allowance {
        failures: config.user_failures,
        seconds: 6,
    };
    let per_address = Allowance {
        failures: config.address_failures,
        seconds: 1,
    };
    Attempts::new(per_user, per_address)
}

/// What the configuration grants plugins in space and time.
pub(crate) fn plugin_limits(config: &Config) -> HostLimits {
    let usual = HostLimits::default();
    HostLimits {
        component_bytes: usual.component_bytes.min(config.limits.plugin_bytes),
        memory_bytes: config.plugins.memory_bytes,
        call_time: config.plugins.call_time(),
        heavy: HeavyLimits {
            component_bytes: config.limits.plugin_bytes,
            ..usual.heavy
        },
        ..usual
    }
}

fn listen(
    gateway: &Arc<Gateway>,
    sockets: Sockets,
    roots: &Arc<ClientConfig>,
    background: &Runtime,
) -> Result<(Workers, Drain), ServeError> {
    let drain = Drain::default();
    let limits = gateway.config.limits.clone();
    let workers = listener::start(
        sockets.public_listeners,
        || PublicHandler::new(Arc::clone(gateway), Arc::clone(roots)),
        &limits,
        &drain,
        gateway.config.shutdown.drain_time(),
    )?;
    let admin = Arc::new(AdminHandler::new(Arc::clone(gateway)));
    background.spawn(listener::serve(
        sockets.admin_listener,
        admin,
        limits,
        drain.clone(),
    ));
    Ok((workers, drain))
}

impl Running {
    /// Stops accepting, lets requests finish, and returns when all have or the time to drain is over.
    pub fn stop(self) {
        self.drain.begin();
        self.workers.join();
        self.background.shutdown_timeout(Duration::from_secs(1));
    }
}
