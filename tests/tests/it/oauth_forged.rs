//! Forged tokens on every way in, and tokens that were genuine.

use cambist_token::jose::{Algorithm, SigningKey};
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Failure, claims, form},
    issuer::now,
};

use crate::{
    INSTANCE, Outcome,
    oauth_conformance::{ask, token, wide, wide_document},
};

const PATH: &str = "/admin/v1/instances/alpha/orders";

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
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
