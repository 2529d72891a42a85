//! Tokens of an issuer that were verified before, so that a token presented again costs a hash.
//!
//! Remembered is what the token's own bytes and the validator's settings decide. What may change meanwhile is
//! looked at again every time: the clock, and whether the issuer still has exactly the keys it had. Tokens that
//! were refused are not remembered.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest::{SHA256, digest};
use cambist_core::{Principal, Timestamp};
use quick_cache::{Weighter, sync::Cache};

use crate::jose::{KeySet, MAX_LEEWAY};

/// About how many bytes each may take, all taken together.
const BYTES: u64 = 4096;
/// What one takes beside its claims.
const OVERHEAD: usize = 512;

/// Tells validators apart: each reads a token by settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reader(u64);

impl Reader {
    /// Another than all before.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A token as it is remembered: by whom it was read, and its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    reader: Reader,
    digest: [u8; 32],
}

impl Name {
    /// The name of a token to a reader.
    pub(crate) fn new(reader: Reader, token: &[u8]) -> Self {
        let mut name = Self {
            reader,
            digest: [0; 32],
        };
        name.digest.copy_from_slice(digest(&SHA256, token).as_ref());
        name
    }
}

/// What a token said.
pub(crate) struct Remembered {
    pub(crate) principal: Arc<Principal>,
    pub(crate) key_id: Option<String>,
    /// The keys that its own was chosen from.
    pub(crate) keys: Arc<KeySet>,
    pub(crate) valid_from: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Length of the token in bytes.
    pub(crate) length: usize,
}

impl Remembered {
    /// Whether verifying the token now would give the same.
    pub(crate) fn holds(&self, keys: &Arc<KeySet>, leeway: u64, now: Timestamp) -> bool {
        let leeway = leeway.min(MAX_LEEWAY);
        Arc::ptr_eq(&self.keys, keys)
            && self.expires_at.plus(leeway) > now
            && self.valid_from <= now.plus(leeway)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Name, Arc<Remembered>> for Bytes {
    fn weight(&self, _: &Name, token: &Arc<Remembered>) -> u64 {
        // Claims in memory take about three times their length in base64.
        u64::try_from(OVERHEAD + 3 * token.length).unwrap_or(u64::MAX / 2)
    }
}

/// The tokens of one issuer. Takes no memory before the first.
pub(crate) struct VerifiedTokens {
    most: usize,
    tokens: OnceLock<Cache<Name, Arc<Remembered>, Bytes>>,
}

impl VerifiedTokens {
    /// Room for about `most` tokens; with none, nothing is remembered.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            tokens: OnceLock::new(),
        }
    }

    /// Whether anything is ever remembered.
    pub(crate) const fn has_room(&self) -> bool {
        self.most > 0
    }

    /// What is known of a token.
    pub(crate) fn find(&self, name: &Name) -> Option<Arc<Remembered>> {
        self.tokens.get()?.get(name)
    }

    /// Remembers a token, unless there is no room for any.
    pub(crate) fn insert(&self, name: Name, token: impl FnOnce() -> Remembered) {
        if !self.has_room() {
            return;
        }
        let bytes = BYTES * u64::try_from(self.most).unwrap_or(u64::MAX / BYTES);
        self.tokens
            .get_or_init(|| Cache::with_weighter(self.most, bytes, Bytes))
            .insert(name, Arc::new(token()));
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tokens.get().map_or(0, Cache::len);
        write!(f, "VerifiedTokens({count})")
    }
}

#[cfg(test)]
mod tests;
