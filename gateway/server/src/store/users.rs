//! Users and their password hashes.

use std::fmt;

use serde_json::{Map, Value};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Store, StoreError, change::bounded, documents::MAX_DOCUMENT, seal::seal};

/// A user as stored. Names are compared byte by byte.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Realm path with its leading slash.
    pub realm: String,
    /// Name within the realm.
    pub username: String,
    /// PHC string.
    pub password_hash: String,
    /// What tokens may say about the user.
    pub attributes: Map<String, Value>,
    /// Whether the password is refused, right or not.
    pub is_disabled: bool,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("realm", &self.realm)
            .field("username", &self.username)
            .field("is_disabled", &self.is_disabled)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a user. [`StoreError::Exists`] if the name is taken in its realm.
    pub async fn add_user(&self, user: &User) -> Result<(), StoreError> {
        bounded(&user.realm)?;
        bounded(&user.username)?;
        let attributes = Value::Object(user.attributes.clone()).to_string();
        if attributes.len() > MAX_DOCUMENT {
            return Err(StoreError::TooLarge {
                what: "the attributes of a user".to_owned(),
                limit: MAX_DOCUMENT,
            });
        }
        let mut write = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO users (realm, username, password_hash, attributes, disabled, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (realm, username) DO NOTHING",
        )
        .bind(&user.realm)
        .bind(&user.username)
        .bind(&user.password_hash)
        .bind(&attributes)
        .bind(user.is_disabled)
        .bind(seal_of(user, &attributes))
        .execute(&mut write.connection)
        .await
        .map_err(StoreError::from)
        .and_then(|done| match done.rows_affected() {
            0 => Err(StoreError::Exists { what: what(&user.realm, &user.username) }),
            _ => Ok(()),
        });
        self.finish(write, outcome).await
    }

    /// Whether a realm has any users.
    pub async fn has_users(&self, realm: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM users WHERE realm = ?1 LIMIT 1")
            .bind(realm)
            .fetch_optional(&*self.pool())
            .await?;
        Ok(found.is_some())
    }

    /// One user.
    pub async fn user(&self, realm: &str, username: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(
            "SELECT realm, username, password_hash, attributes, disabled, seal FROM users WHERE realm = ?1 AND username = ?2",
        )
        .bind(realm)
        .bind(username)
        .fetch_optional(&*self.pool())
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Up to `limit` users behind `after` (realm and username), by realm and username.
    pub async fn users(
        &self,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        let (realm, username) = after.unwrap_or_default();
        let rows = sqlx::query(
            "SELECT realm, username, password_hash, attributes, disabled, seal FROM users
             WHERE (realm, username) > (?1, ?2) ORDER BY realm, username LIMIT ?3",
        )
        .bind(realm)
        .bind(username)
        .bind(limit)
        .fetch_all(&*self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Disables or enables a user. Missing if there is none. A disabled user's sessions are over: a running
    /// gateway notices within a minute.
    pub async fn set_user_disabled(
        &self,
        realm: &str,
        username: &str,
        is_disabled: bool,
    ) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        let outcome = async {
            let row = sqlx::query(
                "SELECT realm, username, password_hash, attributes, disabled, seal FROM users WHERE realm = ?1 AND username = ?2",
            )
            .bind(realm)
            .bind(username)
            .fetch_optional(&mut write.connection)
            .await?
            .ok_or_else(|| StoreError::Missing { what: what(realm, username) })?;
            let user = User { is_disabled, ..read(&row)? };
            let attributes: String = row.try_get("attributes")?;
            sqlx::query("UPDATE users SET disabled = ?3, seal = ?4 WHERE realm = ?1 AND username = ?2")
                .bind(realm)
                .bind(username)
                .bind(is_disabled)
                .bind(seal_of(&user, &attributes))
                .execute(&mut write.connection)
                .await?;
            if is_disabled {
                end_sessions(&mut write.connection, realm, username).await?;
            }
            Ok(())
        }
        .await;
        self.finish(write, outcome).await
    }

    /// Removes a user, and with it its sessions. Missing if there is none.
    pub async fn remove_user(&self, realm: &str, username: &str) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        let outcome = async {
            let done = sqlx::query("DELETE FROM users WHERE realm = ?1 AND username = ?2")
                .bind(realm)
                .bind(username)
                .execute(&mut write.connection)
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::Missing {
                    what: what(realm, username),
                });
            }
            end_sessions(&mut write.connection, realm, username).await
        }
        .await;
        self.finish(write, outcome).await
    }
}

async fn end_sessions(
    connection: &mut SqliteConnection,
    realm: &str,
    username: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE realm = ?1 AND username = ?2")
        .bind(realm)
        .bind(username)
        .execute(connection)
        .await?;
    Ok(())
}

fn what(realm: &str, username: &str) -> String {
    format!("user `{username}` of realm `{realm}`")
}

fn read(row: &SqliteRow) -> Result<User, StoreError> {
    let attributes: String = row.try_get("attributes")?;
    let (realm, username): (String, String) = (row.try_get("realm")?, row.try_get("username")?);
    let corrupt = || StoreError::Corrupt {
        what: what(&realm, &username),
        source: None,
    };
    let user = User {
        password_hash: row.try_get("password_hash")?,
        attributes: serde_json::from_str(&attributes).map_err(|_| corrupt())?,
        is_disabled: row.try_get("disabled")?,
        realm: realm.clone(),
        username: username.clone(),
    };
    if row.try_get::<Vec<u8>, _>("seal")? != seal_of(&user, &attributes) {
        return Err(corrupt());
    }
    Ok(user)
}

fn seal_of(user: &User, attributes: &str) -> Vec<u8> {
    seal(&[
        user.realm.as_bytes(),
        user.username.as_bytes(),
        user.password_hash.as_bytes(),
        attributes.as_bytes(),
        &[u8::from(user.is_disabled)],
    ])
}
