//! A route's exchanged tokens, ready to be sent, for as long as they may be used.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::{Mark, Timestamp, TokenType};
use hyper::header::HeaderValue;
use quick_cache::{Weighter, sync::Cache};

use super::{RouteExchange, refusal::Refusal};

/// A token is not sent within its last seconds: it has a way to go, to a clock that may differ.
const SPARE_SECONDS: u64 = 5;

/// Longest an exchange is relied upon, so that a subject revoked in between is noticed.
const LONGEST_KEPT_SECONDS: u64 = 300;

/// Entries a route is sized for, and the bytes they may take together.
const ENTRIES: usize = 50_000;
const BYTES: u64 = 64 * 1024 * 1024;

/// What an entry costs besides its header value.
const ENTRY_OVERHEAD: u64 = 128;

/// Identifies one exchange of a route. Route and audience need no place in it: each route owns its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// Hashes all that the answer depends on (AB-18). The length before the type keeps type and token
    /// apart, so no two different triples have the same input.
    pub(super) fn new(instance_revision: u64, token_type: &TokenType, token: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        let token_type = token_type.as_str().as_bytes();
        context.update(&instance_revision.to_be_bytes());
        context.update(
            &u64::try_from(token_type.len())
                .unwrap_or(u64::MAX)
                .to_be_bytes(),
        );
        context.update(token_type);
        context.update(token);
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}

/// An exchanged token as the upstream will receive it.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    /// The complete header value, marked sensitive.
    pub(super) value: HeaderValue,
    /// When the token ends.
    pub(super) expires_at: Timestamp,
    /// What must not have been revoked.
    pub(super) basis: Basis,
}

/// What a token stands on, and when it was last seen to stand. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Basis(Arc<(Arc<[Mark]>, AtomicU64)>);

impl Basis {
    /// These marks, which stood at this epoch.
    pub(super) fn new(marks: Arc<[Mark]>, epoch: u64) -> Self {
        Self(Arc::new((marks, AtomicU64::new(epoch))))
    }

    /// Whether all of it still stands. Looks only if something was revoked since the last look.
    pub(super) fn stands(&self, exchange: &impl RouteExchange) -> bool {
        let (marks, seen) = &*self.0;
        let epoch = exchange.epoch();
        if seen.load(Ordering::Relaxed) == epoch {
            return true;
        }
        let stands = exchange.stand(marks);
        if stands {
            seen.store(epoch, Ordering::Relaxed);
        }
        stands
    }
}

/// A kept token.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The complete header value.
    pub(super) value: HeaderValue,
    /// What must not have been revoked.
    pub(super) basis: Basis,
    serve_until: Timestamp,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Kept> for Bytes {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        ENTRY_OVERHEAD + u64::try_from(kept.value.len()).unwrap_or(u64::MAX / 2)
    }
}

/// The exchanges of one route.
pub(super) struct ExchangeCache(Cache<Key, Kept, Bytes>);

impl ExchangeCache {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(ENTRIES, BYTES, Bytes))
    }

    /// The token for `key` if it is known and may still be sent.
    pub(super) fn find(&self, key: &Key, now: Timestamp) -> Option<Kept> {
        self.0.get(key).filter(|kept| now < kept.serve_until)
    }

    /// Forgets what is known for `key`.
    pub(super) fn remove(&self, key: &Key) {
        self.0.remove(key);
    }

    /// The token for `key`, exchanging unless it is known. Requests that miss together wait for the first
    /// of them; if that one fails or goes away, the next takes its place. A failure is not kept.
    pub(super) async fn find_or_exchange(
        &self,
        key: &Key,
        now: Timestamp,
        exchange: impl Future<Output = Result<Authorization, Refusal>>,
    ) -> Result<HeaderValue, Refusal> {
        let guard = loop {
            match self.0.get_value_or_guard_async(key).await {
                Ok(kept) if now < kept.serve_until => return Ok(kept.value),
                Ok(_) => {
                    self.0.remove_if(key, |kept| now >= kept.serve_until);
                }
                Err(guard) => break guard,
            }
        };
        let Authorization {
            value,
            expires_at,
            basis,
        } = exchange.await?;
        let serve_until = expires_at
            .minus(SPARE_SECONDS)
            .min(now.plus(LONGEST_KEPT_SECONDS));
        if now < serve_until {
            // It is refused only when somebody removed the place meanwhile; then it is not kept.
            let _ = guard.insert(Kept {
                value: value.clone(),
                basis,
                serve_until,
            });
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
