//! Published documents: what operators published, as JSON text.

use std::fmt;

use cambist_core::Timestamp;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Expected, Store, StoreError, change::expect, integer, seal::seal};

/// Most bytes of one document.
pub(super) const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// What a document describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// Who checks credentials.
    Authenticator,
    /// A client of the OAuth face.
    Client,
    /// A published instance.
    Instance,
    /// A trusted issuer.
    Issuer,
    /// A signing key.
    Key,
    /// A realm.
    Realm,
    /// A route of the proxy.
    Route,
}

impl DocumentKind {
    /// Its name in the file and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticator => "authenticator",
            Self::Client => "client",
            Self::Instance => "instance",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Realm => "realm",
            Self::Route => "route",
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A published document as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its identifier, unique within its kind.
    pub id: String,
    /// Revision of the change that wrote it; never repeats, not even for an id that was deleted.
    pub revision: u64,
    /// JSON text.
    pub document: String,
    /// When the id was first written since it was last deleted.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Store {
    /// All documents of a kind, by id.
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, revision, document, created_at, updated_at, seal FROM documents WHERE kind = ?1 ORDER BY id",
        )
        .bind(kind.name())
        .fetch_all(&*self.pool())
        .await?;
        rows.iter().map(|row| read(kind, row)).collect()
    }

    /// One document.
    pub async fn document(
        &self,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        let row = sqlx::query(
            "SELECT id, revision, document, created_at, updated_at, seal FROM documents WHERE kind = ?1 AND id = ?2",
        )
        .bind(kind.name())
        .bind(id)
        .fetch_optional(&*self.pool())
        .await?;
        row.map(|row| read(kind, &row)).transpose()
    }
}

fn read(kind: DocumentKind, row: &SqliteRow) -> Result<Document, StoreError> {
    let document = Document {
        id: row.try_get("id")?,
        revision: row.try_get("revision")?,
        document: row.try_get("document")?,
        created_at: Timestamp(row.try_get("created_at")?),
        updated_at: Timestamp(row.try_get("updated_at")?),
    };
    let expected = seal_of(kind, &document.id, document.revision, &document.document);
    if row.try_get::<Vec<u8>, _>("seal")? != expected {
        return Err(StoreError::Corrupt {
            what: format!("{kind} `{}`", document.id),
            source: None,
        });
    }
    Ok(document)
}

fn seal_of(kind: DocumentKind, id: &str, revision: u64, document: &str) -> Vec<u8> {
    seal(&[
        kind.name().as_bytes(),
        id.as_bytes(),
        &revision.to_be_bytes(),
        document.as_bytes(),
    ])
}

async fn revision_of(
    connection: &mut SqliteConnection,
    kind: DocumentKind,
    id: &str,
) -> Result<Option<u64>, StoreError> {
    let found = sqlx::query_scalar("SELECT revision FROM documents WHERE kind = ?1 AND id = ?2")
        .bind(kind.name())
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(found)
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    (kind, id): (DocumentKind, &str),
    document: &str,
    expected: Expected,
    (revision, now): (u64, Timestamp),
) -> Result<(), StoreError> {
    let what = || format!("{kind} `{id}`");
    if document.len() > MAX_DOCUMENT {
        return Err(StoreError::TooLarge {
            what: what(),
            limit: MAX_DOCUMENT,
        });
    }
    expect(expected, revision_of(connection, kind, id).await?, what)?;
    sqlx::query(
        "INSERT INTO documents (kind, id, revision, document, created_at, updated_at, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)
         ON CONFLICT (kind, id) DO UPDATE SET revision = ?3, document = ?4, updated_at = ?5, seal = ?6",
    )
    .bind(kind.name())
    .bind(id)
    .bind(integer(revision))
    .bind(document)
    .bind(integer(now.0))
    .bind(seal_of(kind, id, revision, document))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    kind: DocumentKind,
    id: &str,
    expected: Expected,
) -> Result<(), StoreError> {
    let what = || format!("{kind} `{id}`");
    let found = revision_of(connection, kind, id).await?;
    if found.is_none() {
        return Err(StoreError::Missing { what: what() });
    }
    expect(expected, found, what)?;
    sqlx::query("DELETE FROM documents WHERE kind = ?1 AND id = ?2")
        .bind(kind.name())
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
