//! Seals tell a row that was damaged on disk from one that was written. They are no signatures: whoever
//! can write the file can seal.

use aws_lc_rs::digest::{Context, SHA256};

/// Digest of the parts and the places where they part.
pub(super) fn seal(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}
