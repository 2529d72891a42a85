//! Idle connections, the one used last first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Sender;

/// Most idle connections per upstream; more are closed.
const IDLE: usize = 256;
/// Longest a connection waits for its next request.
const UNUSED: Duration = Duration::from_mins(1);

/// Idle connections by upstream. With one pool per core the lock is never waited for.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Arc<str>, VecDeque<Idle>>>);

struct Idle {
    sender: Sender,
    since: Instant,
}

impl Idle {
    fn is_spent(&self, now: Instant) -> bool {
        self.sender.is_closed() || now.duration_since(self.since) > UNUSED
    }
}

impl Pool {
    /// A connection that can take a request now. The most recently used is the least likely to have been
    /// closed by the other side.
    pub(super) fn take(&self, key: &str) -> Option<Sender> {
        let now = Instant::now();
        let mut idle = self.lock();
        let waiting = idle.get_mut(key)?;
        let mut position = waiting.len();
        while let Some(last) = position.checked_sub(1) {
            position = last;
            let candidate = waiting.get(position)?;
            if candidate.is_spent(now) {
                waiting.remove(position);
            } else if candidate.sender.is_ready() {
                return waiting.remove(position).map(|idle| idle.sender);
            }
        }
        None
    }

    fn put(&self, key: Arc<str>, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.lock();
        let waiting = idle.entry(key).or_default();
        while waiting.front().is_some_and(|oldest| oldest.is_spent(now)) {
            waiting.pop_front();
        }
        if waiting.len() < IDLE {
            waiting.push_back(Idle { sender, since: now });
        }
    }

    /// Forgets what is closed or too old, of every upstream.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.lock().retain(|_, waiting| {
            waiting.retain(|idle| !idle.is_spent(now));
            !waiting.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection out on one request. Dropping it closes the connection.
pub(super) struct Loan {
    pool: Arc<Pool>,
    key: Arc<str>,
    sender: Sender,
}

impl Loan {
    pub(super) const fn new(pool: Arc<Pool>, key: Arc<str>, sender: Sender) -> Self {
        Self { pool, key, sender }
    }

    /// Gives the connection back for the next request.
    pub(super) fn end(self) {
        self.pool.put(self.key, self.sender);
    }
}
