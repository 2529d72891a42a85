use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use cambist_core::{ExchangeError, Rejection};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn key(token: &str) -> Key {
    Key::new(&[Part::Number(1), Part::Bytes(token.as_bytes())])
}

fn granted(token: &'static str) -> Arc<Granted> {
    Arc::new(Granted::fixture(&[("authorization", token)]))
}

fn until(end: Timestamp, token: &'static str) -> Fresh {
    Fresh {
        granted: granted(token),
        expires_at: end,
        is_renewable: true,
    }
}

fn cache() -> ExchangeCache {
    ExchangeCache::new(1_000, 300)
}

fn token(granted: &Granted) -> &str {
    granted.token.as_ref().unwrap().1.to_str().unwrap()
}

async fn put(cache: &ExchangeCache, name: &str, now: Timestamp, fresh: Fresh) -> Arc<Granted> {
    cache
        .find_or_exchange(&key(name), now, false, async { Ok(fresh) })
        .await
        .unwrap()
}

fn is_known(cache: &ExchangeCache, name: &str, now: Timestamp) -> bool {
    cache.find(&key(name), now).is_some()
}

/// Every text of at most three of two letters: the boundary between parts is ambiguous often.
fn texts() -> Vec<String> {
    let longer = |texts: &[String]| {
        texts
            .iter()
            .flat_map(|text| [format!("{text}a"), format!("{text}b")])
            .collect::<Vec<_>>()
    };
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..3 {
        last = longer(&last);
        all.extend_from_slice(&last);
    }
    all
}

#[test]
fn ab_18_another_part_is_another_key() {
    let mut keys = std::collections::HashSet::new();
    for revision in [0, 1, 0x61, u64::MAX] {
        for token_type in texts() {
            for token in texts() {
                for leaf in [Part::Nothing, Part::Bytes(b""), Part::Bytes(b"a")] {
                    let parts = [
                        Part::Number(revision),
                        Part::Bytes(token_type.as_bytes()),
                        leaf,
                        Part::Bytes(token.as_bytes()),
                    ];
                    assert!(
                        keys.insert(Key::new(&parts)),
                        "{revision} {token_type:?} {token:?}"
                    );
                }
            }
        }
    }
    assert_eq!(keys.len(), 4 * 15 * 15 * 3);
}

#[tokio::test]
async fn ab_18_one_tokens_answer_is_not_anothers() {
    let cache = cache();
    put(&cache, "a", NOW, until(NOW.plus(60), "A")).await;
    assert!(matches!(cache.find(&key("a"), NOW), Some(Known::Good(known)) if token(&known) == "A"));
    assert!(!is_known(&cache, "b", NOW));
}

#[tokio::test]
async fn never_served_within_the_last_seconds() {
    let cache = cache();
    put(&cache, "a", NOW, until(NOW.plus(60), "old")).await;
    assert!(is_known(&cache, "a", NOW.plus(54)));
    assert!(!is_known(&cache, "a", NOW.plus(55)));
    let new = put(&cache, "a", NOW.plus(55), until(NOW.plus(175), "new")).await;
    assert_eq!(token(&new), "new");
}

#[tokio::test]
async fn ab_19_a_long_lived_token_is_asked_for_again() {
    let cache = cache();
    put(&cache, "a", NOW, until(NOW.plus(86_400), "A")).await;
    assert!(is_known(&cache, "a", NOW.plus(299)));
    assert!(!is_known(&cache, "a", NOW.plus(300)));
}

#[tokio::test]
async fn too_short_a_life_is_used_once() {
    let cache = cache();
    put(&cache, "a", NOW, until(NOW.plus(5), "A")).await;
    assert!(!is_known(&cache, "a", NOW));
}

#[tokio::test]
async fn one_request_renews_while_the_others_go_on() {
    let cache = cache();
    put(&cache, "a", NOW, until(NOW.plus(105), "old")).await;
    assert!(matches!(
        cache.find(&key("a"), NOW.plus(79)),
        Some(Known::Good(_))
    ));
    assert!(matches!(
        cache.find(&key("a"), NOW.plus(80)),
        Some(Known::Ageing(_))
    ));
    assert!(matches!(
        cache.find(&key("a"), NOW.plus(80)),
        Some(Known::Good(_))
    ));
    cache.renew(&key("a"), NOW.plus(80), &Err(Refusal::ExchangeTooSlow));
    assert!(
        is_known(&cache, "a", NOW.plus(99)),
        "a fault changes nothing"
    );
    cache.renew(&key("a"), NOW.plus(80), &Ok(until(NOW.plus(185), "new")));
    assert!(
        matches!(cache.find(&key("a"), NOW.plus(100)), Some(Known::Good(known)) if token(&known) == "new")
    );
    let refused = Err(ExchangeError::Subject(Rejection::Expired.into()).into());
    cache.renew(&key("a"), NOW.plus(100), &refused);
    assert!(matches!(
        cache.find(&key("a"), NOW.plus(100)),
        Some(Known::Refused(_))
    ));
}

#[tokio::test]
async fn what_cannot_last_longer_is_not_renewed() {
    let cache = cache();
    let fresh = Fresh {
        is_renewable: false,
        ..until(NOW.plus(105), "A")
    };
    put(&cache, "a", NOW, fresh).await;
    assert!(matches!(
        cache.find(&key("a"), NOW.plus(99)),
        Some(Known::Good(_))
    ));
}

