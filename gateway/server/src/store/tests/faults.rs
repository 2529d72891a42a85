//! What the store does when its disk, its file or its caller fails it.

use super::*;

/// Runs a statement on every connection.
async fn on_all_connections(store: &Store, statement: &'static str) {
    let pool = store.pool();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(pool.acquire().await.unwrap());
    }
    let mut writer = options(&store.shared.path).connect().await.unwrap();
    sqlx::query(statement).execute(&mut writer).await.unwrap();
    *store.shared.writer.lock().await = Some(writer);
    for connection in &mut connections {
        sqlx::query(statement)
            .execute(&mut **connection)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_read_only_store_says_so_and_keeps_nothing_half_written() {
    let (_directory, store) = fresh().await;
    store
        .apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    on_all_connections(&store, "PRAGMA query_only = ON").await;
    let error = store
        .apply(
            &[put("b", "2", Expected::Any), put("c", "3", Expected::Any)],
            NOW,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    on_all_connections(&store, "PRAGMA query_only = ON").await;
    assert!(matches!(
        store.canary_write(NOW).await,
        Err(StoreError::ReadOnly(_))
    ));
    on_all_connections(&store, "PRAGMA query_only = ON").await;
    assert!(matches!(
        store.add_user(&user("a")).await,
        Err(StoreError::ReadOnly(_))
    ));
    assert_eq!(ids(&store).await, ["a"]);
    on_all_connections(&store, "PRAGMA query_only = OFF").await;
    store.canary_write(NOW).await.unwrap();
    assert_eq!(ids(&store).await, ["a"]);
}

#[tokio::test]
async fn st_03_a_full_disk_stops_writes_only_while_it_is_full() {
    let (_directory, store) = fresh().await;
    store
        .apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    on_all_connections(&store, "PRAGMA max_page_count = 1").await;
    let large = format!("\"{}\"", "x".repeat(100_000));
    let error = store
        .apply(
            &[
                put("b", "2", Expected::Any),
                put("c", &large, Expected::Any),
            ],
            NOW,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(error.to_string().contains("free some space"));
    assert_eq!(ids(&store).await, ["a"]);
    on_all_connections(&store, "PRAGMA max_page_count = 1073741823").await;
    store
        .apply(&[put("c", &large, Expected::Any)], NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn st_02_after_a_failed_disk_nothing_is_written_until_it_is_open_anew() {
    let (_directory, store) = fresh().await;
    store
        .apply(&[put("a", "1", Expected::Any)], NOW)
        .await
        .unwrap();
    let failed: Result<(), StoreError> = store.noted(Err(StoreError::Broken { source: None }));
    assert!(failed.is_err());
    assert!(matches!(
        store.apply(&[put("b", "2", Expected::Any)], NOW).await,
        Err(StoreError::Broken { .. })
    ));
    assert_eq!(ids(&store).await, ["a"], "reading goes on");
    store.canary_write(NOW).await.unwrap();
    store
        .apply(&[put("b", "2", Expected::Any)], NOW)
        .await
        .unwrap();
    assert_eq!(ids(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn st_10_damage_is_reported_and_not_served() {
    let (directory, store) = fresh().await;
    store
        .apply(
            &[
                put("a", r#"{"lifetime":1}"#, Expected::Any),
                plugin("p", b"one"),
            ],
            NOW,
        )
        .await
        .unwrap();
    store.add_user(&user("alice")).await.unwrap();
    for statement in [
        r#"UPDATE documents SET document = '{"lifetime":9}'"#,
        "UPDATE users SET attributes = '{\"role\":\"admin\"}'",
        "UPDATE components SET component = CAST('two' AS BLOB)",
    ] {
        sqlx::query(statement)
            .execute(&*store.pool())
            .await
            .unwrap();
    }
    assert!(matches!(
        store.documents(DocumentKind::Instance).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        store.user("/alpha", "alice").await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        store.component(&component_digest(b"one")).await,
        Err(StoreError::Corrupt { .. })
    ));

    store.close().await;
    let path = directory.path().join("cambist.db");
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096).step_by(97) {
        *byte ^= 0x55;
    }
    fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    fs::write(
        &path,
        "no database at all, just a text that happens to be here",
    )
    .unwrap();
    assert!(matches!(
        Store::open(&path).await,
        Err(StoreError::Corrupt { .. })
    ));
}

#[tokio::test]
async fn st_09_a_store_of_a_newer_version_is_refused() {
    let (directory, store) = fresh().await;
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', TRUE, x'00', 0)")
        .execute(&*store.pool())
        .await
        .unwrap();
    store.close().await;
    let error = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { version: 999 }),
        "{error:?}"
    );
}

#[tokio::test]
async fn st_11_sizes_are_bounded_before_the_database_sees_them() {
    let (_directory, store) = fresh().await;
    let long = "x".repeat(513);
    assert!(matches!(
        store.apply(&[put(&long, "1", Expected::Any)], NOW).await,
        Err(StoreError::TooLarge { .. })
    ));
    assert!(matches!(
        store.add_user(&user(&long)).await,
        Err(StoreError::TooLarge { .. })
    ));
    let large = "x".repeat(documents::MAX_DOCUMENT + 1);
    assert!(matches!(
        store.apply(&[put("a", &large, Expected::Any)], NOW).await,
        Err(StoreError::TooLarge { .. })
    ));
}

#[tokio::test]
async fn a_failed_write_leaves_the_next_one_alone() {
    let (_directory, store) = fresh().await;
    for number in 0..10 {
        let wrong = store
            .apply(&[put("x", "1", Expected::Any), delete("nothing")], NOW)
            .await;
        assert!(matches!(wrong, Err(StoreError::Missing { .. })));
        // A caller that goes away in the middle.
        let abandoned = store.begin().await.unwrap();
        drop(abandoned);
        store
            .apply(&[put(&format!("i{number}"), "1", Expected::Absent)], NOW)
            .await
            .unwrap();
    }
    assert_eq!(ids(&store).await.len(), 10);
}
