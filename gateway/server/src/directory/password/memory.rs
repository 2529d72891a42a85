//! The memory that hashing works in.
//!
//! An allocator that gets megabytes back keeps them for the thread that had them, and hashing moves from thread to
//! thread. So a piece is kept here while somebody else hashes too, and otherwise goes back to the system at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::Block;
use cambist_core::Fault;
use zeroize::optimization_barrier;

/// Blocks that the usual parameters need, of 1 KiB each.
pub(super) const USUAL: usize = 19 * 1024;
/// glibc maps pieces over 32 MiB by themselves, whatever was freed before, and unmaps them when they are freed
/// (`M_MMAP_THRESHOLD`, mallopt(3)). What is not touched of one takes no memory.
const MAPPED: usize = 33 * 1024;

struct State {
    /// How many hash at this moment.
    running: usize,
    /// Zeros, for whoever is next.
    kept: Option<Vec<Block>>,
}

static STATE: Mutex<State> = Mutex::new(State {
    running: 0,
    kept: None,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who hashes. Their memory is wiped and given back however that ends.
struct Hashing(Vec<Block>);

impl Hashing {
    fn begin(blocks: usize) -> Result<Self, Fault> {
        let kept = {
            let mut state = state();
            state.running += 1;
            state.kept.take_if(|kept| kept.len() == blocks)
        };
        let mut hashing = Self(kept.unwrap_or_default());
        if hashing.0.is_empty() {
            hashing
                .0
                .try_reserve_exact(blocks.max(MAPPED))
                .map_err(|_| {
                    Fault::Overloaded("there is no memory to hash a password in".to_owned())
                })?;
            hashing.0.resize_with(blocks, Block::default);
        }
        Ok(hashing)
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        for block in &mut self.0 {
            block.as_mut().fill(0);
        }
        optimization_barrier(self.0.as_slice());
        let mut state = state();
        state.running -= 1;
        let spare = if state.running == 0 {
            state.kept.take()
        } else if self.0.len() == USUAL && state.kept.is_none() {
            state.kept = Some(std::mem::take(&mut self.0));
            None
        } else {
            None
        };
        // The system takes its time.
        drop(state);
        drop(spare);
    }
}

/// Lends `work` this many blocks of zeros.
pub(super) fn lend<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> Result<T, Fault> {
    let mut hashing = Hashing::begin(blocks)?;
    Ok(work(&mut hashing.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_holds_nothing_of_what_was_hashed_before() {
        let is_clean = |blocks: &mut [Block]| {
            let is_clean = blocks.iter_mut().all(|block| *block.as_mut() == [0; 128]);
            for block in blocks {
                block.as_mut().fill(7);
            }
            is_clean
        };
        let nested = lend(USUAL, |_| {
            [
                lend(USUAL, is_clean).unwrap(),
                lend(USUAL, is_clean).unwrap(),
                lend(8, is_clean).unwrap(),
            ]
        });
        assert_eq!(nested, Ok([true; 3]));
    }
}
