//! Relying parties whose tokens are signed with keys of their own.

use cambist::config::Config;
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME, basic},
    http::{self, Failure, Reply, form, jose_header},
};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;
const STOCK: &str = "https://stock.example";
const API: &str = "https://api.orders.example/v1";

/// Orders has the keys that `keys` says; stock has those of the instance.
fn document(keys: &Value) -> Value {
    json!({
        "validators": {
            "password": {"kind": "username", "scopes": ["read"]},
            "own": {"kind": "access_token", "issuers": "self", "audiences": [ORDERS, STOCK, API]}
        },
        "providers": {"access": {"kind": "access_token"}, "id": {"kind": "id_token"}},
        "transformations": [
            {"subject": "password", "issue": "access"},
            {"subject": "password", "issue": "id"},
            {"subject": "own", "issue": "access"}
        ],
        "relying_parties": {
            ORDERS: {"scopes": ["read"], "resources": [API], "keys": keys},
            STOCK: {"scopes": ["read"]}
        },
        "clients": {WEB.0: {
            "secret": WEB.1, "audiences": [ORDERS, STOCK], "scopes": ["read"],
            "subject_audiences": [ORDERS, STOCK, API], "introspects": [ORDERS, STOCK]
        }},
        "keys": {"own": true}
    })
}

async fn put(gateway: &TestGateway, document: &Value) -> Result<Reply, Failure> {
    let path = "/admin/v1/instances/alpha/orders";
    gateway.admin(Method::PUT, path, document.to_string()).await
}

async fn publish(gateway: &TestGateway, document: &Value) -> Outcome {
    let reply = put(gateway, document).await?;
    assert!(reply.status.is_success(), "{}", reply.text());
    Ok(())
}

async fn start(document: &Value) -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    publish(&gateway, document).await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    Ok(gateway)
}

async fn ask(gateway: &TestGateway, more: &[(&str, &str)]) -> Result<Reply, Failure> {
    gateway.exchange(INSTANCE, WEB, DANA, USERNAME, more).await
}

async fn issue(gateway: &TestGateway, more: &[(&str, &str)]) -> Result<String, Failure> {
    let reply = ask(gateway, more).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let token = reply.json();
    Ok(token["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// `alg` and `kid`.
fn signed_by(token: &str) -> (String, String) {
    let header = jose_header(token);
    let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
    (text("alg"), text("kid"))
}

async fn published(gateway: &TestGateway) -> Result<Vec<String>, Failure> {
    let url = format!("{}/oauth2/{INSTANCE}/jwks", gateway.public);
    let keys = http::get(&url, &[]).await?.json();
    let keys = keys["keys"].as_array().cloned().unwrap_or_default();
    let kids = keys.iter().filter_map(|key| key["kid"].as_str());
    Ok(kids.map(ToOwned::to_owned).collect())
}

/// The keys of orders, as the schedule tells them.
async fn of_orders(gateway: &TestGateway) -> Result<Vec<Value>, Failure> {
    let listed = gateway.admin(Method::GET, "/admin/v1/keys", "").await?;
    let listed = listed.json();
    let all = listed["schedule"].as_array().into_iter().flatten();
    Ok(all
        .filter(|key| key["instance"] == INSTANCE && key["relying_party"] == ORDERS)
        .cloned()
        .collect())
}

async fn post(gateway: &TestGateway, path: &str, body: &Value) -> Result<Reply, Failure> {
    gateway.admin(Method::POST, path, body.to_string()).await
}

/// Whether the instance takes a token as a subject, and whether it calls it active.
async fn counts(gateway: &TestGateway, token: &str) -> Result<(bool, bool), Failure> {
    let exchange = [("audience", STOCK)];
    let exchanged = gateway
        .exchange(INSTANCE, WEB, token, ACCESS_TOKEN, &exchange)
        .await?;
    let credential = basic(WEB);
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let url = format!("{}/oauth2/{INSTANCE}/introspect", gateway.public);
    let body = form(&[("token", token)]);
    let asked = http::send(Method::POST, &url, &headers, body).await?;
    Ok((exchanged.status == 200, asked.json()["active"] == true))
}

#[tokio::test]
async fn a_relying_partys_tokens_are_signed_with_its_own_keys_and_no_others_are() -> Outcome {
    let gateway = start(&document(&json!({"own": true, "algorithm": "RS256"}))).await?;
    let orders = issue(&gateway, &[("audience", ORDERS)]).await?;
    let stock = issue(&gateway, &[("audience", STOCK)]).await?;
    let resource = issue(&gateway, &[("resource", API)]).await?;
    let id_token = [
        ("audience", ORDERS),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:id_token",
        ),
    ];
    let id_token = issue(&gateway, &id_token).await?;
    let own = signed_by(&orders);
    assert_eq!(own.0, "RS256");
    assert_eq!(signed_by(&resource), own);
    assert_eq!(signed_by(&id_token), own);
    let shared = signed_by(&stock);
    assert_eq!(shared.0, "ES256");
    let published = published(&gateway).await?;
    assert!(published.contains(&own.1) && published.contains(&shared.1));
    for token in [&orders, &resource, &stock] {
        assert_eq!(counts(&gateway, token).await?, (true, true));
    }
    // One signature cannot be of both.
    let both = ask(&gateway, &[("audience", ORDERS), ("audience", STOCK)]).await?;
    assert_eq!(both.status, 400, "{}", both.text());
    assert_eq!(both.json()["error"], "invalid_request");
    let url = format!(
        "{}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}",
        gateway.public
    );
    let metadata = http::get(&url, &[]).await?.json();
    let algorithms = &metadata["id_token_signing_alg_values_supported"];
    assert_eq!(*algorithms, json!(["ES256", "RS256"]));
    Ok(())
}

#[tokio::test]
async fn they_rotate_and_are_revoked_for_themselves_and_outlive_a_restart() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let mut config = Config::default();
    config.public.url = Some("https://sts.example".to_owned());
    let gateway = TestGateway::start_in(&data, config.clone()).await?;
    publish(&gateway, &document(&json!({"own": true}))).await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    let orders = issue(&gateway, &[("audience", ORDERS)]).await?;
    let stock = issue(&gateway, &[("audience", STOCK)]).await?;
    let (old, shared) = (signed_by(&orders).1, signed_by(&stock).1);
    assert_ne!(old, shared, "one algorithm, two keys");
    let rotate = json!({
        "algorithm": "ES256", "instance": INSTANCE, "relying_party": ORDERS, "publish_seconds": 600
    });
    let made = post(&gateway, "/admin/v1/keys:rotate", &rotate).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["relying_party"], ORDERS);
    assert_eq!(made["state"], "published");
    let new = made["kid"].as_str().unwrap_or_default().to_owned();
    let again = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert_eq!(signed_by(&again).1, old, "the barrier holds");
    let again = post(&gateway, "/admin/v1/keys:rotate", &rotate).await?;
    assert_eq!(again.status, 409);
    // The instance's own are another matter.
    let of_instance = json!({"algorithm": "ES256", "instance": INSTANCE});
    let other = post(&gateway, "/admin/v1/keys:rotate", &of_instance).await?;
    assert_eq!(other.status, 201);
    assert_eq!(published(&gateway).await?.len(), 4);
    gateway.stop().await?;

    let gateway = TestGateway::start_in(&data, config.clone()).await?;
    assert_eq!(published(&gateway).await?.len(), 4);
    assert_eq!(counts(&gateway, &orders).await?, (true, true));
    let gone = post(&gateway, "/admin/v1/keys:revoke", &json!({"kid": old})).await?;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(counts(&gateway, &orders).await?, (false, false));
    assert_eq!(counts(&gateway, &stock).await?, (true, true));
    let next = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert_eq!(signed_by(&next).1, new, "the waiting one signs");
    let next = issue(&gateway, &[("audience", STOCK)]).await?;
    assert_eq!(signed_by(&next).1, shared);
    gateway.stop().await?;

    let gateway = TestGateway::start_in(&data, config).await?;
    assert!(!published(&gateway).await?.contains(&old));
    let next = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert_eq!(signed_by(&next).1, new);
    // A relying party that has none any more gets no new one for that which is taken away.
    publish(&gateway, &document(&json!({}))).await?;
    post(&gateway, "/admin/v1/keys:revoke", &json!({"kid": new})).await?;
    assert_eq!(of_orders(&gateway).await?, [] as [Value; 0]);
    let next = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert_eq!(signed_by(&next).1, shared);
    Ok(())
}

