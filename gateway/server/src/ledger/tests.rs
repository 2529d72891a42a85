use std::{collections::HashSet, sync::atomic::AtomicU64, sync::atomic::Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::store::NewLedgerRow;

const NOW: Timestamp = Timestamp(1_700_000_000);

async fn fresh() -> (TempDir, Arc<Ledger>) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(&directory).await;
    (directory, ledger)
}

async fn open(directory: &TempDir) -> Arc<Ledger> {
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    Ledger::open(store, Handle::current(), NOW).await.unwrap()
}

/// The mark of the token `name`.
fn key(name: &str) -> TokenKey {
    identity_key("https://sts.example", name)
}

fn row(name: &str, parents: &[&str]) -> NewLedgerRow {
    NewLedgerRow {
        token_hash: token_hash(name.as_bytes()),
        mark: key(name),
        parent: parents.first().map(|parent| key(parent)),
        actor_parent: parents.get(1).map(|parent| key(parent)),
        parent_issuer: None,
        parent_key: None,
        instance: "alpha/orders".to_owned(),
        token_type: "urn:ietf:params:oauth:token-type:access_token".to_owned(),
        token_id: Some(name.to_owned()),
        issuer: Some("https://sts.example".to_owned()),
        key_id: None,
        subject: "dana".to_owned(),
        actors: vec!["web".to_owned()],
        client: Some("web".to_owned()),
        audiences: vec!["orders".to_owned()],
        scope: "read".to_owned(),
        issued_at: NOW,
        expires_at: NOW.plus(300),
        content: None,
    }
}

async fn append(ledger: &Ledger, name: &str, parents: &[&str]) {
    ledger
        .writer
        .append(row(name, parents), true)
        .await
        .unwrap();
}

fn mark(name: &str) -> Mark {
    mark::of_row(&row(name, &[]))
}

fn stands(ledger: &Ledger, name: &str) -> bool {
    ledger.stands(&mark(name), "alpha/orders")
}

async fn revoke(ledger: &Arc<Ledger>, name: &str) -> usize {
    let until = Some(NOW.plus(300));
    ledger
        .revoke(key(name), until, LedgerState::Revoked, None, NOW)
        .await
        .unwrap()
}

#[tokio::test]
async fn rv_05_what_was_made_from_a_revoked_token_falls_and_nothing_else() {
    let (_directory, ledger) = fresh().await;
    for (name, parents) in [
        ("root", &[][..]),
        ("child", &["root"]),
        ("grandchild", &["child"]),
        ("sibling", &["root"]),
        ("acted", &["foreign", "child"]),
        ("other", &["elsewhere"]),
    ] {
        append(&ledger, name, parents).await;
    }
    assert_eq!(revoke(&ledger, "child").await, 3);
    for (name, expected) in [
        ("root", true),
        ("child", false),
        ("grandchild", false),
        ("sibling", true),
        ("acted", false),
        ("other", true),
    ] {
        assert_eq!(stands(&ledger, name), expected, "{name}");
        let found = ledger.find(&token_hash(name.as_bytes())).await.unwrap();
        assert_eq!(ledger.is_active(&found.unwrap(), NOW), expected, "{name}");
    }
    assert_eq!(revoke(&ledger, "child").await, 0, "once");
}

#[tokio::test]
async fn rv_05_a_foreign_token_without_a_row_takes_its_descendants_along() {
    let (_directory, ledger) = fresh().await;
    append(&ledger, "made-here", &["foreign"]).await;
    append(&ledger, "from-it", &["made-here"]).await;
    assert_eq!(revoke(&ledger, "foreign").await, 2);
    assert!(!stands(&ledger, "foreign") && !stands(&ledger, "made-here"));
    assert!(!stands(&ledger, "from-it"));
}

#[tokio::test]
async fn revocations_and_cut_offs_outlive_the_process() {
    let (directory, ledger) = fresh().await;
    append(&ledger, "a", &[]).await;
    append(&ledger, "b", &["a"]).await;
    revoke(&ledger, "a").await;
    let row = cut_off("subject", "erin", "", NOW);
    ledger.cut_off(row.clone(), NOW).await.unwrap();
    drop(ledger);
    let ledger = open(&directory).await;
    assert!(!stands(&ledger, "a") && !stands(&ledger, "b"));
    assert!(stands(&ledger, "c"));
    assert_eq!(ledger.cut_offs().await.unwrap(), [row]);
}

