//! Clients that prove who they are with a key (RFC 7523 §2.2, RFC 7523bis), and the grants they use.

use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway},
    http::{self, Failure, Reply, claims, form},
    issuer::now,
};

use crate::{INSTANCE, Outcome, with_partner};

const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SPIFFE_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SVID: &str = "spiffe://example.org/ns/shop/web";

/// A document whose client `app` authenticates in this way.
fn with_app(authentication: &Value) -> Value {
    let mut document = documents::with_partner();
    document["clients"]["app"] = json!({
        "authentication": authentication, "audiences": [ORDERS], "scopes": ["orders:read"],
        "subject_audiences": ["web", "app"]
    });
    document
}

fn key() -> Result<SigningKey, Failure> {
    Ok(SigningKey::generate(Algorithm::Es256)?.0)
}

fn by_key(key: &SigningKey) -> Value {
    json!({"method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}})
}

fn issuer_of(gateway: &TestGateway) -> String {
    format!("{}/oauth2/{INSTANCE}", gateway.public)
}

fn assertion_claims(gateway: &TestGateway) -> Value {
    json!({
        "iss": "app", "sub": "app", "aud": issuer_of(gateway), "exp": now() + 60, "iat": now(),
        "jti": format!("{:?}", std::time::Instant::now())
    })
}

async fn post(gateway: &TestGateway, parameters: &[(&str, &str)]) -> Result<Reply, Failure> {
    http::send(
        hyper::Method::POST,
        &format!("{}/token", issuer_of(gateway)),
        &[("content-type", "application/x-www-form-urlencoded")],
        form(parameters),
    )
    .await
}

async fn exchange_as(
    gateway: &TestGateway,
    kind: &str,
    assertion: &str,
    subject: &str,
    more: &[(&str, &str)],
) -> Result<Reply, Failure> {
    let mut parameters = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("client_assertion_type", kind),
        ("client_assertion", assertion),
        ("subject_token", subject),
        ("subject_token_type", ID_TOKEN),
    ];
    parameters.extend_from_slice(more);
    post(gateway, &parameters).await
}

fn told(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status.as_u16(), error)
}

#[tokio::test]
async fn sc_02_as_14_a_signed_assertion_serves_once() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let key = key()?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &with_app(&by_key(&key)))
        .await?;
    let subject = issuer.id_token("dana", "web")?;
    let assertion = key.sign_jwt("client-authentication+jwt", &assertion_claims(&gateway))?;
    let first = exchange_as(&gateway, JWT_ASSERTION, &assertion, &subject, &[]).await?;
    assert_eq!(first.status, 200, "{}", first.text());
    let issued = first.json();
    let issued = claims(issued["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["client_id"], "app");
    let again = exchange_as(&gateway, JWT_ASSERTION, &assertion, &subject, &[]).await?;
    assert_eq!(told(&again), (401, "invalid_client".to_owned()));
    Ok(())
}

#[tokio::test]
async fn sc_01_sc_02_ab_11_what_is_not_an_assertion_of_the_client_is_refused() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let (key, other) = (key()?, key()?);
    gateway
        .put("/admin/v1/instances/alpha/orders", &with_app(&by_key(&key)))
        .await?;
    let subject = issuer.id_token("dana", "web")?;
    let us = issuer_of(&gateway);
    let endpoint = format!("{us}/token");
    for (name, value) in [
        ("aud", json!(endpoint)),
        ("aud", json!([us, "https://elsewhere.example"])),
        ("aud", json!([us, endpoint])),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!(null)),
        ("iss", json!("web")),
        ("sub", json!("web")),
        ("sub", json!(null)),
        ("exp", json!(now() - 120)),
        ("exp", json!(now() + 3600)),
        ("exp", json!(null)),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("nbf", json!(now() + 600)),
    ] {
        let mut claims = assertion_claims(&gateway);
        claims[name] = value.clone();
        let assertion = key.sign_jwt("JWT", &claims)?;
        for named in [&[][..], &[("client_id", "app")]] {
            let reply = exchange_as(&gateway, JWT_ASSERTION, &assertion, &subject, named).await?;
            assert_eq!(
                told(&reply),
                (401, "invalid_client".to_owned()),
                "{name}: {value}"
            );
        }
    }
    let forged = other.sign_jwt("JWT", &assertion_claims(&gateway))?;
    let typed = key.sign_jwt("at+jwt", &assertion_claims(&gateway))?;
    let good = || key.sign_jwt("JWT", &assertion_claims(&gateway));
    for (assertion, kind, more) in [
        (forged, JWT_ASSERTION, None),
        (typed, JWT_ASSERTION, None),
        (good()?, SPIFFE_ASSERTION, None),
        (good()?, "urn:x", None),
        (good()?, JWT_ASSERTION, Some(("client_id", "web"))),
        (good()?, JWT_ASSERTION, Some(("client_secret", WEB.1))),
        ("junk".to_owned(), JWT_ASSERTION, None),
    ] {
        let more: Vec<_> = more.into_iter().collect();
        let reply = exchange_as(&gateway, kind, &assertion, &subject, &more).await?;
        assert_eq!(told(&reply), (401, "invalid_client".to_owned()), "{more:?}");
    }
    let array = {
        let mut claims = assertion_claims(&gateway);
        claims["aud"] = json!([us]);
        key.sign_jwt("JWT", &claims)?
    };
    let reply = exchange_as(&gateway, JWT_ASSERTION, &array, &subject, &[]).await?;
    assert_eq!(
        reply.status,
        200,
        "as_12: a list of one is one: {}",
        reply.text()
    );
    Ok(())
}

