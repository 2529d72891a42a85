use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use cambist_core::{BoxFuture, FetchError, Fetched};
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::jose::SigningKey;

const ISSUER: &str = "https://i.example";
const JWKS: &str = "https://i.example/jwks";

/// A network of documents by URL, which counts what is asked for.
struct Network {
    documents: Mutex<HashMap<String, Fetched>>,
    asked: Mutex<Vec<String>>,
    gate: Semaphore,
}

impl Network {
    fn new() -> Arc<Self> {
        let open = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            documents: Mutex::default(),
            asked: Mutex::default(),
            gate: open,
        })
    }

    fn put(&self, url: &str, body: impl Into<Vec<u8>>, max_age: Option<u64>) {
        let document = Fetched {
            body: body.into(),
            max_age: max_age.map(Duration::from_secs),
        };
        self.documents
            .lock()
            .unwrap()
            .insert(url.to_owned(), document);
    }

    fn remove(&self, url: &str) {
        self.documents.lock().unwrap().remove(url);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Network {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(url.to_owned());
            let _open = self.gate.acquire().await;
            let found = self.documents.lock().unwrap().get(url).cloned();
            found.ok_or_else(|| FetchError::Unexpected("404".to_owned()))
        })
    }
}

fn key() -> (SigningKey, String) {
    let (key, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let set = json!({"keys": [key.public_jwk()]}).to_string();
    (key, set)
}

fn config() -> IssuerConfig {
    IssuerConfig {
        jwks_uri: Some(JWKS.to_owned()),
        ..IssuerConfig::new(ISSUER, vec!["us".to_owned()])
    }
}

fn issuer(network: &Arc<Network>) -> TrustedIssuer {
    let fetch: Arc<dyn Fetch> = network.clone();
    TrustedIssuer::build(config(), fetch).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_000_000 + seconds)
}

#[tokio::test]
async fn nothing_is_fetched_before_it_is_needed_and_then_once() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set, None);
    let issuer = issuer(&network);
    assert_eq!(network.asked(), 0);
    for second in 0..300 {
        assert!(
            issuer
                .keys(key.key_id(), at(second))
                .await
                .unwrap()
                .contains(key.key_id().unwrap())
        );
    }
    assert_eq!(network.asked(), 1);
    issuer.keys(key.key_id(), at(300)).await.unwrap();
    assert_eq!(network.asked(), 2);
}

#[tokio::test]
async fn kf_05_a_flood_of_unknown_ids_fetches_once_in_ten_seconds() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set, None);
    let issuer = issuer(&network);
    for second in 0..30 {
        for id in ["x", "y", "../z"] {
            assert!(
                !issuer
                    .keys(Some(id), at(second))
                    .await
                    .unwrap()
                    .contains(id)
            );
        }
        assert!(issuer.keys(key.key_id(), at(second)).await.is_ok());
    }
    assert_eq!(network.asked(), 3);
}

#[tokio::test]
async fn kf_05_many_at_once_fetch_once() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set, None);
    network.gate.forget_permits(Semaphore::MAX_PERMITS);
    let issuer = Arc::new(issuer(&network));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (issuer, id) = (Arc::clone(&issuer), key.key_id().map(ToOwned::to_owned));
            tokio::spawn(async move { issuer.keys(id.as_deref(), at(0)).await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    network.gate.add_permits(1);
    for task in waiting {
        assert!(task.await.unwrap());
    }
    assert_eq!(network.asked(), 1);
}

#[tokio::test]
async fn a_rotated_key_is_found_by_its_new_id() {
    let network = Network::new();
    let (old, set) = key();
    network.put(JWKS, set, None);
    let issuer = issuer(&network);
    issuer.keys(old.key_id(), at(0)).await.unwrap();
    let (new, set) = key();
    network.put(JWKS, set, None);
    assert!(
        issuer
            .keys(new.key_id(), at(10))
            .await
            .unwrap()
            .contains(new.key_id().unwrap())
    );
    assert_eq!(network.asked(), 2);
}

#[tokio::test]
async fn kf_05_a_failed_refresh_keeps_the_last_good_keys_until_the_stale_limit() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set.clone(), None);
    let issuer = issuer(&network);
    issuer.keys(key.key_id(), at(0)).await.unwrap();
    network.remove(JWKS);
    assert!(issuer.keys(key.key_id(), at(300)).await.is_ok());
    network.put(JWKS, "{\"keys\": 1}", None);
    assert!(issuer.keys(key.key_id(), at(24 * 3600 - 1)).await.is_ok());
    assert!(matches!(
        issuer.keys(key.key_id(), at(24 * 3600)).await,
        Err(Fault::Unavailable(_))
    ));
    assert_eq!(network.asked(), 3, "the third attempt was a second ago");
    network.put(JWKS, set, None);
    assert!(issuer.keys(key.key_id(), at(24 * 3600 + 10)).await.is_ok());
}

#[tokio::test]
async fn kf_05_an_issuer_that_was_never_reached_is_asked_sparingly() {
    let network = Network::new();
    let issuer = issuer(&network);
    for second in 0..20 {
        assert!(matches!(
            issuer.keys(Some("k"), at(second)).await,
            Err(Fault::Unavailable(_))
        ));
    }
    assert_eq!(network.asked(), 2);
}

