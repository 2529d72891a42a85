//! The life of a plugin: inspected, bound at every point of an exchange, rolled back.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, TICKET, WEB},
    gateway::{ID_TOKEN, TestGateway},
    guests,
    http::{Failure, claims},
    issuer::now,
    ticket::ticket,
};

use crate::Outcome;

const PATH: &str = "/admin/v1/instances/alpha/orders";
const PLUGIN: &str = "/admin/v1/plugins/legacy-ticket";

async fn with_plugins(names: &[&str]) -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    for name in names {
        gateway.put_plugin(name, guests::example(name)).await?;
    }
    Ok(gateway)
}

/// Tickets in, and whatever `adjust` makes of it out.
fn document(adjust: impl FnOnce(&mut Value)) -> Value {
    let mut document = json!({
        "validators": {"ticket": {
            "kind": "plugin", "plugin": "legacy-ticket", "token_type": TICKET, "scopes": ["orders:read", "orders:write"],
            "config": {"issuer": "https://old.example"}, "grants": {"keys": {"ticket": "ticket-key"}}
        }},
        "providers": {
            "access": {"kind": "access_token", "claims": {"groups": "groups"}},
            "id": {"kind": "id_token", "claims": {"groups": "groups"}}
        },
        "transformations": [{"subject": "ticket", "issue": "access"}, {"subject": "ticket", "issue": "id"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read", "orders:write"]}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read", "orders:write"]}}
    });
    adjust(&mut document);
    document
}

async fn exchange(gateway: &TestGateway, more: &[(&str, &str)]) -> Result<(u16, Value), Failure> {
    let reply = gateway
        .exchange("alpha/orders", WEB, &ticket("frank", now()), TICKET, more)
        .await?;
    Ok((reply.status.as_u16(), reply.json()))
}

#[tokio::test]
async fn plugin_inspection_says_everything_and_keeps_nothing() -> Outcome {
    let gateway = TestGateway::start().await?;
    let reply = gateway
        .admin(
            Method::POST,
            "/admin/v1/plugins:inspect",
            guests::legacy_ticket(),
        )
        .await?;
    let found = reply.json();
    assert_eq!(reply.status, 200, "{found}");
    assert_eq!(found["manifest"]["version"], "1.0.0");
    assert_eq!(found["points"], json!(["validator"]));
    assert_eq!(gateway.admin(Method::GET, PLUGIN, "").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn plugin_history_is_kept_and_the_way_back_is_one_call() -> Outcome {
    let gateway = with_plugins(&["legacy-ticket"]).await?;
    gateway
        .put(
            PATH,
            &document(|document| {
                document["providers"]["access"]["claims"] = json!({"edition": "edition"});
            }),
        )
        .await?;
    let edition = async || -> Result<Value, Failure> {
        let (_, body) = exchange(&gateway, &[]).await?;
        Ok(claims(body["access_token"].as_str().unwrap_or_default())["edition"].clone())
    };
    assert_eq!(edition().await?, Value::Null);
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket_second())
        .await?;
    assert_eq!(edition().await?, "2");
    let back = gateway
        .admin(Method::POST, &format!("{PLUGIN}/rollback"), "")
        .await?;
    assert_eq!(
        (back.status.as_u16(), &back.json()["manifest"]["version"]),
        (200, &json!("1.0.0"))
    );
    assert_eq!(edition().await?, Value::Null);
    let versions = gateway
        .admin(Method::GET, &format!("{PLUGIN}/versions"), "")
        .await?
        .json();
    assert!(
        versions["versions"]
            .as_array()
            .is_some_and(|all| all.len() >= 2),
        "{versions}"
    );
    let forward = gateway
        .admin(
            Method::POST,
            &format!("{PLUGIN}/rollback"),
            json!({"to": "2.0.0"}).to_string(),
        )
        .await?;
    assert_eq!(forward.status, 200, "{}", forward.text());
    assert_eq!(edition().await?, "2");
    let pinned = document(|document| {
        document["validators"]["ticket"]["plugin"] = json!("legacy-ticket@1.0.0");
    });
    gateway.put(PATH, &pinned).await?;
    assert_eq!(edition().await?, Value::Null);
    let gone = gateway
        .admin(
            Method::POST,
            &format!("{PLUGIN}/rollback"),
            json!({"to": "9.9.9"}).to_string(),
        )
        .await?;
    assert_eq!(gone.status, 422, "{}", gone.text());
    Ok(())
}

#[tokio::test]
async fn ab_25_plugin_grants_that_do_not_hold_refuse_the_instance() -> Outcome {
    let gateway = with_plugins(&["legacy-ticket"]).await?;
    for (grants, path) in [
        (json!({}), "validators.ticket.grants"),
        (
            json!({"keys": {"ticket": "nowhere"}}),
            "validators.ticket.grants.keys.ticket",
        ),
        (
            json!({"keys": {"ticket": "ticket-key"}, "random": true}),
            "validators.ticket.grants",
        ),
        (
            json!({"keys": {"ticket": {"instance": "ES256"}}}),
            "validators.ticket.grants",
        ),
        (
            json!({"keys": {"ticket": "ticket-key"}, "http": {"origins": ["not an origin"]}}),
            "validators.ticket.grants.http.origins",
        ),
    ] {
        let wrong = document(|document| document["validators"]["ticket"]["grants"] = grants);
        let reply = gateway.admin(Method::PUT, PATH, wrong.to_string()).await?;
        let problem = reply.json();
        assert_eq!(
            (reply.status.as_u16(), problem["path"].as_str()),
            (422, Some(path)),
            "{problem}"
        );
    }
    let import = gateway
        .admin(
            Method::PUT,
            PATH,
            document(|document| document["validators"]["ticket"]["grants"] = json!({})).to_string(),
        )
        .await?
        .text();
    assert!(import.contains("cambist:sts/crypto@0.1.0"), "{import}");
    let config =
        document(|document| document["validators"]["ticket"]["config"] = json!({"issuer": 5}));
    let reply = gateway.admin(Method::PUT, PATH, config.to_string()).await?;
    assert_eq!(reply.json()["path"], "validators.ticket.config");
    Ok(())
}

/// A provider of a type nobody foresaw: PASETO, signed by a key of the vault.
#[tokio::test]
async fn plugin_provider_issues_by_the_vaults_key() -> Outcome {
    let gateway = with_plugins(&["legacy-ticket", "paseto"]).await?;
    gateway
        .put(
            "/admin/v1/secrets/paseto-key",
            &json!({"algorithm": "EdDSA", "generate": true}),
        )
        .await?;
    let paseto = "urn:example:token-type:paseto";
    let with_paseto = document(|document| {
        document["providers"]["paseto"] = json!({
            "kind": "plugin", "plugin": "paseto", "token_type": paseto, "grants": {"keys": {"signing": "paseto-key"}}
        });
        document["transformations"] = json!([{"subject": "ticket", "issue": "paseto"}]);
    });
    gateway.put(PATH, &with_paseto).await?;
    let (status, body) = exchange(&gateway, &[("requested_token_type", paseto)]).await?;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["issued_token_type"], paseto);
    let token = body["access_token"].as_str().unwrap_or_default();
    assert!(token.starts_with("v4.public."), "{token}");
    assert!(
        body["expires_in"]
            .as_u64()
            .is_some_and(|seconds| seconds <= 600),
        "{body}"
    );
    Ok(())
}

