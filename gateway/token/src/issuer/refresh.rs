//! Keys that are fetched: read without a lock, refreshed by one task at a time.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use cambist_core::{Fault, Fetch, Fetched, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use super::{IssuerConfig, config::FRESHNESS, discovery};
use crate::jose::KeySet;

/// Least time between two attempts to fetch, in seconds (KF-05).
const ATTEMPT_INTERVAL: u64 = 10;
/// How long a discovered address is used before the metadata is read again, in seconds.
const DISCOVERY_LIFE: u64 = 3600;

/// Where keys come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A configured address.
    At(String),
    /// The address in the issuer's metadata.
    Discovered,
    /// The configuration itself.
    Inline(KeySet),
}

/// The keys of one issuer as last fetched.
pub(super) struct Keys {
    issuer: String,
    configured_uri: Option<String>,
    max_age: u64,
    last_good: u64,
    fetch: Arc<dyn Fetch>,
    inline: Option<Arc<KeySet>>,
    latest: ArcSwapOption<Good>,
    attempts: Mutex<Attempts>,
}

struct Good {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
}

impl Good {
    fn answers(&self, kid: Option<&str>, now: Timestamp) -> bool {
        now < self.fresh_until && !is_far_ahead(self.fetched_at, now) && self.knows(kid)
    }

    fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.contains(kid))
    }
}

/// Requests overtake each other by seconds; a moment much later than `now` means that the clock was set
/// back, and says nothing about age any more.
fn is_far_ahead(moment: Timestamp, now: Timestamp) -> bool {
    moment.since(now) > *FRESHNESS.start()
}

#[derive(Default)]
struct Attempts {
    last: Option<Timestamp>,
    discovered: Option<(String, Timestamp)>,
}

impl Keys {
    pub(super) fn new(source: Source, config: &IssuerConfig, fetch: Arc<dyn Fetch>) -> Self {
        let (configured_uri, inline) = match source {
            Source::At(uri) => (Some(uri), None),
            Source::Discovered => (None, None),
            Source::Inline(keys) => (None, Some(Arc::new(keys))),
        };
        Self {
            issuer: config.issuer.clone(),
            configured_uri,
            max_age: config.max_age_seconds,
            last_good: config.last_good_seconds,
            fetch,
            inline,
            latest: ArcSwapOption::empty(),
            attempts: Mutex::new(Attempts::default()),
        }
    }

    pub(super) async fn current(
        &self,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Fault> {
        if let Some(keys) = &self.inline {
            return Ok(Arc::clone(keys));
        }
        let usable = match &*self.latest.load() {
            Some(good) if good.answers(kid, now) => return Ok(Arc::clone(&good.keys)),
            Some(good) => self.last_good(good, now).filter(|_| good.knows(kid)),
            None => None,
        };
        let attempts = match (self.attempts.try_lock(), usable) {
            (Ok(free), _) => free,
            // Somebody is fetching already; what is known will do meanwhile.
            (Err(_), Some(keys)) => return Ok(keys),
            (Err(_), None) => self.attempts.lock().await,
        };
        self.refreshed(kid, now, attempts).await
    }

    async fn refreshed(
        &self,
        kid: Option<&str>,
        now: Timestamp,
        mut attempts: MutexGuard<'_, Attempts>,
    ) -> Result<Arc<KeySet>, Fault> {
        if let Some(good) = &*self.latest.load()
            && good.answers(kid, now)
        {
            return Ok(Arc::clone(&good.keys));
        }
        let is_due = attempts
            .last
            .is_none_or(|last| now.since(last) >= ATTEMPT_INTERVAL || is_far_ahead(last, now));
        let failure = if is_due {
            attempts.last = Some(now);
            match self.fetched(&mut attempts, now).await {
                Ok(keys) => return Ok(keys),
                Err(reason) => {
                    tracing::warn!(issuer = %self.issuer, %reason, "cannot refresh the issuer's keys");
                    reason
                }
            }
        } else {
            "the last attempt was a moment ago".to_owned()
        };
        let latest = self.latest.load();
        latest
            .as_ref()
            .and_then(|good| self.last_good(good, now))
            .ok_or_else(|| Fault::Unavailable(format!("keys of {}: {failure}", self.issuer)))
    }

    fn last_good(&self, good: &Good, now: Timestamp) -> Option<Arc<KeySet>> {
        (now.since(good.fetched_at) < self.last_good).then(|| Arc::clone(&good.keys))
    }

    async fn fetched(
        &self,
        attempts: &mut Attempts,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, String> {
        let uri = self.uri(attempts, now).await?;
        let outcome = match self.fetch.get(&uri).await {
            Ok(document) => self.accept(&document, now),
            Err(error) => Err(error.to_string()),
        };
        if outcome.is_err() {
            // The keys may have moved: the next attempt asks the metadata again.
            attempts.discovered = None;
        }
        outcome.map_err(|reason| format!("{uri}: {reason}"))
    }

    async fn uri(&self, attempts: &mut Attempts, now: Timestamp) -> Result<String, String> {
        if let Some(uri) = &self.configured_uri {
            return Ok(uri.clone());
        }
        if let Some((uri, found_at)) = &attempts.discovered
            && now.since(*found_at) < DISCOVERY_LIFE
        {
            return Ok(uri.clone());
        }
        let uri = discovery::jwks_uri(&self.issuer, self.fetch.as_ref()).await?;
        attempts.discovered = Some((uri.clone(), now));
        Ok(uri)
    }

    fn accept(&self, document: &Fetched, now: Timestamp) -> Result<Arc<KeySet>, String> {
        let keys = KeySet::parse(&document.body).map_err(|error| error.to_string())?;
        for reason in keys.refused() {
            tracing::warn!(issuer = %self.issuer, %reason, "a key of the issuer is not accepted");
        }
        let keys = Arc::new(keys);
        let age = document
            .max_age
            .as_ref()
            .map_or(self.max_age, Duration::as_secs);
        let fresh_until = now.plus(age.clamp(*FRESHNESS.start(), *FRESHNESS.end()));
        self.latest.store(Some(Arc::new(Good {
            keys: Arc::clone(&keys),
            fetched_at: now,
            fresh_until,
        })));
        Ok(keys)
    }
}
