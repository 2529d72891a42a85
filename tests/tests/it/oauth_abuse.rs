//! What must fail, and be recorded: tokens of others, chains that grow, rules that were left out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cambist_token::jose::Algorithm;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TestGateway},
    http::{self, Failure, claims},
    issuer::{Issuer, now},
    server::Server,
};

use crate::{
    INSTANCE, Outcome,
    oauth_conformance::{ask, code, token, wide, wide_document},
    with_partner,
};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const STOCK: &str = "https://stock.example";
const SECRET: &str = "another-secret-of-more-than-32-characters";
const APP: (&str, &str) = ("app", SECRET);
fn refused() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

#[tokio::test]
async fn ab_04_ab_15_tx_14_one_clients_token_is_no_others_lever() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    document["relying_parties"][STOCK] = json!({"scopes": ["orders:read"]});
    document["clients"]["app"] = json!({
        "secret": SECRET, "audiences": [STOCK], "scopes": ["orders:read"], "subject_audiences": ["app"]
    });
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let high = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    for (token, declared) in [(&high, ACCESS_TOKEN), (&subject, ID_TOKEN)] {
        for target in [STOCK, ORDERS] {
            let target = [("audience", target)];
            let reply = gateway
                .exchange(INSTANCE, APP, token, declared, &target)
                .await?;
            assert_eq!(reply.status, 400, "{declared}: {}", reply.text());
        }
    }
    // A rule that says so lets the client present it, and no further than to its own target.
    document["clients"]["app"]["subject_audiences"] = json!([ORDERS]);
    gateway.put(PATH, &document).await?;
    let stock = [("audience", STOCK)];
    let reply = gateway
        .exchange(INSTANCE, APP, &high, ACCESS_TOKEN, &stock)
        .await?;
    assert_eq!(claims(&token(&reply)?)["aud"], STOCK);
    let orders = [("audience", ORDERS)];
    let reply = gateway
        .exchange(INSTANCE, APP, &high, ACCESS_TOKEN, &orders)
        .await?;
    assert_eq!(code(&reply), (400, "invalid_target".to_owned()));
    Ok(())
}

#[tokio::test]
async fn ab_09_what_no_rule_allows_is_refused() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let subject = issuer.id_token("dana", "web")?;
    let mut document = documents::with_partner();
    document["clients"]["app"] = json!({"secret": SECRET, "subject_audiences": ["web"]});
    gateway.put(PATH, &document).await?;
    let reply = gateway
        .exchange(INSTANCE, APP, &subject, ID_TOKEN, &[("audience", ORDERS)])
        .await?;
    assert_eq!(
        code(&reply),
        (400, "invalid_target".to_owned()),
        "no audiences"
    );
    document["clients"]["app"]["audiences"] = json!([ORDERS]);
    gateway.put(PATH, &document).await?;
    let reply = gateway
        .exchange(INSTANCE, APP, &subject, ID_TOKEN, &[])
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(claims(&token(&reply)?)["scope"].is_null(), "no scopes");
    let wish = [("scope", "orders:read")];
    let reply = gateway
        .exchange(INSTANCE, APP, &subject, ID_TOKEN, &wish)
        .await?;
    assert_eq!(code(&reply), (400, "invalid_scope".to_owned()));
    // A policy that is not there is no policy that allows.
    document["policy"] = json!([{"plugin": "not-there"}]);
    let missing = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(
        (missing.status.as_u16(), missing.json()["path"].as_str()),
        (422, Some("policy[0].plugin"))
    );
    Ok(())
}

#[tokio::test]
async fn ab_14_asking_again_and_again_neither_prolongs_nor_grows() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now(), "exp": now() + 90}),
    )?;
    let mut held = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    let first = claims(&held);
    for _ in 0..12 {
        held = token(&ask(&gateway, (&held, ACCESS_TOKEN), &[]).await?)?;
        let again = claims(&held);
        assert!(again["exp"].as_u64() <= first["exp"].as_u64(), "{again}");
        assert_eq!(
            (&again["act"], &again["scope"]),
            (&first["act"], &first["scope"])
        );
        assert!(held.len() < 2_000);
    }
    Ok(())
}

