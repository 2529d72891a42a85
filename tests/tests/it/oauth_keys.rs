//! The life of signing keys.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cambist::config::Config;
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME},
    http::{self, Failure, jose_header},
};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

fn document(algorithm: &str, own: bool) -> Value {
    json!({
        "validators": {
            "password": {"kind": "username", "scopes": ["orders:read"]},
            "own": {"kind": "access_token", "issuers": "self", "audiences": [ORDERS]}
        },
        "providers": {"access": {"kind": "access_token", "algorithm": algorithm}},
        "transformations": [
            {"subject": "password", "issue": "access"},
            {"subject": "own", "issue": "access"}
        ],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {
            "secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": [ORDERS]
        }},
        "keys": {"own": own}
    })
}

async fn publish(gateway: &TestGateway, document: &Value) -> Result<(), Failure> {
    gateway
        .put("/admin/v1/instances/alpha/orders", document)
        .await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await
}

async fn issue(gateway: &TestGateway) -> Result<String, Failure> {
    let reply = gateway.exchange(INSTANCE, WEB, DANA, USERNAME, &[]).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

async fn is_accepted(gateway: &TestGateway, token: &str) -> Result<bool, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, ACCESS_TOKEN, &[])
        .await?;
    Ok(reply.status.is_success())
}

fn kid(token: &str) -> String {
    jose_header(token)["kid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn published(gateway: &TestGateway) -> Result<Vec<String>, Failure> {
    let url = format!("{}/oauth2/{INSTANCE}/jwks", gateway.public);
    let keys = http::get(&url, &[]).await?.json();
    let keys = keys["keys"].as_array().cloned().unwrap_or_default();
    Ok(keys
        .iter()
        .filter_map(|key| Some(key["kid"].as_str()?.to_owned()))
        .collect())
}

async fn post(gateway: &TestGateway, path: &str, body: Value) -> Result<Value, Failure> {
    let reply = gateway.admin(Method::POST, path, body.to_string()).await?;
    if !reply.status.is_success() {
        return Err(format!("{path}: {}", reply.text()).into());
    }
    Ok(reply.json())
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_a_revoked_one_is_gone_at_once() -> Outcome {
    let gateway = TestGateway::start().await?;
    publish(&gateway, &document("ES256", false)).await?;
    let token = issue(&gateway).await?;
    let old = kid(&token);
    let rotate = json!({"algorithm": "ES256", "publish_seconds": 600});
    let made = post(&gateway, "/admin/v1/keys:rotate", rotate.clone()).await?;
    assert_eq!(made["state"], "published");
    let new = made["kid"].as_str().unwrap_or_default().to_owned();
    assert_eq!(published(&gateway).await?, [old.clone(), new.clone()]);
    assert_eq!(kid(&issue(&gateway).await?), old, "the barrier holds");
    let second = gateway
        .admin(Method::POST, "/admin/v1/keys:rotate", rotate.to_string())
        .await?;
    assert_eq!(
        second.status.as_u16(),
        409,
        "one at a time: {}",
        second.text()
    );
    let hint = second.json();
    assert_eq!(hint["code"], "rotation_under_way");
    assert!(
        hint["detail"]
            .as_str()
            .is_some_and(|text| text.contains(&new)),
        "{hint}"
    );
    assert!(
        hint["hint"]
            .as_str()
            .is_some_and(|text| text.contains("keys:revoke")),
        "{hint}"
    );
    let short = json!({"algorithm": "ES256", "publish_seconds": 599});
    let short = gateway
        .admin(Method::POST, "/admin/v1/keys:rotate", short.to_string())
        .await?;
    assert_eq!(short.status.as_u16(), 422, "{}", short.text());
    let listed = gateway
        .admin(Method::GET, "/admin/v1/keys", "")
        .await?
        .json();
    let schedule = listed["schedule"].as_array().cloned().unwrap_or_default();
    let of_old = schedule.iter().find(|key| key["kid"] == old.as_str());
    assert_eq!(of_old.map(|key| &key["state"]), Some(&json!("signing")));
    assert!(of_old.is_some_and(|key| key["verifies_until"].is_u64()));
    let gone = post(&gateway, "/admin/v1/keys:revoke", json!({"kid": old})).await?;
    assert_eq!(gone["revoked"], 2, "what was issued under it");
    assert_eq!(published(&gateway).await?, std::slice::from_ref(&new));
    assert_eq!(kid(&issue(&gateway).await?), new, "the waiting one signs");
    assert!(!is_accepted(&gateway, &token).await?);
    Ok(())
}

#[tokio::test]
async fn keys_and_their_revocation_outlive_a_restart() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let gateway = TestGateway::start_in(&data, Config::default()).await?;
    publish(&gateway, &document("ES384", true)).await?;
    let first = kid(&issue(&gateway).await?);
    let rotate = json!({"algorithm": "ES384", "instance": INSTANCE});
    post(&gateway, "/admin/v1/keys:rotate", rotate).await?;
    let keys = published(&gateway).await?;
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, Config::default()).await?;
    assert_eq!(published(&gateway).await?.len(), 2);
    assert_eq!(kid(&issue(&gateway).await?), first);
    post(&gateway, "/admin/v1/keys:revoke", json!({"kid": first})).await?;
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, Config::default()).await?;
    let left = published(&gateway).await?;
    assert_eq!(left.len(), 1);
    assert!(keys.contains(&left[0]) && left[0] != first);
    assert_eq!(kid(&issue(&gateway).await?), left[0]);
    Ok(())
}

