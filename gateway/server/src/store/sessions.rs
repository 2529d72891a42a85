//! Sessions, kept so that they outlive a restart.

use std::{collections::HashSet, fmt};

use cambist_core::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError, change::bounded, documents::MAX_DOCUMENT, integer, seal::seal};

/// Sessions written in one transaction when their use is noted.
const BATCH: usize = 1000;

/// A session as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// SHA-256 of its token.
    pub digest: [u8; 32],
    /// What it is called where its token must not be shown.
    pub handle: String,
    /// Realm path with its leading slash.
    pub realm: String,
    /// Whose it is.
    pub username: String,
    /// What else is known, as JSON text.
    pub document: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, used or not.
    pub ends_at: Timestamp,
    /// When it was last seen to be used.
    pub used_at: Timestamp,
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession")
            .field("handle", &self.handle)
            .field("realm", &self.realm)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a session.
    pub async fn add_session(&self, session: &StoredSession) -> Result<(), StoreError> {
        bounded(&session.realm)?;
        bounded(&session.username)?;
        if session.document.len() > MAX_DOCUMENT {
            return Err(StoreError::TooLarge {
                what: "a session".to_owned(),
                limit: MAX_DOCUMENT,
            });
        }
        let mut write = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO sessions (digest, handle, realm, username, document, created_at, ends_at, used_at, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind(session.digest.as_slice())
        .bind(&session.handle)
        .bind(&session.realm)
        .bind(&session.username)
        .bind(&session.document)
        .bind(integer(session.created_at.0))
        .bind(integer(session.ends_at.0))
        .bind(integer(session.used_at.0))
        .bind(seal_of(session))
        .execute(&mut write.connection)
        .await
        .map(drop)
        .map_err(StoreError::from);
        self.finish(write, outcome).await
    }

    /// All sessions that have not ended.
    pub async fn sessions(&self, now: Timestamp) -> Result<Vec<StoredSession>, StoreError> {
        let rows = sqlx::query(
            "SELECT digest, handle, realm, username, document, created_at, ends_at, used_at, seal FROM sessions WHERE ends_at > ?1",
        )
        .bind(integer(now.0))
        .fetch_all(&*self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// The SHA-256 of the token of every session.
    pub async fn session_digests(&self) -> Result<HashSet<[u8; 32]>, StoreError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT digest FROM sessions")
            .fetch_all(&*self.pool())
            .await?;
        let read = |digest: Vec<u8>| {
            digest.try_into().map_err(|_| StoreError::Corrupt {
                what: "a session".to_owned(),
                source: None,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Forgets these sessions.
    pub async fn end_sessions(&self, digests: &[[u8; 32]]) -> Result<(), StoreError> {
        for batch in digests.chunks(BATCH) {
            let mut write = self.begin().await?;
            let mut outcome = Ok(());
            for digest in batch {
                let ended = sqlx::query("DELETE FROM sessions WHERE digest = ?1")
                    .bind(digest.as_slice())
                    .execute(&mut write.connection)
                    .await;
                if let Err(error) = ended {
                    outcome = Err(error.into());
                    break;
                }
            }
            self.finish(write, outcome).await?;
        }
        Ok(())
    }

    /// Notes when these sessions were last used.
    pub async fn touch_sessions(&self, used: &[([u8; 32], Timestamp)]) -> Result<(), StoreError> {
        for batch in used.chunks(BATCH) {
            let mut write = self.begin().await?;
            let mut outcome = Ok(());
            for (digest, at) in batch {
                let touched = sqlx::query("UPDATE sessions SET used_at = ?2 WHERE digest = ?1")
                    .bind(digest.as_slice())
                    .bind(integer(at.0))
                    .execute(&mut write.connection)
                    .await;
                if let Err(error) = touched {
                    outcome = Err(error.into());
                    break;
                }
            }
            self.finish(write, outcome).await?;
        }
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<StoredSession, StoreError> {
    let corrupt = || StoreError::Corrupt {
        what: "a session".to_owned(),
        source: None,
    };
    let digest: Vec<u8> = row.try_get("digest")?;
    let session = StoredSession {
        digest: digest.try_into().map_err(|_| corrupt())?,
        handle: row.try_get("handle")?,
        realm: row.try_get("realm")?,
        username: row.try_get("username")?,
        document: row.try_get("document")?,
        created_at: Timestamp(row.try_get("created_at")?),
        ends_at: Timestamp(row.try_get("ends_at")?),
        used_at: Timestamp(row.try_get("used_at")?),
    };
    if row.try_get::<Vec<u8>, _>("seal")? != seal_of(&session) {
        return Err(corrupt());
    }
    Ok(session)
}

fn seal_of(session: &StoredSession) -> Vec<u8> {
    seal(&[
        &session.digest,
        session.handle.as_bytes(),
        session.realm.as_bytes(),
        session.username.as_bytes(),
        session.document.as_bytes(),
        &session.created_at.0.to_be_bytes(),
        &session.ends_at.0.to_be_bytes(),
    ])
}
