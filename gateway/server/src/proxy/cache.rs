//! A route's exchanges, ready to be sent, for as long as they may be used.
//!
//! Whatever an answer depends on is in its key. What was refused is remembered for a moment, so that a bad
//! token costs its sender more than the gateway. Shortly before an entry ends, one request exchanges anew
//! while the others go on with what there is.

mod basis;
mod key;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cambist_core::Timestamp;
use quick_cache::{Weighter, sync::Cache};

pub(super) use self::{
    basis::Basis,
    key::{Key, Part},
};
use super::{
    grant::Granted,
    refusal::{Answer, Refusal},
};

/// A token is not sent within its last seconds: it has a way to go, to a clock that may differ.
const SPARE_SECONDS: u64 = 5;

/// Longest a refusal is remembered.
const REFUSED_SECONDS: u64 = 5;

/// An entry is exchanged anew within the last part of its life: this many seconds, or a fifth if less.
const EARLY_SECONDS: u64 = 30;

/// Bytes the entries of a route may take together.
const BYTES: u64 = 64 * 1024 * 1024;

/// What an entry costs besides its headers.
const ENTRY_OVERHEAD: usize = 256;

/// An exchange that may be kept.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) granted: Arc<Granted>,
    /// When what was issued ends.
    pub(super) expires_at: Timestamp,
    /// Whether exchanging again could give something that ends later.
    pub(super) is_renewable: bool,
}

/// What is known of one credential.
#[derive(Debug)]
struct Entry {
    outcome: Result<Arc<Granted>, Answer>,
    serve_until: Timestamp,
    renew_from: Timestamp,
    is_renewing: AtomicBool,
    /// Made because an upstream refused the one before: the next refusal is passed on.
    is_second: bool,
}

/// What the cache says.
#[derive(Debug)]
pub(super) enum Known {
    /// Send this.
    Good(Arc<Granted>),
    /// Send this, but exchange first: this request was chosen to.
    Ageing(Arc<Granted>),
    /// It was refused a moment ago.
    Refused(Answer),
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Entry>> for Bytes {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        let granted = entry.outcome.as_ref().map_or(0, |granted| granted.weight());
        u64::try_from(ENTRY_OVERHEAD + granted).unwrap_or(u64::MAX / 2)
    }
}

/// The exchanges of one route.
pub(super) struct ExchangeCache {
    entries: Cache<Key, Arc<Entry>, Bytes>,
    /// Longest an exchange is relied upon, so that a subject revoked in between is noticed.
    seconds: u64,
}

impl ExchangeCache {
    /// Room for `entries`, each kept for `seconds` at most.
    pub(super) fn new(entries: usize, seconds: u64) -> Self {
        Self {
            entries: Cache::with_weighter(entries, BYTES, Bytes),
            seconds,
        }
    }

    /// Exchanges and refusals that are kept now.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Whether anything is ever kept.
    pub(super) const fn is_off(&self) -> bool {
        self.seconds == 0
    }

    /// What is known for `key` and may still be used.
    pub(super) fn find(&self, key: &Key, now: Timestamp) -> Option<Known> {
        let entry = self.entries.get(key)?;
        if now >= entry.serve_until {
            return None;
        }
        Some(match &entry.outcome {
            Err(answer) => Known::Refused(*answer),
            Ok(granted)
                if now >= entry.renew_from && !entry.is_renewing.swap(true, Ordering::Relaxed) =>
            {
                Known::Ageing(Arc::clone(granted))
            }
            Ok(granted) => Known::Good(Arc::clone(granted)),
        })
    }

    /// The exchange for `key`, made unless it is known. Requests that miss together wait for the first of
    /// them; if that one fails in a way that may pass, or goes away, the next takes its place.
    pub(super) async fn find_or_exchange(
        &self,
        key: &Key,
        now: Timestamp,
        is_second: bool,
        exchange: impl Future<Output = Result<Fresh, Refusal>>,
    ) -> Result<Arc<Granted>, Refusal> {
        let guard = loop {
            match self.entries.get_value_or_guard_async(key).await {
                Ok(entry) if now < entry.serve_until => {
                    return entry.outcome.clone().map_err(Refusal::Again);
                }
                Ok(_) => {
                    self.entries
                        .remove_if(key, |entry| now >= entry.serve_until);
                }
                Err(guard) => break guard,
            }
        };
        let outcome = exchange.await;
        if let Some(entry) = self.entry(now, is_second, &outcome) {
            // It is refused only when somebody removed the place meanwhile; then it is not kept.
            let _ = guard.insert(Arc::new(entry));
        }
        outcome.map(|fresh| fresh.granted)
    }

    /// Forgets what is known for `key`.
    pub(super) fn remove(&self, key: &Key) {
        self.entries.remove(key);
    }

    /// Puts what a renewal gave in place of what was known. A failure that may pass changes nothing: what
    /// is known ends at its own time.
    pub(super) fn renew(&self, key: &Key, now: Timestamp, outcome: &Result<Fresh, Refusal>) {
        if let Some(entry) = self.entry(now, false, outcome) {
            self.entries.insert(*key, Arc::new(entry));
        }
    }

    /// Forgets what an upstream refused, and says whether to exchange for this request once more.
    pub(super) fn refused_by_upstream(&self, key: &Key, sent: &Arc<Granted>) -> bool {
        let is_sent = |entry: &Arc<Entry>| {
            entry
                .outcome
                .as_ref()
                .is_ok_and(|granted| Arc::ptr_eq(granted, sent))
        };
        match self.entries.get(key) {
            Some(entry) if is_sent(&entry) => {
                if entry.is_second {
                    return false;
                }
                self.entries.remove_if(key, is_sent);
                true
            }
            // Somebody else has exchanged, or nobody knows any more.
            _ => true,
        }
    }

    fn entry(
        &self,
        now: Timestamp,
        is_second: bool,
        outcome: &Result<Fresh, Refusal>,
    ) -> Option<Entry> {
        let (outcome, serve_until, renew_from) = match outcome {
            Ok(fresh) => {
                let until = fresh
                    .expires_at
                    .minus(SPARE_SECONDS)
                    .min(now.plus(self.seconds));
                let early = EARLY_SECONDS.min(until.since(now) / 5);
                let renew_from = if fresh.is_renewable && early > 0 {
                    until.minus(early)
                } else {
                    until
                };
                (Ok(Arc::clone(&fresh.granted)), until, renew_from)
            }
            Err(refusal) => {
                let until = now.plus(REFUSED_SECONDS.min(self.seconds));
                (Err(refusal.lasting()?), until, until)
            }
        };
        (now < serve_until).then_some(Entry {
            outcome,
            serve_until,
            renew_from,
            is_renewing: AtomicBool::new(false),
            is_second,
        })
    }
}

#[cfg(test)]
mod tests;
