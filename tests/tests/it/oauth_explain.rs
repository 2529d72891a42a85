//! Explanations: the same decision as a request gets, told to operators, and nothing is issued for it.

use std::process::{Command, Output};

use cambist_token::jose::{Algorithm, SigningKey};
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, TICKET, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, USERNAME},
    guests,
    http::{self, Failure, Reply, form},
    issuer::{Issuer, now},
    ticket::ticket,
    upstream,
};

use crate::{INSTANCE, Outcome, with_partner};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

async fn ask(gateway: &TestGateway, question: &Value) -> Result<Reply, Failure> {
    let body = question.to_string();
    gateway.admin(Method::POST, "/admin/v1/explain", body).await
}

async fn explain(gateway: &TestGateway, question: &Value) -> Result<Value, Failure> {
    let reply = ask(gateway, question).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    Ok(reply.json())
}

/// A question about an exchange of `token` that [`WEB`] asks for.
fn question(token: &str, token_type: &str) -> Value {
    json!({
        "instance": INSTANCE, "client": WEB.0,
        "parameters": {
            "grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": token_type
        }
    })
}

fn steps(explanation: &Value) -> Vec<&str> {
    let steps = explanation["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| step["step"].as_str()).collect()
}

fn step<'e>(explanation: &'e Value, name: &str) -> &'e Value {
    let steps = explanation["steps"].as_array().into_iter().flatten();
    let found = steps.into_iter().find(|step| step["step"] == name);
    found.unwrap_or(&Value::Null)
}

async fn ledger(gateway: &TestGateway) -> Result<usize, Failure> {
    let rows = gateway.admin(Method::GET, "/admin/v1/tokens", "").await?;
    Ok(rows.json()["tokens"].as_array().map_or(0, Vec::len))
}

/// Records of the audit trail, once there are `count`.
async fn audited(gateway: &TestGateway, count: usize) -> Result<Vec<Value>, Failure> {
    let path = gateway.data().ok_or("no data")?.join("audit.jsonl");
    for _ in 0..100 {
        let text = std::fs::read_to_string(&path)?;
        let records: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if records.len() >= count {
            return Ok(records);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Err("the audit trail stays short".into())
}

async fn with_passwords() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({"email": "d@x"}))
        .await?;
    gateway.put(PATH, &documents::passwords()).await?;
    Ok(gateway)
}

#[tokio::test]
async fn every_step_is_told_and_nothing_is_issued() -> Outcome {
    let gateway = with_passwords().await?;
    let told = explain(&gateway, &question(DANA, USERNAME)).await?;
    assert_eq!(told["outcome"], "would_issue", "{told}");
    assert_eq!(told["instance"], INSTANCE);
    assert!(told["revision"].is_u64(), "{told}");
    assert_eq!(
        steps(&told),
        [
            "client",
            "grant",
            "transformation",
            "subject_token",
            "subject_ledger",
            "proof",
            "presentation",
            "may_act",
            "delegation",
            "targets",
            "scope",
            "lifetime",
            "binding",
            "provider",
        ]
    );
    let read = step(&told, "subject_token");
    assert_eq!(read["validator"], "password");
    assert_eq!(read["subject"], "dana");
    assert_eq!(read["other_claims"], json!(["email"]));
    assert_eq!(step(&told, "provider")["provider"], "access");
    assert_eq!(step(&told, "client")["methods"][0], "client_secret_basic");
    let token = &told["token"];
    assert_eq!(token["audiences"], json!([ORDERS]));
    assert_eq!(token["scope"], json!(["orders:read"]));
    assert_eq!(token["actors"], json!([WEB.0]));
    assert_eq!(token["lifetime_seconds"], 300);
    assert_eq!(token["token_type"], ACCESS_TOKEN);
    assert_eq!(token["used_as"], "Bearer");
    let text = told.to_string();
    for secret in ["eyJ", "correct horse", WEB.1, "d@x"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(ledger(&gateway).await?, 0);
    let records = audited(&gateway, 1).await?;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["face"], "explain");
    assert_eq!(records[0]["outcome"], "would_issue");
    assert_eq!(records[0]["correlation"], told["correlation_id"]);
    Ok(())
}

