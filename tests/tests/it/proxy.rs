//! The reverse proxy over a real instance.

use cambist_token::jose::Algorithm;
use hyper::Method;
use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure, claims},
    issuer::{Issuer, now},
    server::Server,
    upstream,
};

use crate::{INSTANCE, Outcome, with_partner};

async fn routed() -> Result<(TestGateway, Issuer, Server), Failure> {
    let (gateway, issuer) = with_partner().await?;
    let upstream = upstream::start().await?;
    gateway
        .put("/admin/v1/routes/orders", &route(&upstream.url()))
        .await?;
    Ok((gateway, issuer, upstream))
}

fn route(upstream: &str) -> serde_json::Value {
    json!({"path_prefix": "/orders", "upstream": upstream, "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN})
}

#[tokio::test]
async fn the_upstream_gets_the_new_token_and_never_the_old() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let token = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": WEB.0, "azp": "app", "iat": now(), "exp": now() + 600}),
    )?;
    let credential = format!("Bearer {token}");
    let url = format!("{}/orders/7?full=1", gateway.public);
    let reply = http::send(
        Method::POST,
        &url,
        &[
            ("authorization", &credential),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
        ],
        "body",
    )
    .await?;
    let received = reply.json();
    assert_eq!(reply.status, 200, "{received}");
    assert_eq!(
        (
            received["method"].as_str(),
            received["path"].as_str(),
            received["body_bytes"].as_u64()
        ),
        (Some("POST"), Some("/orders/7?full=1"), Some(4))
    );
    assert!(
        received["headers"]["x-secret"].is_null(),
        "PX-06: {received}"
    );
    assert!(!reply.text().contains(&token));
    let forwarded = received["headers"]["authorization"]
        .as_str()
        .unwrap_or_default()
        .trim_start_matches("Bearer ")
        .to_owned();
    let issued = claims(&forwarded);
    assert_eq!(
        (issued["aud"].as_str(), issued["sub"].as_str()),
        (Some(ORDERS), Some("partner:dana")),
        "{issued}"
    );
    assert_eq!(issued["client_id"], "app", "RFC 9068 §2.2");
    Ok(())
}

#[tokio::test]
async fn without_a_good_token_it_is_401_with_a_challenge() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let url = format!("{}/orders/7", gateway.public);
    let none = http::get(&url, &[]).await?;
    assert_eq!(none.status, 401);
    assert!(
        none.header("www-authenticate").starts_with("Bearer")
            && !none.header("www-authenticate").contains("error")
    );
    let expired = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now() - 900, "exp": now() - 600}),
    )?;
    for token in [
        "garbage",
        &expired,
        &issuer.id_token("dana", "somebody-else")?,
    ] {
        let reply = http::get(&url, &[("authorization", &format!("Bearer {token}"))]).await?;
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(reply.header("www-authenticate").contains("invalid_token"));
    }
    let unknown = http::get(&format!("{}/elsewhere", gateway.public), &[]).await?;
    assert_eq!(unknown.status, 404);
    Ok(())
}

#[tokio::test]
async fn ab_18_the_cache_keeps_callers_apart_and_ends_with_a_publication() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let url = format!("{}/orders/7", gateway.public);
    let subject = async |name: &str| -> Result<(String, String), Failure> {
        let token = issuer.id_token(name, WEB.0)?;
        let mut seen = Vec::new();
        for _ in 0..2 {
            let reply = http::get(&url, &[("authorization", &format!("Bearer {token}"))])
                .await?
                .json();
            let forwarded = reply["headers"]["authorization"]
                .as_str()
                .unwrap_or_default()
                .trim_start_matches("Bearer ")
                .to_owned();
            seen.push(forwarded);
        }
        assert_eq!(seen[0], seen[1], "the second comes from the cache");
        Ok((
            token,
            claims(&seen[0])["sub"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ))
    };
    let (token, dana) = subject("dana").await?;
    let (_, erin) = subject("erin").await?;
    assert_eq!(
        (dana.as_str(), erin.as_str()),
        ("partner:dana", "partner:erin")
    );
    let mut document = documents::with_partner();
    document["validators"]["partner"]["subject_prefix"] = json!("p2:");
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let reply = http::get(&url, &[("authorization", &format!("Bearer {token}"))])
        .await?
        .json();
    let forwarded = reply["headers"]["authorization"]
        .as_str()
        .unwrap_or_default()
        .trim_start_matches("Bearer ")
        .to_owned();
    assert_eq!(claims(&forwarded)["sub"], "p2:dana", "AB-19");
    Ok(())
}

#[tokio::test]
async fn ab_21_if_the_exchange_cannot_run_the_route_refuses() -> Outcome {
    let (gateway, issuer, upstream) = routed().await?;
    let broken = json!({"path_prefix": "/x", "upstream": upstream.url(), "instance": INSTANCE, "audience": "https://unknown.example"});
    let refused = gateway
        .admin(Method::PUT, "/admin/v1/routes/x", broken.to_string())
        .await?;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["path"].as_str()),
        (422, Some("audience"))
    );
    let in_use = gateway
        .admin(Method::DELETE, "/admin/v1/instances/alpha/orders", "")
        .await?;
    assert_eq!(in_use.status, 409, "{}", in_use.text());
    let mut without = documents::with_partner();
    without["relying_parties"] = json!({"https://other.example": {}});
    without["clients"]["web"]["audiences"] = json!([]);
    let refused = gateway
        .admin(
            Method::PUT,
            "/admin/v1/instances/alpha/orders",
            without.to_string(),
        )
        .await?;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["path"].as_str()),
        (422, Some("routes.orders.audience")),
        "{}",
        refused.text()
    );
    drop(upstream);
    let token = issuer.id_token("dana", WEB.0)?;
    let gone = http::get(
        &format!("{}/orders/1", gateway.public),
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await?;
    assert_eq!(gone.status, 502, "{}", gone.text());
    Ok(())
}

#[tokio::test]
async fn a_dead_issuer_is_503_and_not_a_pass() -> Outcome {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    let upstream = upstream::start().await?;
    let token = issuer.id_token("dana", WEB.0)?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &documents::with_partner(),
        )
        .await?;
    gateway
        .put("/admin/v1/routes/orders", &route(&upstream.url()))
        .await?;
    drop(issuer);
    let reply = http::get(
        &format!("{}/orders/1", gateway.public),
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await?;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(!reply.header("retry-after").is_empty());
    Ok(())
}
