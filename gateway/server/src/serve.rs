//! The composition root: `cambist serve` from configuration to the last connection.

mod banner;
mod keys;
mod log;
mod sockets;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cambist_core::Timestamp;
use cambist_plugin::{CodeCache, Compilation, HeavyLimits, HostError, HostLimits, PluginHost};
use cambist_token::{Allowance, Attempts, PasswordDirectory};
use rustls::ClientConfig;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use self::sockets::Sockets;
use crate::{
    access_log::AccessLog,
    admin::AdminHandler,
    audit::Audit,
    config::{Config, Passwords},
    data_directory::{DataDirectory, DataDirectoryError},
    directory::UserDirectory,
    dpop::Dpop,
    egress::{Egress, EgressRules, tls::trust_roots},
    face::session::SignInKey,
    gateway::{Gateway, now},
    heavy::HeavyPool,
    ledger::Ledger,
    listener::{
        self, Drain, Workers,
        tls::{self, TlsError},
    },
    outside::{self, GatewayOutside},
    proxy::Counts,
    publisher::{PublishFailure, Publisher, Workshop},
    registry::{Published, Registry},
    router::PublicHandler,
    saml::SamlBench,
    sessions::SessionStore,
    store::{Store, StoreError},
    used::UsedAssertions,
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
    /// A listener is configured without an address.
    #[error("listener.{0} has no address")]
    NoAddress(String),
    /// A listener cannot encrypt as configured.
    #[error("listener {listener}: {source}")]
    Tls {
        /// Its name in the configuration.
        listener: String,
        /// Why.
        source: Box<TlsError>,
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
    /// The access log cannot be written.
    #[error("log.access_file: cannot open {}: {source}", path.display())]
    AccessLog {
        /// The configured file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
    /// Where further listeners are, by name.
    pub further: Vec<(String, SocketAddr)>,
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
    running
        .background
        .spawn(reload_when_told(Arc::clone(&running.gateway)));
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

/// Reads certificates again on SIGHUP, without waiting for the next look at their files, and opens the access
/// log again.
async fn reload_when_told(gateway: Arc<Gateway>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened to");
        return;
    };
    while hangups.recv().await.is_some() {
        if let Some(log) = &gateway.access_log {
            log.reopen();
        }
        let terminators = gateway.terminators.clone();
        // It ends with the process.
        let _ = tokio::task::spawn_blocking(move || {
            for terminator in &terminators {
                terminator.reload();
            }
        })
        .await;
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
    let (public, admin) = (sockets.public, sockets.admin);
    let further = sockets.further.clone();
    let terminators = sockets.terminators.clone();
    background.spawn(tls::follow(terminators.clone()));
    let urls = Urls {
        base: base_url,
        certificate: certificate_url(&config, &further),
    };
    let gateway = gateway(config, urls, &roots, &background, compiler)?;
    let gateway = Arc::new(Gateway {
        doors: sockets.doors(),
        terminators,
        ..gateway
    });
    let (workers, drain) = listen(&gateway, sockets, &roots, &background)?;
    Ok(Running {
        public,
        admin,
        further,
        gateway,
        background,
        workers,
        drain,
    })
}

/// How clients reach the gateway.
struct Urls {
    base: String,
    certificate: Option<String>,
}

/// Where clients with a certificate go, if not to the public listener: the first by name of those for them.
fn certificate_url(config: &Config, further: &[(String, SocketAddr)]) -> Option<String> {
    further
        .iter()
        .find_map(|(name, bound)| config.listener.get(name)?.certificate_url(*bound))
}

fn gateway(
    config: Config,
    urls: Urls,
    roots: &Arc<ClientConfig>,
    background: &Runtime,
    compiler: Option<PathBuf>,
) -> Result<Gateway, ServeError> {
    let data = DataDirectory::open(&config.data_dir)?;
    let access_log = access_log(&config)?;
    let store = background.block_on(Store::open(&data.store_file()))?;
    let handle = background.handle();
    let heavy = HeavyPool::new(
        handle.clone(),
        config.passwords.hash_count(),
        config.passwords.queue,
    );
    let users = users(&store, &heavy, &config.passwords);
    let directory: Arc<dyn PasswordDirectory> = users.clone();
    let started =
        now().ok_or_else(|| ServeError::Io(io::Error::other("the clock stands before 1970")))?;
    let sessions = sessions(&config, &store, background, started)?;
    let egress = Egress::new(egress_rules(&config), Arc::clone(roots), handle.clone());
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
    let used_assertions = UsedAssertions::of_clients(store.clone(), handle.clone());
    let saml = SamlBench::new(keys::open_saml(&data)?, store.clone(), handle.clone());
    let ledger = background.block_on(Ledger::open(store.clone(), handle.clone(), started))?;
    let workshop = Workshop {
        base_url: urls.base.clone(),
        certificate_url: urls.certificate,
        ledger: Arc::clone(&ledger),
        store,
        plugin_host: Arc::new(plugin_host),
        keyring,
        saml,
        vault: Vault::new(&*data.vault_key()?)?,
        directory,
        sessions: Arc::new(sessions.clone()),
        fetch: Arc::new(egress.clone()),
        egress,
        handle: handle.clone(),
        heavy: heavy.clone(),
        compilation: HeavyPool::new(handle.clone(), 1, 4),
    };
    let publisher = Publisher::new(workshop, Arc::clone(&published));
    background.block_on(publisher.restore())?;
    background.spawn(crate::proxy::watch(
        Arc::clone(&published),
        Arc::clone(roots),
    ));
    Ok(Gateway {
        config,
        base_url: urls.base,
        published,
        publisher,
        ledger,
        heavy,
        audit: Audit::open(&data.path().join("audit.jsonl"))?,
        access_log,
        unrouted: Counts::default(),
        doors: Vec::new(),
        description: std::sync::OnceLock::new(),
        dpop: Dpop::new().ok_or_else(|| io::Error::other("no randomness"))?,
        used_assertions,
        users,
        sessions,
        sign_in_key: SignInKey::draw()
            .ok_or_else(|| io::Error::other("the machine has no randomness to give"))?,
        admin_token: data.admin_token()?,
        terminators: Vec::new(),
        _data: data,
    })
}

fn egress_rules(config: &Config) -> EgressRules {
    EgressRules {
        allow: config.egress.allow.clone(),
        timeout: config.egress.timeout(),
        body_bytes: config.egress.body_bytes,
    }
}

fn access_log(config: &Config) -> Result<Option<AccessLog>, ServeError> {
    let Some(path) = config.log.access_file.clone() else {
        return Ok(None);
    };
    AccessLog::open(&path)
        .map(Some)
        .map_err(|source| ServeError::AccessLog { path, source })
}

/// Takes up who was signed in, and looks after it from now on.
fn sessions(
    config: &Config,
    store: &Store,
    background: &Runtime,
    started: Timestamp,
) -> Result<SessionStore, StoreError> {
    let sessions = background.block_on(SessionStore::open(
        config.sessions.clone(),
        store.clone(),
        background.handle().clone(),
        started,
    ))?;
    background.spawn(sessions.clone().tend());
    Ok(sessions)
}

/// The gateway's own users, with what the configuration grants those who guess their passwords.
fn users(store: &Store, heavy: &HeavyPool, config: &Passwords) -> Arc<UserDirectory> {
    let per_user = Allowance {
        failures: config.user_failures,
        seconds: 6,
    };
    let per_address = Allowance {
        failures: config.address_failures,
        seconds: 1,
    };
    let attempts = Attempts::new(per_user, per_address);
    let users = UserDirectory::new(store.clone(), heavy.clone());
    Arc::new(users.bounded_by(Arc::new(attempts)))
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
    let workers = listener::start(
        gateway.config.public.worker_count(),
        sockets.shared,
        || PublicHandler::new(Arc::clone(gateway), Arc::clone(roots)),
        &drain,
        gateway.config.shutdown.drain_time(),
    )?;
    let admin = Arc::new(AdminHandler::new(Arc::clone(gateway)));
    for (door, socket) in sockets.alone {
        background.spawn(listener::serve(
            socket,
            door,
            Arc::clone(&admin),
            drain.clone(),
        ));
    }
    Ok((workers, drain))
}

impl Running {
    /// Stops accepting, lets requests finish, and returns when all have or the time to drain is over.
    pub fn stop(self) {
        self.drain.begin();
        self.workers.join();
        let ledger = Arc::clone(&self.gateway.ledger);
        let flushed = self.background.block_on(async move {
            tokio::time::timeout(Duration::from_secs(5), ledger.flush()).await
        });
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::error!("issued tokens may be missing from the ledger");
        }
        self.background.shutdown_timeout(Duration::from_secs(1));
    }
}