/// The caller of the same request sees what the explanation says it would, and nothing else.
async fn check_caller(
    gateway: &TestGateway,
    told: &Value,
    token: &str,
    more: (&str, &str),
) -> Outcome {
    let mut parameters = vec![
        ("subject_token", token),
        ("subject_token_type", ID_TOKEN),
        more,
    ];
    if more.0 != "grant_type" {
        parameters.push(("grant_type", TOKEN_EXCHANGE));
    }
    let real = gateway.token_request(INSTANCE, WEB, &parameters).await?;
    let sees = &told["client_sees"];
    assert_eq!(sees["status"], real.status.as_u16(), "{told}");
    let real = real.json();
    assert_eq!(sees["error"], real["error"]);
    assert_eq!(sees["error_description"], real["error_description"]);
    let mut members: Vec<&String> = real.as_object().ok_or("no object")?.keys().collect();
    members.sort();
    assert_eq!(members, ["correlation_id", "error", "error_description"]);
    Ok(())
}

/// For every question: the rule that decides, and the same code for the caller as explained.
#[tokio::test]
async fn tx_43_the_operator_learns_the_rule_and_the_caller_a_code() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let good = issuer.id_token("dana", WEB.0)?;
    let sign = |claims: Value| issuer.sign("JWT", claims);
    let ends = now() + 60;
    let expired = sign(json!({"sub": "dana", "aud": WEB.0, "exp": now() - 600}))?;
    let elsewhere = sign(json!({"sub": "dana", "aud": "app", "exp": ends}))?;
    let with = |name: &str, value: Value| json!({"sub": "dana", "aud": WEB.0, "iat": now(), "exp": ends, name: value});
    let bound = with("cnf", json!({"jkt": "k"}));
    let named = with("may_act", json!({"sub": "svc"}));
    let (bound, named) = (sign(bound)?, sign(named)?);
    let unknown = sign(json!({"iss": "https://x.example", "sub": "a", "aud": "web", "exp": ends}))?;
    for (token, more, step_name, rule) in [
        (
            &good,
            ("audience", "https://no.example"),
            "targets",
            "unknown",
        ),
        (
            &good,
            ("scope", "orders:write"),
            "scope",
            "wider_than_allowed",
        ),
        (
            &good,
            ("requested_token_type", TICKET),
            "transformation",
            "no_transformation",
        ),
        (
            &good,
            ("authorization_details", "[]"),
            "request",
            "invalid_request",
        ),
        (
            &good,
            ("grant_type", "password"),
            "grant",
            "unsupported_grant_type",
        ),
        (
            &good,
            ("grant_type", "client_credentials"),
            "grant",
            "unauthorized_client",
        ),
        (&expired, ("x", "y"), "subject_token", "expired"),
        (&elsewhere, ("x", "y"), "subject_token", "wrong_audience"),
        (&unknown, ("x", "y"), "subject_token", "unknown_issuer"),
        (&bound, ("x", "y"), "proof", "not_proven"),
        (&named, ("x", "y"), "may_act", "may_act_not_met"),
    ] {
        let mut asked = question(token, ID_TOKEN);
        asked["parameters"][more.0] = json!(more.1);
        let told = explain(&gateway, &asked).await?;
        assert_eq!(told["outcome"], "refused", "{told}");
        assert_eq!(told["decided_by"]["step"], step_name, "{told}");
        assert_eq!(told["decided_by"]["rule"], rule, "{told}");
        assert_eq!(steps(&told).last(), Some(&step_name), "{told}");
        assert!(!told.to_string().contains("eyJ"), "{told}");
        check_caller(&gateway, &told, token, more).await?;
    }
    assert_eq!(ledger(&gateway).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_taken_as_proven_is_told_and_bound_to() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let claims =
        json!({"sub": "dana", "aud": WEB.0, "iat": now(), "exp": now() + 60, "cnf": {"jkt": "k"}});
    let mut asked = question(&issuer.sign("JWT", claims)?, ID_TOKEN);
    asked["dpop_key"] = json!("k");
    let told = explain(&gateway, &asked).await?;
    assert_eq!(told["outcome"], "would_issue", "{told}");
    assert_eq!(told["token"]["binding"], json!({"jkt": "k"}));
    assert_eq!(told["token"]["used_as"], "DPoP");
    assert_eq!(step(&told, "proof")["proven_key"], "k");
    Ok(())
}

