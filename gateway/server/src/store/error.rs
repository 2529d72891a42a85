//! Why the store did not do it.

use std::io;

use sqlx::migrate::MigrateError;

/// Why the store did not do it. Unless said otherwise nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Writing to the disk failed. Whether that write survives is unknown; further ones are refused until
    /// [`Store::canary_write`](super::Store::canary_write) has opened the file anew.
    #[error("writing to the store's disk failed; no more is written until the store is open anew")]
    Broken {
        /// The failure, on the write that met it.
        source: Option<sqlx::Error>,
    },
    /// Somebody else was first, or the revision is not the expected one.
    #[error("conflict: {what} {}", .found.map_or_else(|| "does not exist".to_owned(), |revision| format!("is there at revision {revision}")))]
    Conflict {
        /// Which thing.
        what: String,
        /// Its revision now; none if it is not there.
        found: Option<u64>,
    },
    /// The file, or a row, is damaged.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// What does not fit.
        what: String,
        /// The database's own words.
        source: Option<sqlx::Error>,
    },
    /// The name is taken.
    #[error("{what} exists already")]
    Exists {
        /// Which thing.
        what: String,
    },
    /// A component is still named by a plugin.
    #[error("{what} is in use")]
    InUse {
        /// Which thing.
        what: String,
    },
    /// The disk is full. Reading goes on; writing works again once there is room.
    #[error("the disk of the store is full; free some space, no restart is needed")]
    Full(#[source] sqlx::Error),
    /// A value that ends at once, or too late.
    #[error("a plugin's value lives 1 second to 400 days, not {seconds} seconds")]
    Life {
        /// How long it was to live.
        seconds: u32,
    },
    /// There is no such thing.
    #[error("{what} does not exist")]
    Missing {
        /// Which thing.
        what: String,
    },
    /// A newer version of this program wrote the file.
    #[error(
        "the store was written by a newer version of cambist (it has migration {version}); use that version or restore a backup"
    )]
    Newer {
        /// The migration this version does not know.
        version: i64,
    },
    /// A plugin holds as much as it may.
    #[error("no room within the {limit} bytes of the plugin")]
    Quota {
        /// The most it may hold.
        limit: u64,
    },
    /// The file or its directory may not be written.
    #[error(
        "the store is read-only; check the owner and mode of the data directory and its file system"
    )]
    ReadOnly(#[source] sqlx::Error),
    /// A value is larger than the store takes (ST-11).
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// Which value.
        what: String,
        /// The most it may be.
        limit: usize,
    },
    /// It is locked by another process, closed, or cannot be opened. Trying again may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A bug.
    #[error("the store answered unexpectedly")]
    Unexpected(#[source] sqlx::Error),
}

/// The result code; extended ones hold it in their low byte (<https://www.sqlite.org/rescode.html>).
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

/// Whether another process held a lock.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(5)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        match (
            code.and_then(|code| code.parse::<u32>().ok())
                .map(|code| code & 0xff),
            &error,
        ) {
            (Some(3 | 8), _) => Self::ReadOnly(error),
            (Some(10), _) => Self::Broken {
                source: Some(error),
            },
            (Some(11 | 26), _) => Self::Corrupt {
                what: "the file".to_owned(),
                source: Some(error),
            },
            (Some(13), _) => Self::Full(error),
            (None, sqlx::Error::Io(cause)) => match cause.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Self::ReadOnly(error)
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
                _ => Self::Unavailable(error),
            },
            (Some(5 | 6 | 7 | 9 | 14 | 15), _)
            | (
                None,
                sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed,
            ) => Self::Unavailable(error),
            (None, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => Self::Corrupt {
                what: "a row".to_owned(),
                source: Some(error),
            },
            _ => Self::Unexpected(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
                Self::from(cause)
            }
            MigrateError::VersionMissing(version) => Self::Newer { version },
            MigrateError::VersionMismatch(version) => Self::Corrupt {
                what: format!("migration {version} is not the one this version knows"),
                source: None,
            },
            other => Self::Unexpected(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}
