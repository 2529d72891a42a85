mod faults;
mod kv;
mod versions;

use std::{fs, os::unix::fs::PermissionsExt};

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000);

async fn fresh() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    (directory, store)
}

fn put(id: &str, document: &str, expected: Expected) -> Change {
    Change::PutDocument {
        kind: DocumentKind::Instance,
        id: id.to_owned(),
        document: document.to_owned(),
        expected,
    }
}

fn delete(id: &str) -> Change {
    Change::DeleteDocument {
        kind: DocumentKind::Instance,
        id: id.to_owned(),
        expected: Expected::Any,
    }
}

fn plugin(name: &str, component: &'static [u8]) -> Change {
    Change::PutPlugin {
        name: name.to_owned(),
        component: Bytes::from_static(component),
        version: None,
        expected: Expected::Any,
    }
}

fn user(name: &str) -> User {
    let Value::Object(attributes) = json!({ "mail": "a@b.example" }) else {
        unreachable!()
    };
    User {
        realm: "/alpha".into(),
        username: name.into(),
        password_hash: "$x$".into(),
        attributes,
        is_disabled: false,
    }
}

async fn ids(store: &Store) -> Vec<String> {
    store
        .documents(DocumentKind::Instance)
        .await
        .unwrap()
        .into_iter()
        .map(|d| d.id)
        .collect()
}

#[tokio::test]
async fn what_was_written_survives_reopening() {
    let (directory, store) = fresh().await;
    let path = directory.path().join("cambist.db");
    let revision = store
        .apply(
            &[put("a/b", "{}", Expected::Absent), plugin("p", b"one")],
            NOW,
        )
        .await
        .unwrap();
    store.add_user(&user("alice")).await.unwrap();
    store.close().await;
    assert!(matches!(
        store.apply(&[], NOW).await,
        Err(StoreError::Unavailable(_))
    ));

    let store = Store::open(&path).await.unwrap();
    let found = store
        .document(DocumentKind::Instance, "a/b")
        .await
        .unwrap()
        .unwrap();
    let expected = Document {
        id: "a/b".into(),
        revision,
        document: "{}".into(),
        created_at: NOW,
        updated_at: NOW,
    };
    assert_eq!(found, expected);
    assert_eq!(
        store.document(DocumentKind::Route, "a/b").await.unwrap(),
        None
    );
    assert_eq!(
        store.plugins().await.unwrap()[0].digest,
        component_digest(b"one")
    );
    assert_eq!(
        store
            .component(&component_digest(b"one"))
            .await
            .unwrap()
            .unwrap(),
        "one"
    );
    assert_eq!(
        store.user("/alpha", "alice").await.unwrap(),
        Some(user("alice"))
    );
    assert_eq!(store.revision().await.unwrap(), revision);
}

#[tokio::test]
async fn the_file_is_private_even_if_it_was_not() {
    let (directory, store) = fresh().await;
    let mode = |name: &str| {
        fs::metadata(directory.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    for name in ["cambist.db", "cambist.db-wal", "cambist.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    store.close().await;
    let path = directory.path().join("cambist.db");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    Store::open(&path).await.unwrap();
    assert_eq!(mode("cambist.db"), 0o600);
}

#[tokio::test]
async fn commits_wait_for_the_disk() {
    let (_directory, store) = fresh().await;
    let pool = store.pool();
    let mut connection = pool.acquire().await.unwrap();
    let pragma = async |connection: &mut SqliteConnection, name: &'static str| {
        sqlx::query(name).fetch_one(connection).await.unwrap()
    };
    let synchronous: i64 = sqlx::Row::get(&pragma(&mut connection, "PRAGMA synchronous").await, 0);
    let journal: String = sqlx::Row::get(&pragma(&mut connection, "PRAGMA journal_mode").await, 0);
    let foreign_keys: i64 =
        sqlx::Row::get(&pragma(&mut connection, "PRAGMA foreign_keys").await, 0);
    assert_eq!((synchronous, journal.as_str(), foreign_keys), (2, "wal", 1));
}

#[tokio::test]
async fn all_changes_are_made_or_none() {
    let (_directory, store) = fresh().await;
    let first = store
        .apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    let changes = [
        put("b", "2", Expected::Any),
        plugin("p", b"one"),
        delete("a"),
        put("c", "3", Expected::Revision(99)),
    ];
    let error = store.apply(&changes, NOW).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Conflict { found: None, .. }),
        "{error:?}"
    );
    assert_eq!(ids(&store).await, ["a"]);
    assert_eq!(store.plugins().await.unwrap(), []);
    assert_eq!(
        store.component(&component_digest(b"one")).await.unwrap(),
        None
    );
    assert_eq!(store.revision().await.unwrap(), first);
}

