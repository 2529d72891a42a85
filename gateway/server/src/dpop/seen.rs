//! Which proofs were used: in memory, in two generations, of bounded size.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::Timestamp;
use cambist_token::dpop::{MAX_AGE, MAX_AHEAD};

use super::DpopRefusal;

/// How long a generation grows, in seconds: as long as a proof may be accepted, so that what is in the
/// current or the last one covers every proof that still could be.
const GENERATION: u64 = MAX_AGE + MAX_AHEAD + 1;
const SHARDS: usize = 64;
/// Most proofs of one generation and shard: a million in all, about 40 MB.
const MOST: usize = 16 * 1024;

type Print = [u8; 16];

#[derive(Default)]
struct Shard {
    generation: u64,
    current: HashSet<Print>,
    last: HashSet<Print>,
}

impl Shard {
    fn advance(&mut self, generation: u64) {
        if generation == self.generation.saturating_add(1) {
            self.last = std::mem::take(&mut self.current);
        } else if generation > self.generation {
            self.current.clear();
            self.last.clear();
        }
        // A clock that was set back forgets nothing and goes on from there.
        self.generation = generation;
    }
}

/// The memory of used proofs.
pub struct Seen(Vec<Mutex<Shard>>);

impl Default for Seen {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Seen {
    /// Remembers a proof by its key, target and identifier (RFC 9449 §11.1). Of two that come at once, one
    /// is told that it is a replay.
    pub fn is_first(
        &self,
        thumbprint: &str,
        target: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), DpopRefusal> {
        let print = print(thumbprint, target, id);
        let shard = usize::from(print.first().copied().unwrap_or_default()) % SHARDS;
        let Some(shard) = self.0.get(shard) else {
            return Err(DpopRefusal::Full);
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = now.0 / GENERATION;
        if generation != shard.generation {
            shard.advance(generation);
        }
        if shard.last.contains(&print) || shard.current.contains(&print) {
            return Err(DpopRefusal::Replayed);
        }
        if shard.current.len() >= MOST {
            return Err(DpopRefusal::Full);
        }
        shard.current.insert(print);
        Ok(())
    }
}

/// The lengths keep the parts apart.
fn print(thumbprint: &str, target: &str, id: &str) -> Print {
    let mut digest = Context::new(&SHA256);
    for part in [thumbprint, target, id] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let mut print = Print::default();
    let digest = digest.finish();
    print
        .iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dp_25_a_proof_is_remembered_as_long_as_it_could_be_accepted() {
        for start in [0, GENERATION - 1, GENERATION * 7 + 3] {
            let seen = Seen::default();
            let at = |after: u64| Timestamp(1_000_000 + start + after);
            assert_eq!(seen.is_first("k", "u", "1", at(0)), Ok(()));
            for after in 0..=MAX_AGE + MAX_AHEAD {
                assert_eq!(
                    seen.is_first("k", "u", "1", at(after)),
                    Err(DpopRefusal::Replayed),
                    "{after}"
                );
            }
        }
    }

    #[test]
    fn dp_25_key_target_and_identifier_are_kept_apart() {
        let seen = Seen::default();
        let now = Timestamp(1_000_000);
        for (key, target, id) in [
            ("a", "b", "c"),
            ("ab", "", "c"),
            ("a", "bc", ""),
            ("", "ab", "c"),
        ] {
            assert_eq!(seen.is_first(key, target, id, now), Ok(()));
        }
    }

    #[test]
    fn st_08_a_clock_that_was_set_back_forgets_nothing() {
        let seen = Seen::default();
        assert_eq!(seen.is_first("k", "u", "1", Timestamp(10_000_000)), Ok(()));
        for at in [9_999_000, 5_000_000, 5_000_050] {
            assert_eq!(
                seen.is_first("k", "u", "1", Timestamp(at)),
                Err(DpopRefusal::Replayed),
                "{at}"
            );
        }
    }

    #[test]
    fn the_memory_is_bounded_and_fails_closed() {
        let seen = Seen::default();
        let now = Timestamp(1_000_000);
        let refused = (0..SHARDS * MOST * 2)
            .map(|id| seen.is_first("k", "u", &id.to_string(), now))
            .filter(|outcome| *outcome == Err(DpopRefusal::Full))
            .count();
        assert_eq!(refused, SHARDS * MOST);
        let later = now.plus(2 * GENERATION);
        assert_eq!(seen.is_first("k", "u", "new", later), Ok(()));
    }
}
