//! Issued tokens that the REST STS keeps: validated, cancelled, listed, forgotten.

use std::fmt::Write as _;

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    http::{self, Failure, Reply},
    sts::{self, Sts, assertion, id_token, password},
};

use crate::Outcome;

/// The state of an instance that keeps what it issues.
fn keeping(element: &str) -> Value {
    let mut state = sts::state("/alpha", element);
    state["persist-issued-tokens-in-cts"] = json!("true");
    state
}

fn id_state(token: &str) -> Value {
    json!({"token_type": "OPENIDCONNECT", "oidc_id_token": token})
}

fn saml_state(token: &str) -> Value {
    json!({"token_type": "SAML2", "saml2_token": token})
}

async fn validate(sts: &Sts, id: &str, state: &Value) -> Result<Value, Failure> {
    let body = json!({ "validated_token_state": state });
    let reply = sts.act(id, "validate", &body).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(reply.json())
}

async fn cancel(sts: &Sts, id: &str, state: &Value) -> Result<Value, Failure> {
    let body = json!({ "cancelled_token_state": state });
    let reply = sts.act(id, "cancel", &body).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(reply.json())
}

async fn tokens(sts: &Sts, method: Method, rest: &str) -> Result<Reply, Failure> {
    let url = format!("{}/am/sts-tokengen{rest}", sts.gateway.admin);
    let session = [("iPlanetDirectoryPro", sts.gateway.token())];
    http::send(method, &url, &session, "").await
}

async fn query(sts: &Sts, filter: &str) -> Result<Reply, Failure> {
    let encoded = http::form(&[("_queryFilter", filter)]);
    tokens(sts, Method::GET, &format!("?{encoded}")).await
}

fn valid(is_valid: bool) -> Value {
    json!({ "token_valid": is_valid })
}