#[tokio::test]
async fn ab_20_an_upstreams_401_makes_at_most_one_further_token() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let upstream = Server::start(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(http_body_util::Full::default());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    })
    .await?;
    let route = json!({
        "path_prefix": "/orders", "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS,
        "subject_token_type": ID_TOKEN
    });
    gateway.put("/admin/v1/routes/orders", &route).await?;
    let credential = format!("Bearer {}", issuer.id_token("dana", "web")?);
    let url = format!("{}/orders/7", gateway.public);
    let reply = http::get(&url, &[("authorization", &credential)]).await?;
    assert_eq!(reply.status, 401);
    assert!((1..=2).contains(&asked.load(Ordering::SeqCst)), "{asked:?}");
    let issued = records(&gateway).await?;
    let issued = issued
        .iter()
        .filter(|record| record["face"] == "proxy")
        .count();
    assert!((1..=2).contains(&issued), "{issued}");
    Ok(())
}

/// The audit trail so far.
async fn records(gateway: &TestGateway) -> Result<Vec<Value>, Failure> {
    let path = gateway.data().ok_or("no data")?.join("audit.jsonl");
    let mut seen = String::new();
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if !text.is_empty() && text == seen {
            break;
        }
        seen = text;
    }
    seen.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

#[tokio::test]
async fn ab_30_an_actor_of_another_issuer_needs_a_rule() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let other = Issuer::start(Algorithm::Es256).await?;
    let prefixed = |url: String, prefix: &str| json!({"issuer": url, "audiences": ["web"], "subject_prefix": prefix});
    gateway
        .put("/admin/v1/issuers/partner", &prefixed(issuer.url(), "one:"))
        .await?;
    gateway
        .put("/admin/v1/issuers/other", &prefixed(other.url(), "two:"))
        .await?;
    let mut document = wide_document();
    document["validators"]["partner"]["issuers"] = json!(["partner", "other"]);
    document["clients"]["web"]["actors"] =
        json!([{"issuer": issuer.url(), "subject": "partner:one:agent"}]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let acting = async |actor: String| {
        let more = [
            ("actor_token", actor.as_str()),
            ("actor_token_type", ID_TOKEN),
        ];
        ask(&gateway, (&subject, ID_TOKEN), &more).await
    };
    let reply = acting(issuer.id_token("agent", "web")?).await?;
    assert_eq!(claims(&token(&reply)?)["act"]["sub"], "partner:one:agent");
    assert_eq!(
        code(&acting(other.id_token("agent", "web")?).await?),
        refused()
    );
    assert_eq!(
        code(&acting(other.id_token("one:agent", "web")?).await?),
        refused()
    );
    // The name alone does not do if the rule names the issuer.
    document["clients"]["web"]["actors"] =
        json!([{"issuer": issuer.url(), "subject": "partner:two:agent"}]);
    gateway.put(PATH, &document).await?;
    assert_eq!(
        code(&acting(other.id_token("agent", "web")?).await?),
        refused()
    );
    document["clients"]["web"]["actors"] =
        json!([{"issuer": other.url(), "subject": "partner:two:agent"}]);
    gateway.put(PATH, &document).await?;
    let reply = acting(other.id_token("agent", "web")?).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn ab_31_a_chain_does_not_come_back_to_whom_it_left() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    document["clients"]["app"] = json!({
        "secret": SECRET, "audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": [ORDERS]
    });
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let orders = [("audience", ORDERS)];
    let by_web = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    let by_app = gateway
        .exchange(INSTANCE, APP, &by_web, ACCESS_TOKEN, &orders)
        .await?;
    let by_app = token(&by_app)?;
    assert_eq!(
        claims(&by_app)["act"],
        json!({"sub": "app", "act": {"sub": "web"}})
    );
    let back = gateway
        .exchange(INSTANCE, WEB, &by_app, ACCESS_TOKEN, &orders)
        .await?;
    assert_eq!(code(&back), refused(), "web, app, web");
    Ok(())
}

