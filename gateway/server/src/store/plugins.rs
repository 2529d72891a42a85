//! Plugins: names that point at components, and components under their digests.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use cambist_core::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{
    Expected, Store, StoreError,
    change::{bound, expect},
};

/// Most bytes of a component.
const MAX_COMPONENT: usize = 256 * 1024 * 1024;

/// A plugin name and what it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// The name.
    pub name: String,
    /// Digest of its component, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Revision of the change that pointed it there.
    pub revision: u64,
    /// When that was.
    pub updated_at: Timestamp,
}

/// What a plugin name pointed at from some change on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginVersion {
    /// Revision of the change.
    pub revision: u64,
    /// Digest of the component.
    pub digest: String,
    /// The version its manifest gives it, if it has one.
    pub version: Option<String>,
    /// When the change was made.
    pub at: Timestamp,
}

/// The name of a component: `sha256:` and its SHA-256 in hexadecimal digits.
pub fn component_digest(component: &[u8]) -> String {
    digest(&SHA256, component)
        .as_ref()
        .iter()
        .fold("sha256:".to_owned(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Store {
    /// All plugins, by name.
    pub async fn plugins(&self) -> Result<Vec<Plugin>, StoreError> {
        let rows =
            sqlx::query("SELECT name, digest, revision, updated_at FROM plugins ORDER BY name")
                .fetch_all(&*self.pool())
                .await?;
        rows.iter()
            .map(|row| {
                Ok(Plugin {
                    name: row.try_get("name")?,
                    digest: row.try_get("digest")?,
                    revision: row.try_get("revision")?,
                    updated_at: Timestamp(row.try_get("updated_at")?),
                })
            })
            .collect()
    }

    /// What a plugin name pointed at over time, the latest first.
    pub async fn plugin_versions(&self, name: &str) -> Result<Vec<PluginVersion>, StoreError> {
        let rows = sqlx::query("SELECT revision, digest, version, at FROM plugin_history WHERE name = ?1 ORDER BY revision DESC")
            .bind(name)
            .fetch_all(&*self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(PluginVersion {
                    revision: row.try_get("revision")?,
                    digest: row.try_get("digest")?,
                    version: row.try_get("version")?,
                    at: Timestamp(row.try_get("at")?),
                })
            })
            .collect()
    }

    /// The component with this digest, checked against it.
    pub async fn component(&self, digest: &str) -> Result<Option<Bytes>, StoreError> {
        let found: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT component FROM components WHERE digest = ?1")
                .bind(digest)
                .fetch_optional(&*self.pool())
                .await?;
        match found {
            Some(component) if component_digest(&component) != digest => Err(StoreError::Corrupt {
                what: format!("component {digest}"),
                source: None,
            }),
            found => Ok(found.map(Bytes::from)),
        }
    }
}

async fn revision_of(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<u64>, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT revision FROM plugins WHERE name = ?1")
            .bind(name)
            .fetch_optional(connection)
            .await?,
    )
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    (name, version): (&str, Option<&str>),
    component: &Bytes,
    expected: Expected,
    at: (u64, Timestamp),
) -> Result<(), StoreError> {
    if component.len() > MAX_COMPONENT {
        return Err(StoreError::TooLarge {
            what: format!("component of plugin `{name}`"),
            limit: MAX_COMPONENT,
        });
    }
    let digest = component_digest(component);
    sqlx::query("INSERT INTO components (digest, component) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")
        .bind(&digest)
        .bind(&component[..])
        .execute(&mut *connection)
        .await?;
    point(connection, (name, version), &digest, expected, at).await
}

/// The version under which `name` had the component before.
pub(super) async fn version_of(
    connection: &mut SqliteConnection,
    name: &str,
    digest: &str,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT version FROM plugin_history WHERE name = ?1 AND digest = ?2 AND version IS NOT NULL
         ORDER BY revision DESC LIMIT 1",
    )
    .bind(name)
    .bind(digest)
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn point(
    connection: &mut SqliteConnection,
    (name, version): (&str, Option<&str>),
    digest: &str,
    expected: Expected,
    at: (u64, Timestamp),
) -> Result<(), StoreError> {
    expect(expected, revision_of(connection, name).await?, || {
        format!("plugin `{name}`")
    })?;
    let is_stored: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM components WHERE digest = ?1)")
            .bind(digest)
            .fetch_one(&mut *connection)
            .await?;
    if !is_stored {
        return Err(StoreError::Missing {
            what: format!("component {digest}"),
        });
    }
    let (revision, now) = bound(at);
    sqlx::query(
        "INSERT INTO plugins (name, digest, revision, updated_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET digest = ?2, revision = ?3, updated_at = ?4",
    )
    .bind(name)
    .bind(digest)
    .bind(revision)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO plugin_history (name, revision, digest, at, version) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name, revision) DO UPDATE SET digest = ?3, version = ?5",
    )
    .bind(name)
    .bind(revision)
    .bind(digest)
    .bind(now)
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    name: &str,
    expected: Expected,
) -> Result<(), StoreError> {
    let what = || format!("plugin `{name}`");
    let found = revision_of(connection, name).await?;
    if found.is_none() {
        return Err(StoreError::Missing { what: what() });
    }
    expect(expected, found, what)?;
    sqlx::query("DELETE FROM plugins WHERE name = ?1")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM plugin_history WHERE name = ?1")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    drop_unnamed(connection).await
}

pub(super) async fn forget(
    connection: &mut SqliteConnection,
    name: &str,
    digest: &str,
) -> Result<(), StoreError> {
    let what = || format!("component {digest} of plugin `{name}`");
    let is_current: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM plugins WHERE name = ?1 AND digest = ?2)")
            .bind(name)
            .bind(digest)
            .fetch_one(&mut *connection)
            .await?;
    if is_current {
        return Err(StoreError::InUse { what: what() });
    }
    let gone = sqlx::query("DELETE FROM plugin_history WHERE name = ?1 AND digest = ?2")
        .bind(name)
        .bind(digest)
        .execute(&mut *connection)
        .await?;
    if gone.rows_affected() == 0 {
        return Err(StoreError::Missing { what: what() });
    }
    drop_unnamed(connection).await
}

/// Removes components that no plugin names or ever named.
async fn drop_unnamed(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM components WHERE digest NOT IN (SELECT digest FROM plugin_history)
         AND digest NOT IN (SELECT digest FROM plugins)",
    )
    .execute(connection)
    .await?;
    Ok(())
}
