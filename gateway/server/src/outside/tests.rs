use std::sync::Arc;

use super::*;
use crate::egress::{EgressRules, tls::trusting};

async fn outside() -> (tempfile::TempDir, GatewayOutside) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let rules = EgressRules {
        allow: Vec::new(),
        timeout: Duration::from_secs(1),
        body_bytes: 1024,
    };
    let roots = trusting(rustls::RootCertStore::empty()).unwrap();
    let egress = Egress::new(rules, Arc::clone(&roots), Handle::current());
    (
        directory,
        GatewayOutside::new(egress, store, Handle::current()),
    )
}

#[tokio::test]
async fn ab_25_what_a_plugin_keeps_is_its_own_and_bounded() {
    let (_directory, outside) = outside().await;
    let mine = KvSpace {
        name: "a/mine".to_owned(),
        bytes: 10,
    };
    let other = KvSpace {
        name: "a/other".to_owned(),
        bytes: 10,
    };
    let put = |value: &[u8], add| outside.kv_put(&mine, "k", value.to_vec(), 60, add);
    assert_eq!(put(b"1", true).await, Ok(true));
    assert_eq!(put(b"2", true).await, Ok(false));
    assert_eq!(outside.kv_get(&mine, "k").await, Ok(Some(b"1".to_vec())));
    assert_eq!(outside.kv_get(&other, "k").await, Ok(None));
    assert_eq!(put(&[0; 10], false).await, Err(KvError::Quota));
    assert_eq!(outside.kv_remove(&mine, "k").await, Ok(()));
    assert_eq!(outside.kv_get(&mine, "k").await, Ok(None));
    outside.store.close().await;
    assert_eq!(put(b"1", false).await, Err(KvError::Unavailable));
}

#[tokio::test]
async fn the_clock_runs_and_randomness_differs() {
    let (_directory, outside) = outside().await;
    assert!(outside.now_ms() > 1_700_000_000_000);
    let (mut one, mut two) = ([0; 32], [0; 32]);
    assert!(outside.random(&mut one) && outside.random(&mut two));
    assert_ne!(one, two);
}