fn cut_off(kind: &'static str, value: &str, instance: &str, before: Timestamp) -> CutOffRow {
    CutOffRow {
        kind,
        value: value.to_owned(),
        instance: instance.to_owned(),
        before,
        at: NOW,
        reason: None,
    }
}

#[tokio::test]
async fn rv_07_a_cut_off_names_a_subject_an_actor_a_client_an_issuer_or_a_key() {
    let (_directory, ledger) = fresh().await;
    let token = Mark {
        key: Some([1; 32]),
        issued_at: Some(NOW),
        expires_at: Some(NOW.plus(60)),
        subject: "s".to_owned(),
        actors: vec!["a1".to_owned(), "a2".to_owned()],
        client: Some("c".to_owned()),
        issuer: Some("i".to_owned()),
        key_id: Some("k".to_owned()),
    };
    for (number, (kind, value)) in [
        ("subject", "s"),
        ("actor", "a2"),
        ("client", "c"),
        ("issuer", "i"),
        ("key", "k"),
    ]
    .into_iter()
    .enumerate()
    {
        let instance = format!("tenant-{number}");
        let row = cut_off(kind, value, &instance, NOW.plus(1));
        ledger.cut_off(row, NOW).await.unwrap();
        assert!(!ledger.stands(&token, &instance), "{kind}");
        assert!(ledger.stands(&token, "another"), "sx_18: {kind}");
        let younger = Mark {
            issued_at: Some(NOW.plus(1)),
            ..token.clone()
        };
        assert!(ledger.stands(&younger, &instance), "{kind}");
        let undated = Mark {
            issued_at: None,
            ..token.clone()
        };
        assert!(!ledger.stands(&undated, &instance), "{kind}: undated");
    }
    let credential = Mark {
        subject: "s".to_owned(),
        ..Mark::default()
    };
    assert!(
        ledger.stands(&credential, "tenant-0"),
        "a password checked now is of now"
    );
}

#[tokio::test]
async fn rv_07_a_cut_off_takes_along_what_was_made_from_what_it_names() {
    let (_directory, ledger) = fresh().await;
    let from_partner = NewLedgerRow {
        parent_issuer: Some("https://partner.example".to_owned()),
        ..row("first", &["foreign"])
    };
    ledger.writer.append(from_partner, true).await.unwrap();
    append(&ledger, "second", &["first"]).await;
    append(&ledger, "unrelated", &[]).await;
    let row = cut_off("issuer", "https://partner.example", "", NOW.plus(1));
    assert_eq!(ledger.cut_off(row, NOW).await.unwrap(), 2);
    assert!(!stands(&ledger, "first") && !stands(&ledger, "second"));
    assert!(stands(&ledger, "unrelated"));
}

