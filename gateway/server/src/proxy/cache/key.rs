//! What identifies one exchange of a route.

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes that most inputs take together.
const USUAL: usize = 1000;

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
        // To hash many pieces one by one costs more than to put them together first.
        let mut input = Vec::with_capacity(USUAL);
        for part in parts {
            match part {
                Part::Nothing => input.push(0),
                Part::Number(number) => {
                    input.push(1);
                    input.extend_from_slice(&number.to_be_bytes());
                }
                Part::Bytes(bytes) => {
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    input.push(2);
                    input.extend_from_slice(&length.to_be_bytes());
                    input.extend_from_slice(bytes);
                }
            }
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, &input).as_ref());
        Self(key)
    }
}
