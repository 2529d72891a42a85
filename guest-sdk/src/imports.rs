//! What the gateway lends: the component's imports, or on other targets the bench that a test set up.

#[cfg(not(target_family = "wasm"))]
#[path = "imports/native.rs"]
mod target;
#[cfg(target_family = "wasm")]
#[path = "imports/wasm.rs"]
mod target;

pub(crate) use target::*;
