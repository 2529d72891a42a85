use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn key(token: &str) -> Key {
    Key::new(1, &TokenType::ACCESS_TOKEN, token.as_bytes())
}

fn until(seconds: u64, token: &'static str) -> Authorization {
    Authorization {
        value: HeaderValue::from_static(token),
        expires_at: NOW.plus(seconds),
        basis: Basis::new(Arc::default(), 0),
    }
}

/// Every text of at most three of two letters: the boundary between type and token is ambiguous often.
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
                let key = Key::new(
                    revision,
                    &TokenType::new(token_type.clone()),
                    token.as_bytes(),
                );
                assert!(keys.insert(key), "{revision} {token_type:?} {token:?}");
            }
        }
    }
    assert_eq!(keys.len(), 4 * 15 * 15);
}

#[tokio::test]
async fn ab_18_one_tokens_answer_is_not_anothers() {
    let cache = ExchangeCache::new();
    cache
        .find_or_exchange(&key("a"), NOW, async { Ok(until(60, "A")) })
        .await
        .unwrap();
    assert_eq!(cache.find(&key("a"), NOW).unwrap().value, "A");
    assert!(cache.find(&key("b"), NOW).is_none());
    let revised = Key::new(2, &TokenType::ACCESS_TOKEN, b"a");
    assert!(cache.find(&revised, NOW).is_none(), "ab_19: published anew");
}

#[tokio::test]
async fn never_served_within_the_last_seconds() {
    let cache = ExchangeCache::new();
    cache
        .find_or_exchange(&key("a"), NOW, async { Ok(until(60, "old")) })
        .await
        .unwrap();
    assert!(cache.find(&key("a"), NOW.plus(54)).is_some());
    assert!(cache.find(&key("a"), NOW.plus(55)).is_none());
    let new = cache
        .find_or_exchange(&key("a"), NOW.plus(55), async { Ok(until(120, "new")) })
        .await
        .unwrap();
    assert_eq!(new, "new");
    assert_eq!(cache.find(&key("a"), NOW.plus(100)).unwrap().value, "new");
}

#[tokio::test]
async fn ab_19_a_long_lived_token_is_asked_for_again() {
    let cache = ExchangeCache::new();
    cache
        .find_or_exchange(&key("a"), NOW, async { Ok(until(86_400, "A")) })
        .await
        .unwrap();
    assert!(cache.find(&key("a"), NOW.plus(299)).is_some());
    assert!(cache.find(&key("a"), NOW.plus(300)).is_none());
}

#[tokio::test]
async fn too_short_a_life_is_used_once() {
    let cache = ExchangeCache::new();
    assert_eq!(
        cache
            .find_or_exchange(&key("a"), NOW, async { Ok(until(5, "A")) })
            .await
            .unwrap(),
        "A"
    );
    assert!(cache.find(&key("a"), NOW).is_none());
}

#[tokio::test]
async fn a_failure_is_not_kept_and_the_next_waiter_tries() {
    let cache = ExchangeCache::new();
    let calls = AtomicUsize::new(0);
    let key = key("a");
    let attempt = || {
        cache.find_or_exchange(&key, NOW, async {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if call == 0 {
                Err(Refusal::ExchangeTooSlow)
            } else {
                Ok(until(60, "A"))
            }
        })
    };
    let (first, second, third) = tokio::join!(attempt(), attempt(), attempt());
    assert!(first.is_err());
    assert_eq!(
        (second.unwrap(), third.unwrap()),
        (HeaderValue::from_static("A"), HeaderValue::from_static("A"))
    );
    assert_eq!(calls.into_inner(), 2);
}

#[tokio::test]
async fn memory_is_bounded_by_bytes() {
    let cache = ExchangeCache::new();
    let large: &'static str = "x".repeat(16 * 1024).leak();
    for number in 0..8_000 {
        cache
            .find_or_exchange(&key(&number.to_string()), NOW, async {
                Ok(until(60, large))
            })
            .await
            .unwrap();
    }
    assert!(cache.0.weight() <= BYTES);
    assert!(cache.0.len() > 3_000, "{}", cache.0.len());
}
