//! Who acts for whom: chosen by what the tokens say.

use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TestGateway},
    http::claims,
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome, error, with_partner};

/// `alpha/orders` with actor tokens from the partner, own tokens as subjects, and impersonation as told.
async fn delegating(impersonation: bool) -> Result<(TestGateway, Issuer), tests::http::Failure> {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["actors"] = json!(["partner", "own"]);
    document["validators"]["own"] =
        json!({"kind": "access_token", "issuers": ["self"], "audiences": [ORDERS, "web"]});
    document["transformations"]
        .as_array_mut()
        .ok_or("no list")?
        .push(json!({"subject": "own", "issue": "access"}));
    document["clients"]["web"]["impersonation"] = json!(impersonation);
    document["clients"]["web"]["subject_audiences"] = json!(["web", ORDERS]);
    document["clients"]["web"]["actors"] = json!([{"subject": "partner:agent"}]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    Ok((gateway, issuer))
}

async fn issued(
    gateway: &TestGateway,
    token: &str,
    token_type: &str,
    more: &[(&str, &str)],
) -> Result<(String, Value), tests::http::Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, token_type, more)
        .await?;
    let body = reply.json();
    let token = body["access_token"]
        .as_str()
        .ok_or_else(|| reply.text())?
        .to_owned();
    let claims = claims(&token);
    Ok((token, claims))
}

fn subject(issuer: &Issuer, more: Value) -> Result<String, tests::http::Failure> {
    let mut claims = json!({"sub": "dana", "aud": "web", "exp": now() + 600, "iat": now()});
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    issuer.sign("JWT", claims)
}

fn actor(issuer: &Issuer) -> Result<String, tests::http::Failure> {
    issuer.sign(
        "JWT",
        json!({"sub": "agent", "aud": "web", "exp": now() + 300, "iat": now()}),
    )
}

#[tokio::test]
async fn sx_17_impersonation_is_a_permission() -> Outcome {
    let (gateway, issuer) = delegating(false).await?;
    let (_, marked) = issued(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &[]).await?;
    assert_eq!(marked["act"], json!({"sub": "web"}));
    let (gateway, issuer) = delegating(true).await?;
    let (_, clean) = issued(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &[]).await?;
    assert!(clean["act"].is_null(), "{clean}");
    Ok(())
}

#[tokio::test]
async fn tx_50_ab_33_the_actor_is_named_and_only_by_identity() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let (_, claims) = issued(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &more).await?;
    assert_eq!(claims["sub"], "partner:dana");
    assert_eq!(
        claims["act"],
        json!({"sub": "partner:agent", "iss": issuer.url()})
    );
    assert_eq!(
        claims["client_id"], "web",
        "TX-59: the client asked, the actor acts"
    );
    assert!(
        claims["exp"].as_u64() <= Some(now() + 300),
        "TX-70: not longer than the actor's token"
    );
    Ok(())
}

#[tokio::test]
async fn tx_54_sx_06_ab_03_may_act_binds_without_an_actor_token_too() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let named = subject(&issuer, json!({"may_act": {"sub": "partner:agent"}}))?;
    assert_eq!(
        error(&gateway, &named, ID_TOKEN, &[]).await?,
        "invalid_request",
        "no actor"
    );
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let (_, claims) = issued(&gateway, &named, ID_TOKEN, &more).await?;
    assert_eq!(claims["act"]["sub"], "partner:agent");
    for may_act in [
        json!({"sub": "other"}),
        json!({}),
        json!({"sub": "partner:agent", "iss": "https://evil.example"}),
    ] {
        let token = subject(&issuer, json!({"may_act": may_act}))?;
        assert_eq!(
            error(&gateway, &token, ID_TOKEN, &more).await?,
            "invalid_request",
            "{may_act}"
        );
    }
    let malformed = subject(&issuer, json!({"may_act": "agent"}))?;
    assert_eq!(
        error(&gateway, &malformed, ID_TOKEN, &more).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn tx_56_history_survives_a_second_exchange() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let (first, _) = issued(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &more).await?;
    let (_, second) = issued(&gateway, &first, ACCESS_TOKEN, &[]).await?;
    assert_eq!(
        second["act"]["sub"], "partner:agent",
        "even a client that may impersonate keeps the chain: {second}"
    );
    assert_eq!(second["sub"], "partner:dana", "the prefix is not put twice");
    Ok(())
}

#[tokio::test]
async fn tx_51_ab_14_the_newest_actor_is_outermost() -> Outcome {
    let (gateway, issuer) = delegating(false).await?;
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let (first, _) = issued(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &more).await?;
    let (second, claims) = issued(&gateway, &first, ACCESS_TOKEN, &[]).await?;
    assert_eq!(
        claims["act"],
        json!({"sub": "web", "act": {"sub": "partner:agent", "iss": issuer.url()}})
    );
    let (_, third) = issued(&gateway, &second, ACCESS_TOKEN, &[]).await?;
    assert_eq!(
        third["act"], claims["act"],
        "AB-14: asking again does not grow the chain"
    );
    Ok(())
}

#[tokio::test]
async fn tx_57_long_chains_and_sx_07_malformed_ones() -> Outcome {
    let (gateway, issuer) = delegating(false).await?;
    let mut act = json!({"sub": "a0"});
    for depth in 1..8 {
        act = json!({"sub": format!("a{depth}"), "act": act});
    }
    let full = subject(&issuer, json!({"act": act}))?;
    assert_eq!(
        error(&gateway, &full, ID_TOKEN, &[]).await?,
        "invalid_request",
        "eight actors and the client"
    );
    for act in [json!("x"), json!(["x"]), json!({}), json!({"sub": 7})] {
        let token = subject(&issuer, json!({"act": act}))?;
        assert_eq!(
            error(&gateway, &token, ID_TOKEN, &[]).await?,
            "invalid_request",
            "{act}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn tx_58_a_foreign_chain_is_rebuilt_from_identity() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let token = subject(
        &issuer,
        json!({"act": {"sub": "x", "iss": "https://x.example", "exp": 1, "roles": ["admin"]}}),
    )?;
    let (_, claims) = issued(&gateway, &token, ID_TOKEN, &[]).await?;
    assert_eq!(
        claims["act"],
        json!({"sub": "x", "iss": "https://x.example"})
    );
    Ok(())
}

#[tokio::test]
async fn tx_15_ab_29_splicing_and_sx_08_foreign_actors() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let stranger = issuer.sign(
        "JWT",
        json!({"sub": "stranger", "aud": "web", "exp": now() + 300, "iat": now()}),
    )?;
    let more = [
        ("actor_token", stranger.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    assert_eq!(
        error(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &more).await?,
        "invalid_request"
    );
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let elsewhere = subject(&issuer, json!({"aud": ["another-service"]}))?;
    assert_eq!(
        error(&gateway, &elsewhere, ID_TOKEN, &more).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn tx_16_one_token_in_both_roles() -> Outcome {
    let (gateway, issuer) = delegating(true).await?;
    let token = subject(&issuer, json!({}))?;
    let more = [
        ("actor_token", token.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    assert_eq!(
        error(&gateway, &token, ID_TOKEN, &more).await?,
        "invalid_request"
    );
    Ok(())
}

#[tokio::test]
async fn actor_tokens_are_refused_unless_the_instance_names_their_validator() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let actor = actor(&issuer)?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    assert_eq!(
        error(&gateway, &subject(&issuer, json!({}))?, ID_TOKEN, &more).await?,
        "invalid_request"
    );
    Ok(())
}