#[tokio::test]
async fn tx_53_actors_of_the_past_open_and_close_nothing() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let said = |more: Value| {
        let mut said = json!({"sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60});
        for (name, value) in more.as_object().into_iter().flatten() {
            said[name] = value.clone();
        }
        issuer.sign("JWT", said)
    };
    // Whom the subject names is in its history, which does not make it the actor of today.
    let past = json!({"sub": "middle", "act": {"sub": "partner:agent"}});
    let token_of = said(json!({"act": past, "may_act": {"sub": "partner:agent"}}))?;
    assert_eq!(
        code(&ask(&gateway, (&token_of, ID_TOKEN), &[]).await?),
        refused()
    );
    let actor = issuer.id_token("stranger", "web")?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    assert_eq!(
        code(&ask(&gateway, (&token_of, ID_TOKEN), &more).await?),
        refused()
    );
    // And strangers in it refuse nothing.
    let token_of = said(json!({"act": {"sub": "somebody", "act": {"sub": "unknown"}}}))?;
    let reply = ask(&gateway, (&token_of, ID_TOKEN), &[]).await?;
    assert_eq!(claims(&token(&reply)?)["act"]["sub"], "web");
    Ok(())
}

#[tokio::test]
async fn sx_20_every_decision_is_recorded_with_what_decided_it() -> Outcome {
    let (gateway, issuer) = wide().await?;
    gateway
        .put_plugin("change-window", tests::guests::example("change-window"))
        .await?;
    let mut document = wide_document();
    document["policy"] = json!([{"plugin": "change-window", "config": {"write_scopes": ["orders:write"], "days": []}}]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let actor = issuer.id_token("agent", "web")?;
    let wish = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
        ("scope", "orders:read"),
    ];
    let reply = ask(&gateway, (&subject, ID_TOKEN), &wish).await?;
    let issued = claims(&token(&reply)?);
    let refusal = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "orders:admin")]).await?;
    let correlation = refusal.json()["correlation_id"].clone();
    let records = records(&gateway).await?;
    let good = records
        .iter()
        .find(|record| record["issued_id"] == issued["jti"])
        .ok_or("no record of the token")?;
    assert_eq!(
        (&good["outcome"], &good["subject"], &good["client"]),
        (&json!("issued"), &json!("partner:dana"), &json!("web")),
        "{good}"
    );
    assert_eq!(
        (&good["actors"], &good["audiences"]),
        (&json!(["partner:agent"]), &json!([ORDERS]))
    );
    assert_eq!(
        (&good["requested_scope"], &good["scope"]),
        (&json!("orders:read"), &json!("orders:read"))
    );
    assert_eq!(good["requested_targets"], json!([ORDERS]));
    let bad = records
        .iter()
        .find(|record| record["correlation"] == correlation)
        .ok_or("no record of the refusal")?;
    assert_eq!(
        (
            &bad["outcome"],
            &bad["error"],
            &bad["client"],
            &bad["requested_scope"]
        ),
        (
            &json!("refused"),
            &json!("invalid_scope"),
            &json!("web"),
            &json!("orders:admin")
        ),
        "{bad}"
    );
    assert!(bad["reason"].is_string(), "{bad}");
    for record in [good, bad] {
        assert!(
            record["revision"].is_u64() && record["instance"] == INSTANCE,
            "{record}"
        );
        assert!(
            record["plugins"][0]
                .as_str()
                .is_some_and(|name| name.contains("sha256:")),
            "{record}"
        );
    }
    Ok(())
}
