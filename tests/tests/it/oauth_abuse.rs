//! What must fail: tokens of others, forged tokens on every way in, chains that grow, rules that were left out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cambist_token::jose::{Algorithm, SigningKey};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Failure, claims, form},
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

fn b64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// What somebody without the key can make of a token, given the public key.
fn forgeries(genuine: &str, public: &Value) -> Result<Vec<(String, String)>, Failure> {
    let mut parts = genuine.split('.');
    let (Some(head), Some(body), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err("no JWT".into());
    };
    let header = http::jose_header(genuine);
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        b64(header.to_string())
    };
    let mut forged = vec![
        ("a stripped signature".to_owned(), format!("{head}.{body}.")),
        ("two parts".to_owned(), format!("{head}.{body}")),
    ];
    for none in ["none", "None", "NONE", "nOnE"] {
        let head = with("alg", json!(none));
        forged.push((format!("alg {none}"), format!("{head}.{body}.")));
        forged.push((
            format!("alg {none}, signed"),
            format!("{head}.{body}.{signature}"),
        ));
    }
    let (thief, _) = SigningKey::generate(Algorithm::Es256)?;
    forged.push((
        "a key in the header".to_owned(),
        thief.sign_jwt_embedding_key(header["typ"].as_str().unwrap_or("JWT"), &claims(genuine))?,
    ));
    for text in [
        public.to_string(),
        public["n"]
            .as_str()
            .or(public["x"].as_str())
            .unwrap_or_default()
            .to_owned(),
    ] {
        let signed = format!("{}.{body}", with("alg", json!("HS256")));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, text.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        forged.push((
            "the public key as a secret".to_owned(),
            format!("{signed}.{}", b64(tag)),
        ));
    }
    let typ = with("typ", json!("application/x-other+jwt"));
    forged.push((
        "another typ".to_owned(),
        format!("{typ}.{body}.{signature}"),
    ));
    Ok(forged)
}

