//! Keys of foreign issuers: fetched once, refreshed when they rotate, kept when the issuer is away.

use cambist_token::jose::Algorithm;
use tests::{
    documents::WEB,
    gateway::{ID_TOKEN, TestGateway},
    issuer::Issuer,
};

use crate::{INSTANCE, Outcome, with_partner, with_partner_at};

#[tokio::test]
async fn kf_05_keys_are_fetched_once_for_many_requests() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let gateway = std::sync::Arc::new(gateway);
    let token = issuer.id_token("dana", WEB.0)?;
    let mut requests = Vec::new();
    for _ in 0..20 {
        let (gateway, token) = (std::sync::Arc::clone(&gateway), token.clone());
        requests.push(tokio::spawn(async move {
            gateway
                .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
                .await
                .map(|reply| reply.status.as_u16())
        }));
    }
    for request in requests {
        assert_eq!(request.await??, 200);
    }
    assert_eq!(issuer.key_requests(), 1);
    Ok(())
}

#[tokio::test]
async fn kf_05_a_flood_of_unknown_keys_costs_one_fetch() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let stranger = Issuer::start(Algorithm::Es256).await?;
    for _ in 0..10 {
        let token = stranger.sign("JWT", serde_json::json!({
            "iss": issuer.url(), "sub": "dana", "aud": "web", "iat": tests::issuer::now(), "exp": tests::issuer::now() + 60
        }))?;
        assert_eq!(
            gateway
                .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
                .await?
                .status,
            400
        );
    }
    assert!(
        issuer.key_requests() <= 2,
        "{} fetches",
        issuer.key_requests()
    );
    Ok(())
}

#[tokio::test]
async fn last_good_keys_serve_while_the_issuer_is_away() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let first = issuer.id_token("dana", WEB.0)?;
    let second = issuer.id_token("erin", WEB.0)?;
    assert_eq!(
        gateway
            .exchange(INSTANCE, WEB, &first, ID_TOKEN, &[])
            .await?
            .status,
        200
    );
    drop(issuer);
    assert_eq!(
        gateway
            .exchange(INSTANCE, WEB, &second, ID_TOKEN, &[])
            .await?
            .status,
        200
    );
    Ok(())
}

#[tokio::test]
async fn ab_23_kf_02_loopback_is_not_fetched_unless_allowed() -> Outcome {
    let gateway = TestGateway::start_with(|config| config.egress.allow.clear()).await?;
    let (gateway, issuer) = with_partner_at(gateway).await?;
    let token = issuer.id_token("dana", WEB.0)?;
    let reply = gateway
        .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
        .await?;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    assert_eq!(issuer.key_requests(), 0);
    Ok(())
}

#[tokio::test]
async fn an_issuer_in_use_cannot_be_forgotten() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let reply = gateway
        .admin(hyper::Method::DELETE, "/admin/v1/issuers/partner", "")
        .await?;
    assert_eq!(reply.status, 409, "{}", reply.text());
    Ok(())
}
