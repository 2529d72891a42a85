//! Connections that can take a request.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::{endpoint::Lease, failures::Failure, stream::RequestStream};

/// Most idle connections per endpoint; more are closed.
const IDLE: usize = 256;
/// Longest a connection waits for its next request.
const UNUSED: Duration = Duration::from_mins(1);
/// Requests on one HTTP/2 connection at a time. Peers allow a hundred or more.
const STREAMS: usize = 100;

/// A connection that takes one request at a time.
pub(super) type Single = http1::SendRequest<RequestStream>;
/// A connection that takes many.
pub(super) type Multiplexed = http2::SendRequest<RequestStream>;

/// A connection, and what bounds its use.
#[derive(Debug)]
pub(super) enum Connection {
    One {
        sender: Single,
        until: Instant,
    },
    Many {
        sender: Multiplexed,
        /// Requests under way on it.
        load: Arc<AtomicUsize>,
    },
}

/// Connections by the key of their endpoint. With one pool per core the lock is never waited for.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Arc<str>, Connections>>);

#[derive(Default)]
struct Connections {
    /// Idle ones, the one used last at the end.
    idle: VecDeque<Idle>,
    shared: Vec<Shared>,
}

struct Idle {
    sender: Single,
    since: Instant,
    until: Instant,
}

struct Shared {
    sender: Multiplexed,
    load: Arc<AtomicUsize>,
    until: Instant,
}

impl Idle {
    fn is_spent(&self, now: Instant) -> bool {
        self.sender.is_closed() || now >= self.until || now.duration_since(self.since) > UNUSED
    }
}

impl Shared {
    fn is_spent(&self, now: Instant) -> bool {
        self.sender.is_closed() || now >= self.until
    }
}

impl Pool {
    /// A connection that can take a request now. The most recently used is the least likely to have been
    /// closed by the other side.
    pub(super) fn take(&self, key: &str) -> Option<Connection> {
        let now = Instant::now();
        let mut all = self.lock();
        let known = all.get_mut(key)?;
        let mut position = known.idle.len();
        while let Some(last) = position.checked_sub(1) {
            position = last;
            let candidate = known.idle.get(position)?;
            if candidate.is_spent(now) {
                known.idle.remove(position);
            } else if candidate.sender.is_ready() {
                let Idle { sender, until, .. } = known.idle.remove(position)?;
                return Some(Connection::One { sender, until });
            }
        }
        known.shared.retain(|shared| !shared.is_spent(now));
        let shared = known
            .shared
            .iter()
            .find(|shared| shared.load.load(Relaxed) < STREAMS)?;
        Some(Connection::Many {
            sender: shared.sender.clone(),
            load: Arc::clone(&shared.load),
        })
    }

    /// Keeps a connection that takes many requests for others to find.
    pub(super) fn share(
        &self,
        key: &Arc<str>,
        sender: &Multiplexed,
        load: &Arc<AtomicUsize>,
        until: Instant,
    ) {
        let shared = Shared {
            sender: sender.clone(),
            load: Arc::clone(load),
            until,
        };
        self.lock()
            .entry(Arc::clone(key))
            .or_default()
            .shared
            .push(shared);
    }

    fn put(&self, key: &Arc<str>, sender: Single, until: Instant) {
        let now = Instant::now();
        if sender.is_closed() || now >= until {
            return;
        }
        let mut all = self.lock();
        let known = match all.get_mut(key) {
            Some(known) => known,
            None => all.entry(Arc::clone(key)).or_default(),
        };
        while known
            .idle
            .front()
            .is_some_and(|oldest| oldest.is_spent(now))
        {
            known.idle.pop_front();
        }
        if known.idle.len() < IDLE {
            known.idle.push_back(Idle {
                sender,
                since: now,
                until,
            });
        }
    }

    /// Forgets what is closed or too old, of every endpoint.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.lock().retain(|_, known| {
            known.idle.retain(|idle| !idle.is_spent(now));
            known.shared.retain(|shared| !shared.is_spent(now));
            !known.idle.is_empty() || !known.shared.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Connections>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection out on one request. Dropping it closes a connection that takes one request at a time, and
/// leaves one that takes many.
pub(super) struct Loan {
    pool: Arc<Pool>,
    lease: Lease,
    connection: Option<Connection>,
    /// It serves nobody else afterwards.
    is_last: bool,
}

impl Loan {
    pub(super) fn new(
        pool: &Arc<Pool>,
        lease: Lease,
        connection: Connection,
        is_last: bool,
    ) -> Self {
        if let Connection::Many { load, .. } = &connection {
            load.fetch_add(1, Relaxed);
        }
        Self {
            pool: Arc::clone(pool),
            lease,
            connection: Some(connection),
            is_last,
        }
    }

    /// The rest of the response did not come.
    pub(super) fn fell_short(&self, failure: Failure) {
        self.lease.fell_short(failure);
    }

    /// Gives the connection back for the next request.
    pub(super) fn end(mut self) {
        let single = self
            .connection
            .take_if(|connection| matches!(connection, Connection::One { .. }));
        if let Some(Connection::One { sender, until }) = single
            && !self.is_last
        {
            self.pool.put(&self.lease.endpoint().key, sender, until);
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(Connection::Many { load, .. }) = &self.connection {
            load.fetch_sub(1, Relaxed);
        }
    }
}