#[expect(
    clippy::too_many_lines,
    reason = "most of it is one document and a list of ways in"
)]
#[tokio::test]
async fn ab_08_forged_tokens_are_refused_on_every_way_in() -> Outcome {
    const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
    let gateway = TestGateway::start().await?;
    let us = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let (partner, _) = SigningKey::generate(Algorithm::Rs256)?;
    let (client, _) = SigningKey::generate(Algorithm::Es256)?;
    let (partner_key, client_key) = (
        partner.public_jwk().ok_or("no key")?,
        client.public_jwk().ok_or("no key")?,
    );
    let registration = json!({
        "issuer": "https://partner.example", "audiences": ["web", us], "jwks": {"keys": [partner_key]}
    });
    gateway
        .put("/admin/v1/issuers/partner", &registration)
        .await?;
    let mut document = wide_document();
    document["validators"]["jwt"] = json!({"kind": "jwt", "issuers": ["partner"], "subject_prefix": "jwt:", "scopes": ["orders:read"]});
    document["transformations"] = json!([
        {"subject": "partner", "issue": "access"}, {"subject": "own", "issue": "access"}, {"subject": "jwt", "issue": "access"}
    ]);
    document["clients"]["web"]["grant_types"] = json!([TOKEN_EXCHANGE, JWT_BEARER]);
    document["clients"]["web"]["introspects"] = json!([ORDERS]);
    document["clients"]["signer"] = json!({
        "authentication": {"method": "private_key_jwt", "jwks": {"keys": [client_key]}},
        "audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": ["web"]
    });
    gateway.put(PATH, &document).await?;
    let said = |subject: &str| json!({"iss": "https://partner.example", "sub": subject, "aud": "web", "iat": now(), "exp": now() + 300});
    let subject = partner.sign_jwt("JWT", &said("dana"))?;
    let actor = partner.sign_jwt("JWT", &said("agent"))?;
    let mut granted = said("dana");
    granted["aud"] = json!(us);
    let granted = partner.sign_jwt("JWT", &granted)?;
    let own = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    let keys = http::get(&format!("{us}/jwks"), &[]).await?.json();
    let own_key = keys["keys"][0].clone();
    let assertion = client.sign_jwt(
        "client-authentication+jwt",
        &json!({"iss": "signer", "sub": "signer", "aud": us, "iat": now(), "exp": now() + 60, "jti": "1"}),
    )?;

    let credential = basic(WEB);
    let with_secret = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let post = async |endpoint: &str, has_secret: bool, parameters: &[(&str, &str)]| {
        let headers = if has_secret {
            &with_secret[..]
        } else {
            &with_secret[1..]
        };
        http::send(
            Method::POST,
            &format!("{us}/{endpoint}"),
            headers,
            form(parameters),
        )
        .await
    };
    let exchange = [("grant_type", TOKEN_EXCHANGE), ("audience", ORDERS)];
    let presented = async |way: &str, token: &str| {
        let subject_token = [
            ("subject_token", subject.as_str()),
            ("subject_token_type", ID_TOKEN),
        ];
        let mut all = exchange.to_vec();
        match way {
            "subject, ID token" => {
                all.extend([("subject_token", token), ("subject_token_type", ID_TOKEN)]);
            }
            "subject, JWT" => all.extend([("subject_token", token), ("subject_token_type", JWT)]),
            "subject, access token" => all.extend([
                ("subject_token", token),
                ("subject_token_type", ACCESS_TOKEN),
            ]),
            "actor" => {
                all.extend(subject_token);
                all.extend([("actor_token", token), ("actor_token_type", ID_TOKEN)]);
            }
            "client" => {
                all.extend(subject_token);
                all.extend([
                    ("client_assertion", token),
                    ("client_assertion_type", CLIENT_ASSERTION),
                ]);
                return post("token", false, &all).await;
            }
            "grant" => {
                all = vec![
                    ("grant_type", JWT_BEARER),
                    ("assertion", token),
                    ("audience", ORDERS),
                ];
            }
            _ => return post("introspect", true, &[("token", token)]).await,
        }
        post("token", true, &all).await
    };
    let is_taken =
        |reply: &http::Reply| reply.status == 200 && reply.json()["active"] != json!(false);
    for (way, genuine, public) in [
        ("subject, ID token", &subject, &partner_key),
        ("subject, JWT", &subject, &partner_key),
        ("subject, access token", &own, &own_key),
        ("actor", &actor, &partner_key),
        ("client", &assertion, &client_key),
        ("grant", &granted, &partner_key),
        ("introspection", &own, &own_key),
    ] {
        for (what, forged) in forgeries(genuine, public)? {
            let reply = presented(way, &forged).await?;
            assert!(!is_taken(&reply), "{what} as {way}: {}", reply.text());
            assert!(
                reply.status.as_u16() < 500,
                "{what} as {way}: {}",
                reply.text()
            );
        }
        let reply = presented(way, genuine).await?;
        assert!(is_taken(&reply), "genuine as {way}: {}", reply.text());
    }
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

#[tokio::test]
async fn sj_18_what_verified_once_is_judged_anew_when_keys_or_rules_change() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let (key, _) = SigningKey::generate(Algorithm::Es256)?;
    let (other, _) = SigningKey::generate(Algorithm::Es256)?;
    let registered = |key: &SigningKey, audience: &str| {
        json!({
            "issuer": issuer.url(), "audiences": [audience], "jwks": {"keys": [key.public_jwk()]}
        })
    };
    let path = "/admin/v1/issuers/partner";
    gateway.put(path, &registered(&key, "web")).await?;
    let said = |sub: &str, seconds: u64| json!({"iss": issuer.url(), "sub": sub, "aud": "web", "iat": now(), "exp": now() + seconds});
    let held = key.sign_jwt("JWT", &said("dana", 300))?;
    let status = async |token: &str| {
        Ok::<_, Failure>(ask(&gateway, (token, ID_TOKEN), &[]).await?.status.as_u16())
    };
    for _ in 0..3 {
        assert_eq!(status(&held).await?, 200);
    }
    // The same text but for its last character is another token.
    let (body, _) = held.split_at(held.len() - 2);
    assert_eq!(status(&format!("{body}AA")).await?, 400);
    let eve = ask(
        &gateway,
        (&key.sign_jwt("JWT", &said("eve", 300))?, ID_TOKEN),
        &[],
    )
    .await?;
    assert_eq!(claims(&token(&eve)?)["sub"], "partner:eve");
    gateway.put(path, &registered(&other, "web")).await?;
    assert_eq!(status(&held).await?, 400, "another key");
    gateway.put(path, &registered(&key, "web")).await?;
    assert_eq!(status(&held).await?, 200);
    gateway
        .put(path, &registered(&key, "somebody-else"))
        .await?;
    assert_eq!(status(&held).await?, 400, "another audience");
    gateway.put(path, &registered(&key, "web")).await?;
    assert_eq!(status(&held).await?, 200);
    let revoked = json!({"token": held}).to_string();
    let reply = gateway
        .admin(Method::POST, "/admin/v1/tokens:revoke", revoked)
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(status(&held).await?, 400, "revoked");
    let mut without_leeway = registered(&key, "web");
    without_leeway["leeway_seconds"] = json!(0);
    gateway.put(path, &without_leeway).await?;
    let brief = key.sign_jwt("JWT", &said("dana", 2))?;
    assert_eq!(status(&brief).await?, 200);
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    assert_eq!(status(&brief).await?, 400, "it has ended meanwhile");
    Ok(())
}

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
