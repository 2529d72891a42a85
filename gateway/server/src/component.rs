//! The bytes of a component, as far as its manifest is concerned.

use std::ops::Range;

use cambist_plugin::manifest::SECTION;

/// Magic, version 13 and layer 1: what every component starts with.
const PREAMBLE: [u8; 8] = [0, b'a', b's', b'm', 13, 0, 1, 0];

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

/// The manifest in a component, as JSON. None if it has none.
pub fn manifest_in(component: &[u8]) -> Result<Option<&[u8]>, ComponentError> {
    match manifests(component)?.pop() {
        Some(found) => slice(component, found).map(Some),
        None => Ok(None),
    }
}

/// What is in the sections of our name at the top level; what is inside other sections is theirs.
fn manifests(component: &[u8]) -> Result<Vec<Range<usize>>, ComponentError> {
    if !component.starts_with(&PREAMBLE) {
        return Err(ComponentError::NotComponent);
    }
    let mut found = Vec::new();
    let mut at = PREAMBLE.len();
    while at < component.len() {
        let id = *component.get(at).ok_or(ComponentError::Damaged)?;
        let content = number(component, at + 1)?;
        let end = content
            .end
            .checked_add(content.value)
            .filter(|end| *end <= component.len())
            .ok_or(ComponentError::Damaged)?;
        at = end;
        if id != 0 {
            continue;
        }
        let name = number(component, content.end)?;
        let name_end = name
            .end
            .checked_add(name.value)
            .filter(|name_end| *name_end <= end)
            .ok_or(ComponentError::Damaged)?;
        if slice(component, name.end..name_end)? == SECTION.as_bytes() {
            found.push(name_end..end);
        }
    }
    Ok(found)
}

struct Number {
    value: usize,
    /// Behind it.
    end: usize,
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(bytes: &[u8], at: usize) -> Result<Number, ComponentError> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().skip(at).take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Number {
                value,
                end: at + index + 1,
            });
        }
    }
    Err(ComponentError::Damaged)
}

fn slice(bytes: &[u8], range: Range<usize>) -> Result<&[u8], ComponentError> {
    bytes.get(range).ok_or(ComponentError::Damaged)
}

#[cfg(test)]
mod tests {
    use cambist_plugin::{Manifest, manifest::embed};

    use super::*;

    fn manifest(name: &str) -> Manifest {
        Manifest {
            name: Some(name.to_owned()),
            ..Manifest::default()
        }
    }

    #[test]
    fn the_manifest_at_the_top_is_found_and_no_other() {
        let inner = embed(&PREAMBLE, &manifest("inner")).unwrap();
        let nested = [vec![4, u8::try_from(inner.len()).unwrap()], inner].concat();
        let plain = [PREAMBLE.to_vec(), nested].concat();
        assert_eq!(manifest_in(&plain), Ok(None));
        let whole = embed(&plain, &manifest(&"long".repeat(50))).unwrap();
        let found = manifest_in(&whole).unwrap().unwrap();
        assert_eq!(
            serde_json::from_slice::<Manifest>(found).unwrap(),
            manifest(&"long".repeat(50))
        );
    }

    #[test]
    fn what_is_no_component_is_refused_and_nothing_cut_off_is_read_past_its_end() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"(component)"] {
            assert_eq!(manifest_in(bytes), Err(ComponentError::NotComponent));
        }
        let whole = embed(&PREAMBLE, &manifest("a")).unwrap();
        for end in PREAMBLE.len() + 1..whole.len() {
            assert_eq!(manifest_in(&whole[..end]), Err(ComponentError::Damaged));
        }
        let endless = [PREAMBLE.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(manifest_in(&endless), Err(ComponentError::Damaged));
    }
}
