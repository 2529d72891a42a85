//! Durable state in one `SQLite` file: published documents, plugins, the vault, users, what plugins keep.
//!
//! A write that returned was fsynced. Published things change only through [`Store::apply`], whole or
//! not at all. Rows carry a seal, so that a damaged one is reported and not served (ST-10).

mod change;
mod documents;
mod error;
mod kv;
mod ledger;
mod migrate;
mod plugins;
mod seal;
mod secrets;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use std::{
    fs::{OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use cambist_core::Timestamp;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

pub use change::{Change, Expected};
pub use documents::{Document, DocumentKind};
pub use error::StoreError;
pub use kv::{KvPut, LIFE, MAX_KEY, MAX_VALUE};
pub use ledger::{
    CutOffRow, Fallen, LedgerQuery, LedgerRow, LedgerState, NewLedgerRow, RevocationRow, Roots,
};
pub use plugins::{Plugin, PluginVersion, component_digest};
pub use secrets::SealedSecret;
pub use sessions::StoredSession;
pub use users::User;

/// How long a statement waits for another process, or a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Those for reading; there is one more for writing.
const CONNECTIONS: u32 = 4;

/// The store. Cheap to clone; clones are the same store. Usable from any tokio runtime that has timers.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    pool: ArcSwap<SqlitePool>,
    /// Set by a failed write to the disk: what the file holds is then unknown until it is opened anew.
    broken: AtomicBool,
    /// Writers queue here, in order, instead of polling for the file's lock. Empty until the first write
    /// and after a connection was given up.
    writer: Mutex<Option<SqliteConnection>>,
}

/// A write under way. Dropped without [`Store::finish`], it takes its connection with it and so leaves
/// no trace.
struct Write<'a> {
    connection: SqliteConnection,
    slot: MutexGuard<'a, Option<SqliteConnection>>,
}

impl Store {
    /// Opens the store at `path`, making it if absent, and brings its tables up to date. Refuses a
    /// damaged file and one written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let pool = connect(path).await?;
        let shared = Shared {
            path: path.to_owned(),
            pool: ArcSwap::from_pointee(pool),
            broken: AtomicBool::new(false),
            writer: Mutex::new(None),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Whether the store takes writes, found out by making one. After a failed write to the disk it
    /// first opens the file anew, which is how a store recovers by itself (ST-02, ST-03).
    pub async fn canary_write(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.shared.broken.load(Ordering::Acquire) {
            self.reopen().await?;
        }
        let mut write = self.begin().await?;
        let written = sqlx::query(
            "INSERT INTO canary (id, at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = ?1",
        )
        .bind(integer(now.0))
        .execute(&mut write.connection)
        .await
        .map(drop)
        .map_err(StoreError::from);
        self.finish(write, written).await
    }

    /// Waits for open statements and closes the file. Every later call fails.
    pub async fn close(&self) {
        let mut slot = self.shared.writer.lock().await;
        self.end_connections(slot.take()).await;
    }

    async fn end_connections(&self, writer: Option<SqliteConnection>) {
        if let Some(writer) = writer {
            // It ends in any case; what could fail is SQLite's tidying up, which the next opening does anew.
            drop(writer.close().await);
        }
        self.pool().close().await;
    }

    async fn reopen(&self) -> Result<(), StoreError> {
        let mut slot = self.shared.writer.lock().await;
        if !self.shared.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        // First close, then open: connections of one process share what they believe is in the file.
        self.end_connections(slot.take()).await;
        let pool = connect(&self.shared.path).await?;
        self.shared.pool.store(Arc::new(pool));
        self.shared.broken.store(false, Ordering::Release);
        tracing::info!("the store was opened anew");
        Ok(())
    }

    fn pool(&self) -> Arc<SqlitePool> {
        self.shared.pool.load_full()
    }

    /// Starts a write that sees what every earlier one did.
    async fn begin(&self) -> Result<Write<'_>, StoreError> {
        let mut slot = self.shared.writer.lock().await;
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(StoreError::Broken { source: None });
        }
        if self.pool().is_closed() {
            return Err(StoreError::Unavailable(sqlx::Error::PoolClosed));
        }
        let begun = async {
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => writing(&self.shared.path).connect().await?,
            };
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut connection)
                .await?;
            Ok(connection)
        };
        let connection = self.noted(begun.await)?;
        Ok(Write { connection, slot })
    }

    /// Commits if `outcome` is good, otherwise rolls back.
    async fn finish<T>(
        &self,
        write: Write<'_>,
        outcome: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Write {
            mut connection,
            mut slot,
        } = write;
        let (statement, outcome) = match outcome {
            Ok(value) => ("COMMIT", Ok(value)),
            Err(error) => ("ROLLBACK", Err(error)),
        };
        let ended = sqlx::query(statement).execute(&mut connection).await;
        match (ended, outcome) {
            (Ok(_), outcome) => {
                *slot = Some(connection);
                self.noted(outcome)
            }
            // Some failures, a full disk among them, make SQLite roll back by itself; what state the
            // connection is in is then not worth finding out. The first error says more than this one.
            (Err(_), Err(error)) => self.noted(Err(error)),
            (Err(error), Ok(_)) => self.noted(Err(error.into())),
        }
    }

    /// Remembers an error after which the disk cannot be trusted.
    fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Broken { .. }) = outcome {
            self.shared.broken.store(true, Ordering::Release);
        }
        outcome
    }
}

/// Opens the file. Two processes that open a new file at once can meet a lock for which `SQLite` does not
/// wait by itself, hence the patience.
async fn connect(path: &Path) -> Result<SqlitePool, StoreError> {
    let started = Instant::now();
    loop {
        match try_connect(path).await {
            Err(StoreError::Unavailable(error))
                if error::is_locked(&error) && started.elapsed() < PATIENCE =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_connect(path: &Path) -> Result<SqlitePool, StoreError> {
    create_private(path).map_err(|error| StoreError::from(sqlx::Error::Io(error)))?;
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options(path))
        .await?;
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&pool)
        .await?;
    if found != "ok" {
        return Err(StoreError::Corrupt {
            what: found,
            source: None,
        });
    }
    migrate::run(&pool).await?;
    Ok(pool)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
}

/// For the one connection that writes. Rows with random keys touch pages all over the ledger's indexes: with the
/// usual two megabytes of pages in memory, and a checkpoint after every four, most of the work would be reading and
/// writing the same pages again.
fn writing(path: &Path) -> SqliteConnectOptions {
    options(path)
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "8192")
        .pragma("journal_size_limit", "67108864")
}

/// Makes the file before `SQLite` does, which would make it readable to others. Its companions (`-wal`,
/// `-shm`) take over its mode.
fn create_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// `SQLite` integers are signed; nothing we count reaches that far.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
