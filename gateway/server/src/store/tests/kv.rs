//! What plugins keep.

use super::*;

fn item(space: &str, key: &str, value: &[u8], seconds: u32) -> KvPut {
    KvPut {
        space: space.to_owned(),
        quota: 100,
        key: key.to_owned(),
        value: value.to_vec(),
        seconds,
        only_if_absent: false,
    }
}

fn add(key: &str, seconds: u32) -> KvPut {
    KvPut {
        only_if_absent: true,
        ..item("s", key, b"1", seconds)
    }
}

async fn bytes(store: &Store, space: &str) -> Option<i64> {
    sqlx::query_scalar("SELECT bytes FROM kv_spaces WHERE space = ?1")
        .bind(space)
        .fetch_optional(&*store.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_value_is_there_until_it_ends() {
    let (_directory, store) = fresh().await;
    assert!(
        store
            .kv_put(&item("s", "k", b"one", 10), NOW)
            .await
            .unwrap()
    );
    assert!(
        store
            .kv_put(&item("s", "k", b"two", 20), NOW)
            .await
            .unwrap()
    );
    let get = async |space, at| store.kv_get(space, "k", at).await.unwrap();
    assert_eq!(get("s", NOW.plus(19)).await.unwrap(), b"two");
    assert_eq!(get("s", NOW.plus(20)).await, None);
    assert_eq!(get("t", NOW).await, None);
    store.kv_remove("s", "k").await.unwrap();
    store.kv_remove("s", "k").await.unwrap();
    assert_eq!(get("s", NOW).await, None);
    assert_eq!(bytes(&store, "s").await, None);
}

#[tokio::test]
async fn of_many_that_add_a_key_one_succeeds() {
    let (_directory, store) = fresh().await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.kv_put(&add("jti", 60), NOW).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    assert!(!store.kv_put(&add("jti", 60), NOW.plus(59)).await.unwrap());
    assert!(store.kv_put(&add("jti", 60), NOW.plus(60)).await.unwrap());
}

#[tokio::test]
async fn a_space_has_its_quota_and_ended_values_take_none_of_it() {
    let (_directory, store) = fresh().await;
    store
        .kv_put(&item("s", "a", &[0; 49], 10), NOW)
        .await
        .unwrap();
    store
        .kv_put(&item("s", "b", &[0; 49], 90), NOW)
        .await
        .unwrap();
    let full = store
        .kv_put(&item("s", "c", b"", 90), NOW)
        .await
        .unwrap_err();
    assert!(matches!(full, StoreError::Quota { limit: 100 }), "{full:?}");
    assert_eq!(store.kv_get("s", "c", NOW).await.unwrap(), None);
    let grown = store.kv_put(&item("s", "b", &[0; 50], 90), NOW).await;
    assert!(matches!(grown, Err(StoreError::Quota { .. })));
    assert_eq!(
        store.kv_get("s", "b", NOW).await.unwrap().unwrap().len(),
        49
    );
    store
        .kv_put(&item("t", "c", &[0; 99], 90), NOW)
        .await
        .unwrap();
    assert_eq!(bytes(&store, "s").await, Some(100));
    // `a` has ended and makes room.
    let later = NOW.plus(10);
    store
        .kv_put(&item("s", "ü", &[0; 48], 90), later)
        .await
        .unwrap();
    assert_eq!(bytes(&store, "s").await, Some(100));
    assert_eq!(store.kv_get("s", "a", NOW).await.unwrap(), None);
}

#[tokio::test]
async fn keys_values_and_lives_are_bounded() {
    let (_directory, store) = fresh().await;
    let refused = async |put: KvPut| {
        let put = KvPut {
            quota: 1 << 20,
            ..put
        };
        store.kv_put(&put, NOW).await.unwrap_err()
    };
    for put in [
        item("s", &"k".repeat(257), b"", 1),
        item("s", "k", &vec![0; 65_537], 1),
        item(&"s".repeat(513), "k", b"", 1),
    ] {
        assert!(matches!(refused(put).await, StoreError::TooLarge { .. }));
    }
    for seconds in [0, 400 * 86_400 + 1, u32::MAX] {
        let error = refused(item("s", "k", b"", seconds)).await;
        assert!(matches!(error, StoreError::Life { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_has_ended_is_swept_in_small_batches() {
    let (_directory, store) = fresh().await;
    for number in 0..5 {
        let key = format!("k{number}");
        store.kv_put(&item("s", &key, b"1", 10), NOW).await.unwrap();
    }
    store
        .kv_put(&item("s", "stays", b"1", 99), NOW)
        .await
        .unwrap();
    let later = NOW.plus(10);
    assert_eq!(store.kv_sweep(NOW, 3).await.unwrap(), 0);
    assert_eq!(store.kv_sweep(later, 3).await.unwrap(), 3);
    assert_eq!(store.kv_sweep(later, 3).await.unwrap(), 2);
    assert_eq!(store.kv_sweep(later, 3).await.unwrap(), 0);
    assert_eq!(bytes(&store, "s").await, Some(6));
}

#[tokio::test]
async fn reading_does_not_wait_for_a_writer() {
    let (_directory, store) = fresh().await;
    store.kv_put(&item("s", "k", b"1", 60), NOW).await.unwrap();
    let write = store.begin().await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(1), store.kv_get("s", "k", NOW));
    assert_eq!(read.await.unwrap().unwrap().unwrap(), b"1");
    drop(write);
}

#[tokio::test]
async fn entries_of_the_vault_are_put_replaced_and_deleted() {
    let (_directory, store) = fresh().await;
    let put = |sealed: &[u8], expected| Change::PutSecret {
        name: "client".into(),
        kind: "secret".into(),
        sealed: sealed.to_vec(),
        expected,
    };
    let first = store
        .apply(&[put(b"one", Expected::Absent)], NOW)
        .await
        .unwrap();
    let again = store.apply(&[put(b"two", Expected::Absent)], NOW).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    store
        .apply(&[put(b"two", Expected::Revision(first))], NOW.plus(1))
        .await
        .unwrap();
    let found = store.secrets().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].sealed.as_slice(), found[0].updated_at),
        (b"two".as_slice(), NOW.plus(1))
    );
    let delete = Change::DeleteSecret {
        name: "client".into(),
        expected: Expected::Any,
    };
    store
        .apply(std::slice::from_ref(&delete), NOW)
        .await
        .unwrap();
    assert_eq!(store.secrets().await.unwrap(), []);
    assert!(matches!(
        store.apply(&[delete], NOW).await,
        Err(StoreError::Missing { .. })
    ));
    let large = put(&vec![0; 200_000], Expected::Any);
    let large = store.apply(&[large], NOW).await;
    assert!(matches!(large, Err(StoreError::TooLarge { .. })));
}
