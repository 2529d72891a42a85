use serde_json::json;
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn rules() -> config::Sessions {
    config::Sessions {
        most: 4,
        most_per_user: 2,
        ..config::Sessions::default()
    }
}

async fn open(directory: &TempDir) -> SessionStore {
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    SessionStore::open(rules(), store, Handle::current(), NOW)
        .await
        .unwrap()
}

fn profile(username: &str) -> Profile {
    Profile {
        username: username.to_owned(),
        attributes: json!({"mail": "d@a.example"}).as_object().cloned().unwrap(),
        session: None,
    }
}

async fn begin(sessions: &SessionStore, username: &str) -> String {
    sessions
        .begin("/alpha", profile(username), vec!["pwd".to_owned()], NOW)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_session_is_found_by_its_token_alone_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let token = begin(&sessions, "dana").await;
    assert_eq!(token.len(), 43);
    let found = sessions.find(token.as_bytes(), NOW).unwrap();
    assert_eq!(
        (found.realm.as_str(), found.username.as_str()),
        ("/alpha", "dana")
    );
    assert_eq!(found.attributes["mail"], "d@a.example");
    for other in ["", "x", &token[1..], &format!("{token}=")] {
        assert!(sessions.find(other.as_bytes(), NOW).is_none(), "{other}");
    }
    let again = open(&directory).await;
    assert_eq!(again.find(token.as_bytes(), NOW).unwrap(), found);
    let kept = std::fs::read(directory.path().join("cambist.db-wal")).unwrap();
    let has = |needle: &[u8]| kept.windows(needle.len()).any(|window| window == needle);
    assert!(
        has(b"d@a.example") && !has(token.as_bytes()),
        "no token at rest"
    );
}

#[tokio::test]
async fn it_ends_when_its_life_is_over_or_nobody_uses_it() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let (used, idle) = (
        begin(&sessions, "dana").await,
        begin(&sessions, "erin").await,
    );
    let minutes = |n: u64| NOW.plus(n * 60);
    assert!(
        sessions
            .known(idle.as_bytes(), minutes(29), false)
            .is_some()
    );
    assert!(
        sessions
            .known(idle.as_bytes(), minutes(30), false)
            .is_none()
    );
    for minute in (20..120).step_by(20) {
        assert!(
            sessions.find(used.as_bytes(), minutes(minute)).is_some(),
            "{minute}"
        );
    }
    assert!(sessions.find(used.as_bytes(), minutes(120)).is_none());
    sessions.tend_once(minutes(120)).await;
    assert_eq!(sessions.0.count.load(Ordering::Relaxed), 0);
    assert!(sessions.0.users().is_empty());
    assert_eq!(sessions.0.store.sessions(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn use_is_noted_for_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let token = begin(&sessions, "dana").await;
    let later = NOW.plus(25 * 60);
    sessions.find(token.as_bytes(), later).unwrap();
    sessions.tend_once(later).await;
    let again = open(&directory).await;
    let known = again
        .known(token.as_bytes(), NOW.plus(50 * 60), false)
        .unwrap();
    assert_eq!(known.used_at, later);
    assert_eq!(known.idle_ends_at, later.plus(30 * 60));
}

#[tokio::test]
async fn an_ended_session_stays_ended() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let (first, second) = (
        begin(&sessions, "dana").await,
        begin(&sessions, "dana").await,
    );
    SessionDirectory::end(&sessions, first.as_bytes()).await;
    SessionDirectory::end(&sessions, b"unknown").await;
    assert!(sessions.find(first.as_bytes(), NOW).is_none());
    let of_dana = sessions.of_user("/alpha", "dana", NOW);
    assert_eq!(of_dana.len(), 1);
    assert!(!sessions.end_by_handle("unknown").await);
    assert!(sessions.end_by_handle(&of_dana[0].handle).await);
    assert!(sessions.find(second.as_bytes(), NOW).is_none());
    let again = open(&directory).await;
    assert_eq!(again.0.count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn sessions_are_bounded_per_user_and_in_all() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let first = begin(&sessions, "dana").await;
    let second = begin(&sessions, "dana").await;
    let third = begin(&sessions, "dana").await;
    assert!(
        sessions.find(first.as_bytes(), NOW).is_none(),
        "the oldest made room"
    );
    assert!(sessions.find(second.as_bytes(), NOW).is_some());
    assert!(sessions.find(third.as_bytes(), NOW).is_some());
    for name in ["erin", "finn"] {
        begin(&sessions, name).await;
    }
    let full = sessions
        .begin("/alpha", profile("gina"), Vec::new(), NOW)
        .await;
    assert!(matches!(full, Err(Fault::Overloaded(_))), "{full:?}");
    assert_eq!(sessions.end_user("/alpha", "dana").await, 2);
    begin(&sessions, "gina").await;
}

#[tokio::test]
async fn a_disabled_users_sessions_end_with_the_next_round() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = open(&directory).await;
    let (disabled, other) = (
        begin(&sessions, "dana").await,
        begin(&sessions, "erin").await,
    );
    // Another process, as the command line is one.
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let user = crate::store::User {
        realm: "/alpha".to_owned(),
        username: "dana".to_owned(),
        password_hash: "none".to_owned(),
        attributes: Map::new(),
        is_disabled: false,
    };
    store.add_user(&user).await.unwrap();
    store
        .set_user_disabled("/alpha", "dana", true)
        .await
        .unwrap();
    sessions.tend_once(NOW).await;
    assert!(sessions.find(disabled.as_bytes(), NOW).is_none());
    assert!(sessions.find(other.as_bytes(), NOW).is_some());
    store
        .set_user_disabled("/alpha", "dana", false)
        .await
        .unwrap();
    let again = begin(&sessions, "dana").await;
    store.remove_user("/alpha", "dana").await.unwrap();
    sessions.tend_once(NOW).await;
    assert!(sessions.find(again.as_bytes(), NOW).is_none());
}