/// A revoked token is refused by the ledger and not by its validator.
#[tokio::test]
async fn a_revoked_token_is_told_apart_from_a_bad_one() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let token = issuer.id_token("dana", WEB.0)?;
    let body = json!({ "token": token }).to_string();
    let path = "/admin/v1/tokens:revoke";
    assert_eq!(gateway.admin(Method::POST, path, body).await?.status, 200);
    let told = explain(&gateway, &question(&token, ID_TOKEN)).await?;
    assert_eq!(told["decided_by"]["step"], "subject_ledger", "{told}");
    assert_eq!(told["decided_by"]["rule"], "revoked");
    Ok(())
}

#[tokio::test]
async fn sc_02_an_explanation_uses_no_assertion_up() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let (key, _) = SigningKey::generate(Algorithm::Es256)?;
    let mut document = documents::with_partner();
    document["clients"]["app"] = json!({
        "authentication": {"method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}},
        "audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": ["web"]
    });
    gateway.put(PATH, &document).await?;
    let issuer_identifier = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let claims = |life: u64| {
        json!({
            "iss": "app", "sub": "app", "aud": issuer_identifier, "exp": now() + life,
            "jti": format!("{life}")
        })
    };
    let subject = issuer.id_token("dana", "web")?;
    let request = |assertion: &str| {
        form(&[
            ("grant_type", TOKEN_EXCHANGE),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
            ("subject_token", &subject),
            ("subject_token_type", ID_TOKEN),
        ])
    };
    let assertion = key.sign_jwt("JWT", &claims(60))?;
    let asked = json!({"instance": INSTANCE, "form": request(&assertion)});
    for _ in 0..2 {
        let told = explain(&gateway, &asked).await?;
        assert_eq!(told["outcome"], "would_issue", "{told}");
        assert_eq!(step(&told, "client")["says"], "it authenticated");
    }
    let url = format!("{issuer_identifier}/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let real = http::send(Method::POST, &url, &headers, request(&assertion)).await?;
    assert_eq!(real.status, 200, "{}", real.text());
    let told = explain(&gateway, &asked).await?;
    assert_eq!(told["decided_by"]["step"], "client", "{told}");
    assert_eq!(
        told["decided_by"]["reason"],
        "the assertion was used before"
    );
    let long = key.sign_jwt("JWT", &claims(3600))?;
    let told = explain(
        &gateway,
        &json!({"instance": INSTANCE, "form": request(&long)}),
    )
    .await?;
    let reason = &told["decided_by"]["reason"];
    assert!(
        reason.as_str().is_some_and(|r| r.contains("300 seconds")),
        "{told}"
    );
    assert_eq!(told["client_sees"]["error"], "invalid_client");
    Ok(())
}

#[tokio::test]
async fn secrets_are_judged_and_never_shown() -> Outcome {
    let gateway = with_passwords().await?;
    for (secret, reason) in [
        (WEB.1, None),
        ("guessed-secret", Some("the secret is wrong")),
    ] {
        let mut asked = question(DANA, USERNAME);
        asked["parameters"]["client_id"] = json!(WEB.0);
        asked["parameters"]["client_secret"] = json!(secret);
        asked.as_object_mut().ok_or("object")?.remove("client");
        let told = explain(&gateway, &asked).await?;
        match reason {
            None => assert_eq!(told["outcome"], "would_issue", "{told}"),
            Some(reason) => assert_eq!(told["decided_by"]["reason"], reason, "{told}"),
        }
        assert!(!told.to_string().contains(secret), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn plugins_are_named_with_version_and_digest() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    let uploaded = gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    let policy = gateway
        .put_plugin("change-window", guests::example("change-window"))
        .await?;
    let mut document = documents::with_ticket();
    let closed = json!({"write_scopes": ["orders:write"], "blocked": ["wam:mallory"]});
    document["policy"] = json!([{"plugin": "change-window", "config": closed}]);
    gateway.put(PATH, &document).await?;
    let told = explain(&gateway, &question(&ticket("frank", now()), TICKET)).await?;
    assert_eq!(told["outcome"], "would_issue", "{told}");
    let by = &step(&told, "subject_token")["plugin"];
    assert_eq!(by["name"], "legacy-ticket");
    assert_eq!(by["digest"], uploaded["digest"]);
    let decided = &step(&told, "policy[0]")["plugin"];
    assert_eq!(decided["digest"], policy["digest"], "{told}");
    assert_eq!(decided["version"], policy["version"]);
    let refused = explain(&gateway, &question(&ticket("mallory", now()), TICKET)).await?;
    assert_eq!(refused["decided_by"]["step"], "policy[0]", "{refused}");
    assert_eq!(
        step(&refused, "policy[0]")["plugin"]["digest"],
        policy["digest"]
    );
    Ok(())
}

#[tokio::test]
async fn a_route_is_explained_as_it_would_ask() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let upstream = upstream::start().await?;
    let route = json!({
        "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS,
        "subject_token_type": ID_TOKEN
    });
    gateway.put("/admin/v1/routes/shop", &route).await?;
    let mut asked = question(&issuer.id_token("dana", WEB.0)?, ID_TOKEN);
    let members = asked.as_object_mut().ok_or("object")?;
    members.remove("instance");
    members.remove("client");
    asked["route"] = json!("shop");
    let told = explain(&gateway, &asked).await?;
    assert_eq!(told["outcome"], "would_issue", "{told}");
    assert_eq!(steps(&told).first(), Some(&"route"));
    assert_eq!(told["token"]["audiences"], json!([ORDERS]));
    assert_eq!(ledger(&gateway).await?, 0);
    Ok(())
}

#[tokio::test]
async fn questions_that_make_no_sense_are_told_so() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    let url = format!("{}/admin/v1/explain", gateway.admin);
    let stranger = http::send(Method::POST, &url, &[], "{}").await?;
    assert_eq!(stranger.status, 401);
    let reply = gateway.admin(Method::GET, "/admin/v1/explain", "").await?;
    assert_eq!(reply.status, 405);
    for (asked, status, path) in [
        (json!({}), 422, "instance"),
        (json!({"instance": INSTANCE, "route": "x"}), 422, "instance"),
        (json!({"instance": "nowhere"}), 404, ""),
        (json!({"route": "nowhere"}), 404, ""),
        (json!({"instance": INSTANCE, "token": "x"}), 422, "token"),
        (
            json!({"instance": INSTANCE, "form": "a=b", "parameters": {"a": "b"}}),
            422,
            "form",
        ),
        (
            json!({"instance": INSTANCE, "certificate": "x"}),
            422,
            "certificate",
        ),
        (
            json!({"instance": INSTANCE, "authorization": "a\nb"}),
            422,
            "authorization",
        ),
    ] {
        let reply = ask(&gateway, &asked).await?;
        let problem = reply.json();
        assert_eq!(reply.status, status, "{asked}: {problem}");
        assert_eq!(problem["path"], path, "{asked}: {problem}");
    }
    let told = explain(&gateway, &json!({"instance": INSTANCE, "client": "nobody"})).await?;
    assert_eq!(told["decided_by"]["step"], "client", "{told}");
    Ok(())
}

#[tokio::test]
async fn the_command_line_asks_and_prints() -> Outcome {
    let (gateway, issuer): (TestGateway, Issuer) = with_partner().await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("token");
    std::fs::write(&file, issuer.id_token("dana", WEB.0)?)?;
    let token = format!("subject_token=@{}", file.display());
    let (url, admin) = (gateway.admin.clone(), gateway.token().to_owned());
    let run = move |more: Vec<String>| -> Result<Output, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.env("CAMBIST_TOKEN", &admin).args([
            "explain",
            "--url",
            &url,
            "--client",
            WEB.0,
            INSTANCE,
            &token,
            &format!("subject_token_type={ID_TOKEN}"),
        ]);
        Ok(command.args(more).output()?)
    };
    let outputs = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let text = run(vec!["audience=https://no.example".to_owned()])?;
        let json = run(vec!["--json".to_owned()])?;
        Ok((text, json))
    });
    let (text, json) = outputs.await??;
    let text = String::from_utf8(text.stdout)? + &String::from_utf8(text.stderr)?;
    assert!(text.contains("would refuse: target: unknown"), "{text}");
    assert!(text.contains("NO targets"), "{text}");
    assert!(
        text.contains("The client sees 400 invalid_target"),
        "{text}"
    );
    let json: Value = serde_json::from_slice(&json.stdout)?;
    assert_eq!(json["outcome"], "would_issue", "{json}");
    Ok(())
}
