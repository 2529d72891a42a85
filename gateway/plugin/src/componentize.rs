//! Core modules that say how they are to become components.
//!
//! A module built for `wasm32-unknown-unknown` with generated bindings carries a description of its
//! interface in a custom section. That is all it takes to make a component of it.

#[cfg(test)]
mod tests;

use std::panic::catch_unwind;

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::{PluginRejected, scan::unreadable};

/// Beginning of the names of sections that describe a module's interface.
const DESCRIPTION: &str = "component-type";
/// What modules of the first edition of WASI import.
const PREVIEW1: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// Makes a component of a core module with a description of its interface, in this process. The same
/// module gives the same component. Anything else than such a module is refused in words that tell what
/// to do about it.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, PluginRejected> {
    check(module)?;
    // Of some descriptions the encoder asserts what it should refuse. A gateway's child ends with that, but
    // whoever has it here goes on.
    let encoded = catch_unwind(|| {
        ComponentEncoder::default()
            .module(module)
            .and_then(|encoder| encoder.validate(true).encode())
    });
    match encoded {
        Ok(encoded) => encoded.map_err(|error| PluginRejected::Compile(format!("{error:#}"))),
        Err(_) => Err(PluginRejected::Compile(
            "the description of its interface contradicts itself".to_owned(),
        )),
    }
}

/// Whether a module can become a component, as far as a look at it tells.
pub(crate) fn check(module: &[u8]) -> Result<(), PluginRejected> {
    let mut described = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(unreadable)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if PREVIEW1.contains(&import.map_err(unreadable)?.module) {
                        return Err(PluginRejected::Preview1);
                    }
                }
            }
            Payload::CustomSection(section) => {
                described |= section.name().starts_with(DESCRIPTION);
            }
            _ => {}
        }
    }
    if described {
        Ok(())
    } else {
        Err(PluginRejected::CoreModule)
    }
}
