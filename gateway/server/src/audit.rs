//! One record per exchange, success or not (SX-20), without any token.
//!
//! Requests put records into a bounded queue; one thread writes them as JSON lines. When the file cannot be
//! written or the queue is full, [`Audit::record`] fails and the caller must not issue (AU-01).

mod counters;
mod event;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use crossbeam_queue::ArrayQueue;

use crate::append;

pub use counters::Counters;
pub use event::Event;

/// Records that may wait for the writer.
const QUEUE: usize = 65_536;

/// The audit trail.
pub struct Audit {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    /// Boxed: an empty place would take as much memory as an event.
    queue: ArrayQueue<Box<Event>>,
    is_healthy: AtomicBool,
    is_closing: AtomicBool,
    counters: Counters,
}

/// The record could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail cannot be written")]
pub struct AuditUnavailable;

impl Audit {
    /// Opens (or creates, 0600) the trail at `path` and starts its writer.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = append::open(path)?;
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(QUEUE),
            is_healthy: AtomicBool::new(true),
            is_closing: AtomicBool::new(false),
            counters: Counters::default(),
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer::run(&writing, file))?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// Queues a record. No lock, no I/O.
    pub fn record(&self, event: Event) -> Result<(), AuditUnavailable> {
        if !self.is_healthy() {
            return Err(AuditUnavailable);
        }
        self.shared
            .queue
            .push(Box::new(event))
            .map_err(|_| AuditUnavailable)
    }

    /// Whether the last write worked.
    pub fn is_healthy(&self) -> bool {
        self.shared.is_healthy.load(Ordering::Relaxed)
    }

    /// Counts of what was recorded.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