/// One component at three points of an ID token.
#[tokio::test]
async fn plugin_mappers_decide_claims_acr_and_amr() -> Outcome {
    let gateway = with_plugins(&["legacy-ticket", "claim-map"]).await?;
    let binding = json!({"plugin": "claim-map", "config": {"names": ["pwd=password"]}});
    let mapped = document(|document| {
        document["providers"]["id"] = json!({
            "kind": "id_token", "claims": {"teams": "groups"},
            "claim_mapper": binding, "acr_mapper": binding, "amr_mapper": binding
        });
    });
    gateway.put(PATH, &mapped).await?;
    let (status, body) = exchange(&gateway, &[("requested_token_type", ID_TOKEN)]).await?;
    assert_eq!(status, 200, "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["teams"], json!(["sales", "ops"]), "{issued}");
    assert_eq!(issued["amr"], json!(["password"]), "{issued}");
    assert_eq!(issued.get("groups"), None);
    Ok(())
}

/// A policy narrows, and what it refuses reaches the caller in its own words.
#[tokio::test]
async fn plugin_policy_narrows_or_refuses() -> Outcome {
    let gateway = with_plugins(&["legacy-ticket", "change-window"]).await?;
    let policy = |config: Value| {
        document(|document| {
            document["policy"] = json!([{"plugin": "change-window", "config": config}]);
        })
    };
    // Never open: the whole week is outside of an empty window.
    let closed = policy(json!({"write_scopes": ["orders:write"], "days": []}));
    let reply = gateway.admin(Method::PUT, PATH, closed.to_string()).await?;
    assert!(reply.status.is_success(), "{}", reply.text());
    let (status, body) = exchange(&gateway, &[]).await?;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["scope"], "orders:read");
    let blocked =
        policy(json!({"write_scopes": ["orders:write"], "blocked": ["wam:frank", "frank"]}));
    gateway.put(PATH, &blocked).await?;
    let (status, body) = exchange(&gateway, &[]).await?;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("invalid_request")),
        "{body}"
    );
    Ok(())
}
