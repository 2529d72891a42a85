//! The only way published things change.

use bytes::Bytes;
use cambist_core::Timestamp;
use sqlx::SqliteConnection;

use super::{DocumentKind, Store, StoreError, documents, integer, plugins, secrets};

/// Most bytes of an identifier or a name.
pub(super) const MAX_NAME: usize = 512;

/// What a writer believes is there. If it is not, the write is a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// Whatever.
    Any,
    /// This revision.
    Revision(u64),
}

/// One step of a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Removes a document. Missing if it is not there.
    DeleteDocument {
        /// Its kind.
        kind: DocumentKind,
        /// Its identifier.
        id: String,
        /// What must be there.
        expected: Expected,
    },
    /// Removes a plugin name with its history, and the components that no other name had. Missing if it is
    /// not there.
    DeletePlugin {
        /// The name.
        name: String,
        /// What must be there.
        expected: Expected,
    },
    /// Removes an entry of the vault. Missing if it is not there.
    DeleteSecret {
        /// The name.
        name: String,
        /// What must be there.
        expected: Expected,
    },
    /// Removes a component from a plugin's history; [`StoreError::InUse`] if it is the current one. Missing
    /// if it is not there.
    ForgetVersion {
        /// The plugin's name.
        name: String,
        /// The component's digest.
        digest: String,
    },
    /// Points a plugin name at a component that is stored, as for a rollback. Missing if it is not.
    PointPlugin {
        /// The name.
        name: String,
        /// The component's digest.
        digest: String,
        /// What must be there.
        expected: Expected,
    },
    /// Writes a document.
    PutDocument {
        /// Its kind.
        kind: DocumentKind,
        /// Its identifier.
        id: String,
        /// JSON text.
        document: String,
        /// What must be there.
        expected: Expected,
    },
    /// Stores a component and points a plugin name at it.
    PutPlugin {
        /// The name.
        name: String,
        /// The component.
        component: Bytes,
        /// The version its manifest gives it.
        version: Option<String>,
        /// What must be there.
        expected: Expected,
    },
    /// Writes an entry of the vault.
    PutSecret {
        /// The name.
        name: String,
        /// What it is, in the vault's words.
        kind: String,
        /// The encrypted bytes.
        sealed: Vec<u8>,
        /// What must be there.
        expected: Expected,
    },
}

impl Store {
    /// Makes all changes, in order, or none, and returns the revision that everything written carries.
    /// Revisions only grow. When this returns `Ok` the changes are on disk.
    ///
    /// A caller that stops waiting does not learn whether the changes were made.
    pub async fn apply(&self, changes: &[Change], now: Timestamp) -> Result<u64, StoreError> {
        let mut write = self.begin().await?;
        let outcome = apply_in(&mut write.connection, changes, now).await;
        self.finish(write, outcome).await
    }

    /// Revision of the last change to anything published.
    pub async fn revision(&self) -> Result<u64, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT value FROM revision WHERE id = 1")
                .fetch_one(&*self.pool())
                .await?,
        )
    }
}

async fn apply_in(
    connection: &mut SqliteConnection,
    changes: &[Change],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let revision: u64 =
        sqlx::query_scalar("UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value")
            .fetch_one(&mut *connection)
            .await?;
    for change in changes {
        apply_one(connection, change, (revision, now)).await?;
    }
    Ok(revision)
}

async fn apply_one(
    connection: &mut SqliteConnection,
    change: &Change,
    at: (u64, Timestamp),
) -> Result<(), StoreError> {
    match change {
        Change::DeleteDocument { kind, id, expected } => {
            documents::delete(connection, *kind, bounded(id)?, *expected).await
        }
        Change::DeletePlugin { name, expected } => {
            plugins::delete(connection, bounded(name)?, *expected).await
        }
        Change::DeleteSecret { name, expected } => {
            secrets::delete(connection, bounded(name)?, *expected).await
        }
        Change::ForgetVersion { name, digest } => {
            plugins::forget(connection, bounded(name)?, bounded(digest)?).await
        }
        Change::PointPlugin {
            name,
            digest,
            expected,
        } => {
            let version = plugins::version_of(connection, bounded(name)?, bounded(digest)?).await?;
            plugins::point(
                connection,
                (name, version.as_deref()),
                digest,
                *expected,
                at,
            )
            .await
        }
        Change::PutDocument {
            kind,
            id,
            document,
            expected,
        } => documents::put(connection, (*kind, bounded(id)?), document, *expected, at).await,
        Change::PutPlugin {
            name,
            component,
            version,
            expected,
        } => {
            let version = version.as_deref().map(bounded).transpose()?;
            plugins::put(
                connection,
                (bounded(name)?, version),
                component,
                *expected,
                at,
            )
            .await
        }
        Change::PutSecret {
            name,
            kind,
            sealed,
            expected,
        } => {
            secrets::put(
                connection,
                (bounded(name)?, bounded(kind)?),
                sealed,
                *expected,
                at,
            )
            .await
        }
    }
}

pub(super) fn bounded(name: &str) -> Result<&str, StoreError> {
    if name.len() > MAX_NAME {
        return Err(StoreError::TooLarge {
            what: "a name".to_owned(),
            limit: MAX_NAME,
        });
    }
    Ok(name)
}

pub(super) fn expect(
    expected: Expected,
    found: Option<u64>,
    what: impl FnOnce() -> String,
) -> Result<(), StoreError> {
    let is_met = match expected {
        Expected::Absent => found.is_none(),
        Expected::Any => true,
        Expected::Revision(revision) => found == Some(revision),
    };
    if is_met {
        Ok(())
    } else {
        Err(StoreError::Conflict {
            what: what(),
            found,
        })
    }
}

/// What a statement's bound revision and time look like.
pub(super) fn bound((revision, now): (u64, Timestamp)) -> (i64, i64) {
    (integer(revision), integer(now.0))
}
