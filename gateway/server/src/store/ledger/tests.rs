use tempfile::tempdir;

use super::*;

/// How the store goes about a query.
async fn plan(store: &Store, mut query: QueryBuilder<Sqlite>) -> Vec<String> {
    let rows = query.build().fetch_all(&*store.pool()).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn digests_and_identifiers_are_found_by_an_index() {
    let directory = tempdir().unwrap();
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let key = [7; 32];
    let explain = || QueryBuilder::new("EXPLAIN QUERY PLAN SELECT * FROM ledger WHERE ");
    let mut plans = Vec::new();
    for column in ["token_hash", "mark", "parent", "actor_parent"] {
        let mut query = explain();
        has_key(&mut query, column, &key);
        query.push(" ORDER BY seq DESC LIMIT 1");
        plans.push(plan(&store, query).await);
    }
    let mut query = explain();
    has_id(&mut query, "an identifier of a token");
    query.push(" ORDER BY seq DESC LIMIT 1");
    plans.push(plan(&store, query).await);
    let mut query = QueryBuilder::new(
        "EXPLAIN QUERY PLAN WITH RECURSIVE fallen (seq, mark) AS (SELECT seq, mark FROM ledger WHERE ",
    );
    has_key(&mut query, "mark", &key);
    query.push(CHILDREN).push(") SELECT * FROM fallen");
    plans.push(plan(&store, query).await);
    for plan in plans {
        let scans = |step: &String| step.starts_with("SCAN") && !step.starts_with("SCAN fallen");
        assert!(!plan.iter().any(scans), "{plan:?}");
    }
}
