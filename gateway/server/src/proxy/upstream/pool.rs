//! Connections that can take a request.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::client::conn::http2;
use tokio::time::{Instant, sleep};

use super::{endpoint::Lease, failures::Failure, http1::Single, stream::RequestStream};

/// Most idle connections per endpoint; more are closed.
const IDLE: usize = 256;
/// Longest a connection waits for its next request.
const UNUSED: Duration = Duration::from_mins(1);
/// How often idle connections are looked after.
const SWEEP: Duration = Duration::from_secs(5);
/// Requests on one HTTP/2 connection at a time. Peers allow a hundred or more.
const STREAMS: usize = 100;

/// A connection that takes many.
pub(super) type Multiplexed = http2::SendRequest<RequestStream>;

/// A connection, and what bounds its use.
pub(super) enum Connection {
    One {
        single: Box<Single>,
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
pub(super) struct Pool {
    connections: Mutex<HashMap<Arc<str>, Connections>>,
    /// Whether a task looks after idle connections.
    is_swept: AtomicBool,
}

#[derive(Default)]
struct Connections {
    /// Idle ones, the one used last at the end.
    idle: VecDeque<Idle>,
    shared: Vec<Shared>,
}

struct Idle {
    single: Box<Single>,
    since: Instant,
    until: Instant,
}

struct Shared {
    sender: Multiplexed,
    load: Arc<AtomicUsize>,
    until: Instant,
}

impl Idle {
    fn is_spent(&mut self, now: Instant) -> bool {
        now >= self.until || now.duration_since(self.since) > UNUSED || !self.single.is_quiet()
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
    pub(super) fn take(&self, key: &str, now: Instant) -> Option<Connection> {
        let mut all = self.lock();
        let known = all.get_mut(key)?;
        while let Some(mut latest) = known.idle.pop_back() {
            if !latest.is_spent(now) {
                let Idle { single, until, .. } = latest;
                return Some(Connection::One { single, until });
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
        self: &Arc<Self>,
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
        self.look_after();
        self.lock()
            .entry(Arc::clone(key))
            .or_default()
            .shared
            .push(shared);
    }

    fn put(self: &Arc<Self>, key: &Arc<str>, mut single: Box<Single>, until: Instant) {
        let now = Instant::now();
        if !single.is_free() || now >= until {
            return;
        }
        single.rest();
        self.look_after();
        let mut all = self.lock();
        let known = match all.get_mut(key) {
            Some(known) => known,
            None => all.entry(Arc::clone(key)).or_default(),
        };
        while known
            .idle
            .front_mut()
            .is_some_and(|oldest| oldest.is_spent(now))
        {
            known.idle.pop_front();
        }
        if known.idle.len() < IDLE {
            known.idle.push_back(Idle {
                single,
                since: now,
                until,
            });
        }
    }

    /// Forgets what is closed or too old, of every endpoint. Says whether anything is left.
    pub(super) fn sweep(&self) -> bool {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, known| {
            known.idle.retain_mut(|idle| !idle.is_spent(now));
            known.shared.retain(|shared| !shared.is_spent(now));
            !known.idle.is_empty() || !known.shared.is_empty()
        });
        !all.is_empty()
    }

    fn look_after(self: &Arc<Self>) {
        if !self.is_swept.swap(true, Relaxed) {
            tokio::spawn(Arc::clone(self).keep_sweeping());
        }
    }

    /// Nobody reads an idle connection, so that somebody must look whether the upstream has ended it.
    async fn keep_sweeping(self: Arc<Self>) {
        loop {
            sleep(SWEEP).await;
            if !self.sweep() {
                // One that is given back right now is found by the next to be given back.
                self.is_swept.store(false, Relaxed);
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Connections>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection out on one request. Dropping it closes a connection that takes one request at a time, and
/// leaves one that takes many.
pub(super) struct Loan {
    pool: Arc<Pool>,
    lease: Lease,
    connection: Option<Connection>,
}

impl Loan {
    pub(super) fn new(pool: &Arc<Pool>, lease: Lease, connection: Connection) -> Self {
        if let Connection::Many { load, .. } = &connection {
            load.fetch_add(1, Relaxed);
        }
        Self {
            pool: Arc::clone(pool),
            lease,
            connection: Some(connection),
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
        if let Some(Connection::One { single, until }) = single {
            self.pool.put(&self.lease.endpoint().key, single, until);
        }
    }

    /// The connection, if it takes one request at a time.
    pub(super) fn single(&self) -> Option<&Single> {
        match &self.connection {
            Some(Connection::One { single, .. }) => Some(single),
            _ => None,
        }
    }

    /// The same, to be driven.
    pub(super) fn single_mut(&mut self) -> Option<&mut Single> {
        match &mut self.connection {
            Some(Connection::One { single, .. }) => Some(single),
            _ => None,
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
