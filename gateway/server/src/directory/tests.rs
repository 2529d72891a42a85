use serde_json::json;
use tempfile::TempDir;
use tokio::{runtime::Handle, sync::oneshot};

use super::*;

async fn fresh() -> (TempDir, Store, UserDirectory) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let users = UserDirectory::new(store.clone(), HeavyPool::new(Handle::current(), 2, 8));
    (directory, store, users)
}

fn attributes() -> Map<String, Value> {
    let Value::Object(map) = json!({ "mail": "alice@example.com", "groups": ["staff"] }) else {
        unreachable!()
    };
    map
}

const NOT_AUTHENTIC: ValidateError = ValidateError::Rejected(Rejection::BadSignature);

#[tokio::test]
async fn only_the_right_password_authenticates() {
    let (_directory, _store, users) = fresh().await;
    users
        .add("/alpha", "alice", "correct horse", attributes())
        .await
        .unwrap();
    let expected = UserProfile {
        username: "alice".into(),
        attributes: attributes(),
    };
    assert_eq!(
        users
            .authenticate("/alpha", "alice", "correct horse")
            .await
            .unwrap(),
        expected
    );
    assert_eq!(
        users
            .authenticate("alpha", "alice", "correct horse")
            .await
            .unwrap(),
        expected
    );
    for (realm, name, password) in [
        ("/alpha", "alice", "correct horse "),
        ("/alpha", "alice", ""),
        ("/alpha", "Alice", "correct horse"),
        ("/alpha", "alice ", "correct horse"),
        ("/alpha", "bob", "correct horse"),
        ("/beta", "alice", "correct horse"),
        ("/alpha/", "alice", "correct horse"),
    ] {
        assert_eq!(
            users.authenticate(realm, name, password).await,
            Err(NOT_AUTHENTIC),
            "{realm} {name:?} {password:?}"
        );
    }
}

#[tokio::test]
async fn sx_09_a_disabled_user_is_refused_until_enabled() {
    let (_directory, store, users) = fresh().await;
    users.add("/", "alice", "secret", Map::new()).await.unwrap();
    store.set_user_disabled("/", "alice", true).await.unwrap();
    assert_eq!(
        users.authenticate("/", "alice", "secret").await,
        Err(NOT_AUTHENTIC)
    );
    store.set_user_disabled("/", "alice", false).await.unwrap();
    users.authenticate("/", "alice", "secret").await.unwrap();
    store.remove_user("/", "alice").await.unwrap();
    assert_eq!(
        users.authenticate("/", "alice", "secret").await,
        Err(NOT_AUTHENTIC)
    );
}

#[tokio::test]
async fn sc_05_passwords_are_stored_as_salted_argon2id() {
    let (_directory, store, users) = fresh().await;
    users.add("/", "a", "secret", Map::new()).await.unwrap();
    users.add("/", "b", "secret", Map::new()).await.unwrap();
    let hash = async |name: &str| store.user("/", name).await.unwrap().unwrap().password_hash;
    let (a, b) = (hash("a").await, hash("b").await);
    assert!(a.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{a}");
    assert_ne!(a, b);
    assert!(!a.contains("secret"));
}

#[tokio::test]
async fn an_unknown_user_costs_a_hash_like_a_known_one() {
    let (_directory, store, users) = fresh().await;
    users.add("/", "alice", "secret", Map::new()).await.unwrap();
    // A pool without room answers "overloaded" exactly to those who come to hash.
    let heavy = HeavyPool::new(Handle::current(), 1, 0);
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (start, started) = oneshot::channel();
    let occupied = tokio::spawn({
        let heavy = heavy.clone();
        async move {
            heavy
                .run(move || {
                    start.send(()).unwrap();
                    ended.recv().is_err()
                })
                .await
        }
    });
    started.await.unwrap();
    let crowded = UserDirectory::new(store, heavy);
    for name in ["alice", "nobody", "no\nbody"] {
        let outcome = crowded.authenticate("/", name, "secret").await;
        assert!(
            matches!(outcome, Err(ValidateError::Fault(Fault::Overloaded(_)))),
            "{name:?} {outcome:?}"
        );
    }
    drop(end);
    assert_eq!(occupied.await.unwrap(), Ok(true));
    assert_eq!(
        password::verify(b"", password::NOBODYS_HASH),
        Ok(false),
        "the stand-in can be computed"
    );
}

#[tokio::test]
async fn bad_names_and_passwords_are_not_added() {
    let (_directory, store, users) = fresh().await;
    let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
    assert!(matches!(
        users.add("/", "alice", "", Map::new()).await,
        Err(UserError::Password)
    ));
    assert!(matches!(
        users.add("/", "alice", &long, Map::new()).await,
        Err(UserError::Password)
    ));
    assert!(matches!(
        users.add("/", "alice ", "secret", Map::new()).await,
        Err(UserError::Name(NameError::Username))
    ));
    assert!(matches!(
        users.add("/a b", "alice", "secret", Map::new()).await,
        Err(UserError::Name(NameError::Realm))
    ));
    users
        .add("/", "alice", &long[1..], Map::new())
        .await
        .unwrap();
    assert!(matches!(
        users.add("/", "alice", "other", Map::new()).await,
        Err(UserError::Store(StoreError::Exists { .. }))
    ));
    assert_eq!(store.users(None, 10).await.unwrap().len(), 1);
    users.authenticate("/", "alice", &long[1..]).await.unwrap();
    assert_eq!(
        users.authenticate("/", "alice", &long).await,
        Err(Rejection::TooLarge.into())
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_our_fault() {
    let (_directory, store, users) = fresh().await;
    store.close().await;
    assert!(matches!(
        users.authenticate("/", "alice", "x").await,
        Err(ValidateError::Fault(Fault::Unavailable(_)))
    ));
}