#[tokio::test]
async fn expectations_guard_against_lost_updates() {
    let (_directory, store) = fresh().await;
    let first = store
        .apply(&[put("a", "1", Expected::Absent)], NOW)
        .await
        .unwrap();
    let again = store
        .apply(&[put("a", "2", Expected::Absent)], NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(again, StoreError::Conflict { found: Some(found), .. } if found == first),
        "{again:?}"
    );
    let second = store
        .apply(&[put("a", "2", Expected::Revision(first))], NOW.plus(5))
        .await
        .unwrap();
    let late = store
        .apply(&[put("a", "3", Expected::Revision(first))], NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(late, StoreError::Conflict { found: Some(found), .. } if found == second),
        "{late:?}"
    );
    let found = store
        .document(DocumentKind::Instance, "a")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.document.as_str(), found.created_at, found.updated_at),
        ("2", NOW, NOW.plus(5))
    );
}

#[tokio::test]
async fn st_09_a_revision_is_never_used_twice() {
    let (_directory, store) = fresh().await;
    let first = store
        .apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    store.apply(&[delete("a")], NOW).await.unwrap();
    let second = store
        .apply(&[put("a", "1", Expected::Absent)], NOW)
        .await
        .unwrap();
    assert!(second > first + 1);
    assert!(matches!(
        store.apply(&[delete("b")], NOW).await,
        Err(StoreError::Missing { .. })
    ));
}

#[tokio::test]
async fn st_09_racing_publishers_get_one_order() {
    let (_directory, store) = fresh().await;
    let writers: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .apply(&[put(&format!("i{number}"), "{}", Expected::Any)], NOW)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut revisions = Vec::new();
    for writer in writers {
        revisions.push(writer.await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=20).collect::<Vec<u64>>());
    assert_eq!(ids(&store).await.len(), 20);
}

#[tokio::test]
async fn users_are_told_apart_byte_by_byte() {
    let (_directory, store) = fresh().await;
    store.add_user(&user("alice")).await.unwrap();
    store.add_user(&user("Alice")).await.unwrap();
    assert!(matches!(
        store.add_user(&user("alice")).await,
        Err(StoreError::Exists { .. })
    ));
    assert_eq!(store.user("/alpha", "ALICE").await.unwrap(), None);
    assert_eq!(store.user("/beta", "alice").await.unwrap(), None);
    store
        .set_user_disabled("/alpha", "alice", true)
        .await
        .unwrap();
    assert!(
        store
            .user("/alpha", "alice")
            .await
            .unwrap()
            .unwrap()
            .is_disabled
    );
    assert!(
        !store
            .user("/alpha", "Alice")
            .await
            .unwrap()
            .unwrap()
            .is_disabled
    );
    let first = store.users(None, 1).await.unwrap();
    assert_eq!(first[0].username, "Alice");
    let rest = store.users(Some(("/alpha", "Alice")), 10).await.unwrap();
    assert_eq!(
        rest.iter().map(|u| u.username.as_str()).collect::<Vec<_>>(),
        ["alice"]
    );
    store.remove_user("/alpha", "alice").await.unwrap();
    assert!(matches!(
        store.remove_user("/alpha", "alice").await,
        Err(StoreError::Missing { .. })
    ));
    assert!(matches!(
        store.set_user_disabled("/alpha", "alice", true).await,
        Err(StoreError::Missing { .. })
    ));
    assert!(!format!("{:?}", user("alice")).contains("$x$"));
}

#[tokio::test]
async fn two_processes_that_start_together_both_come_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cambist.db");
    let (one, two, three) =
        tokio::join!(Store::open(&path), Store::open(&path), Store::open(&path));
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    one.apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    two.apply(&[put("b", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    assert_eq!(ids(&three).await, ["a", "b"]);
}

#[test]
fn the_store_serves_other_runtimes_than_the_one_that_opened_it() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let (_directory, store) = home.block_on(fresh());
    home.block_on(store.apply(&[put("a", "1", Expected::Any)], NOW))
        .unwrap();
    let other = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert_eq!(other.block_on(ids(&store)), ["a"]);
    other.block_on(store.canary_write(NOW)).unwrap();
}
