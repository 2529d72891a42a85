//! A JWT that is a grant serves once (RFC 7523 §3, item 7), unless the instance's operator says otherwise.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, WEB},
    gateway::TestGateway,
    http::{Failure, Reply},
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const OTHER: &str = "beta/orders";

fn document() -> Value {
    let mut document = documents::passwords();
    // Another provider of access tokens' source stands first, so that names cannot be right by chance.
    document["validators"]["partner"] = json!({
        "kind": "jwt", "issuers": ["partner"], "subject_prefix": "partner:", "scopes": ["orders:read"]
    });
    document["transformations"] = json!([
        {"subject": "password", "issue": "access"}, {"subject": "partner", "issue": "access"}
    ]);
    document["clients"]["web"]["grant_types"] = json!([JWT_BEARER]);
    document
}

fn path(instance: &str) -> String {
    format!("/admin/v1/instances/{instance}")
}

async fn publish(gateway: &TestGateway, issuer: &Issuer, document: &Value) -> Outcome {
    let audiences = [INSTANCE, OTHER].map(|id| format!("{}/oauth2/{id}", gateway.public));
    let registration = json!({"issuer": issuer.url(), "audiences": audiences});
    gateway
        .put("/admin/v1/issuers/partner", &registration)
        .await?;
    gateway.put(&path(INSTANCE), document).await.map(drop)
}

async fn start(document: &Value) -> Result<(TestGateway, Issuer), Failure> {
    let gateway = TestGateway::start().await?;
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    publish(&gateway, &issuer, document).await?;
    Ok((gateway, issuer))
}

fn signed(gateway: &TestGateway, issuer: &Issuer, more: Value) -> Result<String, Failure> {
    let aud = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let mut claims = json!({"sub": "dana", "aud": aud, "iat": now(), "exp": now() + 120});
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    issuer.sign("JWT", claims)
}

async fn ask(gateway: &TestGateway, instance: &str, assertion: &str) -> Result<Reply, Failure> {
    let parameters = [("grant_type", JWT_BEARER), ("assertion", assertion)];
    gateway.token_request(instance, WEB, &parameters).await
}

fn told(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status.as_u16(), error)
}

fn refused() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn as_05_an_assertion_that_is_a_grant_serves_once() -> Outcome {
    let (gateway, issuer) = start(&document()).await?;
    let named = json!({"jti": "one"});
    for claims in [named.clone(), json!({"iat": now() - 1})] {
        let assertion = signed(&gateway, &issuer, claims.clone())?;
        let first = ask(&gateway, INSTANCE, &assertion).await?;
        assert_eq!(first.status, 200, "{}", first.text());
        let again = ask(&gateway, INSTANCE, &assertion).await?;
        assert_eq!(told(&again), refused(), "{claims}");
        // The same content under another signature is the same assertion.
        let resigned = signed(&gateway, &issuer, claims)?;
        assert_ne!(resigned, assertion);
        assert_eq!(told(&ask(&gateway, INSTANCE, &resigned).await?), refused());
    }
    let same_name = signed(&gateway, &issuer, json!({"jti": "one", "sub": "erin"}))?;
    assert_eq!(told(&ask(&gateway, INSTANCE, &same_name).await?), refused());
    let other_name = signed(&gateway, &issuer, json!({"jti": "two"}))?;
    assert_eq!(ask(&gateway, INSTANCE, &other_name).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn as_05_of_sixteen_at_once_one_is_served() -> Outcome {
    let (gateway, issuer) = start(&document()).await?;
    let assertion: Arc<str> = signed(&gateway, &issuer, json!({"jti": "one"}))?.into();
    let gateway = Arc::new(gateway);
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let (gateway, assertion) = (Arc::clone(&gateway), Arc::clone(&assertion));
            tokio::spawn(async move { ask(&gateway, INSTANCE, &assertion).await })
        })
        .collect();
    let mut served = 0;
    for reply in asked {
        let reply = reply.await??;
        if reply.status == 200 {
            served += 1;
        } else {
            assert_eq!(told(&reply), refused());
        }
    }
    assert_eq!(served, 1);
    Ok(())
}

