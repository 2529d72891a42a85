//! What a kept token stands on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cambist_core::Mark;

use crate::proxy::RouteExchange;

/// What a token stands on, and when it was last seen to stand.
#[derive(Debug)]
pub(in crate::proxy) struct Basis {
    marks: Arc<[Arc<Mark>]>,
    seen: AtomicU64,
}

impl Basis {
    /// These marks, which stood at this epoch.
    pub(in crate::proxy) const fn new(marks: Arc<[Arc<Mark>]>, epoch: u64) -> Self {
        Self {
            marks,
            seen: AtomicU64::new(epoch),
        }
    }

    /// Whether all of it still stands. Looks only if something was revoked since the last look.
    pub(in crate::proxy) fn stands(&self, exchange: &impl RouteExchange) -> bool {
        let epoch = exchange.epoch();
        if self.seen.load(Ordering::Relaxed) == epoch {
            return true;
        }
        let stands = exchange.stand(&self.marks);
        if stands {
            self.seen.store(epoch, Ordering::Relaxed);
        }
        stands
    }
}
