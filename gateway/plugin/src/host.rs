//! The host, and the way of an upload through it.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use wasmparser::Parser;
use wasmtime::{
    Engine,
    component::{Component, Linker, types::ComponentItem},
};

use crate::{
    Compilation, HostLimits, Plugin, PluginRejected,
    compiler::Loader,
    engine::{engine, tick},
    limits::{MEMORIES, TABLE_ELEMENTS, TABLES},
    sandbox::{Sandbox, drive},
    scan::{Scan, scan},
    v0_1::{Linked, TYPES, VALIDATOR},
};

/// How long a trial instance may take to come up.
const TRIAL_TIME: Duration = Duration::from_secs(1);

/// Bytes of a WebAssembly page.
const PAGE: u64 = 64 << 10;

/// What every Rust program for `wasm32-wasip2` imports without being asked. Nothing stands behind them:
/// calling one ends the call.
const INERT: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Compiles plugins and runs them. One per process; cheap to clone.
#[derive(Clone)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

/// What all plugins of a host have in common.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: HostLimits,
    /// One permit per sandbox that may run.
    pub(crate) turns: Semaphore,
    /// Held by the one upload being compiled: compiling takes memory, and its trial the spare sandbox.
    compiling: std::sync::Mutex<()>,
    loader: Loader,
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
    pub fn new(limits: HostLimits, compilation: Compilation) -> Result<Self, HostError> {
        let engine = engine(&limits).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        tick(&engine).map_err(|error| HostError::Ticker(error.to_string()))?;
        let loader =
            Loader::open(compilation).map_err(|error| HostError::Cache(error.to_string()))?;
        let turns = Semaphore::new(limits.concurrent_calls as usize);
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                limits,
                turns,
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
            engine,
            limits,
            compiling,
            loader,
            ..
        } = &*self.shared;
        if uploaded.len() > limits.component_bytes {
            return Err(PluginRejected::TooLarge {
                size: uploaded.len(),
                limit: limits.component_bytes,
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
            imports, exports, ..
        } = scan(component)?;
        granted(&imports)?;
        if !exports.iter().any(|export| export == VALIDATOR) {
            return Err(PluginRejected::MissingExport {
                expected: VALIDATOR,
                found: exports,
            });
        }

        // Nothing that a panic could have left half done is behind the lock.
        let alone = compiling
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let compiled = loader.load(engine, limits.memory_bytes, component)?;
        required(&compiled, limits)?;
        let mut linker = Linker::new(engine);
        only_types(&compiled, engine)?;
        linker
            .define_unknown_imports_as_traps(&compiled)
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
        let linked = Linked::new(&linker, &compiled)?;
        let mut store = Sandbox::store(engine, limits);
        match drive(linked.instantiate(&mut store), TRIAL_TIME) {
            None => return Err(PluginRejected::TrialTime(TRIAL_TIME)),
            Some(Err(error)) => return Err(PluginRejected::Trial(format!("{error:#}"))),
            Some(Ok(instance)) => Linked::check(&mut store, &instance)?,
        }
        drop(alone);

        Ok(Plugin {
            shared: Arc::clone(&self.shared),
            linked,
            digest: name(uploaded),
            size: uploaded.len(),
            imports,
            exports,
        })
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

/// The deny-all rule: types, what is inert, and nothing else.
fn granted(imports: &[String]) -> Result<(), PluginRejected> {
    match imports
        .iter()
        .find(|import| *import != TYPES && !is_inert(import))
    {
        None => Ok(()),
        Some(import) => Err(PluginRejected::Import {
            import: import.clone(),
            hint: hint(import),
        }),
    }
}

fn is_inert(import: &str) -> bool {
    import
        .split_once('@')
        .is_some_and(|(name, version)| INERT.contains(&name) && version.starts_with("0.2."))
}

fn hint(import: &str) -> &'static str {
    const HINTS: [(&str, &str); 6] = [
        (
            "wasi:clocks/",
            "a plugin has no clock; the time of judgement is `call.now`",
        ),
        (
            "wasi:random/",
            "a plugin has no randomness; Rust's HashMap asks for it, BTreeMap does not",
        ),
        (
            "wasi:filesystem/",
            "a plugin has no files; what it needs to know comes in `call.settings`",
        ),
        ("wasi:sockets/", "a plugin has no network"),
        ("wasi:http/", "a plugin has no network"),
        (
            "cambist:sts/",
            "this gateway's version of the interface does not have it",
        ),
    ];
    HINTS
        .iter()
        .find(|(prefix, _)| import.starts_with(prefix))
        .map_or("a plugin of this world imports nothing", |(_, hint)| hint)
}

/// The one import of ours is for types; a function in it would be an import in disguise.
fn only_types(component: &Component, engine: &Engine) -> Result<(), PluginRejected> {
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            return Err(PluginRejected::Import {
                import: name.to_owned(),
                hint: hint(name),
            });
        };
        if name != TYPES {
            continue;
        }
        if let Some((function, _)) = interface
            .exports(engine)
            .find(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
        {
            return Err(PluginRejected::Import {
                import: format!("{name}#{function}"),
                hint: hint(name),
            });
        }
    }
    Ok(())
}

fn required(component: &Component, limits: &HostLimits) -> Result<(), PluginRejected> {
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
        ("tables", u64::from(wanted.num_tables), u64::from(TABLES)),
        (
            "table elements",
            wanted.max_initial_table_size.unwrap_or(0),
            TABLE_ELEMENTS as u64,
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
