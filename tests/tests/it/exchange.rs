//! Tokens in, tokens out.

use cambist_token::jose::Algorithm;
use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, USERNAME},
    http::{self, claims, form, jose_header},
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome, with_partner};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

#[tokio::test]
async fn tx_30_a_password_becomes_an_access_token() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user(
            "/alpha",
            "dana",
            "correct horse",
            json!({"email": "dana@example.com"}),
        )
        .await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    let reply = gateway.exchange(INSTANCE, WEB, DANA, USERNAME, &[]).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["scope"], "orders:read");
    assert_eq!(reply.header("cache-control"), "no-store");
    let token = body["access_token"].as_str().unwrap_or_default();
    assert_eq!(jose_header(token)["typ"], "at+jwt");
    assert_eq!(jose_header(token)["alg"], "ES256");
    let claims = claims(token);
    assert_eq!(
        claims["iss"],
        format!("{}/oauth2/alpha/orders", gateway.public)
    );
    assert_eq!(claims["sub"], "dana");
    assert_eq!(claims["aud"], ORDERS);
    assert_eq!(claims["client_id"], "web");
    assert_eq!(claims["email"], "dana@example.com");
    assert_eq!(
        claims["act"],
        json!({"sub": "web"}),
        "without the impersonation permission the client is the actor"
    );
    assert!(claims["jti"].is_string() && claims["iat"].is_u64());
    Ok(())
}

#[tokio::test]
async fn tx_31_an_id_token_is_not_applicable_as_bearer() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    let reply = gateway
        .exchange(
            INSTANCE,
            WEB,
            DANA,
            USERNAME,
            &[("requested_token_type", ID_TOKEN)],
        )
        .await?;
    let body = reply.json();
    assert_eq!(body["token_type"], "N_A", "{body}");
    assert_eq!(body["issued_token_type"], ID_TOKEN);
    assert_eq!(
        jose_header(body["access_token"].as_str().unwrap_or_default())["alg"],
        "RS256"
    );
    Ok(())
}

#[tokio::test]
async fn tx_61_ab_05_a_users_realm_is_the_instances() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/beta", "dana", "correct horse", json!({}))
        .await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    assert_eq!(
        crate::error(&gateway, DANA, USERNAME, &[]).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn tx_60_a_foreign_id_token_keeps_its_subject_apart() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    let body = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?
        .json();
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["sub"], "partner:dana", "{body}");
    assert_eq!(issued["email"], "dana@partner.example");
    Ok(())
}

#[tokio::test]
async fn tx_70_ab_37_the_issued_token_ends_with_the_subject_token() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let end = now() + 45;
    let token = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now(), "exp": end}),
    )?;
    let body = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?
        .json();
    assert_eq!(
        claims(body["access_token"].as_str().unwrap_or_default())["exp"],
        end,
        "{body}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_issued_verifies_with_the_published_keys() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    let body = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?
        .json();
    let issued = body["access_token"].as_str().unwrap_or_default();
    let metadata = http::get(
        &format!(
            "{}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}",
            gateway.public
        ),
        &[],
    )
    .await?
    .json();
    assert_eq!(metadata["issuer"], claims(issued)["iss"]);
    let keys = http::get(metadata["jwks_uri"].as_str().unwrap_or_default(), &[]).await?;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&keys.body)?;
    let kid = jose_header(issued)["kid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&kid).ok_or("no such key")?)?;
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    rules.set_audience(&[ORDERS]);
    let verified = jsonwebtoken::decode::<serde_json::Value>(issued, &key, &rules)?;
    assert_eq!(verified.claims["sub"], "partner:dana");
    assert!(
        !keys.text().contains("\"d\""),
        "no private member is published"
    );
    Ok(())
}

#[tokio::test]
async fn ri_04_a_resource_becomes_the_audience() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    let body = gateway
        .exchange(
            INSTANCE,
            WEB,
            &token,
            ID_TOKEN,
            &[("resource", "https://API.orders.example:443/v1")],
        )
        .await?
        .json();
    assert_eq!(
        claims(body["access_token"].as_str().unwrap_or_default())["aud"],
        "https://api.orders.example/v1",
        "{body}"
    );
    Ok(())
}

#[tokio::test]
async fn client_secret_post_works_too_and_slow_secrets_do() -> Outcome {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(Algorithm::Rs256).await?;
    gateway.put_partner(&issuer).await?;
    let mut document = documents::with_partner();
    document["clients"]["web"]["secret"] = json!("short-secret");
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let stored = gateway
        .admin(hyper::Method::GET, "/admin/v1/instances/alpha/orders", "")
        .await?
        .json();
    assert!(
        stored["clients"]["web"]["secret_hash"]
            .as_str()
            .is_some_and(|hash| hash.starts_with("$argon2id$")),
        "{stored}"
    );
    let token = issuer.id_token("dana", "web")?;
    for (secret, status) in [
        ("short-secret", 200),
        ("short-secreT", 401),
        ("short-secret", 200),
    ] {
        let body = form(&[
            ("grant_type", TOKEN_EXCHANGE),
            ("client_id", "web"),
            ("client_secret", secret),
            ("subject_token", &token),
            ("subject_token_type", ID_TOKEN),
        ]);
        let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
        let reply = http::send(
            hyper::Method::POST,
            &url,
            &[("content-type", "application/x-www-form-urlencoded")],
            body,
        )
        .await?;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn every_algorithm_is_issued_and_symmetric_keys_stay_private() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    for algorithm in ["ES256", "RS256", "EdDSA", "HS256"] {
        let mut document = documents::with_partner();
        document["providers"]["access"]["algorithm"] = json!(algorithm);
        if algorithm == "HS256" {
            document["providers"]["access"]["secret"] = json!("0123456789abcdef0123456789abcdef");
        }
        gateway
            .put("/admin/v1/instances/alpha/orders", &document)
            .await?;
        let body = gateway
            .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
            .await?
            .json();
        assert_eq!(
            jose_header(body["access_token"].as_str().unwrap_or_default())["alg"],
            algorithm,
            "{body}"
        );
        let keys = http::get(&format!("{}/oauth2/{INSTANCE}/jwks", gateway.public), &[])
            .await?
            .text();
        assert!(!keys.contains("oct"), "{keys}");
    }
    Ok(())
}