#[tokio::test]
async fn where_tokens_were_issued_before_its_first_key_is_published_before_it_signs() -> Outcome {
    let gateway = start(&document(&json!({}))).await?;
    let before = issue(&gateway, &[("audience", ORDERS)]).await?;
    let keys = json!({"own": true, "algorithm": "RS256", "publish_seconds": 700});
    publish(&gateway, &document(&keys)).await?;
    let after = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert_eq!(signed_by(&after), signed_by(&before));
    let waiting = of_orders(&gateway).await?;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0]["state"], "published");
    let wait = waiting[0]["signs_from"].as_u64().unwrap_or_default();
    let wait = wait.saturating_sub(tests::issuer::now());
    assert!((690..=700).contains(&wait), "{wait}");
    let kid = waiting[0]["kid"].as_str().unwrap_or_default().to_owned();
    assert!(published(&gateway).await?.contains(&kid));
    // Publishing again changes nothing about it.
    publish(&gateway, &document(&keys)).await?;
    assert_eq!(of_orders(&gateway).await?, waiting);
    Ok(())
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused() -> Outcome {
    let gateway = start(&document(&json!({}))).await?;
    for (keys, member) in [
        (json!({"algorithm": "RS256"}), "own"),
        (json!({"own": true, "algorithm": "HS256"}), "algorithm"),
        (
            json!({"own": true, "publish_seconds": 599}),
            "publish_seconds",
        ),
    ] {
        let reply = put(&gateway, &document(&keys)).await?;
        assert_eq!(reply.status, 422, "{keys}");
        let path = format!("relying_parties.{ORDERS}.keys.{member}");
        assert_eq!(reply.json()["path"], path, "{}", reply.text());
    }
    let mut shared = document(&json!({"own": true}));
    shared["keys"] = json!({"own": false});
    let reply = put(&gateway, &shared).await?;
    assert_eq!(reply.status, 422, "{}", reply.text());
    for (who, path) in [
        (json!({"relying_party": ORDERS}), "instance"),
        (
            json!({"instance": INSTANCE, "relying_party": STOCK}),
            "relying_party",
        ),
        (
            json!({"instance": INSTANCE, "relying_party": "nobody"}),
            "relying_party",
        ),
    ] {
        let mut rotate = json!({"algorithm": "ES256"});
        if let (Some(rotate), Value::Object(who)) = (rotate.as_object_mut(), who) {
            rotate.extend(who);
        }
        let reply = post(&gateway, "/admin/v1/keys:rotate", &rotate).await?;
        assert_eq!(reply.status, 422, "{rotate}");
        assert_eq!(reply.json()["path"], path, "{}", reply.text());
    }
    Ok(())
}
