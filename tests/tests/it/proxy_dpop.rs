//! Tokens bound to a key, presented to a route (RFC 9449 §7, RFC 8705 §3).

use cambist::config::{ClientCertificates, ClientTrust, Tls};
use cambist_token::{
    dpop::token_hash,
    jose::{Algorithm, SigningKey},
};
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure, Reply, claims},
    issuer::{Issuer, now},
    mirror::Files,
    server::Server,
    tls::{Authority, Client, Identity},
    upstream,
};

use crate::{INSTANCE, Outcome, with_partner, with_partner_at};

/// A client's key, with which it signs proofs.
struct Holder(SigningKey);

impl Holder {
    fn new() -> Result<Self, Failure> {
        Ok(Self(SigningKey::generate(Algorithm::Es256)?.0))
    }

    fn thumbprint(&self) -> &str {
        self.0.key_id().unwrap_or_default()
    }

    /// A token that is bound to it.
    fn token(&self, issuer: &Issuer) -> Result<String, Failure> {
        bound(issuer, &json!({"jkt": self.thumbprint()}))
    }

    /// A proof for a GET of `url` with `token`.
    fn proof(&self, url: &str, token: &str, more: &Value) -> Result<String, Failure> {
        let mut claims = json!({
            "jti": format!("{:?}", std::time::Instant::now()), "htm": "GET", "htu": url, "iat": now(),
            "ath": token_hash(token.as_bytes()),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        Ok(self.0.sign_jwt_embedding_key("dpop+jwt", &claims)?)
    }
}

fn bound(issuer: &Issuer, confirmation: &Value) -> Result<String, Failure> {
    issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": WEB.0, "iat": now(), "exp": now() + 600, "cnf": confirmation}),
    )
}

/// A gateway whose routes `/bound` and `/nonce` take bound tokens only, and `/either` takes bearer tokens too.
async fn routed() -> Result<(TestGateway, Issuer, Server), Failure> {
    let (gateway, issuer) = with_partner().await?;
    let upstream = upstream::start().await?;
    let dpop = json!({"from": "dpop", "token_type": ID_TOKEN});
    let bearer = json!({"from": "bearer", "token_type": ID_TOKEN});
    let strict = json!({"from": "dpop", "token_type": ID_TOKEN, "nonce_required": true});
    for (name, credentials) in [
        ("bound", json!([dpop])),
        ("nonce", json!([strict])),
        ("either", json!([bearer, dpop])),
    ] {
        let route = json!({
            "path_prefix": format!("/{name}"), "upstream": upstream.url(), "instance": INSTANCE,
            "audience": ORDERS, "credentials": credentials, "unbinding": true,
        });
        gateway
            .put(&format!("/admin/v1/routes/{name}"), &route)
            .await?;
    }
    Ok((gateway, issuer, upstream))
}

async fn ask(url: &str, scheme: &str, token: &str, proofs: &[&str]) -> Result<Reply, Failure> {
    let credential = format!("{scheme} {token}");
    let mut headers = vec![("authorization", credential.as_str())];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    http::get(url, &headers).await
}

/// Status and error of a refusal.
fn refusal(reply: &Reply) -> (u16, Option<String>) {
    let challenges = reply.headers.get_all("www-authenticate").iter();
    let error = challenges
        .filter_map(|value| value.to_str().ok())
        .filter(|value| value.starts_with("DPoP "))
        .find_map(|value| value.split("error=\"").nth(1)?.split('"').next())
        .map(ToOwned::to_owned);
    (reply.status.as_u16(), error)
}

#[tokio::test]
async fn dp_30_a_token_with_its_proof_becomes_one_that_the_upstream_can_use() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let holder = Holder::new()?;
    let token = holder.token(&issuer)?;
    for path in ["/bound/7?full=1", "/either/7", "/bound/7"] {
        let url = format!("{}{path}", gateway.public);
        let proof = holder.proof(&url, &token, &json!({}))?;
        let reply = ask(&url, "DPoP", &token, &[&proof]).await?;
        let seen = reply.json();
        assert_eq!(reply.status, 200, "{seen}");
        assert!(seen["headers"]["dpop"].is_null(), "DP-33: {seen}");
        let sent = seen["headers"]["authorization"]
            .as_str()
            .unwrap_or_default();
        let issued = claims(sent.strip_prefix("Bearer ").ok_or("no bearer token")?);
        assert_eq!(issued["sub"], "partner:dana", "{issued}");
        assert!(issued["cnf"].is_null(), "{issued}");
    }
    Ok(())
}

