//! What administrators register: nothing else is fetched, and updates are checked as creations are.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cambist_token::jose::{Algorithm, SigningKey};
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure},
    issuer::now,
    server::Server,
};

use crate::{
    Outcome,
    oauth_conformance::{ask, wide, wide_document},
    oauth_forged::b64,
};

const PATH: &str = "/admin/v1/instances/alpha/orders";

/// A listener that counts who comes.
async fn trap() -> Result<(Server, Arc<AtomicUsize>), Failure> {
    let hits = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&hits);
    let server = Server::start(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        tests::server::json(&json!({"keys": []}))
    })
    .await?;
    Ok((server, hits))
}

#[tokio::test]
async fn kf_06_no_address_out_of_a_token_or_request_is_fetched() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let (trap, hits) = trap().await?;
    let url = trap.url();
    let genuine = issuer.id_token("dana", "web")?;
    let (_, rest) = genuine.split_once('.').ok_or("no JWT")?;
    for member in ["jku", "x5u", "kid", "iss"] {
        let mut header = http::jose_header(&genuine);
        header[member] = json!(url);
        let forged = format!("{}.{rest}", b64(header.to_string()));
        assert_eq!(
            ask(&gateway, (&forged, ID_TOKEN), &[]).await?.status,
            400,
            "{member}"
        );
    }
    for said in [
        json!({"iss": url, "sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60}),
        json!({"iss": url, "jwks_uri": url, "sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60}),
    ] {
        let token = issuer.sign("JWT", said)?;
        assert_eq!(ask(&gateway, (&token, ID_TOKEN), &[]).await?.status, 400);
    }
    for name in [
        "jwks_uri",
        "request_uri",
        "logo_uri",
        "sector_identifier_uri",
        "client_id",
        "resource",
    ] {
        let _ = ask(&gateway, (&genuine, ID_TOKEN), &[(name, &url)]).await?;
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test]
async fn kf_08_publishing_asks_nobody_and_what_is_published_stays_behind_the_guard() -> Outcome {
    let gateway = TestGateway::start_with(|config| config.egress.allow.clear()).await?;
    let (trap, hits) = trap().await?;
    let authority = trap.url().trim_start_matches("http://").to_owned();
    for (path, document) in [
        (
            "authenticators/alpha/am",
            json!({"kind": "access_manager", "url": format!("{}/am", trap.url())}),
        ),
        (
            "authenticators/alpha/directory",
            json!({"kind": "ldap", "url": format!("ldap://{authority}"), "base": "dc=x", "filter": "(uid={username})"}),
        ),
        (
            "issuers/inside",
            json!({"issuer": trap.url(), "audiences": ["web"]}),
        ),
    ] {
        let _ = gateway
            .admin(
                Method::PUT,
                &format!("/admin/v1/{path}"),
                document.to_string(),
            )
            .await?;
        for action in [":test", "/test", ":connect", "?_action=test"] {
            let reply = gateway
                .admin(
                    Method::POST,
                    &format!("/admin/v1/{path}{action}"),
                    document.to_string(),
                )
                .await?;
            assert!(
                reply.status.is_client_error(),
                "{path}{action}: {}",
                reply.text()
            );
        }
    }
    let mut document = documents::passwords();
    document["validators"]["inside"] =
        json!({"kind": "id_token", "issuers": ["inside"], "subject_prefix": "inside:"});
    document["transformations"] = json!([{"subject": "inside", "issue": "access"}]);
    gateway.put(PATH, &document).await?;
    let (thief, _) = SigningKey::generate(Algorithm::Es256)?;
    let said =
        json!({"iss": trap.url(), "sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60});
    let reply = ask(&gateway, (&thief.sign_jwt("JWT", &said)?, ID_TOKEN), &[]).await?;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    Ok(())
}

/// Spoils a document.
type Break = fn(&mut Value);

#[tokio::test]
async fn sc_06_an_update_passes_the_checks_of_a_creation() -> Outcome {
    let (gateway, _issuer) = wide().await?;
    let broken: [(&str, Break); 9] = [
        ("no secret", |d| {
            d["clients"]["web"] = json!({"audiences": [ORDERS]});
        }),
        ("an empty secret", |d| {
            d["clients"]["web"]["secret"] = json!("");
        }),
        ("a weak secret", |d| {
            d["clients"]["web"]["secret"] = json!("short");
        }),
        ("another type", |d| {
            d["clients"]["web"]["audiences"] = json!(7);
        }),
        ("an unknown target", |d| {
            d["clients"]["web"]["audiences"] = json!(["https://unknown.example"]);
        }),
        ("two ways to authenticate", |d| {
            d["clients"]["web"]["authentication"] =
                json!({"method": "private_key_jwt", "jwks": {"keys": []}});
        }),
        ("an unknown member", |d| {
            d["clients"]["web"]["disabled"] = json!(false);
        }),
        ("null for a list", |d| d["transformations"] = json!(null)),
        ("no validators", |d| d["validators"] = json!({})),
    ];
    for (what, spoil) in broken {
        let mut document = wide_document();
        spoil(&mut document);
        let text = document.to_string();
        let update = gateway.admin(Method::PUT, PATH, text.clone()).await?;
        let creation = gateway
            .admin(Method::PUT, "/admin/v1/instances/alpha/fresh", text)
            .await?;
        assert_eq!(
            (
                update.status,
                &update.json()["code"],
                &update.json()["path"]
            ),
            (
                creation.status,
                &creation.json()["code"],
                &creation.json()["path"]
            ),
            "{what}"
        );
        assert!(update.status.is_client_error(), "{what}: {}", update.text());
    }
    // Removed and published again, a document is checked like any other.
    assert_eq!(gateway.admin(Method::DELETE, PATH, "").await?.status, 204);
    let mut document = wide_document();
    document["clients"]["web"]["secret"] = json!("(unchanged)");
    let revived = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(revived.status, 422, "{}", revived.text());
    Ok(())
}