#[tokio::test]
async fn as_05_it_serves_once_at_all_instances_and_over_a_restart() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let mut config = cambist::config::Config::default();
    config.egress.allow = vec!["127.0.0.1".parse()?];
    config.public.url = Some("https://sts.example".to_owned());
    let gateway = TestGateway::start_in(&data, config.clone()).await?;
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    let ours = [INSTANCE, OTHER].map(|id| format!("https://sts.example/oauth2/{id}"));
    let registration = json!({"issuer": issuer.url(), "audiences": ours});
    gateway
        .put("/admin/v1/issuers/partner", &registration)
        .await?;
    for instance in [INSTANCE, OTHER] {
        gateway.put(&path(instance), &document()).await?;
    }
    let claims = json!({"aud": ours, "jti": "one"});
    let assertion = signed(&gateway, &issuer, claims)?;
    assert_eq!(ask(&gateway, OTHER, &assertion).await?.status, 200);
    assert_eq!(told(&ask(&gateway, INSTANCE, &assertion).await?), refused());
    gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, config).await?;
    for instance in [INSTANCE, OTHER] {
        assert_eq!(told(&ask(&gateway, instance, &assertion).await?), refused());
    }
    Ok(())
}

#[tokio::test]
async fn as_05_what_is_refused_or_explained_is_not_used_up() -> Outcome {
    let (gateway, issuer) = start(&document()).await?;
    let assertion = signed(&gateway, &issuer, json!({"jti": "one"}))?;
    let question = json!({
        "instance": INSTANCE, "client": WEB.0,
        "parameters": {"grant_type": JWT_BEARER, "assertion": assertion}
    });
    let explain = async || -> Result<Value, Failure> {
        let path = "/admin/v1/explain";
        let reply = gateway
            .admin(Method::POST, path, question.to_string())
            .await?;
        Ok(reply.json())
    };
    for _ in 0..2 {
        let told = explain().await?;
        assert_eq!(told["outcome"], "would_issue", "{told}");
        let steps = told["steps"].as_array().into_iter().flatten();
        let mut steps = steps.filter(|step| step["step"] == "transformation");
        let step = steps.next().ok_or("no transformation")?;
        assert_eq!(step["validator"], "partner", "{told}");
    }
    // A client that did not authenticate, and an assertion that is not acceptable here.
    let parameters = [
        ("grant_type", JWT_BEARER),
        ("assertion", assertion.as_str()),
    ];
    let stranger = ("web", "a-wrong-secret-of-more-than-thirty-two-letters");
    let reply = gateway
        .token_request(INSTANCE, stranger, &parameters)
        .await?;
    assert_eq!(reply.status, 401);
    let early = signed(
        &gateway,
        &issuer,
        json!({"jti": "one", "nbf": now() + 3600}),
    )?;
    assert_eq!(told(&ask(&gateway, INSTANCE, &early).await?), refused());
    let reply = ask(&gateway, INSTANCE, &assertion).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let told = explain().await?;
    assert_eq!(told["outcome"], "refused", "{told}");
    assert_eq!(told["decided_by"]["rule"], "used_before", "{told}");
    Ok(())
}

#[tokio::test]
async fn as_05_an_operator_may_let_assertions_serve_again() -> Outcome {
    let mut document = document();
    document["jwt_bearer"] = json!({"reusable": true});
    let (gateway, issuer) = start(&document).await?;
    let assertion = signed(&gateway, &issuer, json!({"jti": "one"}))?;
    for _ in 0..2 {
        assert_eq!(ask(&gateway, INSTANCE, &assertion).await?.status, 200);
    }
    let read = gateway.admin(Method::GET, &path(INSTANCE), "").await?;
    assert_eq!(read.json()["jwt_bearer"], json!({"reusable": true}));
    Ok(())
}
