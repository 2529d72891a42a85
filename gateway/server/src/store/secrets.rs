//! Secrets and keys for plugins, as the vault encrypted them.

use cambist_core::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{
    Expected, Store, StoreError,
    change::{bound, expect},
};

/// Most bytes of an encrypted entry.
const MAX_SEALED: usize = 128 * 1024;

/// An entry of the vault, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name.
    pub name: String,
    /// What it is, in the vault's words.
    pub kind: String,
    /// Revision of the change that wrote it.
    pub revision: u64,
    /// The encrypted bytes.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub updated_at: Timestamp,
}

impl Store {
    /// All entries of the vault, by name.
    pub async fn secrets(&self) -> Result<Vec<SealedSecret>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, kind, revision, sealed, updated_at FROM secrets ORDER BY name",
        )
        .fetch_all(&*self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SealedSecret {
                    name: row.try_get("name")?,
                    kind: row.try_get("kind")?,
                    revision: row.try_get("revision")?,
                    sealed: row.try_get("sealed")?,
                    updated_at: Timestamp(row.try_get("updated_at")?),
                })
            })
            .collect()
    }
}

async fn revision_of(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<u64>, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT revision FROM secrets WHERE name = ?1")
            .bind(name)
            .fetch_optional(connection)
            .await?,
    )
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    (name, kind): (&str, &str),
    sealed: &[u8],
    expected: Expected,
    at: (u64, Timestamp),
) -> Result<(), StoreError> {
    let what = || format!("secret `{name}`");
    if sealed.len() > MAX_SEALED {
        return Err(StoreError::TooLarge {
            what: what(),
            limit: MAX_SEALED,
        });
    }
    expect(expected, revision_of(connection, name).await?, what)?;
    let (revision, now) = bound(at);
    sqlx::query(
        "INSERT INTO secrets (name, kind, revision, sealed, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET kind = ?2, revision = ?3, sealed = ?4, updated_at = ?5",
    )
    .bind(name)
    .bind(kind)
    .bind(revision)
    .bind(sealed)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    name: &str,
    expected: Expected,
) -> Result<(), StoreError> {
    let what = || format!("secret `{name}`");
    let found = revision_of(connection, name).await?;
    if found.is_none() {
        return Err(StoreError::Missing { what: what() });
    }
    expect(expected, found, what)?;
    sqlx::query("DELETE FROM secrets WHERE name = ?1")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}