#[tokio::test]
async fn ended_tokens_are_swept_and_their_revocations_with_them() {
    let (_directory, ledger) = fresh().await;
    append(&ledger, "a", &[]).await;
    revoke(&ledger, "a").await;
    ledger.sweep(NOW.plus(300 + GRACE)).await;
    assert!(ledger.find(&token_hash(b"a")).await.unwrap().is_some());
    ledger.sweep(NOW.plus(302 + 2 * GRACE)).await;
    assert!(ledger.find(&token_hash(b"a")).await.unwrap().is_none());
    assert_eq!(
        ledger.store.revocations(Timestamp(0)).await.unwrap(),
        Vec::new()
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let (_directory, ledger) = fresh().await;
    for number in 0..7 {
        let row = row(&number.to_string(), &[]);
        ledger.writer.append(row, false).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let wanted = LedgerQuery {
            subject: Some("dana".to_owned()),
            active_at: Some(NOW),
            before,
            limit: 3,
            ..LedgerQuery::default()
        };
        let page = ledger.query(wanted).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        seen.extend(page.into_iter().filter_map(|row| row.token.token_id));
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

/// A jwt-like text with these claims; its signature is no part of what it is known by.
fn unsigned(claims: &str, signature: &str) -> String {
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    format!(
        "{}.{}.{signature}",
        part(r#"{"alg":"ES256","kid":"k1"}"#),
        part(claims)
    )
}

#[test]
fn a_token_is_known_by_its_name_or_by_what_is_signed_of_it() {
    let named = r#"{"iss":"https://i","jti":"7","exp":1700000300}"#;
    let (key, until) = presented_key(unsigned(named, "AAAA").as_bytes());
    assert_eq!(key, identity_key("https://i", "7"));
    assert_eq!(until, Some(Timestamp(1_700_000_301)));
    let nameless = r#"{"iss":"https://i"}"#;
    let (one, _) = presented_key(unsigned(nameless, "AAAA").as_bytes());
    let (other, _) = presented_key(unsigned(nameless, "BBBB").as_bytes());
    assert_eq!(one, other, "a signature may have several forms");
    assert_ne!(
        presented_key(b"opaque-1").0,
        presented_key(b"opaque-2").0,
        "all of an opaque token counts"
    );
    assert_ne!(identity_key("a", "bc"), identity_key("ab", "c"));
}

/// What several clients do to a ledger at once.
#[derive(Clone, Debug)]
enum Step {
    /// Makes a token from the one with this number, if that still stands.
    Derive(usize),
    Revoke(usize),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        4 => (0usize..40).prop_map(Step::Derive),
        1 => (0usize..40).prop_map(Step::Revoke),
    ];
    proptest::collection::vec(proptest::collection::vec(step, 1..8), 16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// RV-05, RV-06, AB-17 over histories: after all is done, no token stands that has a fallen ancestor, and
    /// none has fallen without one.
    #[test]
    fn ab_17_no_descendant_of_a_revoked_token_survives_sixteen_clients(histories in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (_directory, ledger) = fresh().await;
            let next = Arc::new(AtomicU64::new(1));
            append(&ledger, "0", &[]).await;
            let made = Arc::new(std::sync::Mutex::new(vec![("0".to_owned(), None::<String>)]));
            let revoked = Arc::new(std::sync::Mutex::new(HashSet::new()));
            let mut clients = Vec::new();
            for history in histories {
                let (ledger, next) = (Arc::clone(&ledger), Arc::clone(&next));
                let (made, revoked) = (Arc::clone(&made), Arc::clone(&revoked));
                clients.push(tokio::spawn(async move {
                    for step in history {
                        let pick = |number: usize| {
                            let made = made.lock().unwrap();
                            made[number % made.len()].0.clone()
                        };
                        match step {
                            Step::Revoke(number) => {
                                let name = pick(number);
                                revoke(&ledger, &name).await;
                                revoked.lock().unwrap().insert(name);
                            }
                            Step::Derive(number) => {
                                let parent = pick(number);
                                if !stands(&ledger, &parent) {
                                    continue;
                                }
                                let name = next.fetch_add(1, Ordering::Relaxed).to_string();
                                // As `enter` does: take down first, look again, and only then let it out.
                                let is_urgent = number % 2 == 0;
                                let row = row(&name, &[&parent]);
                                ledger.writer.append(row, is_urgent).await.unwrap();
                                if stands(&ledger, &parent) {
                                    made.lock().unwrap().push((name, Some(parent)));
                                }
                            }
                        }
                    }
                }));
            }
            for client in clients {
                client.await.unwrap();
            }
            let (made, revoked) = (made.lock().unwrap().clone(), revoked.lock().unwrap().clone());
            let parents: std::collections::HashMap<_, _> = made.iter().cloned().collect();
            for (name, _) in &made {
                let mut ancestry = vec![name.clone()];
                while let Some(Some(parent)) = parents.get(ancestry.last().unwrap()) {
                    ancestry.push(parent.clone());
                }
                let should_fall = ancestry.iter().any(|name| revoked.contains(name));
                assert_eq!(stands(&ledger, name), !should_fall, "{name}: {ancestry:?}");
            }
        });
    }
}

/// Aim: 5,000 persisted issues in a second on two cores. Run by hand: it measures, and the machine decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn synchronous_issues_per_second() {
    const CLIENTS: usize = 64;
    const EACH: usize = 500;
    let (_directory, ledger) = fresh().await;
    let started = std::time::Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                for number in 0..EACH {
                    append(&ledger, &format!("{client}-{number}"), &["root"]).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let count = u32::try_from(CLIENTS * EACH).unwrap();
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    println!("{rate:.0} synchronous issues per second");
    let started = std::time::Instant::now();
    assert_eq!(
        revoke(&ledger, "root").await,
        usize::try_from(count).unwrap()
    );
    println!("{count} descendants revoked in {:?}", started.elapsed());
}