#[tokio::test]
async fn rs_80_rs_81_v8_a_kept_token_is_valid_until_it_is_cancelled() -> Outcome {
    let sts = Sts::start().await?;
    let (id, other) = (
        sts.create(&keeping("inst1")).await?,
        sts.create(&keeping("inst2")).await?,
    );
    let jwt = sts.issued(&id, &password(), &id_token()).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    for (name, state) in [
        ("OPENIDCONNECT", id_state(&jwt)),
        ("SAML2", saml_state(&xml)),
    ] {
        assert_eq!(validate(&sts, &id, &state).await?, valid(true), "{name}");
        assert_eq!(
            validate(&sts, &other, &state).await?,
            valid(false),
            "of another instance"
        );
        let text = json!({"result": format!("{name} token cancelled successfully.")});
        assert_eq!(
            cancel(&sts, &other, &state).await?,
            text,
            "is not theirs to cancel"
        );
        assert_eq!(validate(&sts, &id, &state).await?, valid(true), "{name}");
        for _ in 0..2 {
            assert_eq!(cancel(&sts, &id, &state).await?, text);
            assert_eq!(validate(&sts, &id, &state).await?, valid(false), "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn rs_80_a_forged_token_with_a_known_identifier_is_not_valid() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&keeping("inst1")).await?;
    let jwt = sts.issued(&id, &password(), &id_token()).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    let forged = xml.replace(">dana<", ">root<");
    assert_ne!(forged, xml);
    assert_eq!(
        validate(&sts, &id, &saml_state(&forged)).await?,
        valid(false)
    );
    let (signed, _) = jwt.rsplit_once('.').unwrap_or_default();
    let forged = format!("{signed}.AAAA");
    for token in [forged.as_str(), "never.issued.here", ""] {
        assert_eq!(validate(&sts, &id, &id_state(token)).await?, valid(false));
    }
    // Neither does a forgery cancel the token it imitates.
    cancel(&sts, &id, &id_state(&forged)).await?;
    assert_eq!(validate(&sts, &id, &id_state(&jwt)).await?, valid(true));
    assert_eq!(
        validate(&sts, &id, &saml_state(&format!("\n{xml}\n"))).await?,
        valid(true)
    );
    Ok(())
}

#[tokio::test]
async fn rs_80_an_ended_token_is_not_valid() -> Outcome {
    let sts = Sts::start().await?;
    let mut state = keeping("inst1");
    state["oidc-id-token-config"]["oidc-token-lifetime-seconds"] = json!(1);
    let id = sts.create(&state).await?;
    let jwt = sts.issued(&id, &password(), &id_token()).await?;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_eq!(validate(&sts, &id, &id_state(&jwt)).await?, valid(false));
    let listed = query(&sts, "/sts_id eq 'alpha/inst1'").await?.json();
    assert_eq!(listed["resultCount"], 0, "{listed}");
    Ok(())
}

/// Sends every state to both actions at an instance and expects a status and words.
async fn judged(sts: &Sts, id: &str, cases: &[(Value, u16, &str)]) -> Outcome {
    for (action, member) in [
        ("validate", "validated_token_state"),
        ("cancel", "cancelled_token_state"),
    ] {
        for (state, status, words) in cases {
            let reply = sts.act(id, action, &json!({ member: state })).await?;
            let body = reply.json();
            assert_eq!(reply.status, *status, "{action} {state}: {body}");
            let message = body["message"].as_str().unwrap_or_default();
            assert!(message.contains(words), "{words}: {message}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn rs_79_rs_86_v1_v2_v3_v4_v5_v6_v7_requests_are_judged_in_order() -> Outcome {
    let sts = Sts::start().await?;
    let mut only_assertions = keeping("inst1");
    only_assertions["supported-token-transforms"] =
        json!([only_assertions["supported-token-transforms"][0]]);
    let id = sts.create(&only_assertions).await?;
    let unkept = sts.create(&sts::state("/alpha", "inst2")).await?;
    let unkept_words = "not configured to persist tokens in the CoreTokenStore";
    let cases = [
        (saml_state("x"), 409, unkept_words),
        (id_state("x"), 409, unkept_words),
    ];
    judged(&sts, &unkept, &cases).await?;
    let kind = |kind: Value| json!({ "token_type": kind });
    let saml = |text: Value| json!({"token_type": "SAML2", "saml2_token": text});
    let element = |name: &str| {
        saml_state(&format!(
            "<saml:{name} xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"
        ))
    };
    let cases = [
        (Value::Null, 400, "token state must be set!"),
        (json!({}), 400, "token_type String entry"),
        (kind(json!(5)), 400, "token_type String entry"),
        (kind(json!("USERNAME")), 400, "token type: USERNAME"),
        (
            id_state("x"),
            400,
            "Does this sts issue tokens of the specified type?",
        ),
        (
            kind(json!("SAML2")),
            400,
            "does not contain a saml2_token field",
        ),
        (saml(json!(5)), 400, "does not contain a saml2_token field"),
        (saml_state("not XML"), 400, "root element is an Assertion"),
        (saml_state("<a/>"), 400, "root element is an Assertion"),
        (element("Assertion"), 400, "with an ID"),
        (element("EncryptedAssertion"), 400, "CipherValue"),
    ];
    judged(&sts, &id, &cases).await
}

#[tokio::test]
async fn rs_82_rs_83_rs_84_kept_tokens_are_listed_for_administrators() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&keeping("inst1")).await?;
    let unkept = sts.create(&sts::state("/alpha", "inst2")).await?;
    let jwt = sts.issued(&id, &password(), &id_token()).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    sts.issued(&unkept, &password(), &id_token()).await?;
    let reply = query(
        &sts,
        "/sts_id eq 'alpha/inst1' and /token_principal eq \"dana\"",
    )
    .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["resultCount"], 2, "{body}");
    for (member, value) in [
        ("pagedResultsCookie", Value::Null),
        ("totalPagedResultsPolicy", json!("NONE")),
        ("totalPagedResults", json!(-1)),
        ("remainingPagedResults", json!(-1)),
    ] {
        assert_eq!(body[member], value, "{member}");
    }
    let of = |name: &str| {
        let all = body["result"].as_array().cloned().unwrap_or_default();
        all.into_iter()
            .find(|token| token["token_type"] == name)
            .unwrap_or_default()
    };
    let saml = of("SAML2");
    let id_of = |xml: &str| {
        let rest = xml.split_once(" ID=\"").map_or("", |(_, rest)| rest);
        rest.split_once('"').map_or("", |(id, _)| id).to_owned()
    };
    assert_eq!(saml["token_id"], id_of(&xml));
    assert_eq!(
        (&saml["sts_id"], &saml["principal_name"]),
        (&json!("alpha/inst1"), &json!("dana"))
    );
    let oidc = of("OPENIDCONNECT");
    let sha1 =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, jwt.as_bytes());
    let hex = sha1.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02X}");
        hex
    });
    assert_eq!(
        (&oidc["_id"], &oidc["token_id"]),
        (&json!(hex), &json!(hex))
    );
    assert_eq!(oidc["expiration_time"], http::claims(&jwt)["exp"]);
    assert!(!body.to_string().contains(&jwt));
    for (filter, count) in [
        ("/sts_id eq 'alpha/inst1'", 2),
        ("/sts_id eq 'alpha/inst2'", 0),
        ("/token_principal eq 'dana'", 2),
        ("/token_principal eq 'erin'", 0),
    ] {
        assert_eq!(
            query(&sts, filter).await?.json()["resultCount"],
            count,
            "{filter}"
        );
    }
    for filter in [
        "true",
        "/sts_id co 'alpha'",
        "/sts_id eq 'a' or /token_principal eq 'b'",
    ] {
        assert_eq!(query(&sts, filter).await?.status, 400, "{filter}");
    }
    assert_eq!(tokens(&sts, Method::GET, "").await?.status, 400);
    assert_eq!(tokens(&sts, Method::PUT, "/x").await?.status, 403);
    let url = format!("{}/sts-tokengen/{hex}", sts.gateway.admin);
    assert_eq!(http::get(&url, &[]).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn rs_85_one_token_is_read_and_removed_by_its_identifier() -> Outcome {
    let sts = Sts::start().await?;
    let mut state = keeping("inst1");
    state["persist-issued-token-text"] = json!("true");
    let (id, brief) = (
        sts.create(&state).await?,
        sts.create(&keeping("inst2")).await?,
    );
    for (instance, is_told) in [(&id, true), (&brief, false)] {
        for output in [id_token(), assertion("BEARER")] {
            let token = sts.issued(instance, &password(), &output).await?;
            let filter = format!("/sts_id eq '{instance}'");
            let listed = query(&sts, &filter).await?.json();
            let name = listed["result"][0]["token_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let path = format!("/{name}");
            let reply = tokens(&sts, Method::GET, &path).await?;
            let body = reply.json();
            assert_eq!(reply.status, 200, "{body}");
            let told = is_told.then_some(token.as_str());
            assert_eq!(body["issued_token"].as_str(), told, "{body}");
            assert_eq!(body["principal_name"], "dana");
            for _ in 0..2 {
                let reply = tokens(&sts, Method::DELETE, &path).await?;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let result = format!("token with id {name} successfully removed.");
                assert_eq!(
                    reply.json(),
                    json!({"_id": name, "_rev": name, "result": result})
                );
            }
            let gone = tokens(&sts, Method::GET, &path).await?;
            assert_eq!(gone.status, 404);
            let message = format!("STS-issued token with id {name} not found.");
            assert_eq!(gone.json()["message"], message);
            let state = if token.starts_with('<') {
                saml_state(&token)
            } else {
                id_state(&token)
            };
            assert_eq!(validate(&sts, instance, &state).await?, valid(false));
        }
    }
    assert_eq!(tokens(&sts, Method::DELETE, "/unknown").await?.status, 200);
    Ok(())
}
