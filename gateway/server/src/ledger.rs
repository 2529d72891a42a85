//! The ledger: every issued token with the tokens it was made from, and what was revoked.
//!
//! A token is known by its mark, a digest. Revoking one lets everything fall that was made from it. What
//! fell is held in memory, as one immutable value behind one atomic pointer, so that asking costs an
//! exchange no I/O; the store holds the same, so that it outlives the process.

mod at;
#[cfg(test)]
mod histories;
mod mark;
mod revoked;
#[cfg(test)]
mod tests;
mod writer;

use std::{sync::Arc, time::Duration};

use cambist_core::{Fault, Mark, Timestamp, TokenKey};
use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, sync::Mutex};

pub use at::InstanceLedger;
pub use mark::{identity_key, presented_key, token_hash};
pub use revoked::Revoked;

use self::writer::Writer;
use crate::{
    gateway,
    store::{CutOffRow, LedgerQuery, LedgerRow, LedgerState, Roots, Store, StoreError},
};

/// How long a revocation outlives its token, and a row its end, in seconds: no validator tolerates more
/// clock difference.
pub(crate) const GRACE: u64 = 120;

/// How long the sweeper rests.
const SWEEP_EVERY: Duration = Duration::from_secs(20);
/// Rows removed in one transaction.
const SWEEP_BATCH: u32 = 2_000;
/// How long others may write between two batches.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);
/// A revocation whose token's end is unknown is kept for good.
const FOREVER: Timestamp = Timestamp(i64::MAX as u64);

/// How much an instance keeps of what it issues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Persistence {
    /// Nothing, and nothing can be revoked but by cut-off.
    None,
    /// Nothing but revocations. A revoked token falls, what was made from it is not known.
    Revocations,
    /// Every token, soon after it has left.
    #[default]
    Asynchronous,
    /// Every token, before it leaves.
    Synchronous,
}

impl Persistence {
    /// Whether rows are kept.
    pub const fn keeps_tokens(self) -> bool {
        matches!(self, Self::Asynchronous | Self::Synchronous)
    }
}

/// What a cut-off names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutOffKind {
    /// Whoever acts for a subject.
    Actor,
    /// The client that a token was issued to.
    Client,
    /// The issuer.
    Issuer,
    /// A signing key, by its `kid`.
    Key,
    /// Whom a token speaks of.
    Subject,
}

impl CutOffKind {
    /// Its name, in configuration and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Client => "client",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Subject => "subject",
        }
    }
}

/// Why the ledger did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work was lost.
    #[error("the ledger stopped")]
    Stopped,
}

impl From<&LedgerError> for Fault {
    fn from(error: &LedgerError) -> Self {
        Self::Unavailable(format!("the ledger: {error}"))
    }
}

/// The ledger of all instances.
pub struct Ledger {
    store: Store,
    handle: Handle,
    revoked: Revoked,
    /// Held while what falls is looked for, until it has fallen in memory too.
    falling: Mutex<()>,
    writer: Writer,
}

impl Ledger {
    /// Reads what was revoked, and starts the writer and the sweeper on the runtime of `handle`.
    pub async fn open(
        store: Store,
        handle: Handle,
        now: Timestamp,
    ) -> Result<Arc<Self>, StoreError> {
        let revoked = Revoked::new(&store.revocations(now).await?, &store.cut_offs().await?);
        let ledger = Arc::new(Self {
            writer: Writer::start(store.clone(), &handle),
            store,
            handle: handle.clone(),
            revoked,
            falling: Mutex::new(()),
        });
        handle.spawn(sweep(Arc::downgrade(&ledger)));
        Ok(ledger)
    }

    /// The ledger as one instance writes it.
    pub fn at(self: &Arc<Self>, instance: &str, persistence: Persistence) -> InstanceLedger {
        InstanceLedger::new(Arc::clone(self), instance.to_owned(), persistence)
    }

    /// Changes whenever something is revoked or cut off: whoever has looked before need not look again
    /// until it does.
    pub fn epoch(&self) -> u64 {
        self.revoked.epoch()
    }

    /// Whether a token with this mark still counts at `instance`. Does no I/O.
    pub fn stands(&self, mark: &Mark, instance: &str) -> bool {
        self.revoked.stands(mark, instance)
    }

    /// The newest row of the token with this [`token_hash`], if one is kept.
    pub async fn find(&self, token_hash: &TokenKey) -> Result<Option<LedgerRow>, LedgerError> {
        let store = self.store.clone();
        let hash = *token_hash;
        self.run(async move { store.ledger_find(&hash).await })
            .await
    }

    /// The newest row of a token with this identifier (`jti`, assertion ID), issued by `instance` if one is
    /// named.
    pub async fn find_id(
        &self,
        token_id: &str,
        instance: Option<&str>,
    ) -> Result<Option<LedgerRow>, LedgerError> {
        let (store, token_id) = (self.store.clone(), token_id.to_owned());
        let instance = instance.map(ToOwned::to_owned);
        self.run(async move { store.ledger_find_id(&token_id, instance.as_deref()).await })
            .await
    }

