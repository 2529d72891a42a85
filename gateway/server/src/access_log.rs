//! One line for each proxied request, without any token or query (PX-16).
//!
//! Requests put lines into a bounded queue; one thread writes them. A queue that is full, or a disk that is,
//! costs lines, which are counted, and never a request.

mod line;
mod writer;

use std::{
    fmt::{self, Write as _},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use crossbeam_queue::ArrayQueue;

use self::line::Line;
pub(crate) use self::line::{Asked, Ending, Entry};
use crate::{append, exposition::family};

/// Lines that may wait for the writer.
const QUEUE: usize = 16 * 1024;

/// The access log.
pub struct AccessLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What requests and the writer share.
struct Shared {
    path: PathBuf,
    queue: ArrayQueue<Line>,
    is_closing: AtomicBool,
    must_reopen: AtomicBool,
    written: AtomicU64,
    lost: AtomicU64,
}

impl AccessLog {
    /// Opens (or creates, 0600) the log at `path` and starts its writer.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = append::open(path)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            queue: ArrayQueue::new(QUEUE),
            is_closing: AtomicBool::new(false),
            must_reopen: AtomicBool::new(false),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer::run(&writing, file))?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// Opens the file of this name again, for whoever has moved the old one away.
    pub fn reopen(&self) {
        self.shared.must_reopen.store(true, Relaxed);
    }

    /// Begins the line of a request. It is written when the entry is dropped.
    pub(crate) fn begin(&self, asked: &Asked<'_>) -> Box<Entry> {
        Box::new(Entry::new(asked, &self.shared))
    }

    /// What was written and what was lost, in the text format of Prometheus.
    pub fn render(&self) -> String {
        const NAME: &str = "cambist_access_log_lines_total";
        let (written, lost) = (
            self.shared.written.load(Relaxed),
            self.shared.lost.load(Relaxed),
        );
        let mut text = String::new();
        family(
            &mut text,
            NAME,
            "counter",
            "Lines of the access log by outcome.",
        );
        for (outcome, lines) in [("written", written), ("lost", lost)] {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{NAME}{{outcome=\"{outcome}\"}} {lines}");
        }
        text
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
