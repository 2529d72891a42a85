//! The tables, version by version. A migration that was ever released is never edited.

use sqlx::{
    SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
};

use super::StoreError;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "start", include_str!("../../migrations/0001_start.sql")),
    (
        2,
        "plugins",
        include_str!("../../migrations/0002_plugins.sql"),
    ),
    (
        3,
        "ledger",
        include_str!("../../migrations/0003_ledger.sql"),
    ),
    (
        5,
        "sessions",
        include_str!("../../migrations/0005_sessions.sql"),
    ),
    (
        6,
        "rest_tokens",
        include_str!("../../migrations/0006_rest_tokens.sql"),
    ),
    (
        7,
        "ledger_prefixes",
        include_str!("../../migrations/0007_ledger_prefixes.sql"),
    ),
];

/// Applies what is missing. One transaction from the first look on: two processes that start together
/// must not both find a table missing.
pub(super) async fn run(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, name, sql)| {
            Migration::new(
                *version,
                (*name).into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    Migrator::with_migrations(migrations)
        .run_direct(None, &mut *transaction, false)
        .await?;
    transaction.commit().await?;
    Ok(())
}
