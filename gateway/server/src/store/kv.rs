//! What plugins keep: small values that end by themselves.

use std::ops::RangeInclusive;

use cambist_core::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, StoreError, change::bounded, integer};

/// Most bytes of a key.
pub const MAX_KEY: usize = 256;
/// Most bytes of a value.
pub const MAX_VALUE: usize = 64 * 1024;
/// How many seconds a value may live: up to 400 days.
pub const LIFE: RangeInclusive<u32> = 1..=400 * 24 * 60 * 60;

/// Ended values that make room for a new one at most.
const ROOM: i64 = 4096;

/// A value to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvPut {
    /// Tells its owner from all others.
    pub space: String,
    /// Most bytes of keys and values of the space together.
    pub quota: u64,
    /// Its key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Seconds to keep it.
    pub seconds: u32,
    /// Whether what is there stays.
    pub only_if_absent: bool,
}

impl Store {
    /// The value of a key that has not ended.
    pub async fn kv_get(
        &self,
        space: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT value FROM kv WHERE space = ?1 AND key = ?2 AND ends_at > ?3",
        )
        .bind(space)
        .bind(key)
        .bind(integer(now.0))
        .fetch_optional(&*self.pool())
        .await?)
    }

    /// Keeps a value. False if it was to be added and its key is taken: of two that add one key, one is told
    /// so. [`StoreError::Quota`] if the space has no room; ended values take none.
    pub async fn kv_put(&self, put: &KvPut, now: Timestamp) -> Result<bool, StoreError> {
        check(put)?;
        let mut write = self.begin().await?;
        let outcome = put_in(&mut write.connection, put, now).await;
        self.finish(write, outcome).await
    }

    /// Removes a key, if it is there.
    pub async fn kv_remove(&self, space: &str, key: &str) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        let outcome = sqlx::query("DELETE FROM kv WHERE space = ?1 AND key = ?2")
            .bind(space)
            .bind(key)
            .execute(&mut write.connection)
            .await
            .map(drop)
            .map_err(StoreError::from);
        self.finish(write, outcome).await
    }

    /// Removes up to `limit` values that have ended, and says how many it were.
    pub async fn kv_sweep(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // Looking costs no turn at writing.
        let is_clean: bool =
            sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM kv WHERE ends_at <= ?1)")
                .bind(integer(now.0))
                .fetch_one(&*self.pool())
                .await?;
        if is_clean {
            return Ok(0);
        }
        let mut write = self.begin().await?;
        let outcome = sqlx::query(
            "DELETE FROM kv WHERE (space, key) IN (SELECT space, key FROM kv WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2)",
        )
        .bind(integer(now.0))
        .bind(limit)
        .execute(&mut write.connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(StoreError::from);
        self.finish(write, outcome).await
    }
}

fn check(put: &KvPut) -> Result<(), StoreError> {
    bounded(&put.space)?;
    let too_large = |what: &str, limit| StoreError::TooLarge {
        what: what.to_owned(),
        limit,
    };
    if put.key.len() > MAX_KEY {
        return Err(too_large("a plugin's key", MAX_KEY));
    }
    if put.value.len() > MAX_VALUE {
        return Err(too_large("a plugin's value", MAX_VALUE));
    }
    if !LIFE.contains(&put.seconds) {
        return Err(StoreError::Life {
            seconds: put.seconds,
        });
    }
    Ok(())
}

async fn put_in(
    connection: &mut SqliteConnection,
    put: &KvPut,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ends_at = integer(now.0.saturating_add(u64::from(put.seconds)));
    // One statement for both: what has ended is as good as absent.
    let written = sqlx::query(
        "INSERT INTO kv (space, key, value, ends_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (space, key) DO UPDATE SET value = ?3, ends_at = ?4 WHERE NOT ?5 OR ends_at <= ?6",
    )
    .bind(&put.space)
    .bind(&put.key)
    .bind(&put.value)
    .bind(ends_at)
    .bind(put.only_if_absent)
    .bind(integer(now.0))
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if written == 0 {
        return Ok(false);
    }
    let quota = integer(put.quota);
    if bytes(connection, &put.space).await? > quota {
        sqlx::query(
            "DELETE FROM kv WHERE (space, key) IN
             (SELECT space, key FROM kv WHERE space = ?1 AND ends_at <= ?2 ORDER BY ends_at LIMIT ?3)",
        )
        .bind(&put.space)
        .bind(integer(now.0))
        .bind(ROOM)
        .execute(&mut *connection)
        .await?;
        if bytes(connection, &put.space).await? > quota {
            return Err(StoreError::Quota { limit: put.quota });
        }
    }
    Ok(true)
}

async fn bytes(connection: &mut SqliteConnection, space: &str) -> Result<i64, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT bytes FROM kv_spaces WHERE space = ?1")
        .bind(space)
        .fetch_optional(connection)
        .await?;
    Ok(found.unwrap_or(0))
}
