//! Registered issuers: presets, and rules about whose tokens are accepted.

use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TOKEN_EXCHANGE, TestGateway},
    http::claims,
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[tokio::test]
async fn a_preset_fills_in_and_shows_what_the_operator_left_out() -> Outcome {
    let gateway = TestGateway::start().await?;
    let given = json!({"preset": "github-actions", "audiences": ["https://sts.example"]});
    gateway.put("/admin/v1/issuers/github", &given).await?;
    let kept = gateway
        .admin(hyper::Method::GET, "/admin/v1/issuers/github", "")
        .await?
        .json();
    assert_eq!(
        kept["issuer"],
        "https://token.actions.githubusercontent.com"
    );
    assert_eq!(kept["subject_prefix"], "github:");
    assert_eq!(kept["preset"], "github-actions");
    for (given, member) in [
        (json!({"preset": "okta", "audiences": ["x"]}), "preset"),
        (json!({"preset": "entra", "audiences": ["x"]}), "tenant"),
        (
            json!({"issuer": "https://i.example", "audiences": ["x"], "subjects": ["repo:acme*"]}),
            "subjects[0]",
        ),
    ] {
        let reply = gateway
            .admin(
                hyper::Method::PUT,
                "/admin/v1/issuers/bad",
                given.to_string(),
            )
            .await?;
        assert_eq!(reply.status, 422, "{}", reply.text());
        assert!(reply.text().contains(member), "{}", reply.text());
    }
    Ok(())
}

/// A gateway with a job runner's issuer, whose tokens must meet rules.
async fn with_rules(rules: &Value) -> Result<(TestGateway, Issuer), tests::http::Failure> {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(Algorithm::Es256).await?;
    let mut registration = documents::partner(&issuer.url());
    for (name, value) in rules.as_object().into_iter().flatten() {
        registration[name] = value.clone();
    }
    gateway
        .put("/admin/v1/issuers/partner", &registration)
        .await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &documents::with_partner(),
        )
        .await?;
    Ok((gateway, issuer))
}

#[tokio::test]
async fn as_08_subjects_and_claims_of_an_issuer_are_filtered() -> Outcome {
    let rules =
        json!({"subjects": ["repo:acme/*"], "claims": {"owner_id": "7"}, "subject_prefix": "ci:"});
    let (gateway, issuer) = with_rules(&rules).await?;
    let signed = |sub: &str, owner: &str| {
        issuer.sign(
            "JWT",
            json!({"sub": sub, "aud": "web", "iat": now(), "exp": now() + 60, "owner_id": owner}),
        )
    };
    let body = gateway
        .exchange(
            INSTANCE,
            WEB,
            &signed("repo:acme/shop", "7")?,
            ID_TOKEN,
            &[],
        )
        .await?
        .json();
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["sub"], "partner:ci:repo:acme/shop", "{body}");
    for token in [
        signed("repo:acme-evil/shop", "7")?,
        signed("repo:acme/shop", "8")?,
    ] {
        let code = crate::error(&gateway, &token, ID_TOKEN, &[]).await?;
        assert_eq!(code, "invalid_request");
    }
    Ok(())
}

