//! Accepting connections: one current-thread runtime per core, each with its own `SO_REUSEPORT` socket, so
//! that a connection never leaves its core.

mod connection;
mod socket;
mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::watch;

pub use connection::{Handler, serve};
pub use socket::{bind_alone, bind_shared};
pub use worker::{Workers, start};

/// Tells listeners to stop accepting and connections to finish, and knows when they have.
#[derive(Clone)]
pub struct Drain {
    signal: watch::Sender<bool>,
    open: Arc<AtomicUsize>,
}

/// Counts one open connection for as long as it lives.
pub struct OpenConnection(Arc<AtomicUsize>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            signal: watch::Sender::new(false),
            open: Arc::default(),
        }
    }
}

impl Drain {
    /// Starts draining.
    pub fn begin(&self) {
        self.signal.send_replace(true);
    }

    /// Waits until draining begins.
    pub async fn begun(&self) {
        let mut signal = self.signal.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = signal.wait_for(|begun| *begun).await;
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a new connection, unless `limit` are open already.
    pub fn enter(&self, limit: usize) -> Option<OpenConnection> {
        let entered = OpenConnection(Arc::clone(&self.open));
        (self.open.fetch_add(1, Ordering::Relaxed) < limit).then_some(entered)
    }
}
