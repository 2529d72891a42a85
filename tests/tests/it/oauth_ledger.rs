//! What is kept of issued tokens, and what revoking one ends.

use cambist::config::Config;
use cambist_token::jose::Algorithm;
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TestGateway, USERNAME},
    http::{Failure, claims},
    issuer::{Issuer, now},
    upstream,
};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

/// [`documents::with_partner`], where the access tokens it issues may be exchanged again.
fn document(persistence: &str) -> Value {
    let mut document = documents::with_partner();
    document["validators"]["own"] = json!({
        "kind": "access_token", "issuers": "self", "audiences": [ORDERS]
    });
    document["clients"][WEB.0]["subject_audiences"] = json!([WEB.0, ORDERS]);
    document["shared_subjects"] = json!(true);
    document["ledger"] = json!({"persistence": persistence});
    if let Some(list) = document["transformations"].as_array_mut() {
        list.push(json!({"subject": "own", "issue": "access"}));
    }
    document
}

async fn start(persistence: &str) -> Result<(TestGateway, Issuer), Failure> {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &document(persistence))
        .await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    Ok((gateway, issuer))
}

async fn issue(gateway: &TestGateway, token: &str, token_type: &str) -> Result<String, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, token_type, &[])
        .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

async fn is_refused(gateway: &TestGateway, token: &str, token_type: &str) -> Result<bool, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, token_type, &[])
        .await?;
    let body = reply.json();
    if reply.status.is_success() {
        return Ok(false);
    }
    assert_eq!(body["error"], "invalid_request", "{body}");
    assert_eq!(
        body["error_description"], "the subject token is not acceptable",
        "sx_09: no oracle"
    );
    Ok(true)
}

async fn admin(
    gateway: &TestGateway,
    method: Method,
    path: &str,
    body: Value,
) -> Result<Value, Failure> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let reply = gateway.admin(method, path, body).await?;
    if !reply.status.is_success() {
        return Err(format!("{path}: {} {}", reply.status, reply.text()).into());
    }
    Ok(reply.json())
}

#[tokio::test]
async fn rv_06_a_revoked_ancestor_blocks_further_exchange() -> Outcome {
    for persistence in ["asynchronous", "synchronous"] {
        let (gateway, _issuer) = start(persistence).await?;
        let first = issue(&gateway, DANA, USERNAME).await?;
        let second = issue(&gateway, &first, ACCESS_TOKEN).await?;
        let third = issue(&gateway, &second, ACCESS_TOKEN).await?;
        let other = issue(&gateway, DANA, USERNAME).await?;
        let answer = admin(
            &gateway,
            Method::POST,
            "/admin/v1/tokens:revoke",
            json!({"token": first, "reason": "lost"}),
        )
        .await?;
        assert_eq!(answer["revoked"], 3, "{persistence}");
        for token in [&first, &second, &third] {
            assert!(is_refused(&gateway, token, ACCESS_TOKEN).await?);
        }
        assert!(!is_refused(&gateway, &other, ACCESS_TOKEN).await?);
    }
    Ok(())
}

#[tokio::test]
async fn rv_05_revoking_a_foreign_token_by_its_name_ends_what_was_made_from_it() -> Outcome {
    let (gateway, issuer) = start("asynchronous").await?;
    let foreign = issuer.sign(
        "JWT",
        json!({
            "iss": issuer.url(), "sub": "erin", "aud": WEB.0, "iat": now(), "exp": now() + 300, "jti": "login-1"
        }),
    )?;
    let made = issue(&gateway, &foreign, ID_TOKEN).await?;
    let answer = admin(
        &gateway,
        Method::POST,
        "/admin/v1/tokens:revoke",
        json!({"issuer": issuer.url(), "id": "login-1"}),
    )
    .await?;
    assert_eq!(answer["revoked"], 1);
    assert!(is_refused(&gateway, &foreign, ID_TOKEN).await?);
    assert!(is_refused(&gateway, &made, ACCESS_TOKEN).await?);
    Ok(())
}

#[tokio::test]
async fn rv_07_a_subject_is_cut_off_and_may_come_back_with_something_newer() -> Outcome {
    let (gateway, _issuer) = start("revocations").await?;
    let token = issue(&gateway, DANA, USERNAME).await?;
    let body = json!({"kind": "subject", "value": "dana", "instance": INSTANCE, "reason": "stolen laptop"});
    admin(&gateway, Method::POST, "/admin/v1/cut-offs", body).await?;
    assert!(
        is_refused(&gateway, &token, ACCESS_TOKEN).await?,
        "without any row"
    );
    let listed = admin(&gateway, Method::GET, "/admin/v1/cut-offs", Value::Null).await?;
    assert_eq!(listed["cut_offs"][0]["reason"], "stolen laptop");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let new = issue(&gateway, DANA, USERNAME).await?;
    assert!(!is_refused(&gateway, &new, ACCESS_TOKEN).await?);
    Ok(())
}

