//! Tokens bound to a key, in and out (RFC 9449).

use cambist_token::{
    dpop::token_hash,
    jose::{Algorithm, SigningKey},
};
use serde_json::{Value, json};
use tests::{
    documents::{self, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Failure, Reply, claims, form},
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome, with_partner};

/// A client's key, with which it signs proofs.
struct Holder {
    key: SigningKey,
}

impl Holder {
    fn new() -> Result<Self, Failure> {
        let (key, _) = SigningKey::generate(Algorithm::Es256)?;
        Ok(Self { key })
    }

    fn thumbprint(&self) -> &str {
        self.key.key_id().unwrap_or_default()
    }

    fn proof(&self, gateway: &TestGateway, more: &Value) -> Result<String, Failure> {
        let url = format!("{}/oauth2/{INSTANCE}/token", gateway.public);
        let mut claims = json!({
            "jti": format!("{:?}", std::time::Instant::now()), "htm": "POST", "htu": url, "iat": now()
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        Ok(self.key.sign_jwt_embedding_key("dpop+jwt", &claims)?)
    }
}

async fn exchange(
    gateway: &TestGateway,
    subject: &str,
    proofs: &[&str],
    more: &[(&str, &str)],
) -> Result<Reply, Failure> {
    let credential = basic(WEB);
    let mut headers = vec![
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    let mut parameters = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ID_TOKEN),
    ];
    parameters.extend_from_slice(more);
    http::send(
        hyper::Method::POST,
        &format!("{}/oauth2/{INSTANCE}/token", gateway.public),
        &headers,
        form(&parameters),
    )
    .await
}

fn bound(issuer: &Issuer, holder: &Holder) -> Result<String, Failure> {
    let cnf = json!({"jkt": holder.thumbprint()});
    issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now(), "exp": now() + 600, "cnf": cnf}),
    )
}

fn refusal(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status.as_u16(), error)
}

#[tokio::test]
async fn dp_20_tx_31_a_proof_makes_a_bound_token() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let holder = Holder::new()?;
    let token = issuer.id_token("dana", "web")?;
    let proof = holder.proof(&gateway, &json!({}))?;
    let reply = exchange(&gateway, &token, &[&proof], &[]).await?;
    let body = reply.json();
    assert_eq!(body["token_type"], "DPoP", "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["cnf"], json!({"jkt": holder.thumbprint()}));
    let again = exchange(&gateway, &token, &[&proof], &[]).await?;
    assert_eq!(refusal(&again), (400, "invalid_dpop_proof".to_owned()));
    Ok(())
}

#[tokio::test]
async fn sx_12_dp_40_a_bound_subject_needs_the_proof_of_its_key() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let (holder, thief) = (Holder::new()?, Holder::new()?);
    let token = bound(&issuer, &holder)?;
    let naked = exchange(&gateway, &token, &[], &[]).await?;
    assert_eq!(refusal(&naked), (400, "invalid_request".to_owned()));
    let stolen = thief.proof(&gateway, &json!({}))?;
    let stolen = exchange(&gateway, &token, &[&stolen], &[]).await?;
    assert_eq!(refusal(&stolen), (400, "invalid_request".to_owned()));
    let elsewhere = holder.proof(&gateway, &json!({"ath": token_hash(b"another token")}))?;
    let elsewhere = exchange(&gateway, &token, &[&elsewhere], &[]).await?;
    assert_eq!(refusal(&elsewhere), (400, "invalid_dpop_proof".to_owned()));
    for more in [json!({}), json!({"ath": token_hash(token.as_bytes())})] {
        let proof = holder.proof(&gateway, &more)?;
        let body = exchange(&gateway, &token, &[&proof], &[]).await?.json();
        let issued = claims(body["access_token"].as_str().unwrap_or_default());
        assert_eq!(issued["cnf"], json!({"jkt": holder.thumbprint()}), "{body}");
        assert_eq!(body["token_type"], "DPoP");
    }
    Ok(())
}

#[tokio::test]
async fn dp_42_bound_in_becomes_bearer_out_only_by_permission() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let holder = Holder::new()?;
    let token = bound(&issuer, &holder)?;
    let mut document = documents::with_partner();
    document["clients"]["web"]["unbinding"] = json!(true);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let naked = exchange(&gateway, &token, &[], &[]).await?;
    assert_eq!(
        refusal(&naked),
        (400, "invalid_request".to_owned()),
        "the permission is no excuse for a missing proof"
    );
    let proof = holder.proof(&gateway, &json!({}))?;
    let body = exchange(&gateway, &token, &[&proof], &[]).await?.json();
    assert_eq!(body["token_type"], "Bearer", "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert!(issued["cnf"].is_null(), "{issued}");
    Ok(())
}