#[tokio::test]
async fn as_12_the_endpoint_is_an_audience_only_where_a_client_may() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let key = key()?;
    let mut authentication = by_key(&key);
    authentication["endpoint_audience"] = json!(true);
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &with_app(&authentication),
        )
        .await?;
    let mut claims = assertion_claims(&gateway);
    claims["aud"] = json!(format!("{}/token", issuer_of(&gateway)));
    let assertion = key.sign_jwt("JWT", &claims)?;
    let subject = issuer.id_token("dana", "web")?;
    let reply = exchange_as(&gateway, JWT_ASSERTION, &assertion, &subject, &[]).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn sc_03_a_secret_does_not_help_a_client_of_another_method() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let key = key()?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &with_app(&by_key(&key)))
        .await?;
    let subject = issuer.id_token("dana", "web")?;
    let reply = gateway
        .exchange(INSTANCE, ("app", WEB.1), &subject, ID_TOKEN, &[])
        .await?;
    assert_eq!(told(&reply), (401, "invalid_client".to_owned()));
    let mut claims = assertion_claims(&gateway);
    claims["iss"] = json!("web");
    claims["sub"] = json!("web");
    let assertion = key.sign_jwt("JWT", &claims)?;
    let reply = exchange_as(&gateway, JWT_ASSERTION, &assertion, &subject, &[]).await?;
    assert_eq!(told(&reply), (401, "invalid_client".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_jwt_svid_is_a_client_by_its_spiffe_id() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let key = key()?;
    let mut jwk = key.public_jwk().ok_or("no key")?;
    jwk["use"] = json!("jwt-svid");
    let authentication = json!({
        "method": "spiffe_jwt", "spiffe_id": "spiffe://example.org/ns/shop/*", "jwks": {"keys": [jwk]}
    });
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &with_app(&authentication),
        )
        .await?;
    let subject = issuer.id_token("dana", "web")?;
    let svid = |sub: &str, aud: Value| {
        key.sign_jwt("JWT", &json!({"sub": sub, "aud": aud, "exp": now() + 300}))
    };
    let good = svid(SVID, json!([issuer_of(&gateway)]))?;
    for named in [&[][..], &[("client_id", "app")], &[]] {
        let reply = exchange_as(&gateway, SPIFFE_ASSERTION, &good, &subject, named).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for svid in [
        svid(
            "spiffe://example.org/ns/other/web",
            json!(issuer_of(&gateway)),
        )?,
        svid(SVID, json!("https://elsewhere.example"))?,
        svid(SVID, json!([issuer_of(&gateway), "x"]))?,
    ] {
        let reply = exchange_as(&gateway, SPIFFE_ASSERTION, &svid, &subject, &[]).await?;
        assert_eq!(told(&reply), (401, "invalid_client".to_owned()));
    }
    let reply = exchange_as(&gateway, JWT_ASSERTION, &good, &subject, &[]).await?;
    assert_eq!(told(&reply), (401, "invalid_client".to_owned()));
    Ok(())
}

#[tokio::test]
async fn tx_42_bc_10_clients_ask_in_their_own_name_where_they_may() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    let ask = [("grant_type", "client_credentials")];
    let reply = gateway.token_request(INSTANCE, WEB, &ask).await?;
    assert_eq!(told(&reply), (400, "unauthorized_client".to_owned()));
    document["clients"]["web"]["grant_types"] = json!(["client_credentials"]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let reply = gateway.token_request(INSTANCE, WEB, &ask).await?;
    assert_eq!(reply.status, 400, "nothing to issue: {}", reply.text());
    document["client_credentials"] = json!({"issue": "access"});
    let clash = gateway
        .admin(
            hyper::Method::PUT,
            "/admin/v1/instances/alpha/orders",
            document.to_string(),
        )
        .await?;
    assert_eq!(clash.status, 422, "{}", clash.text());
    document["client_credentials"]["subject_prefix"] = json!("client:");
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let reply = gateway.token_request(INSTANCE, WEB, &ask).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(
        (&issued["sub"], &issued["client_id"], &issued["aud"]),
        (&json!("client:web"), &json!("web"), &json!(ORDERS))
    );
    assert_eq!(issued["scope"], "orders:read");
    assert!(issued["act"].is_null() && body["refresh_token"].is_null());
    for (more, code) in [
        (("audience", "https://elsewhere.example"), "invalid_target"),
        (("scope", "orders:write"), "invalid_scope"),
    ] {
        let reply = gateway
            .token_request(INSTANCE, WEB, &[ask[0], more])
            .await?;
        assert_eq!(told(&reply), (400, code.to_owned()));
    }
    let ab_35 = [ask[0], ("subject_token", "x"), ("subject_token_type", "y")];
    let reply = gateway.token_request(INSTANCE, WEB, &ab_35).await?;
    assert_eq!(reply.status, 200, "ab_35: no effect: {}", reply.text());
    let none = [("grant_type", TOKEN_EXCHANGE)];
    let reply = gateway.token_request(INSTANCE, WEB, &none).await?;
    assert_eq!(told(&reply), (400, "unauthorized_client".to_owned()));
    Ok(())
}

#[tokio::test]
async fn as_01_as_06_an_assertion_is_a_grant() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let us = issuer_of(&gateway);
    let registration =
        json!({"issuer": issuer.url(), "audiences": [us, format!("{us}/token"), "web"]});
    gateway
        .put("/admin/v1/issuers/partner", &registration)
        .await?;
    let mut document = documents::passwords();
    document["validators"]["partner"] = json!({
        "kind": "jwt", "issuers": ["partner"], "subject_prefix": "partner:", "scopes": ["orders:read"]
    });
    document["transformations"] = json!([{"subject": "partner", "issue": "access"}]);
    document["clients"]["web"]["grant_types"] = json!([JWT_BEARER]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let signed = |more: Value| {
        let mut claims = json!({"sub": "dana", "aud": us, "iat": now(), "exp": now() + 120});
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        issuer.sign("JWT", claims)
    };
    let ask = async |assertion: &str| {
        let parameters = [("grant_type", JWT_BEARER), ("assertion", assertion)];
        gateway.token_request(INSTANCE, WEB, &parameters).await
    };
    for aud in [json!(us), json!(format!("{us}/token"))] {
        let reply = ask(&signed(json!({"aud": aud}))?).await?;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{body}");
        let issued = claims(body["access_token"].as_str().unwrap_or_default());
        assert_eq!(issued["sub"], "partner:dana");
        assert_eq!(issued["act"], json!({"sub": "web"}));
        assert!(body["refresh_token"].is_null(), "as_07");
    }
    for assertion in [
        signed(json!({"aud": "https://elsewhere.example"}))?,
        signed(json!({"exp": now() - 120}))?,
        signed(json!({"sub": null}))?,
        signed(json!({"may_act": {"sub": "nobody"}}))?,
        "junk".to_owned(),
    ] {
        assert_eq!(
            told(&ask(&assertion).await?),
            (400, "invalid_grant".to_owned())
        );
    }
    assert_eq!(told(&ask("").await?), (400, "invalid_request".to_owned()));
    Ok(())
}
