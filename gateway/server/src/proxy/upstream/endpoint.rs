//! One place where an upstream can be reached, and how it has fared there.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::failures::{Failure, Failures};

/// First time out of use; it doubles with every failure after, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Milliseconds since the process first asked. Zero is never returned.
pub(super) fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

/// An endpoint, shared by all cores.
#[derive(Debug)]
pub(in crate::proxy) struct Endpoint {
    /// Everything that decides about a connection to it: two routes with the same share connections.
    pub(super) key: Arc<str>,
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// Requests under way.
    load: AtomicUsize,
    /// Failures in a row.
    failures: AtomicU32,
    /// Times in a row that it was taken out of use.
    pauses: AtomicU32,
    /// Until when it is out of use by [`clock`]; zero when it is not.
    paused_until: AtomicU64,
    pub(super) checked: Checked,
    failures_seen: Failures,
    turn: AtomicUsize,
}

/// An endpoint as operators see it.
pub(in crate::proxy) struct EndpointSeen {
    /// Host and port.
    pub(in crate::proxy) place: String,
    /// Whether requests go there.
    pub(in crate::proxy) is_in_use: bool,
    /// Requests under way.
    pub(in crate::proxy) load: usize,
    /// Failures by reason.
    pub(in crate::proxy) failures: Vec<(&'static str, u64)>,
}

/// What active checks found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) is_unhealthy: AtomicBool,
    pub(super) is_running: AtomicBool,
    pub(super) next: AtomicU64,
    pub(super) streak: AtomicU32,
}

impl Endpoint {
    pub(super) fn new(key: Arc<str>, host: &str, port: u16) -> Self {
        Self {
            key,
            host: host.into(),
            port,
            load: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            pauses: AtomicU32::new(0),
            paused_until: AtomicU64::new(0),
            checked: Checked::default(),
            failures_seen: Failures::default(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Which of its addresses the next connection begins with.
    pub(super) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Relaxed)
    }

    pub(super) fn seen(&self) -> EndpointSeen {
        let (host, port) = (&self.host, self.port);
        EndpointSeen {
            place: if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            },
            is_in_use: !self.checked.is_unhealthy.load(Relaxed)
                && self.paused_until.load(Relaxed) <= clock(),
            load: self.load(),
            failures: self.failures_seen.named(),
        }
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Whether a request may go there. One that is out of use is tried by one request when its time is
    /// over, and by the next only if that one came back.
    pub(super) fn is_open(&self, now: u64) -> bool {
        if self.checked.is_unhealthy.load(Relaxed) {
            return false;
        }
        let until = self.paused_until.load(Relaxed);
        if until == 0 {
            return true;
        }
        let next = now.saturating_add(1_000);
        now >= until
            && self
                .paused_until
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok()
    }

    fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.pauses.store(0, Relaxed);
            self.paused_until.store(0, Relaxed);
        }
    }

    fn failed(&self, most: u32, now: u64) {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if most == 0 || failures < most {
            return;
        }
        let pauses = self.pauses.fetch_add(1, Relaxed).min(8);
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(pauses)).min(LONGEST_PAUSE);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.paused_until.store(now.saturating_add(millis), Relaxed);
    }
}

/// One request at an endpoint, counted until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    endpoint: Arc<Endpoint>,
    eject_after: u32,
}

impl Lease {
    pub(super) fn new(endpoint: &Arc<Endpoint>, eject_after: u32) -> Self {
        endpoint.load.fetch_add(1, Relaxed);
        Self {
            endpoint: Arc::clone(endpoint),
            eject_after,
        }
    }

    pub(super) const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// It answered, whatever it said.
    pub(super) fn succeeded(&self) {
        self.endpoint.succeeded();
    }

    /// It cannot be reached, broke off or did not answer in time.
    pub(super) fn failed(&self, failure: Failure) {
        self.endpoint.failures_seen.add(failure);
        self.endpoint.failed(self.eject_after, clock());
    }

    /// It answered, but the rest of its answer did not come.
    pub(super) fn fell_short(&self, failure: Failure) {
        self.endpoint.failures_seen.add(failure);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.load.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint::new("http://a".into(), "a", 80))
    }

    #[test]
    fn it_is_out_of_use_after_failures_in_a_row_and_tried_by_one_request() {
        let endpoint = endpoint();
        for _ in 0..2 {
            endpoint.failed(3, 10);
        }
        endpoint.succeeded();
        for _ in 0..2 {
            endpoint.failed(3, 10);
            assert!(endpoint.is_open(10));
        }
        endpoint.failed(3, 10);
        assert!(!endpoint.is_open(1_009));
        assert!(endpoint.is_open(1_010), "one tries");
        assert!(!endpoint.is_open(1_010), "and only one");
        endpoint.failed(3, 1_020);
        assert!(
            !endpoint.is_open(3_019) && endpoint.is_open(3_020),
            "twice as long"
        );
        endpoint.succeeded();
        assert!(endpoint.is_open(3_021) && endpoint.is_open(3_021));
    }

    #[test]
    fn a_pause_has_an_end() {
        let endpoint = endpoint();
        for _ in 0..100 {
            endpoint.failed(1, 10);
        }
        assert!(!endpoint.is_open(30_009) && endpoint.is_open(30_010));
        let never = self::endpoint();
        never.failed(0, 10);
        assert!(never.is_open(10));
    }

    #[test]
    fn a_lease_counts_as_long_as_it_lives() {
        let endpoint = endpoint();
        let lease = Lease::new(&endpoint, 5);
        assert_eq!(endpoint.load(), 1);
        drop(lease);
        assert_eq!(endpoint.load(), 0);
    }
}
