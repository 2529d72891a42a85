//! What identifies one exchange of a route.

use aws_lc_rs::digest::{Context, SHA256};

/// A hash of all that the answer depends on (AB-18). Route, audience and scope need no place in it: each
/// published route owns its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::proxy) struct Key([u8; 32]);

/// One input of an exchange. The order is part of the key, and the length stands before each, so that no two
/// different sequences have the same input.
pub(in crate::proxy) enum Part<'p> {
    /// A revision.
    Number(u64),
    /// Text or bytes.
    Bytes(&'p [u8]),
    /// An input that is not there.
    Nothing,
}

impl Key {
    /// Hashes the parts.
    pub(in crate::proxy) fn new(parts: &[Part<'_>]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            match part {
                Part::Nothing => context.update(&[0]),
                Part::Number(number) => {
                    context.update(&[1]);
                    context.update(&number.to_be_bytes());
                }
                Part::Bytes(bytes) => {
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    context.update(&[2]);
                    context.update(&length.to_be_bytes());
                    context.update(bytes);
                }
            }
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}
