//! Accepting connections: one current-thread runtime per core, each with its own `SO_REUSEPORT` socket of
//! every public listener, so that a connection never leaves its core.

mod connection;
mod door;
mod hops;
mod http1;
mod message;
mod patient;
mod serving;
mod socket;
mod stall;
pub mod tls;
mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::watch;

pub use connection::Connection;
pub use door::{Door, Roles, Seen};
pub use http1::Streamed;
pub(crate) use http1::{OnSwitch, Switched};
pub use serving::{Handler, serve};
pub use socket::{bind_alone, bind_shared};
pub use worker::{Opened, Workers, start};

/// Tells listeners to stop accepting and connections to finish, and knows when they have.
#[derive(Clone)]
pub struct Drain {
    signal: watch::Sender<bool>,
    /// The same, for who asks often.
    has_begun: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
}

/// Counts one open connection for as long as it lives.
pub struct OpenConnection {
    all: Arc<AtomicUsize>,
    door: Arc<Door>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.door.leave();
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            signal: watch::Sender::new(false),
            has_begun: Arc::default(),
            open: Arc::default(),
        }
    }
}

impl Drain {
    /// Starts draining.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.signal.send_replace(true);
    }

    /// Waits until draining begins.
    pub async fn begun(&self) {
        let mut signal = self.signal.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = signal.wait_for(|begun| *begun).await;
    }

    /// Whether draining has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a new connection, unless as many as the listener allows are open already.
    pub fn enter(&self, door: &Arc<Door>) -> Option<OpenConnection> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let may_stay = door.enter();
        let entered = OpenConnection {
            all: Arc::clone(&self.open),
            door: Arc::clone(door),
        };
        may_stay.then_some(entered)
    }
}
