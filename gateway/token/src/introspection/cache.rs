//! What was learned a moment ago: one question at a time about one token, and a bounded memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest;
use cambist_core::{Fault, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::answer;

/// Tokens that are remembered at once.
const MOST: usize = 8192;
/// Parts of the memory, each with a lock of its own.
const SHARDS: usize = 16;
/// How long it serves that a token is not active, in seconds.
const INACTIVE: u64 = 5;
/// How long a failure spares the issuer the same question, in seconds.
const FAILED: u64 = 1;

/// What is known of a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// It counts, and stands for this.
    Active(Arc<Map<String, Value>>),
    /// It does not count.
    Inactive,
    /// Nobody could tell.
    Unknown(Fault),
}

type Key = [u8; 32];
type Shard = std::sync::Mutex<HashMap<Key, Arc<Slot>>>;

/// Answers by the digest of the token.
pub(super) struct Cache {
    seconds: u64,
    shards: Box<[Shard]>,
}

#[derive(Default)]
struct Slot {
    /// When it is worth nothing any more, for whoever looks for room. Zero while it is new.
    until: AtomicU64,
    answer: Mutex<Option<Answer>>,
}

struct Answer {
    known: Known,
    asked_at: Timestamp,
    until: Timestamp,
}

impl Cache {
    pub(super) fn new(seconds: u64) -> Self {
        Self {
            seconds,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// What is known of `token` at `now`, from memory or by asking. Of many who come at once, one asks.
    pub(super) async fn learn<F: Future<Output = Known>>(
        &self,
        token: &str,
        now: Timestamp,
        ask: impl FnOnce() -> F,
    ) -> Known {
        let Some(slot) = self.slot(token, now) else {
            return ask().await;
        };
        let mut answer = slot.answer.lock().await;
        if let Some(known) = answer.as_ref().and_then(|answer| answer.at(now)) {
            return known;
        }
        let known = ask().await;
        let until = self.until(&known, now);
        slot.until.store(until.0, Ordering::Relaxed);
        *answer = Some(Answer {
            known: known.clone(),
            asked_at: now,
            until,
        });
        known
    }

    fn until(&self, known: &Known, now: Timestamp) -> Timestamp {
        match known {
            Known::Active(claims) => {
                let usual = now.plus(self.seconds);
                answer::ends(claims).map_or(usual, |end| end.min(usual))
            }
            Known::Inactive => now.plus(INACTIVE.min(self.seconds)),
            Known::Unknown(_) => now.plus(FAILED),
        }
    }

    fn slot(&self, token: &str, now: Timestamp) -> Option<Arc<Slot>> {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let key: Key = digest.as_ref().try_into().ok()?;
        let shard = self.shards.get(usize::from(*key.first()?) % SHARDS)?;
        let mut slots = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Some(Arc::clone(slot));
        }
        if slots.len() >= MOST / SHARDS {
            make_room(&mut slots, now);
        }
        Some(Arc::clone(slots.entry(key).or_default()))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let counts = self.shards.iter().map(|shard| shard.lock().unwrap().len());
        counts.sum()
    }
}

/// What is worth nothing goes; otherwise what is worth something for the shortest time.
fn make_room(slots: &mut HashMap<Key, Arc<Slot>>, now: Timestamp) {
    let before = slots.len();
    slots.retain(|_, slot| {
        slot.until.load(Ordering::Relaxed) > now.0 || Arc::strong_count(slot) > 1
    });
    if slots.len() == before {
        let shortest = slots
            .iter()
            .min_by_key(|(_, slot)| slot.until.load(Ordering::Relaxed))
            .map(|(key, _)| *key);
        shortest.and_then(|key| slots.remove(&key));
    }
}

impl Answer {
    /// Requests overtake each other by seconds; a question asked much later than `now` means that the clock
    /// was set back, and says nothing about age any more.
    fn at(&self, now: Timestamp) -> Option<Known> {
        let is_fresh = now < self.until && self.asked_at <= now.plus(60);
        is_fresh.then(|| self.known.clone())
    }
}
