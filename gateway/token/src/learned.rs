//! What was learned about tokens a moment ago: one question at a time about one token, and a bounded memory.

use std::{convert::Infallible, fmt, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use cambist_core::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

/// Requests overtake each other by seconds. A question asked later than that from now means that the clock was
/// set back, and says nothing about age any more.
const OVERTAKING: u64 = 60;

type Key = [u8; 32];
type Slot<T> = Arc<Mutex<Option<Answer<T>>>>;

/// Answers by the digest of the token.
pub struct Learned<T>(Cache<Key, Slot<T>>);

#[derive(Clone)]
struct Answer<T> {
    learned: T,
    asked_at: Timestamp,
    until: Timestamp,
}

impl<T: Clone> Learned<T> {
    /// Room for answers about so many tokens.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// What is known of `token` at `now`, from memory or by asking. Of many who come at once one asks, and the
    /// others wait for what it learns. The question also says until when its answer may be remembered, if at all.
    pub async fn learn<F: Future<Output = (T, Option<Timestamp>)>>(
        &self,
        token: &[u8],
        now: Timestamp,
        ask: impl FnOnce() -> F,
    ) -> T {
        let slot: Result<_, Infallible> = self
            .0
            .get_or_insert_with(&key(token), || Ok(Slot::default()));
        let slot = slot.unwrap_or_default();
        let mut slot = slot.lock().await;
        let known = slot
            .as_ref()
            .filter(|answer| now < answer.until && answer.asked_at <= now.plus(OVERTAKING));
        if let Some(answer) = known {
            return answer.learned.clone();
        }
        let (learned, until) = ask().await;
        if let Some(until) = until {
            *slot = Some(Answer {
                learned: learned.clone(),
                asked_at: now,
                until,
            });
        }
        learned
    }

    /// Forgets what was learned about `token`.
    pub fn forget(&self, token: &[u8]) {
        self.0.remove(&key(token));
    }

    /// Tokens about which something is known, or asked.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T: Clone> fmt::Debug for Learned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Learned({})", self.0.len())
    }
}

fn key(token: &[u8]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(digest(&SHA256, token).as_ref());
    key
}
