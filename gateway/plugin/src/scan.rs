//! Reads a component before anything else does: is it one, what does it import and export, what does it
//! say of itself, and what does it need. How long compiling it takes cannot be seen from here; the
//! compiler is stopped when it has had enough.

#[cfg(test)]
mod tests;
mod wants;

use wasmparser::{
    BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader, Parser, Payload,
};

use crate::{
    PluginRejected,
    manifest::{MANIFEST_BYTES, SECTION},
};
pub(crate) use wants::Wants;

/// Modules and components inside the component.
const PARTS: u64 = 300;
/// Components inside components.
const DEPTH: u64 = 4;
/// Imports, and exports.
const NAMES: u64 = 256;
/// Bytes of the name of an import or export.
const NAME: u64 = 256;
/// What a component says of itself.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Names of its imports, in order.
    pub(crate) imports: Vec<String>,
    /// Names of its exports, in order.
    pub(crate) exports: Vec<String>,
    /// What the section [`SECTION`] of the component itself holds. Not of one inside: what that asks for
    /// is not what the author of the whole asks for.
    pub(crate) manifest: Option<Vec<u8>>,
    /// What its modules define.
    pub(crate) wants: Wants,
}

/// Scans an upload. Not a validation: the compiler does that. Takes time in proportion to the size.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scan, PluginRejected> {
    kind(bytes)?;
    let mut found = Scan::default();
    let mut depth = 0;
    let mut parts = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(unreadable)? {
            Payload::Version { .. } => {
                depth += 1;
                bounded("nested components", depth, DEPTH)?;
                parts += 1;
                bounded("modules and components", parts, PARTS)?;
            }
            // Of these alone the parser does not ask whether all of them is there.
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } if unchecked_range.end > bytes.len() => {
                return Err(PluginRejected::Malformed(
                    "a module or component in it is cut off".to_owned(),
                ));
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                found.add_imports(section)?;
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                found.add_exports(section)?;
            }
            // Between components that call each other the compiler writes code of its own, as large as
            // their types, which cannot be seen from here.
            Payload::ComponentCanonicalSection(_) if depth > 1 => {
                return Err(PluginRejected::Composed);
            }
            Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                found.add_manifest(section.data())?;
            }
            Payload::InstanceSection(section) => found.wants.add_instances(section)?,
            Payload::MemorySection(section) => found.wants.add_memories(section)?,
            Payload::TableSection(section) => found.wants.add_tables(section)?,
            _ => {}
        }
    }
    Ok(found)
}

fn kind(bytes: &[u8]) -> Result<(), PluginRejected> {
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(PluginRejected::CoreModule);
    }
    let start = bytes.trim_ascii_start();
    let found = if bytes.is_empty() {
        "an empty file"
    } else if start.starts_with(b"(") {
        "WebAssembly text"
    } else if bytes.starts_with(b"\x7fELF") {
        "a native program"
    } else if bytes.starts_with(b"\0asm") {
        "WebAssembly of an unknown version"
    } else {
        "something else"
    };
    Err(PluginRejected::NotWasm { found })
}

impl Scan {
    fn add_manifest(&mut self, json: &[u8]) -> Result<(), PluginRejected> {
        if json.len() > MANIFEST_BYTES {
            return Err(PluginRejected::Manifest(format!(
                "{} bytes are more than the {MANIFEST_BYTES} allowed",
                json.len()
            )));
        }
        if self.manifest.replace(json.to_vec()).is_some() {
            return Err(PluginRejected::Manifest(
                "the component has two of them".to_owned(),
            ));
        }
        Ok(())
    }

    fn add_imports(
        &mut self,
        section: ComponentImportSectionReader<'_>,
    ) -> Result<(), PluginRejected> {
        for import in section {
            add_name(
                &mut self.imports,
                "imports",
                import.map_err(unreadable)?.name.name,
            )?;
        }
        Ok(())
    }

    fn add_exports(
        &mut self,
        section: ComponentExportSectionReader<'_>,
    ) -> Result<(), PluginRejected> {
        for export in section {
            add_name(
                &mut self.exports,
                "exports",
                export.map_err(unreadable)?.name.name,
            )?;
        }
        Ok(())
    }
}

fn add_name(names: &mut Vec<String>, what: &'static str, name: &str) -> Result<(), PluginRejected> {
    bounded(
        "bytes in the name of an import or export",
        name.len() as u64,
        NAME,
    )?;
    names.push(name.to_owned());
    bounded(what, names.len() as u64, NAMES)
}

fn bounded(what: &'static str, found: u64, limit: u64) -> Result<(), PluginRejected> {
    if found > limit {
        Err(PluginRejected::TooComplex { what, found, limit })
    } else {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
pub(crate) fn unreadable(error: BinaryReaderError) -> PluginRejected {
    PluginRejected::Malformed(error.to_string())
}
