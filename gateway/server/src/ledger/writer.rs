//! One writer for all rows: many waiting requests share one transaction, and so one wait for the disk.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::LedgerError;
use crate::store::{NewLedgerRow, Store, StoreError};

/// Rows that may wait. Then who issues waits as well.
const QUEUE: usize = 16 * 1024;
/// Most rows in one transaction.
const MOST: usize = 1024;
/// How long rows that nobody waits for are gathered.
const GATHER: Duration = Duration::from_millis(20);
/// How often rows that nobody waits for are tried, and how long between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

enum Work {
    Row(Box<NewLedgerRow>, Option<Reply>),
    /// Answered when all that came before is on disk.
    Flush(Reply),
}

type Reply = oneshot::Sender<Result<(), Arc<StoreError>>>;

/// The way to the writer.
pub(super) struct Writer(mpsc::Sender<Work>);

impl Writer {
    pub(super) fn start(store: Store, handle: &Handle) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        handle.spawn(run(store, receiver));
        Self(sender)
    }

    /// Takes a row. If it is urgent, this returns when it is on disk.
    pub(super) async fn append(
        &self,
        row: NewLedgerRow,
        is_urgent: bool,
    ) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        let work = Work::Row(Box::new(row), is_urgent.then_some(reply));
        self.send(work).await?;
        if is_urgent {
            self::answer(answer).await
        } else {
            Ok(())
        }
    }

    /// Returns when all rows taken so far are on disk.
    pub(super) async fn flush(&self) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.send(Work::Flush(reply)).await?;
        self::answer(answer).await
    }

    async fn send(&self, work: Work) -> Result<(), LedgerError> {
        self.0.send(work).await.map_err(|_| LedgerError::Stopped)
    }
}

async fn answer(answer: oneshot::Receiver<Result<(), Arc<StoreError>>>) -> Result<(), LedgerError> {
    match answer.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(LedgerError::Store(StoreError::Broken { source: None })),
        Err(_) => Err(LedgerError::Stopped),
    }
}

async fn run(store: Store, mut queue: mpsc::Receiver<Work>) {
    let mut works = Vec::with_capacity(MOST);
    // Rows that nobody waits for and that could not be written yet.
    let mut left = Vec::new();
    while queue.recv_many(&mut works, MOST).await > 0 {
        let deadline = Instant::now() + GATHER;
        while works.len() < MOST && !works.iter().any(is_urgent) {
            let room = MOST - works.len();
            let more = queue.recv_many(&mut works, room);
            if !matches!(timeout_at(deadline, more).await, Ok(1..)) {
                break;
            }
        }
        write(&store, &mut works, &mut left).await;
    }
}

const fn is_urgent(work: &Work) -> bool {
    matches!(work, Work::Row(_, Some(_)) | Work::Flush(_))
}

/// Writes the rows of `works`. Those who wait are answered at once; rows that nobody waits for are tried
/// again.
async fn write(store: &Store, works: &mut Vec<Work>, left: &mut Vec<NewLedgerRow>) {
    let mut rows = Vec::with_capacity(works.len());
    let mut waiting = Vec::new();
    let mut is_waited_for = Vec::with_capacity(works.len());
    for work in works.drain(..) {
        match work {
            Work::Row(row, reply) => {
                is_waited_for.push(reply.is_some());
                waiting.extend(reply);
                rows.push(*row);
            }
            Work::Flush(reply) => waiting.push(reply),
        }
    }
    let outcome = if rows.is_empty() {
        Ok(())
    } else {
        store.ledger_append(&rows).await
    };
    let Err(error) = outcome else {
        for reply in waiting {
            let _ = reply.send(Ok(()));
        }
        return;
    };
    tracing::error!(%error, rows = rows.len(), "issued tokens could not be written to the ledger");
    let error = Arc::new(error);
    for reply in waiting {
        let _ = reply.send(Err(Arc::clone(&error)));
    }
    let kept = rows.into_iter().zip(is_waited_for);
    left.extend(kept.filter(|(_, waited)| !waited).map(|(row, _)| row));
    try_again(store, left).await;
}

async fn try_again(store: &Store, left: &mut Vec<NewLedgerRow>) {
    for _ in 0..TRIES {
        if left.is_empty() {
            return;
        }
        sleep(PAUSE).await;
        if store.ledger_append(left).await.is_ok() {
            left.clear();
        }
    }
    if !left.is_empty() {
        tracing::error!(
            rows = left.len(),
            "issued tokens are missing from the ledger"
        );
        left.clear();
    }
}
