//! Putting a manifest into a component, and finding it there.

use std::borrow::Cow;

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{BinaryReader, BinaryReaderError, Parser};

use super::{MANIFEST_BYTES, Manifest, SECTION};
use crate::PluginRejected;

/// Bytes in front of the first section: a magic number and a version.
const PREAMBLE: usize = 8;

/// Why a manifest cannot be taken out of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// The file is something else.
    #[error(
        "this is not a WebAssembly component; `cargo build --release --target wasm32-wasip2` makes one"
    )]
    NotComponent,
    /// It breaks off, or its sections do not fit each other.
    #[error("the component is cut off or damaged; build it again")]
    Damaged,
}

/// The component, or core module, with `manifest` in place of any it had. Nothing else of it is read.
pub fn embed(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PluginRejected> {
    // Sections can be told apart behind any preamble, but what is of another version nobody would read.
    if !Parser::is_component(component) && !Parser::is_core_wasm(component) {
        return Err(PluginRejected::Malformed(
            "it begins as neither a component nor a core module".to_owned(),
        ));
    }
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

/// The manifest in a component, as JSON. None if it has none.
pub fn manifest_in(component: &[u8]) -> Result<Option<&[u8]>, ComponentError> {
    if !Parser::is_component(component) {
        return Err(ComponentError::NotComponent);
    }
    let mut found = None;
    walk(component, |_, manifest| found = manifest.or(found))
        .map_err(|_| ComponentError::Damaged)?;
    Ok(found)
}

/// Everything but manifests.
fn without(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut kept = BinaryReader::new(component, 0)
        .read_bytes(PREAMBLE)?
        .to_vec();
    walk(component, |section, manifest| {
        if manifest.is_none() {
            kept.extend_from_slice(section);
        }
    })?;
    Ok(kept)
}

/// Shows every section at the top level, whole, with the manifest that it may be. What is inside other
/// sections is theirs.
fn walk<'a>(
    component: &'a [u8],
    mut show: impl FnMut(&'a [u8], Option<&'a [u8]>),
) -> Result<(), BinaryReaderError> {
    let mut reader = BinaryReader::new(component, 0);
    reader.read_bytes(PREAMBLE)?;
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let mut body = BinaryReader::new(reader.read_bytes(size as usize)?, 0);
        let section = component.get(start..reader.current_position());
        let is_manifest = id == 0 && body.read_string()? == SECTION;
        let manifest = is_manifest
            .then(|| body.read_bytes(body.bytes_remaining()))
            .transpose()?;
        show(section.unwrap_or_default(), manifest);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_takes_the_place_of_another() {
        let component = wat::parse_str("(component (core module))").unwrap();
        let first = embed(&component, &named("first")).unwrap();
        let second = embed(&first, &named("second")).unwrap();
        assert_eq!(second, embed(&component, &named("second")).unwrap());
        let scanned = crate::scan::scan(&second).unwrap().manifest.unwrap();
        assert_eq!(Manifest::from_json(&scanned).unwrap(), named("second"));
        assert_eq!(without(&second).unwrap(), component);
    }

    #[test]
    fn what_is_no_component_is_an_error() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"\0asm\x0d\0\x01\0\0\xff",
            b"\0asm\x01\0\x01\0",
            b"\0asm\x0d\0\0\0",
        ] {
            assert!(embed(bytes, &Manifest::default()).is_err(), "{bytes:?}");
        }
    }

    /// Magic, version 13 and layer 1: what every component starts with.
    const EMPTY: [u8; PREAMBLE] = [0, b'a', b's', b'm', 13, 0, 1, 0];

    fn named(name: &str) -> Manifest {
        Manifest {
            name: Some(name.to_owned()),
            ..Manifest::default()
        }
    }

    #[test]
    fn the_manifest_at_the_top_is_found_and_no_other() {
        let inner = embed(&EMPTY, &named("inner")).unwrap();
        let nested = [vec![4, u8::try_from(inner.len()).unwrap()], inner].concat();
        let plain = [EMPTY.to_vec(), nested].concat();
        assert_eq!(manifest_in(&plain), Ok(None));
        let whole = embed(&plain, &named(&"long".repeat(50))).unwrap();
        let found = manifest_in(&whole).unwrap().unwrap();
        assert_eq!(
            serde_json::from_slice::<Manifest>(found).unwrap(),
            named(&"long".repeat(50))
        );
    }

    #[test]
    fn what_is_no_component_is_refused_and_nothing_cut_off_is_read_past_its_end() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"(component)"] {
            assert_eq!(manifest_in(bytes), Err(ComponentError::NotComponent));
        }
        let whole = embed(&EMPTY, &named("a")).unwrap();
        for end in PREAMBLE + 1..whole.len() {
            assert_eq!(manifest_in(&whole[..end]), Err(ComponentError::Damaged));
        }
        let endless = [EMPTY.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(manifest_in(&endless), Err(ComponentError::Damaged));
    }
}