#[tokio::test]
async fn dp_23_a_client_of_bound_tokens_must_send_a_proof() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["clients"]["web"]["dpop_bound_access_tokens"] = json!(true);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let token = issuer.id_token("dana", "web")?;
    let naked = exchange(&gateway, &token, &[], &[]).await?;
    assert_eq!(refusal(&naked), (400, "invalid_request".to_owned()));
    let proof = Holder::new()?.proof(&gateway, &json!({}))?;
    let body = exchange(&gateway, &token, &[&proof], &[]).await?.json();
    assert_eq!(body["token_type"], "DPoP", "{body}");
    Ok(())
}

#[tokio::test]
async fn dp_22_a_nonce_is_asked_for_where_the_instance_wants_one() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let mut document = documents::with_partner();
    document["dpop"] = json!({"nonce_required": true});
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let (holder, token) = (Holder::new()?, issuer.id_token("dana", "web")?);
    let proof = holder.proof(&gateway, &json!({}))?;
    let asked = exchange(&gateway, &token, &[&proof], &[]).await?;
    assert_eq!(refusal(&asked), (400, "use_dpop_nonce".to_owned()));
    let nonce = asked.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    let proof = holder.proof(&gateway, &json!({"nonce": nonce}))?;
    let answered = exchange(&gateway, &token, &[&proof], &[]).await?;
    assert_eq!(answered.status, 200, "{}", answered.text());
    assert!(!answered.header("dpop-nonce").is_empty());
    let proof = holder.proof(&gateway, &json!({"nonce": "made-up"}))?;
    let refused = exchange(&gateway, &token, &[&proof], &[]).await?;
    assert_eq!(refusal(&refused), (400, "use_dpop_nonce".to_owned()));
    Ok(())
}

#[tokio::test]
async fn sc_09_dp_21_a_bad_proof_is_invalid_dpop_proof() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let (holder, token) = (Holder::new()?, issuer.id_token("dana", "web")?);
    for more in [
        json!({"htm": "GET"}),
        json!({"htu": "https://elsewhere.example/token"}),
        json!({"iat": now() - 600}),
        json!({"iat": now() + 600}),
        json!({"jti": 1}),
    ] {
        let proof = holder.proof(&gateway, &more)?;
        let reply = exchange(&gateway, &token, &[&proof], &[]).await?;
        assert_eq!(
            refusal(&reply),
            (400, "invalid_dpop_proof".to_owned()),
            "{more}"
        );
    }
    let (one, two) = (
        holder.proof(&gateway, &json!({}))?,
        holder.proof(&gateway, &json!({}))?,
    );
    for proofs in [&[one.as_str(), two.as_str()][..], &["x"], &[""]] {
        let reply = exchange(&gateway, &token, proofs, &[]).await?;
        assert_eq!(refusal(&reply), (400, "invalid_dpop_proof".to_owned()));
    }
    for skew in [-10_i64, 10] {
        let at = now().saturating_add_signed(skew);
        let proof = holder.proof(&gateway, &json!({"iat": at}))?;
        let reply = exchange(&gateway, &token, &[&proof], &[]).await?;
        assert_eq!(
            reply.status,
            200,
            "ten seconds are tolerated: {}",
            reply.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn sx_12_an_issued_bound_token_is_worth_nothing_without_its_key() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let holder = Holder::new()?;
    let mut document = documents::with_partner();
    document["validators"]["own"] =
        json!({"kind": "access_token", "issuers": "self", "audiences": [documents::ORDERS]});
    document["transformations"]
        .as_array_mut()
        .ok_or("no list")?
        .push(json!({"subject": "own", "issue": "access"}));
    document["clients"]["web"]["subject_audiences"] = json!(["web", documents::ORDERS]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let proof = holder.proof(&gateway, &json!({}))?;
    let token = issuer.id_token("dana", "web")?;
    let body = exchange(&gateway, &token, &[&proof], &[]).await?.json();
    let own = body["access_token"].as_str().unwrap_or_default().to_owned();
    let again = [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", own.as_str()),
        ("subject_token_type", tests::gateway::ACCESS_TOKEN),
    ];
    let reply = gateway.token_request(INSTANCE, WEB, &again).await?;
    assert_eq!(refusal(&reply), (400, "invalid_request".to_owned()));
    Ok(())
}