#[tokio::test]
async fn sc_09_every_request_needs_a_proof_of_its_own() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let (holder, thief) = (Holder::new()?, Holder::new()?);
    let token = holder.token(&issuer)?;
    let url = format!("{}/bound/7", gateway.public);
    let good = holder.proof(&url, &token, &json!({}))?;
    assert_eq!(ask(&url, "DPoP", &token, &[&good]).await?.status, 200);
    let bad = (401, Some("invalid_dpop_proof".to_owned()));
    // From here on the exchange is known, and a proof is needed all the same.
    assert_eq!(refusal(&ask(&url, "DPoP", &token, &[]).await?), bad);
    assert_eq!(
        refusal(&ask(&url, "DPoP", &token, &[&good]).await?),
        bad,
        "the same again"
    );
    let other = format!("{}/bound/8", gateway.public);
    let mut proofs = Vec::new();
    for more in [
        json!({"htm": "POST"}),
        json!({"htu": other}),
        json!({"iat": now() - 120}),
        json!({"iat": now() + 120}),
        json!({"ath": token_hash(b"another")}),
        json!({"ath": null}),
    ] {
        proofs.push(holder.proof(&url, &token, &more)?);
    }
    for proof in &proofs {
        let reply = ask(&url, "DPoP", &token, &[proof]).await?;
        assert_eq!(refusal(&reply), bad, "{proof}");
    }
    let (one, two) = (
        holder.proof(&url, &token, &json!({}))?,
        holder.proof(&url, &token, &json!({}))?,
    );
    assert_eq!(
        refusal(&ask(&url, "DPoP", &token, &[&one, &two]).await?),
        bad
    );
    let stolen = thief.proof(&url, &token, &json!({}))?;
    let reply = ask(&url, "DPoP", &token, &[&stolen]).await?;
    assert_eq!(refusal(&reply), (401, Some("invalid_token".to_owned())));
    Ok(())
}

#[tokio::test]
async fn dp_31_a_bound_token_is_no_bearer_token_and_a_bearer_token_is_not_bound() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let holder = Holder::new()?;
    let (token, plain) = (holder.token(&issuer)?, issuer.id_token("dana", WEB.0)?);
    let either = format!("{}/either", gateway.public);
    let proof = holder.proof(&either, &token, &json!({}))?;
    for proofs in [&[][..], &[proof.as_str()]] {
        let reply = ask(&either, "Bearer", &token, proofs).await?;
        assert_eq!(
            refusal(&reply),
            (401, Some("invalid_token".to_owned())),
            "{}",
            reply.text()
        );
    }
    assert_eq!(ask(&either, "Bearer", &plain, &[]).await?.status, 200);
    let proof = holder.proof(&either, &plain, &json!({}))?;
    let reply = ask(&either, "DPoP", &plain, &[&proof]).await?;
    assert_eq!(refusal(&reply), (401, Some("invalid_token".to_owned())));
    let only = format!("{}/bound", gateway.public);
    let reply = ask(&only, "Bearer", &plain, &[]).await?;
    assert_eq!(refusal(&reply), (401, None), "{}", reply.text());
    let challenge = reply.header("www-authenticate");
    assert!(
        challenge.starts_with("DPoP realm=\"bound\"") && challenge.contains("algs=\"EdDSA ES256"),
        "{challenge}"
    );
    Ok(())
}

