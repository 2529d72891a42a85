//! Why an upload was not taken.

use std::time::Duration;

/// Why a component cannot be used, in words its author can act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginRejected {
    /// Larger than the host takes.
    #[error("{size} bytes are more than the {limit} allowed")]
    TooLarge {
        /// Uploaded bytes.
        size: usize,
        /// Allowed bytes.
        limit: usize,
    },
    /// Native code from some engine's cache. Loading it would mean to trust it entirely.
    #[error("this is precompiled native code; upload the component it was compiled from")]
    Precompiled,
    /// Not WebAssembly at all.
    #[error(
        "this is {found}, not a WebAssembly component; in Rust, `cargo build --release --target wasm32-wasip2` makes one"
    )]
    NotWasm {
        /// What it looks like.
        found: &'static str,
    },
    /// WebAssembly, and neither a component nor a module that says how to make one of it.
    #[error(
        "this is a core WebAssembly module without a description of its interface, not a component; in Rust, \
         `cargo build --release --target wasm32-wasip2` makes one, elsewhere `wasm-tools component new` turns a module into one"
    )]
    CoreModule,
    /// A module for the first edition of WASI.
    #[error(
        "this is a core WebAssembly module that imports `wasi_snapshot_preview1`, which plugins do not have; build it for \
         `wasm32-wasip2`, or for `wasm32-unknown-unknown` if it needs no WASI"
    )]
    Preview1,
    /// A component that cannot be read.
    #[error("the component cannot be read: {0}")]
    Malformed(String),
    /// It has more of something than a plugin needs.
    #[error("{found} {what} are more than the {limit} allowed")]
    TooComplex {
        /// What there is too much of.
        what: &'static str,
        /// How many were found, or how many when the scan stopped.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// It consists of several components with code.
    #[error(
        "the component is composed of several that have code of their own; upload one that is not"
    )]
    Composed,
    /// It imports something that is not granted.
    #[error("the component imports `{import}`, which is not granted to plugins: {hint}")]
    Import {
        /// The import, exactly as the component names it.
        import: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// It exports nothing that the gateway calls.
    #[error(
        "the component exports none of the interfaces of `cambist:sts@0.1.0` that a plugin fills; it exports {}",
        list(found)
    )]
    MissingExport {
        /// Everything it exports.
        found: Vec<String>,
    },
    /// It was built against another version of the package.
    #[error(
        "`{0}` is of a version of the interface that this gateway does not have; it has `cambist:sts@0.1`"
    )]
    Version(String),
    /// An export or import has another shape than this version of the interface gives it.
    #[error("the component was built against another shape of the interface: {0}")]
    WrongType(String),
    /// Its manifest cannot be read, or contradicts itself or the component.
    #[error("the manifest: {0}")]
    Manifest(String),
    /// It asks for more memory or tables than a sandbox has.
    #[error("{found} {what} are more than the {limit} of a sandbox")]
    Resources {
        /// What it wants too much of.
        what: &'static str,
        /// How much it wants.
        found: u64,
        /// How much there is.
        limit: u64,
    },
    /// The compiler does not accept it.
    #[error("the component does not compile: {0}")]
    Compile(String),
    /// Compiling it takes too long.
    #[error(
        "compiling the component takes more than {limit:?} of processor time; very large functions and deeply nested loops do that"
    )]
    TooSlow {
        /// Processor time allowed.
        limit: Duration,
    },
    /// Compiling it takes too much memory.
    #[error("compiling the component takes more than {limit} bytes of memory")]
    TooMuchMemory {
        /// Bytes allowed.
        limit: u64,
    },
    /// The gateway has no sandboxes for plugins of its kind.
    #[error("the gateway cannot make room for a plugin of this size: {0}")]
    NoRoom(String),
    /// The gateway cannot start its compiler.
    #[error("the gateway's compiler does not start: {0}")]
    CompilerMissing(String),
    /// The gateway's compiler broke down.
    #[error("the gateway's compiler failed on the component: {0}")]
    CompilerFailed(String),
    /// It failed in its trial, before any call.
    #[error("a trial instance failed: {0}")]
    Trial(String),
    /// One of its golden cases went wrong.
    #[error("its case `{case}` failed: {reason}")]
    SelfTest {
        /// The case's name.
        case: String,
        /// What was wrong.
        reason: String,
    },
    /// Its trial did not end.
    #[error("a trial instance was not ready within {0:?}")]
    TrialTime(Duration),
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{}`", names.join("`, `"))
    }
}
