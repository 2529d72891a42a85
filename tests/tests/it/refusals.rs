//! What must not be issued, and how it is said.

use serde_json::json;
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway},
    http::{self, form},
    issuer::now,
};

use crate::{INSTANCE, Outcome, error, with_partner};

#[tokio::test]
async fn unknown_instance_is_404_in_the_faces_form() -> Outcome {
    let gateway = TestGateway::start().await?;
    let reply = gateway.exchange("no/such", WEB, "x", ID_TOKEN, &[]).await?;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].as_str()),
        (404, Some("invalid_request"))
    );
    let rest = http::send(
        hyper::Method::POST,
        &format!("{}/rest-sts/no/such?_action=translate", gateway.public),
        &[("content-type", "application/json")],
        "{}",
    )
    .await?;
    assert_eq!(
        (rest.status.as_u16(), rest.json()["code"].as_u64()),
        (404, Some(404)),
        "{}",
        rest.text()
    );
    Ok(())
}

#[tokio::test]
async fn ab_01_sx_01_tx_02_missing_blank_and_repeated_subject_tokens() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    let cases: [&[(&str, &str)]; 6] = [
        &[("subject_token_type", ID_TOKEN)],
        &[("subject_token", ""), ("subject_token_type", ID_TOKEN)],
        &[("subject_token", &token)],
        &[
            ("subject_token", &token),
            ("subject_token", &token),
            ("subject_token_type", ID_TOKEN),
        ],
        &[
            ("subject_token", "garbage"),
            ("subject_token_type", ID_TOKEN),
        ],
        &[
            ("subject_token", &token),
            ("subject_token_type", ID_TOKEN),
            ("actor_token_type", ID_TOKEN),
        ],
    ];
    for parameters in cases {
        let mut all = vec![("grant_type", TOKEN_EXCHANGE)];
        all.extend_from_slice(parameters);
        let reply = gateway.token_request(INSTANCE, WEB, &all).await?;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{parameters:?}"
        );
    }
    let huge = "a".repeat(100_000);
    assert_eq!(
        error(&gateway, &huge, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_and_other_media_are_refused() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let reply = gateway
        .exchange(INSTANCE, WEB, &"a".repeat(1_100_000), ID_TOKEN, &[])
        .await?;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].as_str()),
        (413, Some("invalid_request"))
    );
    let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
    let json = http::send(
        hyper::Method::POST,
        &url,
        &[("content-type", "application/json")],
        "{}",
    )
    .await?;
    assert_eq!(
        (json.status.as_u16(), json.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
    let get = http::get(&format!("{url}?grant_type={TOKEN_EXCHANGE}"), &[]).await?;
    assert_eq!(get.status, 405);
    Ok(())
}

#[tokio::test]
async fn tx_12_extensions_of_others_are_refused_and_unknown_names_ignored() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    for name in [
        "requested_subject",
        "subject_issuer",
        "requested_issuer",
        "connector_id",
        "requested_actor",
    ] {
        assert_eq!(
            error(&gateway, &token, ID_TOKEN, &[(name, "x")]).await?,
            "invalid_request",
            "{name}"
        );
    }
    assert_eq!(
        gateway
            .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[("utm_source", "x")])
            .await?
            .status,
        200
    );
    Ok(())
}

#[tokio::test]
async fn tx_10_tx_42_sx_11_unknown_types_and_grants() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    assert_eq!(
        error(
            &gateway,
            &token,
            ID_TOKEN,
            &[("requested_token_type", "urn:x:y")]
        )
        .await?,
        "invalid_request"
    );
    assert_eq!(
        error(&gateway, &token, "urn:x:y", &[]).await?,
        "invalid_request"
    );
    let other = gateway
        .token_request(INSTANCE, WEB, &[("grant_type", "password")])
        .await?;
    assert_eq!(other.json()["error"], "unsupported_grant_type");
    let none = gateway
        .token_request(INSTANCE, WEB, &[("scope", "x")])
        .await?;
    assert_eq!(none.json()["error"], "invalid_request");
    Ok(())
}

