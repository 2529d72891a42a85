//! The host: what all plugins share.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::{
    Compilation, HostLimits, Outside, Plugin, PluginRejected,
    case::Rehearsal,
    compiler::Loader,
    engine::Engines,
    intake,
    limits::{Class, ClassLimits},
    manifest::Isolation,
    ready::Ready,
};

/// Compiles plugins and runs them. One per process; cheap to clone.
#[derive(Clone)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

/// What all plugins of a host have in common.
pub(crate) struct Shared {
    limits: HostLimits,
    engines: Engines,
    light: Seats,
    heavy: Seats,
    /// The host's end of the capabilities.
    pub(crate) outside: Arc<dyn Outside>,
    /// Held by the one upload being compiled: compiling takes memory, and its trial the spare sandbox.
    compiling: std::sync::Mutex<()>,
    loader: Loader,
}

/// The sandboxes of one class.
struct Seats {
    /// One permit per sandbox that may run.
    turns: Arc<Semaphore>,
    /// One permit per sandbox that is kept without running.
    idle: Arc<Semaphore>,
}

impl Seats {
    fn new(limits: &ClassLimits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.concurrent_calls as usize)),
            idle: Arc::new(Semaphore::new(limits.idle_sandboxes as usize)),
        }
    }
}

/// Why there is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The engine refused its configuration or the machine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The thread that interrupts guests could not be started.
    #[error("the thread that interrupts plugins cannot start: {0}")]
    Ticker(String),
    /// The directory of native code cannot be used.
    #[error("the directory of compiled plugins cannot be used: {0}")]
    Cache(String),
}

impl PluginHost {
    /// Opens the store of compiled plugins. Engines and the threads that interrupt guests start with the first
    /// plugin, and end with the host's last.
    pub fn new(
        limits: HostLimits,
        compilation: Compilation,
        outside: Arc<dyn Outside>,
    ) -> Result<Self, HostError> {
        let loader =
            Loader::open(compilation).map_err(|error| HostError::Cache(error.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                limits,
                engines: Engines::new(limits),
                light: Seats::new(&limits.of(Class::Light)),
                heavy: Seats::new(&limits.of(Class::Heavy)),
                outside,
                compiling: std::sync::Mutex::new(()),
                loader,
            }),
        })
    }

    /// Takes an upload: reads, compiles, links and tries it. Blocks for as long as compiling takes (a
    /// tenth of a second for a usual plugin, seconds at worst), one upload at a time: call it on a thread
    /// that may block and has at least 1 MiB of stack.
    pub fn compile(&self, uploaded: &[u8]) -> Result<Plugin, PluginRejected> {
        let Shared {
            limits,
            engines,
            compiling,
            loader,
            ..
        } = &*self.shared;
        let upload = intake::read(uploaded, limits.largest_component(), loader.compiler())?;
        // Nothing that a panic could have left half done is behind the lock.
        let alone = compiling
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let class = limits.class(upload.component.len(), &upload.wants);
        let limits = limits.of(class);
        let engine = engines
            .of(class)
            .map_err(|error| PluginRejected::NoRoom(error.to_string()))?;
        let compiled = loader.load(engine, &upload.component)?;
        let linked = Arc::new(intake::link(&compiled, &upload.points, engine, &limits)?);
        drop(alone);
        let wants_stock = match upload.manifest.isolation {
            Isolation::Ready => true,
            Isolation::Fresh => class == Class::Heavy,
            Isolation::Worker => false,
        };
        let rehearsal = Rehearsal::of(&upload.manifest, &upload.points)?;
        let ready = wants_stock.then(|| {
            let idle = Arc::clone(&self.shared.seats(class).idle);
            let linked = Arc::clone(&linked);
            Ready::new(linked, engine.clone(), limits, idle, rehearsal)
        });
        let plugin = Plugin {
            shared: Arc::clone(&self.shared),
            class,
            engine: engine.clone(),
            linked,
            limits,
            own_turns: Arc::new(Semaphore::new(limits.concurrent_calls.div_ceil(2) as usize)),
            ready,
            digest: intake::name(uploaded),
            size: uploaded.len(),
            imports: upload.imports,
            exports: upload.exports,
            capabilities: upload.capabilities,
            points: upload.points,
            manifest: upload.manifest,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        plugin.test_itself()?;
        Ok(plugin)
    }
}

impl Shared {
    fn seats(&self, class: Class) -> &Seats {
        match class {
            Class::Small | Class::Light => &self.light,
            Class::Heavy => &self.heavy,
        }
    }
}

impl Plugin {
    /// Turns of all plugins of its kind.
    pub(crate) fn turns(&self) -> &Arc<Semaphore> {
        &self.shared.seats(self.class).turns
    }

    /// Permits of sandboxes of its kind that are kept without running.
    pub(crate) fn idle(&self) -> &Arc<Semaphore> {
        &self.shared.seats(self.class).idle
    }

    /// The engine it was compiled for.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}
