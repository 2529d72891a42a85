//! Publishing: live at once, whole or not at all.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Connection, Failure, claims, form},
};

use crate::{INSTANCE, Outcome, with_partner};

const PATH: &str = "/admin/v1/instances/alpha/orders";

/// Spoils a document.
type Break = fn(&mut Value);

#[tokio::test]
async fn an_instance_is_created_read_replaced_listed_and_deleted() -> Outcome {
    let gateway = TestGateway::start().await?;
    let created = gateway
        .admin(Method::PUT, PATH, documents::passwords().to_string())
        .await?;
    assert_eq!(created.status, 201, "{}", created.text());
    let tag = created.header("etag").to_owned();
    let read = gateway.admin(Method::GET, PATH, "").await?;
    assert_eq!(
        (read.status.as_u16(), read.header("etag")),
        (200, tag.as_str())
    );
    assert!(
        !read.text().contains(WEB.1),
        "the client's secret is not kept in clear"
    );
    let listed = gateway
        .admin(Method::GET, "/admin/v1/instances", "")
        .await?
        .json();
    assert_eq!(listed["instances"][0]["id"], "alpha/orders");
    let round = gateway
        .admin_with(Method::PUT, PATH, &[("if-match", &tag)], read.body.clone())
        .await?;
    assert_eq!(
        round.status,
        200,
        "what was read can be written back: {}",
        round.text()
    );
    let stale = gateway
        .admin_with(Method::PUT, PATH, &[("if-match", &tag)], read.body.clone())
        .await?;
    assert_eq!(stale.status, 412);
    let exists = gateway
        .admin_with(Method::PUT, PATH, &[("if-none-match", "*")], read.body)
        .await?;
    assert_eq!(exists.status, 412);
    let stale_delete = gateway
        .admin_with(Method::DELETE, PATH, &[("if-match", &tag)], "")
        .await?;
    assert_eq!(stale_delete.status, 412);
    assert_eq!(gateway.admin(Method::DELETE, PATH, "").await?.status, 204);
    assert_eq!(gateway.admin(Method::GET, PATH, "").await?.status, 404);
    assert_eq!(gateway.admin(Method::DELETE, PATH, "").await?.status, 404);
    let gone = gateway.exchange(INSTANCE, WEB, "x", ID_TOKEN, &[]).await?;
    assert_eq!(gone.status, 404);
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "most of it is a table")]
#[tokio::test]
async fn a_mistake_is_named_by_path_and_changes_nothing() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let cases: [(&str, Break); 14] = [
        ("transformations[0].issue", |d| {
            d["transformations"][0]["issue"] = json!("nope");
        }),
        ("transformations[0].subject", |d| {
            d["transformations"][0]["subject"] = json!("nope");
        }),
        ("transformations", |d| d["transformations"] = json!([])),
        ("transformations[3]", |d| {
            let again = d["transformations"][0].clone();
            if let Some(list) = d["transformations"].as_array_mut() {
                list.push(again);
            }
        }),
        ("validators.password.kind", |d| {
            d["validators"]["password"]["kind"] = json!("usrname");
        }),
        ("validators.partner.issuers[0]", |d| {
            d["validators"]["partner"]["issuers"] = json!(["unregistered"]);
        }),
        ("validators.password.subject_prefix", |d| {
            d["validators"]["partner"]["subject_prefix"] = json!("");
        }),
        ("providers.access.algorithm", |d| {
            d["providers"]["access"]["algorithm"] = json!("none");
        }),
        ("providers.access.lifetime_seconds", |d| {
            d["providers"]["access"]["lifetime_seconds"] = json!(0);
        }),
        ("clients.web.audiences", |d| {
            d["clients"]["web"]["audiences"] = json!(["https://unknown.example"]);
        }),
        ("clients.web.secret", |d| {
            d["clients"]["web"]["secret"] = json!("short");
        }),
        ("relying_parties.https://orders.example.resources[0]", |d| {
            d["relying_parties"][ORDERS]["resources"] = json!(["/relative"]);
        }),
        ("actors[0]", |d| d["actors"] = json!(["nobody"])),
        ("clients.web.scopez", |d| {
            d["clients"]["web"]["scopez"] = json!([]);
        }),
    ];
    let before = gateway.admin(Method::GET, PATH, "").await?;
    for (path, break_it) in cases {
        let mut document = documents::with_partner();
        break_it(&mut document);
        let reply = gateway
            .admin(Method::PUT, PATH, document.to_string())
            .await?;
        let problem = reply.json();
        assert_eq!(reply.status, 422, "{path}: {problem}");
        assert_eq!(problem["path"], path, "{problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
        assert!(
            problem["hint"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
    let malformed = gateway
        .admin(Method::PUT, PATH, "{\"validators\": ")
        .await?;
    assert_eq!(
        (malformed.status.as_u16(), malformed.json()["code"].as_str()),
        (400, Some("malformed_json"))
    );
    let after = gateway.admin(Method::GET, PATH, "").await?;
    assert_eq!(
        (before.header("etag"), before.text()),
        (after.header("etag"), after.text())
    );
    let token = issuer.id_token("dana", "web")?;
    assert_eq!(
        gateway
            .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
            .await?
            .status,
        200
    );
    Ok(())
}

#[tokio::test]
async fn ids_that_differ_in_case_or_are_none_are_refused() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway.put(PATH, &documents::passwords()).await?;
    for id in [
        "alpha/ORDERS",
        "alpha/..",
        "a b",
        "alpha//orders",
        "a/b/c/d/e/f/g/h/i",
    ] {
        let path = format!("/admin/v1/instances/{}", id.replace(' ', "%20"));
        let reply = gateway
            .admin(Method::PUT, &path, documents::passwords().to_string())
            .await?;
        assert_eq!(reply.status, 422, "{id}: {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn the_admin_api_needs_its_token() -> Outcome {
    let gateway = TestGateway::start().await?;
    let url = format!("{}/admin/v1/instances", gateway.admin);
    for headers in [
        vec![],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Basic eA==")],
    ] {
        let reply = http::get(&url, &headers).await?;
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(
        http::get(&format!("{}/livez", gateway.admin), &[])
            .await?
            .status,
        200
    );
    assert_eq!(
        http::get(&format!("{}/readyz", gateway.admin), &[])
            .await?
            .status,
        200
    );
    assert_eq!(
        http::get(&format!("{}/admin/v1/instances", gateway.public), &[])
            .await?
            .status,
        404,
        "not on the public listener"
    );
    Ok(())
}

/// WA-09, AB-26: every answer comes from one revision, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ab_26_updates_in_the_middle_of_traffic_drop_nothing_and_mix_nothing() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let gateway = Arc::new(gateway);
    let mut odd = documents::with_partner();
    odd["validators"]["partner"]["subject_prefix"] = json!("odd:");
    odd["providers"]["access"]["lifetime_seconds"] = json!(200);
    let mut even = odd.clone();
    even["validators"]["partner"]["subject_prefix"] = json!("even:");
    even["providers"]["access"]["lifetime_seconds"] = json!(100);
    gateway.put(PATH, &odd).await?;
    let token = issuer.id_token("dana", "web")?;
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut clients = Vec::new();
    for _ in 0..4 {
        let (gateway, stop, done, token) = (
            Arc::clone(&gateway),
            Arc::clone(&stop),
            Arc::clone(&done),
            token.clone(),
        );
        clients.push(tokio::spawn(async move {
            let mut connection = Connection::open(&gateway.public).await?;
            let credential = basic(WEB);
            let headers = [
                ("authorization", credential.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let body = form(&[
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", &token),
                ("subject_token_type", ID_TOKEN),
            ]);
            let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
            while !stop.load(Ordering::Relaxed) {
                let reply = connection
                    .send(Method::POST, &url, &headers, body.clone())
                    .await?;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let body = reply.json();
                let claims = claims(body["access_token"].as_str().unwrap_or_default());
                let lifetime = claims["exp"].as_u64().unwrap_or_default()
                    - claims["iat"].as_u64().unwrap_or_default();
                // Even revisions issue for 100 seconds to prefix "even:", odd ones for 200 to "odd:".
                let expected = if claims["sub"] == "even:dana" {
                    100
                } else {
                    200
                };
                assert_eq!(
                    lifetime, expected,
                    "one revision's validator with another's provider: {claims}"
                );
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failure>(())
        }));
    }
    for round in 0..60 {
        gateway
            .put(PATH, if round % 2 == 0 { &even } else { &odd })
            .await?;
    }
    stop.store(true, Ordering::Relaxed);
    let mut failed = 0;
    for client in clients {
        failed += usize::from(client.await?.is_err());
    }
    assert_eq!(failed, 0);
    assert!(done.load(Ordering::Relaxed) > 100);
    Ok(())
}

#[tokio::test]
async fn a_shared_secret_is_not_shown_and_survives_being_written_back() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["providers"]["access"] = json!({"kind": "access_token", "algorithm": "HS256", "secret": "0123456789abcdef0123456789abcdef"});
    gateway.put(PATH, &document).await?;
    let read = gateway.admin(Method::GET, PATH, "").await?;
    assert!(!read.text().contains("0123456789abcdef"), "{}", read.text());
    let round = gateway.admin(Method::PUT, PATH, read.body).await?;
    assert_eq!(round.status, 200, "{}", round.text());
    let token = issuer.id_token("dana", "web")?;
    let body = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?
        .json();
    let key = jsonwebtoken::DecodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_audience(&[ORDERS]);
    let issued = body["access_token"].as_str().unwrap_or_default();
    assert!(
        jsonwebtoken::decode::<Value>(issued, &key, &rules).is_ok(),
        "{body}"
    );
    document["providers"]["id"]["secret"] = json!("(unchanged)");
    let none = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(none.json()["path"], "providers.id.secret");
    Ok(())
}