#[tokio::test]
async fn sx_04_ab_02_tx_41_targets_beyond_the_allow_lists() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["relying_parties"]["https://billing.example"] =
        json!({"resources": ["https://api.billing.example/"]});
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let token = issuer.id_token("dana", "web")?;
    for (name, value) in [
        ("audience", "https://billing.example"),
        ("audience", "https://unknown.example"),
        ("resource", "https://api.billing.example/"),
        ("resource", "https://unknown.example/"),
        ("resource", "/relative"),
        ("resource", "https://api.orders.example/v1#part"),
    ] {
        assert_eq!(
            error(&gateway, &token, ID_TOKEN, &[(name, value)]).await?,
            "invalid_target",
            "{name}={value}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn ab_36_resource_and_audience_may_not_conflict() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["relying_parties"]["https://billing.example"] =
        json!({"resources": ["https://api.billing.example/"]});
    document["clients"]["web"]["audiences"] = json!([ORDERS, "https://billing.example"]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let token = issuer.id_token("dana", "web")?;
    let conflicting = [
        ("audience", ORDERS),
        ("resource", "https://api.billing.example/"),
    ];
    assert_eq!(
        error(&gateway, &token, ID_TOKEN, &conflicting).await?,
        "invalid_target"
    );
    assert_eq!(
        error(&gateway, &token, ID_TOKEN, &[]).await?,
        "invalid_target",
        "two are possible, so one must be named"
    );
    let both = gateway
        .exchange(
            INSTANCE,
            WEB,
            &token,
            ID_TOKEN,
            &[
                ("audience", ORDERS),
                ("audience", "https://billing.example"),
            ],
        )
        .await?;
    assert_eq!(both.status, 200, "{}", both.text());
    Ok(())
}

#[tokio::test]
async fn sx_05_tx_71_tx_72_ab_06_scope_is_never_widened() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    for scope in ["orders:write", "orders:read orders:write", "admin"] {
        assert_eq!(
            error(&gateway, &token, ID_TOKEN, &[("scope", scope)]).await?,
            "invalid_scope",
            "{scope}"
        );
    }
    let mut document = documents::with_partner();
    document["validators"]["partner-access"] = json!({"kind": "access_token", "issuers": ["partner"], "subject_prefix": "partner-access:"});
    document["transformations"]
        .as_array_mut()
        .ok_or("no list")?
        .push(json!({"subject": "partner-access", "issue": "access"}));
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let narrow = issuer.sign("at+jwt", json!({
        "sub": "dana", "aud": "web", "exp": now() + 60, "iat": now(), "scope": "other", "client_id": "web", "jti": "1"
    }))?;
    assert_eq!(
        error(&gateway, &narrow, ACCESS_TOKEN, &[("scope", "orders:read")]).await?,
        "invalid_scope"
    );
    let body = gateway
        .exchange(INSTANCE, WEB, &narrow, ACCESS_TOKEN, &[])
        .await?
        .json();
    assert!(
        body["access_token"].is_string() && body["scope"].is_null(),
        "nothing is left of the scope: {body}"
    );
    Ok(())
}

#[tokio::test]
async fn ab_16_sx_03_tx_14_tokens_addressed_to_others() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let elsewhere = issuer.id_token("dana", "somebody-else")?;
    assert_eq!(
        error(&gateway, &elsewhere, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    let mut document = documents::with_partner();
    document["clients"]["app"] = json!({"secret": "another-secret-of-more-than-32-characters", "audiences": [ORDERS], "scopes": ["orders:read"]});
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let for_web = issuer.id_token("dana", "web")?;
    let reply = gateway
        .exchange(
            INSTANCE,
            ("app", "another-secret-of-more-than-32-characters"),
            &for_web,
            ID_TOKEN,
            &[],
        )
        .await?;
    assert_eq!(
        reply.json()["error"],
        "invalid_request",
        "an ID token for one client used by another"
    );
    Ok(())
}

#[tokio::test]
async fn ab_38_sx_19_unknown_issuers_are_a_clean_400() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let foreign = issuer.sign("JWT", json!({"iss": "https://evil.example", "sub": "dana", "aud": "web", "exp": now() + 60, "iat": now()}))?;
    assert_eq!(
        error(&gateway, &foreign, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    let none = issuer.sign(
        "JWT",
        json!({"iss": null, "sub": "dana", "aud": "web", "exp": now() + 60}),
    )?;
    assert_eq!(
        error(&gateway, &none, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn ab_32_sx_10_tx_05_declared_types_must_be_true() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let access = issuer.sign("at+jwt", json!({"sub": "dana", "aud": "web", "exp": now() + 60, "iat": now(), "client_id": "web", "jti": "1"}))?;
    assert_eq!(
        error(&gateway, &access, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    let id = issuer.id_token("dana", "web")?;
    assert_eq!(
        error(&gateway, &id, ACCESS_TOKEN, &[]).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn ab_27_expired_and_future_tokens() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let expired = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "exp": now() - 120, "iat": now() - 600}),
    )?;
    assert_eq!(
        error(&gateway, &expired, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    let early = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "exp": now() + 900, "iat": now(), "nbf": now() + 600}),
    )?;
    assert_eq!(
        error(&gateway, &early, ID_TOKEN, &[]).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn ab_28_tx_13_client_authentication_failures_look_alike() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", "web")?;
    let mut bodies = Vec::new();
    for client in [("web", "wrong"), ("nobody", WEB.1), ("", "")] {
        let reply = gateway
            .exchange(INSTANCE, client, &token, ID_TOKEN, &[])
            .await?;
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").starts_with("Basic"));
        let mut body = reply.json();
        body["correlation_id"] = json!(null);
        bodies.push(body);
    }
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "{bodies:?}"
    );
    let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
    let body = form(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", &token),
        ("subject_token_type", ID_TOKEN),
    ]);
    let anonymous = http::send(
        hyper::Method::POST,
        &url,
        &[("content-type", "application/x-www-form-urlencoded")],
        body,
    )
    .await?;
    assert_eq!(
        (
            anonymous.status.as_u16(),
            anonymous.json()["error"].as_str()
        ),
        (401, Some("invalid_client"))
    );
    Ok(())
}

#[tokio::test]
async fn tx_43_errors_never_echo_what_was_sent() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("canary-subject", "somebody-else")?;
    let reply = gateway
        .exchange(
            INSTANCE,
            WEB,
            &token,
            ID_TOKEN,
            &[("audience", "canary-audience")],
        )
        .await?;
    let text = reply.text();
    assert!(!text.contains("canary") && !text.contains(&token), "{text}");
    let data = gateway.data().ok_or("no directory")?;
    let _kept = gateway.stop().await?;
    let audit = std::fs::read_to_string(data.join("audit.jsonl")).unwrap_or_default();
    assert!(
        !audit.contains(&token) && !audit.contains(WEB.1),
        "no token and no secret in the audit trail"
    );
    Ok(())
}