#[tokio::test]
async fn dp_22_a_route_may_want_a_nonce_in_every_proof() -> Outcome {
    let (gateway, issuer, _upstream) = routed().await?;
    let holder = Holder::new()?;
    let token = holder.token(&issuer)?;
    let url = format!("{}/nonce", gateway.public);
    let proof = holder.proof(&url, &token, &json!({}))?;
    let reply = ask(&url, "DPoP", &token, &[&proof]).await?;
    assert_eq!(refusal(&reply), (401, Some("use_dpop_nonce".to_owned())));
    let nonce = reply.header("dpop-nonce").to_owned();
    let proof = holder.proof(&url, &token, &json!({"nonce": nonce}))?;
    let reply = ask(&url, "DPoP", &token, &[&proof]).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.header("dpop-nonce").is_empty(), "the next one");
    let proof = holder.proof(&url, &token, &json!({"nonce": "made up"}))?;
    let reply = ask(&url, "DPoP", &token, &[&proof]).await?;
    assert_eq!(refusal(&reply), (401, Some("use_dpop_nonce".to_owned())));
    // Where none is wanted, one that is no nonce of ours is refused all the same.
    let url = format!("{}/bound", gateway.public);
    let proof = holder.proof(&url, &token, &json!({"nonce": "made up"}))?;
    let reply = ask(&url, "DPoP", &token, &[&proof]).await?;
    assert_eq!(refusal(&reply), (401, Some("use_dpop_nonce".to_owned())));
    assert!(!reply.header("dpop-nonce").is_empty());
    Ok(())
}

#[tokio::test]
async fn dp_42_a_route_says_that_it_unbinds() -> Outcome {
    let (gateway, _issuer, upstream) = routed().await?;
    let mut route = json!({
        "path_prefix": "/x", "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS,
        "credentials": [{"from": "dpop", "token_type": ID_TOKEN}],
    });
    let refused = gateway
        .admin(hyper::Method::PUT, "/admin/v1/routes/x", route.to_string())
        .await?;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["path"].as_str()),
        (422, Some("unbinding"))
    );
    route["unbinding"] = json!(true);
    gateway.put("/admin/v1/routes/x", &route).await?;
    let about = format!("{}/.well-known/oauth-protected-resource/x", gateway.public);
    let about = http::get(&about, &[]).await?.json();
    assert_eq!(about["dpop_bound_access_tokens_required"], true, "{about}");
    Ok(())
}

/// A gateway that asks its clients for certificates.
async fn asking(files: &Files, clients: &Authority) -> Result<(TestGateway, Issuer), Failure> {
    let tls = Tls {
        client_trust: ClientTrust::Possession,
        ..files.asking(clients, ClientCertificates::Optional)?
    };
    let gateway = TestGateway::start_with(|config| config.public.tls = tls).await?;
    let (gateway, issuer) = with_partner_at(gateway).await?;
    Ok((gateway, issuer))
}

#[tokio::test]
async fn mt_10_a_token_bound_to_a_certificate_needs_that_certificate() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let (gateway, issuer) = asking(&files, &clients).await?;
    let upstream = upstream::start().await?;
    for (name, unbinding) in [("stays", false), ("ends", true)] {
        let route = json!({
            "path_prefix": format!("/{name}"), "upstream": upstream.url(), "instance": INSTANCE,
            "audience": ORDERS, "subject_token_type": ID_TOKEN, "unbinding": unbinding,
        });
        gateway
            .put(&format!("/admin/v1/routes/{name}"), &route)
            .await?;
    }
    let (own, other) = (
        Identity::self_signed("client")?,
        Identity::self_signed("client")?,
    );
    let leaf = own.chain.first().ok_or("no certificate")?;
    let print = token_hash(leaf);
    let token = bound(&issuer, &json!({"x5t#S256": print}))?;
    let address = tests::raw::address(&gateway.public.replace("https", "http"))?;
    let lines = format!("Authorization: Bearer {token}\r\n");
    for path in ["/stays", "/ends"] {
        let answer = Client::showing(&files.authority, &own)
            .get_with(address, path, &lines)
            .await?;
        if path == "/ends" {
            let seen = tests::mirror::body(&answer)?;
            let sent = seen["headers"]["authorization"]
                .as_str()
                .unwrap_or_default();
            let issued = claims(sent.strip_prefix("Bearer ").ok_or("no bearer token")?);
            assert_eq!(issued["sub"], "partner:dana", "{issued}");
            assert!(issued["cnf"].is_null(), "{issued}");
        } else {
            // DP-42: it would leave bound, and is of no use to the upstream.
            assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        }
        for client in [
            Client::showing(&files.authority, &other),
            Client::trusting(&files.authority),
        ] {
            let answer = client.get_with(address, path, &lines).await?;
            assert!(
                answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_token"),
                "{answer}"
            );
        }
    }
    Ok(())
}
