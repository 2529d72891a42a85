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
mod bound;
mod cache;
mod capability;
pub mod case;
mod compiler;
mod componentize;
mod engine;
mod host;
mod intake;
mod limits;
pub mod manifest;
mod outside;
mod plugin;
mod point;
mod ready;
mod rejected;
pub mod saml;
mod sandbox;
mod scan;
mod terms;
mod v0_1;
mod wasi;

pub use bound::Bound;
pub use capability::{Capability, GrantedSecret, Grants, KvSpace, PluginKey};
pub use case::{Case, CaseOutcome};
pub use compiler::{CodeCache, Compilation, CompilerLimits, compile_child};
pub use componentize::componentize;
pub use host::{HostError, PluginHost};
pub use intake::{Outline, outline};
pub use limits::{HeavyLimits, HostLimits};
pub use manifest::Manifest;
pub use outside::{
    HttpError, HttpRequest, HttpResponse, KvError, LogLevel, LogLine, Nowhere, Origin, Outside,
};
pub use plugin::{Counts, Plugin};
pub use point::Point;
pub use rejected::PluginRejected;
pub use terms::{BindError, Binding, Config};