#[tokio::test]
async fn an_instance_has_keys_of_its_own_if_it_wants() -> Outcome {
    let gateway = TestGateway::start().await?;
    publish(&gateway, &document("PS256", true)).await?;
    gateway
        .put("/admin/v1/instances/beta/orders", &document("PS256", false))
        .await?;
    let own = issue(&gateway).await?;
    assert_eq!(jose_header(&own)["alg"], "PS256");
    let url = format!("{}/oauth2/beta/orders/jwks", gateway.public);
    let shared = http::get(&url, &[]).await?.text();
    assert!(!shared.contains(&kid(&own)), "sx_18: {shared}");
    assert!(is_accepted(&gateway, &own).await?);
    let foreign = json!({"algorithm": "PS256", "instance": "beta/orders"});
    let refused = gateway
        .admin(Method::POST, "/admin/v1/keys:rotate", foreign.to_string())
        .await?;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.text());
    Ok(())
}

/// Over histories of rotation and revocation, with sixteen clients at once: every token that is handed out
/// is signed by a key that was in the JWK set when it was handed out, or has been taken away since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_clients_never_meet_a_key_that_is_not_published() -> Outcome {
    let gateway = Arc::new(TestGateway::start().await?);
    publish(&gateway, &document("ES256", true)).await?;
    // Before any token: an own instance token to exchange, so that no password has to be hashed.
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let (gateway, done) = (Arc::clone(&gateway), Arc::clone(&done));
            tokio::spawn(async move {
                let mut seen = 0;
                let mut token = String::new();
                while !done.load(Ordering::Relaxed) {
                    let reply = if token.is_empty() {
                        gateway.exchange(INSTANCE, WEB, DANA, USERNAME, &[]).await
                    } else {
                        gateway
                            .exchange(INSTANCE, WEB, &token, ACCESS_TOKEN, &[])
                            .await
                    };
                    let Ok(reply) = reply else { continue };
                    if !reply.status.is_success() {
                        token.clear();
                        continue;
                    }
                    let before = published(&gateway).await.unwrap_or_default();
                    token = reply.json()["access_token"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned();
                    let is_published = before.contains(&kid(&token));
                    assert!(
                        is_published || !is_accepted(&gateway, &token).await.unwrap_or(true),
                        "a token under an unpublished key"
                    );
                    seen += 1;
                }
                seen
            })
        })
        .collect();
    for _ in 0..6 {
        let rotate = json!({"algorithm": "ES256", "instance": INSTANCE, "publish_seconds": 600});
        post(&gateway, "/admin/v1/keys:rotate", rotate).await?;
        let listed = gateway
            .admin(Method::GET, "/admin/v1/keys", "")
            .await?
            .json();
        let schedule = listed["schedule"].as_array().cloned().unwrap_or_default();
        let signing = schedule
            .iter()
            .find(|key| key["instance"] == INSTANCE && key["state"] == "signing")
            .ok_or("no key signs")?;
        let kid = signing["kid"].clone();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        post(&gateway, "/admin/v1/keys:revoke", json!({"kid": kid})).await?;
    }
    done.store(true, Ordering::Relaxed);
    let mut seen = 0;
    for client in clients {
        seen += client.await?;
    }
    assert!(seen > 16, "{seen}");
    Ok(())
}
