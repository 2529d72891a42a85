//! Putting a manifest into a component.

use std::borrow::Cow;

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::BinaryReader;

use super::{MANIFEST_BYTES, Manifest, SECTION};
use crate::PluginRejected;

/// Bytes in front of the first section: a magic number and a version.
const PREAMBLE: usize = 8;

/// The component, or core module, with `manifest` in place of any it had. Nothing else of it is read.
pub fn embed(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PluginRejected> {
    let json = serde_json::to_vec(manifest)
        .map_err(|error| PluginRejected::Manifest(error.to_string()))?;
    if json.len() > MANIFEST_BYTES {
        return Err(PluginRejected::Manifest(format!(
            "{} bytes are more than the {MANIFEST_BYTES} allowed",
            json.len()
        )));
    }
    let mut embedded =
        without(component).map_err(|error| PluginRejected::Malformed(error.to_string()))?;
    let section = CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Owned(json),
    };
    embedded.push(Section::id(&section));
    section.encode(&mut embedded);
    Ok(embedded)
}

/// Everything but manifests.
fn without(component: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(PREAMBLE)?.to_vec();
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let body = reader.read_bytes(size as usize)?;
        let end = reader.current_position();
        let is_manifest = id == 0 && BinaryReader::new(body, 0).read_string()? == SECTION;
        if !is_manifest {
            kept.extend_from_slice(component.get(start..end).unwrap_or_default());
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_takes_the_place_of_another() {
        let component = wat::parse_str("(component (core module))").unwrap();
        let named = |name: &str| Manifest {
            name: Some(name.to_owned()),
            ..Manifest::default()
        };
        let first = embed(&component, &named("first")).unwrap();
        let second = embed(&first, &named("second")).unwrap();
        assert_eq!(second, embed(&component, &named("second")).unwrap());
        let scanned = crate::scan::scan(&second).unwrap().manifest.unwrap();
        assert_eq!(Manifest::from_json(&scanned).unwrap(), named("second"));
        assert_eq!(without(&second).unwrap(), component);
    }

    #[test]
    fn what_is_no_component_is_an_error() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0\0\xff"] {
            assert!(embed(bytes, &Manifest::default()).is_err(), "{bytes:?}");
        }
    }
}
