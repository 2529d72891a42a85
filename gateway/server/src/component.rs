//! The bytes of a component, as far as its manifest is concerned.

use std::ops::Range;

use cambist_plugin::manifest::{MANIFEST_BYTES, SECTION};
use wasm_encoder::{ComponentSection, CustomSection};

/// Magic, version 13 and layer 1: what every component starts with.
const PREAMBLE: [u8; 8] = [0, b'a', b's', b'm', 13, 0, 1, 0];

/// Why a manifest cannot be put into, or taken out of, a file.
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
    /// The manifest with its cases is larger than a gateway takes.
    #[error(
        "the manifest and its cases are larger than {MANIFEST_BYTES} bytes; keep fewer cases in cases.toml"
    )]
    TooLarge,
}

/// The component with `manifest` (JSON) at its end, in place of any that it had.
pub fn with_manifest(component: &[u8], manifest: &[u8]) -> Result<Vec<u8>, ComponentError> {
    if manifest.len() > MANIFEST_BYTES {
        return Err(ComponentError::TooLarge);
    }
    let mut made = Vec::with_capacity(component.len() + manifest.len() + 64);
    let mut kept = 0;
    for found in manifests(component)? {
        made.extend_from_slice(slice(component, kept..found.section.start)?);
        kept = found.section.end;
    }
    made.extend_from_slice(slice(component, kept..component.len())?);
    let section = CustomSection {
        name: SECTION.into(),
        data: manifest.into(),
    };
    section.append_to_component(&mut made);
    Ok(made)
}

/// The manifest in a component, as JSON. None if it has none.
pub fn manifest_in(component: &[u8]) -> Result<Option<&[u8]>, ComponentError> {
    match manifests(component)?.pop() {
        Some(found) => slice(component, found.manifest).map(Some),
        None => Ok(None),
    }
}

struct Found {
    /// The whole section.
    section: Range<usize>,
    /// What is in it.
    manifest: Range<usize>,
}

/// The sections of our name at the top level; what is inside other sections is theirs.
fn manifests(component: &[u8]) -> Result<Vec<Found>, ComponentError> {
    if !component.starts_with(&PREAMBLE) {
        return Err(ComponentError::NotComponent);
    }
    let mut found = Vec::new();
    let mut at = PREAMBLE.len();
    while at < component.len() {
        let start = at;
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
            found.push(Found {
                section: start..end,
                manifest: name_end..end,
            });
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
    use super::*;

    fn custom(name: &str, data: &[u8]) -> Vec<u8> {
        let mut made = Vec::new();
        CustomSection {
            name: name.into(),
            data: data.into(),
        }
        .append_to_component(&mut made);
        made
    }

    #[test]
    fn a_manifest_is_put_at_the_end_and_replaced() {
        let inner = [custom(SECTION, b"inner"), vec![0; 3]].concat();
        let nested = [vec![4, u8::try_from(inner.len()).unwrap()], inner].concat();
        let plain = [PREAMBLE.to_vec(), custom("producers", b"x"), nested].concat();
        assert_eq!(manifest_in(&plain), Ok(None));
        let first = with_manifest(&plain, b"{\"a\":1}").unwrap();
        assert_eq!(
            first,
            [plain.clone(), custom(SECTION, b"{\"a\":1}")].concat()
        );
        let long = vec![b' '; 300];
        let second = with_manifest(&[first, custom("more", b"y")].concat(), &long).unwrap();
        assert_eq!(manifest_in(&second), Ok(Some(long.as_slice())));
        assert_eq!(
            second,
            [plain, custom("more", b"y"), custom(SECTION, &long)].concat()
        );
    }

    #[test]
    fn what_is_no_component_is_refused_and_nothing_cut_off_is_read_past_its_end() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"(component)"] {
            assert_eq!(manifest_in(bytes), Err(ComponentError::NotComponent));
        }
        let whole = with_manifest(&PREAMBLE, b"{}").unwrap();
        for end in PREAMBLE.len() + 1..whole.len() {
            assert_eq!(manifest_in(&whole[..end]), Err(ComponentError::Damaged));
        }
        let endless = [PREAMBLE.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(manifest_in(&endless), Err(ComponentError::Damaged));
        assert_eq!(
            with_manifest(&PREAMBLE, &vec![b' '; MANIFEST_BYTES + 1]),
            Err(ComponentError::TooLarge)
        );
    }
}
