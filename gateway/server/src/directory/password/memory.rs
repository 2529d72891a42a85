//! The memory that hashing works in.
//!
//! An allocator that gets megabytes back keeps them for the thread that had them, and hashing moves from thread to
//! thread. So one piece is kept here for whoever hashes next, and every other goes back to the system at once.

use std::sync::{Mutex, PoisonError};

use argon2::Block;
use cambist_core::Fault;
use zeroize::optimization_barrier;

/// Blocks that the usual parameters need, of 1 KiB each.
pub(super) const USUAL: usize = 19 * 1024;
/// glibc maps pieces over 32 MiB by themselves, whatever was freed before, and unmaps them when they are freed
/// (`M_MMAP_THRESHOLD`, mallopt(3)). What is not touched of one takes no memory.
const MAPPED: usize = 33 * 1024;

static KEPT: Mutex<Option<Vec<Block>>> = Mutex::new(None);

/// Lends `work` this many blocks of zeros, and wipes them afterwards.
pub(super) fn lend<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> Result<T, Fault> {
    let before = kept().take_if(|kept| kept.len() == blocks);
    let mut memory = match before {
        Some(memory) => memory,
        None => fresh(blocks)?,
    };
    let result = work(&mut memory);
    for block in &mut memory {
        block.as_mut().fill(0);
    }
    optimization_barrier(memory.as_slice());
    if blocks == USUAL {
        kept().get_or_insert(memory);
    }
    Ok(result)
}

fn kept() -> std::sync::MutexGuard<'static, Option<Vec<Block>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fresh(blocks: usize) -> Result<Vec<Block>, Fault> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(MAPPED))
        .map_err(|_| Fault::Overloaded("there is no memory to hash a password in".to_owned()))?;
    memory.resize_with(blocks, Block::default);
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_holds_nothing_of_what_was_hashed_before() {
        for _ in 0..3 {
            let is_clean = lend(USUAL, |blocks| {
                let is_clean = blocks.iter_mut().all(|block| *block.as_mut() == [0; 128]);
                for block in blocks {
                    block.as_mut().fill(7);
                }
                is_clean
            });
            assert_eq!(is_clean, Ok(true));
        }
        assert_eq!(lend(8, |blocks| blocks.len()), Ok(8));
        assert!(kept().as_ref().is_none_or(|kept| kept.len() == USUAL));
    }
}