#[tokio::test]
async fn while_one_refreshes_the_others_use_what_is_known() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set, None);
    let issuer = Arc::new(issuer(&network));
    issuer.keys(key.key_id(), at(0)).await.unwrap();
    network.gate.forget_permits(Semaphore::MAX_PERMITS);
    let id = key.key_id().map(ToOwned::to_owned);
    let refreshing = {
        let (issuer, id) = (Arc::clone(&issuer), id.clone());
        tokio::spawn(async move { issuer.keys(id.as_deref(), at(400)).await.is_ok() })
    };
    while network.asked() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(
        issuer.keys(id.as_deref(), at(400)).await.is_ok(),
        "does not wait for the fetch"
    );
    network.gate.add_permits(1);
    assert!(refreshing.await.unwrap());
}

#[tokio::test]
async fn the_sources_own_freshness_counts_within_bounds() {
    for (said, fetched_again_at) in [
        (Some(0), 60),
        (Some(120), 120),
        (Some(999_999), 3600),
        (None, 300),
    ] {
        let network = Network::new();
        let (key, set) = key();
        network.put(JWKS, set, said);
        let issuer = issuer(&network);
        issuer.keys(key.key_id(), at(0)).await.unwrap();
        issuer
            .keys(key.key_id(), at(fetched_again_at - 1))
            .await
            .unwrap();
        assert_eq!(network.asked(), 1, "{said:?}");
        issuer
            .keys(key.key_id(), at(fetched_again_at))
            .await
            .unwrap();
        assert_eq!(network.asked(), 2, "{said:?}");
    }
}

#[tokio::test]
async fn keys_are_discovered_through_either_metadata_document() {
    for place in [
        "https://i.example/.well-known/openid-configuration",
        "https://i.example/.well-known/oauth-authorization-server",
    ] {
        let network = Network::new();
        let (key, set) = key();
        network.put(
            place,
            json!({"issuer": ISSUER, "jwks_uri": "https://i.example/elsewhere"}).to_string(),
            None,
        );
        network.put("https://i.example/elsewhere", set, None);
        let fetch: Arc<dyn Fetch> = network.clone();
        let issuer =
            TrustedIssuer::build(IssuerConfig::new(ISSUER, vec!["us".to_owned()]), fetch).unwrap();
        assert!(issuer.keys(key.key_id(), at(0)).await.is_ok(), "{place}");
        let asked = network.asked();
        issuer.keys(Some("unknown"), at(10)).await.unwrap();
        assert_eq!(network.asked(), asked + 1, "the discovered address is kept");
    }
}

#[tokio::test]
async fn metadata_is_read_again_after_its_keys_moved() {
    let network = Network::new();
    let (key, set) = key();
    let place = "https://i.example/.well-known/openid-configuration";
    let metadata = |uri: &str| json!({"issuer": ISSUER, "jwks_uri": uri}).to_string();
    network.put(place, metadata("https://i.example/1"), None);
    network.put("https://i.example/1", set.clone(), None);
    let fetch: Arc<dyn Fetch> = network.clone();
    let issuer =
        TrustedIssuer::build(IssuerConfig::new(ISSUER, vec!["us".to_owned()]), fetch).unwrap();
    issuer.keys(key.key_id(), at(0)).await.unwrap();
    network.remove("https://i.example/1");
    network.put(place, metadata("https://i.example/2"), None);
    network.put("https://i.example/2", set, None);
    issuer.keys(Some("unknown"), at(10)).await.unwrap();
    issuer.keys(Some("unknown"), at(20)).await.unwrap();
    assert_eq!(
        network.asked.lock().unwrap().last().map(String::as_str),
        Some("https://i.example/2")
    );
}

#[tokio::test]
async fn inline_keys_are_never_fetched() {
    let network = Network::new();
    let (key, set) = key();
    let jwks = serde_json::from_str(&set).unwrap();
    let fetch: Arc<dyn Fetch> = network.clone();
    let config = IssuerConfig {
        jwks: Some(jwks),
        ..IssuerConfig::new("partner", vec!["us".to_owned()])
    };
    let issuer = TrustedIssuer::build(config, fetch).unwrap();
    assert!(
        issuer
            .keys(key.key_id(), at(0))
            .await
            .unwrap()
            .contains(key.key_id().unwrap())
    );
    assert!(issuer.keys(Some("unknown"), at(0)).await.is_ok());
    assert_eq!(network.asked(), 0);
}

#[tokio::test]
async fn st_08_a_clock_that_was_set_back_does_not_stop_refreshing() {
    let network = Network::new();
    let (key, set) = key();
    network.put(JWKS, set, None);
    let issuer = issuer(&network);
    issuer.keys(key.key_id(), at(10_000)).await.unwrap();
    issuer.keys(key.key_id(), at(9_990)).await.unwrap();
    assert_eq!(network.asked(), 1, "a request that was overtaken");
    issuer.keys(key.key_id(), at(0)).await.unwrap();
    assert_eq!(network.asked(), 2);
    issuer.keys(Some("unknown"), at(1)).await.unwrap();
    assert_eq!(network.asked(), 2, "KF-05 holds after the jump too");
}
