//! Cambist's WebAssembly host: an uploaded component becomes a validator like any builtin one.
//!
//! [`PluginHost::compile`] does everything that can fail, once, at upload: the bytes are scanned, their
//! imports compared with what is granted (nothing), compiled, linked and instantiated on trial. What a
//! call does is fixed: wait for one of a bounded number of slots, make a fresh sandbox, call, throw the
//! sandbox away. Nothing a plugin answers is believed before it was bounded and checked.
//!
//! The interface is the WIT package `cambist:sts`; one module per version of it, and only that module,
//! sees generated bindings.

mod answer;
mod cache;
mod compiler;
mod componentize;
mod engine;
mod host;
mod limits;
mod plugin;
mod rejected;
mod sandbox;
mod scan;
mod v0_1;

pub use compiler::{CodeCache, Compilation, CompilerLimits, compile_child};
pub use componentize::componentize;
pub use host::{HostError, PluginHost};
pub use limits::HostLimits;
pub use plugin::{Plugin, PluginBinding};
pub use rejected::PluginRejected;