#[tokio::test]
async fn ab_07_an_issuer_that_names_no_actors_names_none() -> Outcome {
    let (gateway, issuer) = with_rules(&json!({"never_actor": true})).await?;
    let mut document = documents::with_partner();
    document["actors"] = json!(["partner"]);
    document["clients"]["web"]["actors"] = json!([{"subject": "partner:robot"}]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let subject = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": ["web", "partner:robot"], "iat": now(), "exp": now() + 60}),
    )?;
    let actor = issuer.id_token("robot", "web")?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let code = crate::error(&gateway, &subject, ID_TOKEN, &more).await?;
    assert_eq!(code, "invalid_request");
    gateway.put_partner(&issuer).await?;
    let reply = gateway
        .exchange(INSTANCE, WEB, &subject, ID_TOKEN, &more)
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn tx_60_two_issuers_behind_one_validator_need_two_prefixes() -> Outcome {
    let gateway = TestGateway::start().await?;
    let (one, two) = (
        Issuer::start(Algorithm::Es256).await?,
        Issuer::start(Algorithm::EdDsa).await?,
    );
    let registration = |issuer: &Issuer, prefix: &str| json!({"issuer": issuer.url(), "audiences": ["web"], "subject_prefix": prefix});
    gateway
        .put("/admin/v1/issuers/one", &registration(&one, "one:"))
        .await?;
    gateway
        .put("/admin/v1/issuers/two", &registration(&two, "one:"))
        .await?;
    let mut document = documents::passwords();
    document["validators"]["both"] =
        json!({"kind": "id_token", "issuers": ["one", "two"], "scopes": ["orders:read"]});
    document["transformations"] = json!([{"subject": "both", "issue": "access"}]);
    let put = async |document: &Value| {
        gateway
            .admin(
                hyper::Method::PUT,
                "/admin/v1/instances/alpha/orders",
                document.to_string(),
            )
            .await
    };
    assert_eq!(put(&document).await?.status, 422);
    gateway
        .put("/admin/v1/issuers/two", &registration(&two, "two:"))
        .await?;
    let reply = put(&document).await?;
    assert!(reply.status.is_success(), "{}", reply.text());
    for (issuer, sub) in [(&one, "one:dana"), (&two, "two:dana")] {
        let token = issuer.id_token("dana", "web")?;
        let body = gateway
            .exchange(INSTANCE, WEB, &token, ID_TOKEN, &[])
            .await?
            .json();
        let issued = claims(body["access_token"].as_str().unwrap_or_default());
        assert_eq!(issued["sub"], sub, "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_jwt_svid_without_an_issuer_is_its_trust_domains() -> Outcome {
    let gateway = TestGateway::start().await?;
    let (key, _) = SigningKey::generate(Algorithm::Es256)?;
    let mut jwk = key.public_jwk().ok_or("no key")?;
    jwk["use"] = json!("jwt-svid");
    let registration = json!({
        "preset": "spiffe", "trust_domain": "example.org", "jwks": {"keys": [jwk]}, "audiences": ["web"]
    });
    gateway.put("/admin/v1/issuers/mesh", &registration).await?;
    let mut document = documents::passwords();
    document["validators"]["svid"] = json!({"kind": "jwt", "issuers": ["mesh"], "subject_prefix": "mesh:", "scopes": ["orders:read"]});
    document["transformations"] = json!([{"subject": "svid", "issue": "access"}]);
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let ask = async |sub: &str, iss: Option<&str>| {
        let mut said = json!({"sub": sub, "aud": ["web"], "exp": now() + 60});
        if let Some(iss) = iss {
            said["iss"] = json!(iss);
        }
        let token = key.sign_jwt("JWT", &said)?;
        let parameters = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", token.as_str()),
            ("subject_token_type", JWT),
            ("audience", ORDERS),
        ];
        gateway.token_request(INSTANCE, WEB, &parameters).await
    };
    for iss in [None, Some("spiffe://example.org")] {
        let body = ask("spiffe://example.org/ns/shop", iss).await?.json();
        let issued = claims(body["access_token"].as_str().unwrap_or_default());
        assert_eq!(issued["sub"], "mesh:spiffe://example.org/ns/shop", "{body}");
    }
    for (sub, iss) in [
        ("spiffe://other.org/ns/shop", None),
        ("spiffe://other.org/ns/shop", Some("spiffe://example.org")),
        ("dana", None),
        ("spiffe://example.org/ns/shop", Some("spiffe://other.org")),
    ] {
        assert_eq!(ask(sub, iss).await?.status, 400, "{sub} {iss:?}");
    }
    Ok(())
}