#[tokio::test]
async fn tokens_are_listed_read_and_revoked_by_their_digest() -> Outcome {
    let (gateway, _issuer) = start("synchronous").await?;
    let first = issue(&gateway, DANA, USERNAME).await?;
    issue(&gateway, &first, ACCESS_TOKEN).await?;
    let path = format!("/admin/v1/tokens?instance={INSTANCE}&subject=dana&active=true&limit=1");
    let page = admin(&gateway, Method::GET, &path, Value::Null).await?;
    assert_eq!(page["tokens"].as_array().map(Vec::len), Some(1));
    let path = format!("{path}&before={}", page["next"]);
    let page = admin(&gateway, Method::GET, &path, Value::Null).await?;
    let row = &page["tokens"][0];
    assert_eq!(row["id"], claims(&first)["jti"]);
    assert_eq!(row["client"], WEB.0);
    assert_eq!(row["parent"], Value::Null, "nothing is kept of a password");
    assert!(!page.to_string().contains(&first), "never the token");
    let path = format!(
        "/admin/v1/tokens/{}",
        row["sha256"].as_str().unwrap_or_default()
    );
    let one = admin(&gateway, Method::GET, &path, Value::Null).await?;
    assert_eq!(one["children"][0]["parent"], one["mark"]);
    let gone = admin(
        &gateway,
        Method::DELETE,
        &format!("{path}?reason=test"),
        Value::Null,
    )
    .await?;
    assert_eq!(gone["revoked"], 2);
    let one = admin(&gateway, Method::GET, &path, Value::Null).await?;
    assert_eq!(
        (&one["state"], &one["reason"]),
        (&json!("revoked"), &json!("test"))
    );
    let none = gateway
        .admin(Method::GET, "/admin/v1/tokens?owner=dana", "")
        .await?;
    assert_eq!(none.status, 422, "{}", none.text());
    Ok(())
}

#[tokio::test]
async fn a_revocation_outlives_a_restart() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let config = || {
        let mut config = Config::default();
        config.public.url = Some("http://sts.example".to_owned());
        config
    };
    let mut own = document("asynchronous");
    own["validators"]
        .as_object_mut()
        .map(|list| list.remove("partner"));
    if let Some(list) = own["transformations"].as_array_mut() {
        list.retain(|one| one["subject"] != "partner");
    }
    let gateway = TestGateway::start_in(&data, config()).await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &own)
        .await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    let token = issue(&gateway, DANA, USERNAME).await?;
    let child = issue(&gateway, &token, ACCESS_TOKEN).await?;
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, config()).await?;
    let body = json!({"token": token});
    let answer = admin(&gateway, Method::POST, "/admin/v1/tokens:revoke", body).await?;
    assert_eq!(answer["revoked"], 2, "nothing was lost by stopping");
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, config()).await?;
    assert!(is_refused(&gateway, &token, ACCESS_TOKEN).await?);
    assert!(is_refused(&gateway, &child, ACCESS_TOKEN).await?);
    Ok(())
}

#[tokio::test]
async fn rv_08_ab_19_the_proxy_stops_honouring_a_revoked_token() -> Outcome {
    let (gateway, _issuer) = start("asynchronous").await?;
    let upstream = upstream::start().await?;
    gateway
        .put(
            "/admin/v1/routes/orders",
            &json!({
                "path_prefix": "/orders", "upstream": upstream.url(), "instance": INSTANCE,
                "subject_token_type": ACCESS_TOKEN, "audience": ORDERS
            }),
        )
        .await?;
    let token = issue(&gateway, DANA, USERNAME).await?;
    let status = async || -> Result<u16, Failure> {
        let credential = format!("Bearer {token}");
        let reply = tests::http::send(
            Method::GET,
            &format!("{}/orders/1", gateway.public),
            &[("authorization", credential.as_str())],
            "",
        )
        .await?;
        Ok(reply.status.as_u16())
    };
    assert_eq!((status().await?, status().await?), (200, 200), "kept");
    admin(
        &gateway,
        Method::POST,
        "/admin/v1/tokens:revoke",
        json!({"token": token}),
    )
    .await?;
    assert_eq!(status().await?, 401, "at once");
    Ok(())
}
