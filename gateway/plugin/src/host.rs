//! The host, and the way of an upload through it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use wasmparser::Parser;
use wasmtime::{
    Engine,
    component::{Component, Linker, types::ComponentItem},
};

use crate::{
    Capability, Compilation, HostLimits, Manifest, Outside, Plugin, PluginRejected,
    compiler::Loader,
    engine::Engines,
    limits::{Class, ClassLimits, MEMORIES},
    manifest::Isolation,
    ready::Ready,
    sandbox::{Sandbox, drive},
    scan::{Scan, scan},
    v0_1::{self, Import, Linked},
    wasi,
};

/// How long a trial instance may take to come up.
const TRIAL_TIME: Duration = Duration::from_secs(1);

/// Bytes of a WebAssembly page.
const PAGE: u64 = 64 << 10;

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
    turns: Semaphore,
    /// One permit per sandbox that is kept without running.
    idle: Arc<Semaphore>,
}

impl Seats {
    fn new(limits: &ClassLimits) -> Self {
        Self {
            turns: Semaphore::new(limits.concurrent_calls as usize),
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
    /// Starts the engine and the thread that interrupts guests, which ends with the host's last plugin.
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
                engines: Engines::start(limits)?,
                light: Seats::new(&limits.of(Class::Light)),
                heavy: Seats::new(&limits.of(Class::Heavy)),
                outside,
                compiling: std::sync::Mutex::new(()),
                loader,
            }),
        })
    }

    /// Takes an upload: scans, compiles, links and tries it. Blocks for as long as compiling takes (a
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
        let limit = limits.largest_component();
        if uploaded.len() > limit {
            return Err(PluginRejected::TooLarge {
                size: uploaded.len(),
                limit,
            });
        }
        if Engine::detect_precompiled(uploaded).is_some() {
            return Err(PluginRejected::Precompiled);
        }
        let encoded;
        let component = if Parser::is_core_wasm(uploaded) {
            encoded = loader.compiler().componentize(uploaded)?;
            &encoded
        } else {
            uploaded
        };
        let Scan {
            imports,
            exports,
            manifest,
            wants,
        } = scan(component)?;
        let manifest = manifest
            .map(|json| Manifest::from_json(&json))
            .transpose()?
            .unwrap_or_default();
        let capabilities = imported(&imports, &manifest)?;
        let points = v0_1::points(&exports).map_err(PluginRejected::Version)?;
        if points.is_empty() {
            return Err(PluginRejected::MissingExport { found: exports });
        }

        // Nothing that a panic could have left half done is behind the lock.
        let alone = compiling
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let class = limits.class(component.len(), &wants);
        let limits = limits.of(class);
        let engine = engines
            .of(class)
            .map_err(|error| PluginRejected::NoRoom(error.to_string()))?;
        let compiled = loader.load(engine, limits.memory_bytes, component)?;
        required(&compiled, &limits)?;
        only_interfaces(&compiled, engine)?;
        if let Some(import) = v0_1::stray(&compiled, engine) {
            return Err(PluginRejected::Import {
                import,
                hint: "`cambist:sts@0.1` has no such function",
            });
        }
        let mut linker = Linker::new(engine);
        v0_1::define(&mut linker)
            .and_then(|()| wasi::define(&mut linker, &compiled))
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
        let linked = Arc::new(Linked::new(&linker, &compiled, &points)?);
        let mut store = Sandbox::store(engine, &limits);
        match drive(linked.instantiate(&mut store), TRIAL_TIME) {
            None => return Err(PluginRejected::TrialTime(TRIAL_TIME)),
            Some(Err(error)) => return Err(PluginRejected::Trial(format!("{error:#}"))),
            Some(Ok(instance)) => linked.check(&mut store, &instance)?,
        }
        drop((store, alone));
        let wants_stock = match manifest.isolation {
            Isolation::Ready => true,
            Isolation::Fresh => class == Class::Heavy,
            Isolation::Worker => false,
        };
        let ready = wants_stock.then(|| {
            Ready::new(
                Arc::clone(&linked),
                engine.clone(),
                limits,
                Arc::clone(&self.shared.seats(class).idle),
            )
        });
        let plugin = Plugin {
            shared: Arc::clone(&self.shared),
            class,
            engine: engine.clone(),
            linked,
            limits,
            own_turns: Semaphore::new(limits.concurrent_calls.div_ceil(2) as usize),
            ready,
            digest: name(uploaded),
            size: uploaded.len(),
            imports,
            exports,
            capabilities,
            points,
            manifest,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        for case in &plugin.manifest.cases {
            if let Some(reason) = plugin.run_case(case).failure {
                return Err(PluginRejected::SelfTest {
                    case: case.name.clone(),
                    reason,
                });
            }
        }
        Ok(plugin)
    }
}

