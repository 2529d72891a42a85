//! RFC 8693 statement by statement: the answer, the errors, what is passed on.

use serde_json::json;
use tests::{
    documents::ORDERS,
    gateway::{ACCESS_TOKEN, ID_TOKEN},
    http::claims,
    issuer::now,
};

use crate::{
    INSTANCE, Outcome, error,
    oauth_conformance::{ask, code, invalid_request, token, wide},
    with_partner,
};

#[tokio::test]
async fn tx_32_tx_33_tx_35_the_answer_says_how_long_how_far_and_not_to_be_kept() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now(), "exp": now() + 40}),
    )?;
    let reply = ask(&gateway, (&subject, ID_TOKEN), &[]).await?;
    let body = reply.json();
    let said = claims(&token(&reply)?);
    let (exp, iat) = (said["exp"].as_u64(), said["iat"].as_u64());
    assert_eq!(
        body["expires_in"].as_u64(),
        exp.zip(iat).map(|(exp, iat)| exp - iat),
        "{body}"
    );
    assert!(body["expires_in"].as_u64() <= Some(40), "{body}");
    // Nothing was asked for, so what was granted differs from it.
    assert_eq!(body["scope"], said["scope"], "{body}");
    let narrow = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "orders:read")]).await?;
    assert_eq!(narrow.json()["scope"], "orders:read");
    let refused = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "no")]).await?;
    let unauthenticated = gateway
        .exchange(INSTANCE, ("web", "wrong"), &subject, ID_TOKEN, &[])
        .await?;
    for reply in [reply, narrow, refused, unauthenticated] {
        assert_eq!(
            reply.header("cache-control"),
            "no-store",
            "{}",
            reply.text()
        );
        assert_eq!(reply.header("pragma"), "no-cache");
    }
    Ok(())
}

#[tokio::test]
async fn tx_36_an_exchange_ends_neither_subject_nor_actor() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let actor = issuer.id_token("agent", "web")?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let own = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    for _ in 0..3 {
        let reply = ask(&gateway, (&subject, ID_TOKEN), &more).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = ask(&gateway, (&own, ACCESS_TOKEN), &[]).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn tx_40_an_unacceptable_subject_or_actor_is_invalid_request() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let good = issuer.id_token("dana", "web")?;
    let bad = [
        issuer.sign("JWT", json!({"sub": "agent", "aud": "web", "iat": now() - 600, "exp": now() - 120}))?,
        issuer.sign("JWT", json!({"sub": "agent", "aud": "elsewhere", "iat": now(), "exp": now() + 60}))?,
        issuer.sign("JWT", json!({"iss": "https://evil.example", "sub": "agent", "aud": "web", "iat": now(), "exp": now() + 60}))?,
        "garbage".to_owned(),
    ];
    for token in &bad {
        let reply = ask(&gateway, (token, ID_TOKEN), &[]).await?;
        assert_eq!(code(&reply), invalid_request());
        let more = [
            ("actor_token", token.as_str()),
            ("actor_token_type", ID_TOKEN),
        ];
        let reply = ask(&gateway, (&good, ID_TOKEN), &more).await?;
        assert_eq!(code(&reply), invalid_request());
    }
    // One that is acceptable as a token, but not as this client's actor.
    let stranger = issuer.id_token("stranger", "web")?;
    let more = [
        ("actor_token", stranger.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let reply = ask(&gateway, (&good, ID_TOKEN), &more).await?;
    assert_eq!(code(&reply), invalid_request());
    Ok(())
}

#[tokio::test]
async fn tx_41_an_unknown_or_forbidden_target_is_invalid_target() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let subject = issuer.id_token("dana", "web")?;
    for target in [
        ("audience", "https://unknown.example"),
        ("resource", "https://unknown.example/"),
    ] {
        let code = error(&gateway, &subject, ID_TOKEN, &[target]).await?;
        assert_eq!(code, "invalid_target");
        let code = error(
            &gateway,
            &subject,
            ID_TOKEN,
            &[("audience", ORDERS), target],
        )
        .await?;
        assert_eq!(code, "invalid_target", "beside one that is allowed");
    }
    Ok(())
}

#[tokio::test]
async fn tx_73_scope_confines_what_was_delegated_for_good() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let narrow = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "orders:read")]).await?;
    let narrow = token(&narrow)?;
    assert_eq!(claims(&narrow)["scope"], "orders:read");
    let again = ask(&gateway, (&narrow, ACCESS_TOKEN), &[]).await?;
    assert_eq!(claims(&token(&again)?)["scope"], "orders:read");
    for scope in ["orders:write", "orders:read orders:write"] {
        let reply = ask(&gateway, (&narrow, ACCESS_TOKEN), &[("scope", scope)]).await?;
        assert_eq!(code(&reply), (400, "invalid_scope".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn tx_74_only_claims_that_are_mapped_are_issued() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.sign(
        "JWT",
        json!({
            "sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60, "email": "dana@partner.example",
            "phone_number": "+49 1", "address": {"country": "DE"}, "birthdate": "1990-01-01", "groups": ["a"]
        }),
    )?;
    let said = claims(&token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?);
    let mut names: Vec<&str> = said
        .as_object()
        .ok_or("no claims")?
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "act",
            "aud",
            "client_id",
            "email",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub"
        ],
        "{said}"
    );
    Ok(())
}
