//! From a component to something that can be linked: out of the cache, or compiled.

use wasmtime::{Engine, component::Component};

use super::{Compilation, Compiler};
use crate::{PluginRejected, cache::Cache};

/// Compiles components, each at most once as long as the cache holds.
#[derive(Debug)]
pub(crate) struct Loader {
    compiler: Compiler,
    cache: Option<Cache>,
}

impl Loader {
    /// Opens the cache.
    pub(crate) fn open(compilation: Compilation) -> std::io::Result<Self> {
        let Compilation {
            program,
            limits,
            cache,
        } = compilation;
        Ok(Self {
            compiler: match program {
                Some(program) => Compiler::Child { program, limits },
                None => Compiler::InProcess,
            },
            cache: cache
                .map(|cache| Cache::open(&cache, limits.code_bytes))
                .transpose()?,
        })
    }

    /// Where compiling happens.
    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// The component's code for `engine`. Blocks until it is there.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        component: &[u8],
    ) -> Result<Component, PluginRejected> {
        let Some(cache) = &self.cache else {
            let code = self.compiler.compile(engine, component)?;
            return code.load(engine).map_err(unloadable);
        };
        let name = Cache::name(engine, component);
        if let Some(code) = cache.find(&name) {
            match code.load(engine) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(file = name, reason = %format_args!("{error:#}"), "kept native code does not load, compiling again");
                    cache.remove(&name);
                }
            }
        }
        let code = self.compiler.compile(engine, component)?;
        if let Err(error) = cache.keep(&name, &code) {
            tracing::warn!(file = name, %error, "native code cannot be kept, the next start compiles it again");
        }
        code.load(engine).map_err(unloadable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn unloadable(error: wasmtime::Error) -> PluginRejected {
    PluginRejected::Compile(format!("{error:#}"))
}
