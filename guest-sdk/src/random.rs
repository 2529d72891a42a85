//! Randomness fit for keys and identifiers.

use crate::imports;

/// So many random bytes, at most 1024.
pub fn bytes(count: u32) -> Vec<u8> {
    imports::random_bytes(count)
}
