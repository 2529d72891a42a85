//! What became of a route's requests, counted for `/metrics`.
//!
//! Each core counts in cells of its own, so that no two write to one cache line; whoever reads adds them up.
//! Every label comes from a closed set (AU-06).

mod render;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::{Method, StatusCode};

pub(crate) use self::render::render;

/// Threads that have cells of their own; further ones share.
const SHARDS: usize = 64;

/// Methods that are counted by name; the last stands for all others.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];
/// Classes of status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds of the classes of duration, in microseconds.
const BOUNDS: [u64; 13] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The upstream's answer went to the client.
    Answered,
    /// Both sides switched to another protocol.
    Switched,
    /// The gateway did not let it through.
    Refused,
    /// The upstream or the gateway could not answer it.
    Failed,
    /// The client went away before there was an answer.
    Abandoned,
}

impl Outcome {
    const NAMES: [&'static str; 5] = ["answered", "switched", "refused", "failed", "abandoned"];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// Where what the upstream received came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It was known.
    Hit,
    /// It had to be exchanged.
    Miss,
    /// It was known and exchanged anew before its end.
    Refresh,
    /// It was known that it is refused.
    Refused,
    /// The route keeps nothing.
    Off,
}

impl Source {
    const NAMES: [&'static str; 5] = ["hit", "miss", "refresh", "refused", "off"];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// Durations by class, and their sum.
#[derive(Debug, Default)]
struct Durations {
    /// The last is for everything above the bounds.
    classes: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Durations {
    fn add(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.classes.get(class) {
            count.fetch_add(1, Relaxed);
        }
        self.micros.fetch_add(micros, Relaxed);
    }
}

/// What one core counts of one route.
#[derive(Debug)]
#[repr(align(128))]
struct Cells {
    answers: [AtomicU64; METHODS.len() * CLASSES.len() * Outcome::NAMES.len()],
    durations: Durations,
    upstream: Durations,
    sources: [AtomicU64; Source::NAMES.len()],
    /// Only its own core and readers lock it, and only requests that end here come to it.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            answers: [const { AtomicU64::new(0) }; _],
            durations: Durations::default(),
            upstream: Durations::default(),
            sources: Default::default(),
            refused: Mutex::default(),
        }
    }
}

/// The counters of one route. A core's cells are made by the first request that it serves there.
pub(crate) struct Counts {
    shards: Box<[OnceLock<Box<Cells>>]>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

/// Which cells are this thread's.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
    }
    SHARD.with(|shard| {
        shard.get().unwrap_or_else(|| {
            let mine = NEXT.fetch_add(1, Relaxed) % SHARDS;
            shard.set(Some(mine));
            mine
        })
    })
}

/// The place of a method in [`METHODS`].
pub(super) fn method_index(method: &Method) -> usize {
    METHODS
        .iter()
        .position(|name| *name == method.as_str())
        .unwrap_or(METHODS.len() - 1)
}

fn answer_index(method: usize, class: usize, outcome: usize) -> usize {
    (method * CLASSES.len() + class) * Outcome::NAMES.len() + outcome
}

impl Counts {
    fn cells(&self) -> Option<&Cells> {
        let cells = self.shards.get(shard())?;
        Some(cells.get_or_init(Box::default))
    }

    /// A request ended like this, after this long.
    pub(super) fn ended(
        &self,
        method: usize,
        status: StatusCode,
        outcome: Outcome,
        duration: Duration,
    ) {
        let Some(cells) = self.cells() else {
            return;
        };
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let index = answer_index(method, class, outcome as usize);
        if let Some(count) = cells.answers.get(index) {
            count.fetch_add(1, Relaxed);
        }
        cells.durations.add(duration);
    }

    /// An upstream took this long to answer.
    pub(super) fn upstream_took(&self, duration: Duration) {
        if let Some(cells) = self.cells() {
            cells.upstream.add(duration);
        }
    }

    /// An exchange was needed, and this is where it came from.
    pub(super) fn looked_up(&self, source: Source) {
        let count = self
            .cells()
            .and_then(|cells| cells.sources.get(source as usize));
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A request ended here for this reason, which is a constant of the program.
    pub(super) fn refused(&self, reason: &'static str) {
        if let Some(cells) = self.cells() {
            let mut refused = cells.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused.entry(reason).or_default() += 1;
        }
    }

    /// The cells of all cores that have any.
    fn all(&self) -> impl Iterator<Item = &Cells> {
        self.shards
            .iter()
            .filter_map(OnceLock::get)
            .map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests;
