//! Turning components into native code, in a process that can be stopped.
//!
//! An optimising compiler takes minutes over some components of a few kilobytes and cannot be
//! interrupted. So it runs in a child: the same program, started anew, which bounds its own time and
//! memory before it reads a byte. A child inherits no environment and no open file; it gets the component
//! on its standard input and leaves code on its standard output.

mod child;
mod job;
mod loader;
mod native;
mod process;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, time::Duration};

use wasmtime::Engine;
use zeroize::Zeroizing;

use crate::{PluginRejected, componentize::componentize};
pub use child::compile_child;
pub(crate) use loader::Loader;
pub(crate) use native::NativeCode;

use job::{Job, Task};

/// How components become native code, and where that is kept. The default compiles in this process,
/// which suits tests and commands that a component's own author runs, and keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct Compilation {
    /// The program that compiles: started with the argument `compile-plugin` and more, it must hand those
    /// to [`compile_child`]. Without one, compiling happens in this process, **without any bound of time
    /// or memory**: do not serve strangers so.
    pub program: Option<PathBuf>,
    /// What a child may use.
    pub limits: CompilerLimits,
    /// Where native code is kept. Without it every start compiles everything again.
    pub cache: Option<CodeCache>,
}

/// What compiling one component may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompilerLimits {
    /// Processor time, in whole seconds. The time on the wall may be twice this and half a minute.
    pub time: Duration,
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// The largest native code taken, in bytes.
    pub code_bytes: usize,
}

/// A directory of native code.
#[derive(Clone)]
pub struct CodeCache {
    /// The directory; made if absent. Nothing else may be in it.
    pub directory: PathBuf,
    /// Authenticates the files. Whoever has it can make this process run any code.
    pub key: Zeroizing<[u8; 32]>,
    /// How large all files together may get, in bytes; what was used least recently goes first.
    pub bytes: u64,
}

impl Default for CompilerLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(1),
            memory_bytes: 2 << 30,
            code_bytes: 256 << 20,
        }
    }
}

impl CodeCache {
    /// Up to 1 GiB of native code in `directory`.
    pub fn new(directory: PathBuf, key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            directory,
            key,
            bytes: 1 << 30,
        }
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache")
            .field("directory", &self.directory)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Where compiling happens.
#[derive(Debug)]
pub(crate) enum Compiler {
    /// In this process, as long as it takes.
    InProcess,
    /// In a child.
    Child {
        /// What to start.
        program: PathBuf,
        /// What it may use.
        limits: CompilerLimits,
    },
}

impl Compiler {
    /// Compiles a component for `engine`. Blocks until it is done.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        component: &[u8],
    ) -> Result<NativeCode, PluginRejected> {
        match self {
            Self::InProcess => engine
                .precompile_component(component)
                .map(NativeCode::of_compiler)
                .map_err(|error| PluginRejected::Compile(format!("{error:#}"))),
            Self::Child { program, limits } => {
                let job = Job::new(Task::Compile, limits);
                process::run(program, limits, &job, component).map(NativeCode::of_compiler)
            }
        }
    }

    /// The component that a core module describes. Blocks until it is done.
    pub(crate) fn componentize(&self, module: &[u8]) -> Result<Vec<u8>, PluginRejected> {
        match self {
            Self::InProcess => componentize(module),
            Self::Child { program, limits } => {
                // What is no candidate is told so here, by the name of its own refusal.
                crate::componentize::check(module)?;
                process::run(
                    program,
                    limits,
                    &Job::new(Task::Componentize, limits),
                    module,
                )
            }
        }
    }
}