    /// The newest row of the token that a REST STS knows by this identifier.
    pub async fn find_rest(&self, id: &str) -> Result<Option<LedgerRow>, LedgerError> {
        let (store, id) = (self.store.clone(), id.to_owned());
        self.run(async move { store.ledger_find_rest(&id).await })
            .await
    }

    /// Whether the token of this row counts now: it has not ended, and neither it nor anything it was made
    /// from was cancelled or revoked.
    pub fn is_active(&self, row: &LedgerRow, now: Timestamp) -> bool {
        row.state == LedgerState::Active
            && now < row.token.expires_at
            && self.stands(&mark::of_row(&row.token), &row.token.instance)
    }

    /// Rows that meet all conditions, newest first. Tokens on their way into the store are waited for.
    pub async fn query(&self, wanted: LedgerQuery) -> Result<Vec<LedgerRow>, LedgerError> {
        self.writer.flush().await?;
        let store = self.store.clone();
        self.run(async move { store.ledger_query(&wanted).await })
            .await
    }

    /// Rows made directly from the token with this mark, newest first.
    pub async fn children(
        &self,
        mark: &TokenKey,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, LedgerError> {
        self.writer.flush().await?;
        let (store, mark) = (self.store.clone(), *mark);
        self.run(async move { store.ledger_children(&mark, limit).await })
            .await
    }

    /// All cut-offs.
    pub async fn cut_offs(&self) -> Result<Vec<CutOffRow>, LedgerError> {
        let store = self.store.clone();
        self.run(async move { store.cut_offs().await }).await
    }

    /// Revokes (or, as its holder's wish, cancels) the token with this mark, whoever issued it, and all that
    /// was made from it. `until` is when the token ends, if that is known. Effective when this returns, and
    /// after any restart. Says how many kept tokens fell that had not fallen before.
    pub async fn revoke(
        self: &Arc<Self>,
        mark: TokenKey,
        until: Option<Timestamp>,
        state: LedgerState,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<usize, LedgerError> {
        let until = until.map_or(FOREVER, |end| end.plus(GRACE));
        // First of all nothing new may be made from it.
        self.revoked.add([(mark, until)]);
        self.fell(Roots::Mark(mark), until, state, reason, now)
            .await
    }

    /// Makes everything issued before a moment worthless that has to do with somebody or something, and all
    /// that was made from it. Effective when this returns, and after any restart.
    pub async fn cut_off(
        self: &Arc<Self>,
        cut_off: CutOffRow,
        now: Timestamp,
    ) -> Result<usize, LedgerError> {
        self.revoked.cut_off(&cut_off);
        let reason = cut_off.reason.clone();
        self.fell(
            Roots::CutOff(cut_off),
            FOREVER,
            LedgerState::Revoked,
            reason,
            now,
        )
        .await
    }

    /// Until a look finds nothing new: what is made from a token between the look that found it and the
    /// moment it is known to have fallen, the next look finds.
    async fn fell(
        self: &Arc<Self>,
        roots: Roots,
        until: Timestamp,
        state: LedgerState,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<usize, LedgerError> {
        let ledger = Arc::clone(self);
        self.run(async move {
            let mut count = 0;
            loop {
                // One look at a time, from what was taken down to what is in effect: another may have found the
                // same in the store, and not be done with it.
                let _turn = ledger.falling.lock().await;
                if ledger.writer.flush().await.is_err() {
                    return Err(StoreError::Broken { source: None });
                }
                let store = &ledger.store;
                let fallen = store
                    .ledger_fell(&roots, until, state, reason.as_deref(), now)
                    .await?;
                if fallen.is_empty() {
                    return Ok(count);
                }
                count += fallen.len();
                ledger.revoked.add(
                    fallen
                        .iter()
                        .map(|fallen| (fallen.mark, fallen.expires_at.plus(GRACE))),
                );
            }
        })
        .await
    }

    /// Waits until everything that was taken down so far is on disk.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        self.writer.flush().await
    }

    /// Runs to its end what somebody began: a request that ends midway must not cost the store its
    /// connection.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, LedgerError> {
        match self.handle.spawn(work).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(LedgerError::Stopped),
        }
    }
}

/// Removes what has ended, for as long as the ledger is there.
async fn sweep(ledger: std::sync::Weak<Ledger>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let (Some(ledger), Some(now)) = (ledger.upgrade(), gateway::now()) else {
            return;
        };
        ledger.sweep(now).await;
    }
}

impl Ledger {
    async fn sweep(&self, now: Timestamp) {
        self.revoked.forget(now);
        loop {
            match self.store.ledger_sweep(now.minus(GRACE), SWEEP_BATCH).await {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
                Err(error) => {
                    tracing::warn!(%error, "ended tokens could not be swept from the ledger");
                    return;
                }
            }
        }
    }
}
