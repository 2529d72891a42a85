//! What thousands of instances cost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    super::*,
    desk::{desk, envelope, hmac_state, rsa_state},
};
use crate::registry::Registry;

/// So many that a cost which grows with their number shows.
const MANY: usize = 1000;
const SAMPLE: usize = 100;

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

#[tokio::test]
async fn publishing_one_more_costs_the_same_whatever_is_there() {
    let desk = desk().await;
    let mut times = Vec::with_capacity(MANY);
    for index in 0..MANY {
        let body = envelope(&hmac_state("/alpha", &format!("inst{index}")));
        let started = Instant::now();
        let (status, body) = desk.call(Method::POST, "", &body).await;
        times.push(started.elapsed());
        assert_eq!(status, 201, "{body}");
    }
    let (first, last) = (median(&times[..SAMPLE]), median(&times[MANY - SAMPLE..]));
    assert!(
        last < 3 * first + Duration::from_millis(10),
        "{first:?} {last:?}"
    );

    let documents = desk.publisher.list_instances().await.unwrap();
    let bytes: usize = documents
        .iter()
        .map(|(_, document, _)| serde_json::to_string(document).unwrap().len())
        .sum();
    assert_eq!(documents.len(), MANY);
    assert!(bytes / MANY < 20 * 1024, "{} bytes each", bytes / MANY);

    desk.published.publish(Registry::default());
    let started = Instant::now();
    let failed = desk.publisher.restore().await.unwrap();
    let restored = started.elapsed();
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(desk.published.load().instances.size(), MANY);
    // Unoptimised and among others; a cost per instance that grows with their number would be minutes.
    assert!(restored < Duration::from_mins(1), "{restored:?}");
    println!(
        "publish: {first:?} among few, {last:?} among {MANY}; {} bytes each; all restored in {restored:?}",
        bytes / MANY
    );
}

/// Signs assertions with the key store of [`Desk::with_key_store`].
fn assertion_state(element: &str) -> Value {
    let mut state = hmac_state("/alpha", element);
    state["supported-token-transforms"] = json!([
        {"inputTokenType": "USERNAME", "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": true}
    ]);
    state["oidc-id-token-config"] = Value::Null;
    state["saml2-config"] = json!({
        "issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:orders-sp",
        "saml2-sp-acs-url": "https://orders.example.com/acs", "saml2-token-lifetime-seconds": "600",
        "saml2-attribute-map": {"EmailAddress": "mail", "roles": "groups"}, "saml2-sign-assertion": "true",
        "saml2-keystore-filename": "keys.jks", "saml2-keystore-password": "kspw-1",
        "saml2-signature-key-alias": "sts-sign", "saml2-signature-key-password": "keypw-1"
    });
    state
}

/// Publishes ten thousand, prints what that costs, and restores them.
async fn ten_thousand(what: &str, state: impl Fn(&str) -> Value) {
    const INSTANCES: usize = 10_000;
    let desk = desk().await.with_key_store().await;
    let mut times = Vec::with_capacity(INSTANCES);
    for index in 0..INSTANCES {
        let body = envelope(&state(&format!("inst{index}")));
        let started = Instant::now();
        let (status, body) = desk.call(Method::POST, "", &body).await;
        times.push(started.elapsed());
        assert_eq!(status, 201, "{body}");
    }
    let documents = desk.publisher.list_instances().await.unwrap();
    let bytes: usize = documents
        .iter()
        .map(|(_, document, _)| serde_json::to_string(document).unwrap().len())
        .sum();
    drop(documents);
    desk.published.publish(Registry::default());
    let started = Instant::now();
    let failed = desk.publisher.restore().await.unwrap();
    let restored = started.elapsed();
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(desk.published.load().instances.size(), INSTANCES);
    let (first, last) = (
        median(&times[..SAMPLE]),
        median(&times[INSTANCES - SAMPLE..]),
    );
    println!(
        "{what}: publish {first:?} among few, {last:?} among {INSTANCES}; {} bytes each; all restored in {restored:?}",
        bytes / INSTANCES
    );
}

#[tokio::test]
#[ignore = "a measurement: prints what ten thousand instances cost"]
async fn ten_thousand_instances_that_make_id_tokens() {
    ten_thousand("HS256", |element| hmac_state("/alpha", element)).await;
}

#[tokio::test]
#[ignore = "a measurement: prints what ten thousand instances cost"]
async fn ten_thousand_instances_that_sign_id_tokens() {
    ten_thousand("RS256", |element| rsa_state("/alpha", element, "NONE")).await;
}

#[tokio::test]
#[ignore = "a measurement: prints what ten thousand instances cost"]
async fn ten_thousand_instances_that_sign_assertions() {
    ten_thousand("SAML2", assertion_state).await;
}
