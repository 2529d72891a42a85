//! Rows of the ledger: issued tokens, revocations, cut-offs.

mod row;
#[cfg(test)]
mod tests;

use cambist_core::{Timestamp, TokenKey};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{Store, StoreError, integer};
pub use row::{
    CutOffRow, Fallen, LedgerQuery, LedgerRow, LedgerState, NewLedgerRow, RevocationRow, Roots,
};

/// Rows in one statement: more would save little and keep more statements prepared.
const ROWS: usize = 64;

const COLUMNS: &str = "seq, token_hash, mark, parent, actor_parent, parent_issuer, parent_key, instance, token_type, \
     token_id, issuer, key_id, subject, actors, client, audiences, scope, issued_at, expires_at, state, state_at, \
     reason, content";

impl Store {
    /// Takes tokens down, all or none, in one transaction.
    pub async fn ledger_append(&self, rows: &[NewLedgerRow]) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        let outcome = append(&mut write.connection, rows).await;
        self.finish(write, outcome).await
    }

    /// The newest row of the token with this hash.
    pub async fn ledger_find(
        &self,
        token_hash: &TokenKey,
    ) -> Result<Option<LedgerRow>, StoreError> {
        let mut query = select();
        has_key(&mut query, "token_hash", token_hash);
        query.push(" ORDER BY seq DESC LIMIT 1");
        let row = query.build().fetch_optional(&*self.pool()).await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest row of a token with this identifier, issued by `instance` if one is named.
    pub async fn ledger_find_id(
        &self,
        token_id: &str,
        instance: Option<&str>,
    ) -> Result<Option<LedgerRow>, StoreError> {
        let mut query = select();
        has_id(&mut query, token_id);
        if let Some(instance) = instance {
            query.push(" AND instance = ").push_bind(instance);
        }
        query.push(" ORDER BY seq DESC LIMIT 1");
        let row = query.build().fetch_optional(&*self.pool()).await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest row of the token that a REST STS knows by this identifier.
    pub async fn ledger_find_rest(&self, id: &str) -> Result<Option<LedgerRow>, StoreError> {
        let mut query = select();
        query
            .push("content IS NOT NULL AND json_extract(content, '$.rest_token_id') = ")
            .push_bind(id)
            .push(" ORDER BY seq DESC LIMIT 1");
        let row = query.build().fetch_optional(&*self.pool()).await?;
        row.as_ref().map(read).transpose()
    }

    /// Rows that meet all conditions, newest first.
    pub async fn ledger_query(&self, wanted: &LedgerQuery) -> Result<Vec<LedgerRow>, StoreError> {
        let mut query = select();
        query.push("TRUE");
        let texts = [
            ("instance", &wanted.instance),
            ("subject", &wanted.subject),
            ("client", &wanted.client),
            ("token_type", &wanted.token_type),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                query
                    .push(format_args!(" AND {column} = "))
                    .push_bind(value);
            }
        }
        if let Some(moment) = wanted.active_at {
            query
                .push(" AND state = 0 AND expires_at > ")
                .push_bind(integer(moment.0));
        }
        if let Some(before) = wanted.before {
            query.push(" AND seq < ").push_bind(before);
        }
        query
            .push(" ORDER BY seq DESC LIMIT ")
            .push_bind(wanted.limit);
        let rows = query.build().fetch_all(&*self.pool()).await?;
        rows.iter().map(read).collect()
    }

    /// Rows made directly from the token with this mark, newest first.
    pub async fn ledger_children(
        &self,
        mark: &TokenKey,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let mut query = select();
        query.push("(");
        has_key(&mut query, "parent", mark);
        query.push(" OR ");
        has_key(&mut query, "actor_parent", mark);
        query.push(") ORDER BY seq DESC LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(&*self.pool()).await?;
        rows.iter().map(read).collect()
    }

    /// Lets the roots fall, and with them all that was made from them. Returns those that had not fallen
    /// before.
    pub async fn ledger_fell(
        &self,
        roots: &Roots,
        until: Timestamp,
        state: LedgerState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Fallen>, StoreError> {
        let mut write = self.begin().await?;
        let outcome = fell(&mut write.connection, roots, until, state, reason, now).await;
        self.finish(write, outcome).await
    }

    /// All revocations that still matter.
    pub async fn revocations(&self, now: Timestamp) -> Result<Vec<RevocationRow>, StoreError> {
        let rows = sqlx::query("SELECT mark, until FROM revocations WHERE until > ?1")
            .bind(integer(now.0))
            .fetch_all(&*self.pool())
            .await?;
        let read = |row: &SqliteRow| {
            Ok(RevocationRow {
                mark: key(row, "mark")?.ok_or_else(damaged)?,
                until: moment(row, "until")?.ok_or_else(damaged)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// All cut-offs.
    pub async fn cut_offs(&self) -> Result<Vec<CutOffRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, value, instance, before, at, reason FROM cutoffs ORDER BY kind, value, instance",
        )
        .fetch_all(&*self.pool())
        .await?;
        let read = |row: &SqliteRow| {
            let kind: String = row.try_get("kind")?;
            Ok(CutOffRow {
                kind: KINDS
                    .into_iter()
                    .find(|known| *known == kind)
                    .ok_or_else(damaged)?,
                value: row.try_get("value")?,
                instance: row.try_get("instance")?,
                before: moment(row, "before")?.ok_or_else(damaged)?,
                at: moment(row, "at")?.ok_or_else(damaged)?,
                reason: row.try_get("reason")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Removes up to `limit` rows that ended before `ended`, and as many revocations. Says how many it were.
    pub async fn ledger_sweep(&self, ended: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // Looking costs no turn at writing.
        let is_clean: bool = sqlx::query_scalar(
            "SELECT NOT EXISTS (SELECT 1 FROM ledger WHERE expires_at < ?1)
             AND NOT EXISTS (SELECT 1 FROM revocations WHERE until < ?1)",
        )
        .bind(integer(ended.0))
        .fetch_one(&*self.pool())
        .await?;
        if is_clean {
            return Ok(0);
        }
        let mut write = self.begin().await?;
        let outcome = sweep(&mut write.connection, ended, limit).await;
        self.finish(write, outcome).await
    }
}

/// The kinds of cut-offs.
pub(crate) const KINDS: [&str; 5] = ["actor", "client", "issuer", "key", "subject"];

fn select() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(format!("SELECT {COLUMNS} FROM ledger WHERE "))
}

/// Whatever was made from what is in `fallen`.
const CHILDREN: &str = " UNION SELECT child.seq, child.mark FROM fallen JOIN ledger AS child \
     ON substr(child.parent, 1, 8) = substr(fallen.mark, 1, 8) AND child.parent = fallen.mark \
     UNION SELECT child.seq, child.mark FROM fallen JOIN ledger AS child \
     ON substr(child.actor_parent, 1, 8) = substr(fallen.mark, 1, 8) AND child.actor_parent = fallen.mark";

/// A condition on a digest. Its index holds the first eight bytes.
fn has_key(query: &mut QueryBuilder<Sqlite>, column: &'static str, key: &TokenKey) {
    query
        .push(format_args!("(substr({column}, 1, 8) = substr("))
        .push_bind(key.as_slice())
        .push(format_args!(", 1, 8) AND {column} = "))
        .push_bind(key.as_slice())
        .push(")");
}

/// A condition on a token's identifier, whose index holds the first twelve characters. Without the sign `SQLite`
/// would put the value into the expression, and then miss the index.
fn has_id(query: &mut QueryBuilder<Sqlite>, token_id: &str) {
    query
        .push("substr(token_id, 1, 12) = substr(")
        .push_bind(token_id.to_owned())
        .push(", 1, 12) AND +token_id = ")
        .push_bind(token_id.to_owned());
}

async fn append(
    connection: &mut SqliteConnection,
    rows: &[NewLedgerRow],
) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO ledger (token_hash, mark, parent, actor_parent, parent_issuer, parent_key, instance, \
             token_type, token_id, issuer, key_id, subject, actors, client, audiences, scope, issued_at, expires_at, \
             content) ",
        );
        query.push_values(rows, |mut values, row| {
            values
                .push_bind(row.token_hash.as_slice())
                .push_bind(row.mark.as_slice())
                .push_bind(row.parent.as_ref().map(TokenKey::as_slice))
                .push_bind(row.actor_parent.as_ref().map(TokenKey::as_slice))
                .push_bind(&row.parent_issuer)
                .push_bind(&row.parent_key)
                .push_bind(&row.instance)
                .push_bind(&row.token_type)
                .push_bind(&row.token_id)
                .push_bind(&row.issuer)
                .push_bind(&row.key_id)
                .push_bind(&row.subject)
                .push_bind(serde_json::Value::from(row.actors.as_slice()).to_string())
                .push_bind(&row.client)
                .push_bind(serde_json::Value::from(row.audiences.as_slice()).to_string())
                .push_bind(&row.scope)
                .push_bind(integer(row.issued_at.0))
                .push_bind(integer(row.expires_at.0))
                .push_bind(&row.content);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn fell(
    connection: &mut SqliteConnection,
    roots: &Roots,
    until: Timestamp,
    state: LedgerState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Fallen>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "WITH RECURSIVE fallen (seq, mark) AS (SELECT seq, mark FROM ledger WHERE ",
    );
    match roots {
        Roots::Mark(mark) => {
            for (index, column) in ["mark", "parent", "actor_parent"].into_iter().enumerate() {
                query.push(if index == 0 { "" } else { " OR " });
                has_key(&mut query, column, mark);
            }
            remember(connection, &[(*mark, until)], reason, now).await?;
        }
        Roots::CutOff(cut_off) => {
            cut(&mut query, cut_off);
            keep_cut_off(connection, cut_off).await?;
        }
    }
    query
        .push(CHILDREN)
        .push(") UPDATE ledger SET state = ")
        .push_bind(state.number())
        .push(", state_at = ")
        .push_bind(integer(now.0))
        .push(", reason = ")
        .push_bind(reason)
        .push(" WHERE seq IN (SELECT seq FROM fallen) AND state = 0 AND expires_at > ")
        .push_bind(integer(now.0))
        .push(" RETURNING mark, expires_at");
    let rows = query.build().fetch_all(&mut *connection).await?;
    let mut fallen = Vec::with_capacity(rows.len());
    for row in &rows {
        fallen.push(Fallen {
            mark: key(row, "mark")?.ok_or_else(damaged)?,
            expires_at: moment(row, "expires_at")?.ok_or_else(damaged)?,
        });
    }
    let marks: Vec<(TokenKey, Timestamp)> = fallen
        .iter()
        .map(|fallen| (fallen.mark, fallen.expires_at.plus(crate::ledger::GRACE)))
        .collect();
    remember(connection, &marks, reason, now).await?;
    Ok(fallen)
}

/// The rows that a cut-off names, by themselves or by the token they were made from.
fn cut(query: &mut QueryBuilder<Sqlite>, cut_off: &CutOffRow) {
    query
        .push("issued_at < ")
        .push_bind(integer(cut_off.before.0));
    if !cut_off.instance.is_empty() {
        query
            .push(" AND instance = ")
            .push_bind(cut_off.instance.clone());
    }
    query.push(match cut_off.kind {
        "actor" => " AND EXISTS (SELECT 1 FROM json_each(actors) WHERE value = ",
        "client" => " AND (client = ",
        "issuer" => " AND (parent_issuer = ",
        "key" => " AND (parent_key = ",
        _ => " AND (subject = ",
    });
    query.push_bind(cut_off.value.clone());
    let own = match cut_off.kind {
        "issuer" => " OR issuer = ",
        "key" => " OR key_id = ",
        _ => {
            query.push(")");
            return;
        }
    };
    query.push(own).push_bind(cut_off.value.clone()).push(")");
}

async fn keep_cut_off(
    connection: &mut SqliteConnection,
    cut_off: &CutOffRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cutoffs (kind, value, instance, before, at, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (kind, value, instance) DO UPDATE
         SET before = max(before, excluded.before), at = excluded.at, reason = excluded.reason",
    )
    .bind(cut_off.kind)
    .bind(&cut_off.value)
    .bind(&cut_off.instance)
    .bind(integer(cut_off.before.0))
    .bind(integer(cut_off.at.0))
    .bind(&cut_off.reason)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remember(
    connection: &mut SqliteConnection,
    marks: &[(TokenKey, Timestamp)],
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for marks in marks.chunks(ROWS) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO revocations (mark, until, at, reason) ");
        query.push_values(marks, |mut values, (mark, until)| {
            values
                .push_bind(mark.as_slice())
                .push_bind(integer(until.0))
                .push_bind(integer(now.0))
                .push_bind(reason);
        });
        query.push(" ON CONFLICT (mark) DO UPDATE SET until = max(until, excluded.until)");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn sweep(
    connection: &mut SqliteConnection,
    ended: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let rows = sqlx::query(
        "DELETE FROM ledger WHERE seq IN (SELECT seq FROM ledger WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
    )
    .bind(integer(ended.0))
    .bind(limit)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let revocations = sqlx::query(
        "DELETE FROM revocations WHERE mark IN (SELECT mark FROM revocations WHERE until < ?1 ORDER BY until LIMIT ?2)",
    )
    .bind(integer(ended.0))
    .bind(limit)
    .execute(connection)
    .await?
    .rows_affected();
    Ok(rows + revocations)
}

fn read(row: &SqliteRow) -> Result<LedgerRow, StoreError> {
    let texts = |column: &str| -> Result<Vec<String>, StoreError> {
        let text: String = row.try_get(column)?;
        serde_json::from_str(&text).map_err(|_| damaged())
    };
    let token = NewLedgerRow {
        token_hash: key(row, "token_hash")?.ok_or_else(damaged)?,
        mark: key(row, "mark")?.ok_or_else(damaged)?,
        parent: key(row, "parent")?,
        actor_parent: key(row, "actor_parent")?,
        parent_issuer: row.try_get("parent_issuer")?,
        parent_key: row.try_get("parent_key")?,
        instance: row.try_get("instance")?,
        token_type: row.try_get("token_type")?,
        token_id: row.try_get("token_id")?,
        issuer: row.try_get("issuer")?,
        key_id: row.try_get("key_id")?,
        subject: row.try_get("subject")?,
        actors: texts("actors")?,
        client: row.try_get("client")?,
        audiences: texts("audiences")?,
        scope: row.try_get("scope")?,
        issued_at: moment(row, "issued_at")?.ok_or_else(damaged)?,
        expires_at: moment(row, "expires_at")?.ok_or_else(damaged)?,
        content: row.try_get("content")?,
    };
    Ok(LedgerRow {
        seq: row.try_get("seq")?,
        token,
        state: LedgerState::from_number(row.try_get("state")?).ok_or_else(damaged)?,
        state_at: moment(row, "state_at")?,
        reason: row.try_get("reason")?,
    })
}

fn key(row: &SqliteRow, column: &str) -> Result<Option<TokenKey>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes
        .map(|bytes| TokenKey::try_from(bytes.as_slice()).map_err(|_| damaged()))
        .transpose()
}

fn moment(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let seconds: Option<i64> = row.try_get(column)?;
    seconds
        .map(|seconds| u64::try_from(seconds).map(Timestamp).map_err(|_| damaged()))
        .transpose()
}

fn damaged() -> StoreError {
    StoreError::Corrupt {
        what: "a row of the ledger".to_owned(),
        source: None,
    }
}