impl Shared {
    fn seats(&self, class: Class) -> &Seats {
        match class {
            Class::Light => &self.light,
            Class::Heavy => &self.heavy,
        }
    }
}

impl Plugin {
    /// Turns of all plugins of its kind.
    pub(crate) fn turns(&self) -> &Semaphore {
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

/// What a component imports of the host: capabilities that its manifest asks for, types, and the empty
/// world. Anything else is refused.
fn imported(
    imports: &[String],
    manifest: &Manifest,
) -> Result<Vec<(Capability, String)>, PluginRejected> {
    let mut capabilities = Vec::new();
    for name in imports {
        let refuse = |hint| {
            Err(PluginRejected::Import {
                import: name.clone(),
                hint,
            })
        };
        match v0_1::import(name) {
            Import::Types => {}
            Import::Capability(capability) => {
                if !manifest.capabilities.contains_key(&capability) {
                    return Err(PluginRejected::Manifest(format!(
                        "the component imports `{name}`, and `capabilities.{capability}` does not say why"
                    )));
                }
                capabilities.push((capability, name.clone()));
            }
            Import::OtherVersion => return Err(PluginRejected::Version(name.clone())),
            Import::Unknown => return refuse("the package `cambist:sts` has no such interface"),
            Import::Foreign if wasi::is_answered(name) => {}
            Import::Foreign => {
                return refuse(
                    "a plugin may import the capabilities of `cambist:sts@0.1` and, answered by an empty world, `wasi:*@0.2`",
                );
            }
        }
    }
    Ok(capabilities)
}

/// An import that is not an interface could be anything.
fn only_interfaces(component: &Component, engine: &Engine) -> Result<(), PluginRejected> {
    let odd = component
        .component_type()
        .imports(engine)
        .find(|(_, item)| !matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, _)| name.to_owned());
    match odd {
        None => Ok(()),
        Some(import) => Err(PluginRejected::Import {
            import,
            hint: "a plugin imports interfaces only",
        }),
    }
}

fn required(component: &Component, limits: &ClassLimits) -> Result<(), PluginRejected> {
    let Some(wanted) = component.resources_required() else {
        return Err(PluginRejected::Compile(
            "it brings a module of its own as an import".to_owned(),
        ));
    };
    let bounds = [
        (
            "linear memories",
            u64::from(wanted.num_memories),
            u64::from(MEMORIES),
        ),
        (
            "tables",
            u64::from(wanted.num_tables),
            u64::from(limits.tables),
        ),
        (
            "table elements",
            wanted.max_initial_table_size.unwrap_or(0),
            limits.table_elements as u64,
        ),
        (
            "bytes of initial memory",
            wanted
                .max_initial_memory_size
                .unwrap_or(0)
                .saturating_mul(PAGE),
            limits.memory_bytes as u64,
        ),
    ];
    match bounds.into_iter().find(|(_, found, limit)| found > limit) {
        None => Ok(()),
        Some((what, found, limit)) => Err(PluginRejected::Resources { what, found, limit }),
    }
}

/// `sha256:` and 64 hexadecimal digits.
fn name(component: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(7 + 64);
    name.push_str("sha256:");
    for byte in digest(&SHA256, component).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}