#[tokio::test]
async fn a_refusal_is_remembered_for_a_moment_and_a_fault_is_not() {
    let cache = cache();
    let calls = AtomicUsize::new(0);
    let attempt = async |name: &str, now: Timestamp, fault: bool| {
        cache
            .find_or_exchange(&key(name), now, false, async {
                calls.fetch_add(1, Ordering::Relaxed);
                if fault {
                    Err(Refusal::ExchangeTooSlow)
                } else {
                    Err(ExchangeError::Subject(Rejection::Expired.into()).into())
                }
            })
            .await
            .unwrap_err()
    };
    attempt("a", NOW, false).await;
    assert!(matches!(
        attempt("a", NOW.plus(4), false).await,
        Refusal::Again(_)
    ));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    attempt("a", NOW.plus(5), false).await;
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    for _ in 0..2 {
        attempt("b", NOW, true).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_fault_is_not_kept_and_the_next_waiter_tries() {
    let cache = cache();
    let calls = AtomicUsize::new(0);
    let key = key("a");
    let attempt = || {
        cache.find_or_exchange(&key, NOW, false, async {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if call == 0 {
                Err(Refusal::ExchangeTooSlow)
            } else {
                Ok(until(NOW.plus(60), "A"))
            }
        })
    };
    let (first, second, third) = tokio::join!(attempt(), attempt(), attempt());
    assert!(first.is_err() && Arc::ptr_eq(&second.unwrap(), &third.unwrap()));
    assert_eq!(calls.into_inner(), 2);
}

#[tokio::test]
async fn an_upstreams_refusal_causes_one_exchange_at_most() {
    let cache = cache();
    let first = put(&cache, "a", NOW, until(NOW.plus(60), "A")).await;
    assert!(cache.refused_by_upstream(&key("a"), &first));
    assert!(!is_known(&cache, "a", NOW), "it is not sent again");
    let second = cache
        .find_or_exchange(&key("a"), NOW, true, async { Ok(until(NOW.plus(60), "B")) })
        .await
        .unwrap();
    assert!(
        cache.refused_by_upstream(&key("a"), &first),
        "a request that was on its way with the first takes the second"
    );
    assert!(is_known(&cache, "a", NOW));
    assert!(!cache.refused_by_upstream(&key("a"), &second));
    assert!(is_known(&cache, "a", NOW), "the upstream's mind is made up");
}

#[tokio::test]
async fn memory_is_bounded_by_bytes() {
    let cache = ExchangeCache::new(50_000, 300);
    let large: &'static str = "x".repeat(16 * 1024).leak();
    for number in 0..8_000 {
        put(&cache, &number.to_string(), NOW, until(NOW.plus(60), large)).await;
    }
    assert!(cache.entries.weight() <= BYTES);
    assert!(cache.entries.len() > 3_000, "{}", cache.entries.len());
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Ask {
        token: u8,
        lives: u64,
        refuses: bool,
    },
    Wait(u64),
    Publish,
    Refuse {
        token: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 1..400_u64, prop::bool::weighted(0.2))
            .prop_map(|(token, lives, refuses)| Step::Ask { token, lives, refuses }),
        2 => (0..120_u64).prop_map(Step::Wait),
        1 => Just(Step::Publish),
        1 => (0..3_u8).prop_map(|token| Step::Refuse { token }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Over any history: nothing is served that was issued for another credential, before a publication, or
    /// ends within the spare seconds; nothing for longer than the limit; a refusal not longer than its
    /// moment; and what an upstream refused only until it is exchanged once more.
    #[test]
    fn histories(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let cache = cache();
        let (mut now, mut revision) = (NOW, 0_u64);
        // What was issued, by address: for whom, in which revision, when, until when.
        let mut issued: HashMap<*const Granted, (u8, u64, Timestamp, Timestamp)> = HashMap::new();
        let mut all: Vec<Arc<Granted>> = Vec::new();
        let mut latest: HashMap<u8, Arc<Granted>> = HashMap::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now = now.plus(seconds),
                Step::Publish => revision += 1,
                Step::Refuse { token } => {
                    if let Some(sent) = latest.get(&token) {
                        let key = Key::new(&[Part::Number(revision), Part::Bytes(&[token])]);
                        let again = cache.refused_by_upstream(&key, sent);
                        if again && let Some(Known::Good(known) | Known::Ageing(known)) = cache.find(&key, now) {
                            prop_assert!(!Arc::ptr_eq(&known, sent));
                        }
                    }
                }
                Step::Ask { token, lives, refuses } => {
                    let key = Key::new(&[Part::Number(revision), Part::Bytes(&[token])]);
                    let end = now.plus(lives);
                    let exchange = || async {
                        if refuses {
                            Err(ExchangeError::Subject(Rejection::Expired.into()).into())
                        } else {
                            Ok(until(end, "t"))
                        }
                    };
                    let mut made = false;
                    let outcome = match cache.find(&key, now) {
                        Some(Known::Good(known)) => Ok(known),
                        Some(Known::Refused(answer)) => Err(Refusal::Again(answer)),
                        Some(Known::Ageing(_)) => {
                            made = true;
                            let outcome = runtime.block_on(exchange());
                            cache.renew(&key, now, &outcome);
                            outcome.map(|fresh| fresh.granted)
                        }
                        None => {
                            made = true;
                            runtime.block_on(cache.find_or_exchange(&key, now, false, exchange()))
                        }
                    };
                    if let Ok(known) = outcome {
                        if made {
                            issued.insert(Arc::as_ptr(&known), (token, revision, now, end));
                            all.push(Arc::clone(&known));
                        } else {
                            let (whose, when, at, ends) = issued[&Arc::as_ptr(&known)];
                            prop_assert_eq!((whose, when), (token, revision));
                            prop_assert!(now.plus(SPARE_SECONDS) <= ends && now.since(at) < 300);
                        }
                        latest.insert(token, known);
                    }
                }
            }
        }
    }
}
