//! What may be asked of an instance, in which form, and what is answered to everything else.

use cambist_token::jose::Algorithm;
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents,
    http::{self, Failure, Reply, claims},
    issuer::{Issuer, now},
    sts::{self, Sts, assertion, id_token, password},
};

use crate::Outcome;

const JSON: (&str, &str) = ("content-type", "application/json");

/// An error in the form of the protocol: three members, perhaps a fourth.
#[track_caller]
fn refused(reply: &Reply, status: u16, reason: &str, words: &str) {
    let body = reply.json();
    assert_eq!(reply.status, status, "{words}: {body}");
    assert_eq!(
        (&body["code"], &body["reason"]),
        (&json!(status), &json!(reason)),
        "{body}"
    );
    let message = body["message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "{words}: {message}");
    let known = ["code", "reason", "message", "detail"];
    let members = body.as_object().into_iter().flatten();
    for (member, _) in members {
        assert!(known.contains(&member.as_str()), "{body}");
    }
    let content = reply.header("content-type");
    assert_eq!(content, "application/json;charset=UTF-8");
}

async fn send(
    sts: &Sts,
    method: Method,
    rest: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Reply, Failure> {
    let url = format!("{}/rest-sts/{rest}", sts.gateway.public);
    http::send(method, &url, headers, body.to_owned()).await
}

#[tokio::test]
async fn rs_01_rs_02_rs_09_an_instance_answers_at_its_realm_and_element() -> Outcome {
    let sts = Sts::start().await?;
    sts.gateway
        .put("/admin/v1/realms/a/b", &json!({"description": "partners"}))
        .await?;
    for realm in ["/", "/a/b"] {
        sts.gateway
            .put_user(realm, "dana", sts::DANA.1, json!({}))
            .await?;
    }
    for (realm, id) in [("/", "el"), ("/a/b", "a/b/el")] {
        assert_eq!(sts.create(&sts::state(realm, "el")).await?, id);
        let reply = sts.translate(id, &password(), &id_token()).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let content = reply.header("content-type");
        assert_eq!(content, "application/json;charset=UTF-8");
        assert_eq!(reply.header("cache-control"), "no-cache");
        let body = json!({"input_token_state": password(), "output_token_state": id_token()});
        let path = format!("{id}?_action=translate");
        let reply = send(&sts, Method::POST, &path, &[JSON], &body.to_string()).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for unknown in ["none", "a/el", "a/b", "a/b/el/more"] {
        let reply = sts.translate(unknown, &password(), &id_token()).await?;
        let words = format!("Resource '{unknown}' not found");
        refused(&reply, 404, "Not Found", &words);
    }
    Ok(())
}

#[tokio::test]
async fn rs_03_rs_04_rs_05_an_instance_has_three_actions_and_no_verbs() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    for method in [Method::GET, Method::PUT, Method::PATCH] {
        let reply = send(&sts, method, &id, &[JSON], "{}").await?;
        refused(&reply, 501, "Not Implemented", "");
    }
    let session = sts.session().await?;
    let known = [JSON, ("iPlanetDirectoryPro", session.as_str())];
    let cases = [
        (Method::POST, "?_action=explode", 501, "Not Implemented"),
        (Method::POST, "?_action=create", 400, "Bad Request"),
        (Method::POST, "", 400, "Bad Request"),
        (Method::DELETE, "", 400, "Bad Request"),
        (Method::GET, "?_queryFilter=true", 400, "Bad Request"),
    ];
    for (method, query, status, reason) in cases {
        let path = format!("{id}{query}");
        let reply = send(&sts, method.clone(), &path, &[JSON], "{}").await?;
        refused(&reply, 401, "Unauthorized", "Access Denied");
        let reply = send(&sts, method, &path, &known, "{}").await?;
        refused(&reply, status, reason, "");
    }
    let path = format!("{id}?_action=explode");
    let reply = send(&sts, Method::POST, &path, &known, "{}").await?;
    let words = "The specified _action parameter is not supported.";
    refused(&reply, 501, "Not Implemented", words);
    // The three need nobody's session: what they judge is in their bodies.
    for (action, status) in [("translate", 400), ("validate", 400), ("cancel", 400)] {
        let reply = sts.act(&id, action, &json!({})).await?;
        assert_eq!(reply.status, status, "{action} {}", reply.text());
    }
    sts.issued(&id, &password(), &id_token()).await?;
    Ok(())
}

#[tokio::test]
async fn rs_06_rs_07_p2_a_user_is_no_administrator() -> Outcome {
    let sts = Sts::start().await?;
    let session = sts.session().await?;
    let cookie = format!("a=b; iPlanetDirectoryPro={session}");
    for path in [
        "sts-publish/rest",
        "am/sts-publish/rest/alpha/x",
        "sts-tokengen",
    ] {
        let url = format!("{}/{path}", sts.gateway.admin);
        for header in [
            ("iPlanetDirectoryPro", session.as_str()),
            ("cookie", &cookie),
        ] {
            let reply = http::get(&url, &[header]).await?;
            refused(&reply, 403, "Forbidden", "User is not an administrator.");
        }
        refused(
            &http::get(&url, &[]).await?,
            401,
            "Unauthorized",
            "Access Denied",
        );
    }
    // A session that has ended is nobody's.
    let out = format!(
        "{}/json/realms/root/realms/alpha/sessions?_action=logout",
        sts.gateway.public
    );
    let headers = [JSON, ("iPlanetDirectoryPro", session.as_str())];
    http::send(Method::POST, &out, &headers, "{}").await?;
    let url = format!("{}/sts-publish/rest", sts.gateway.admin);
    let reply = http::get(&url, &[("iPlanetDirectoryPro", &session)]).await?;
    refused(&reply, 401, "Unauthorized", "Access Denied");
    Ok(())
}

#[tokio::test]
async fn rs_08_malformed_bodies_are_400_in_the_protocols_form() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let path = format!("{id}?_action=translate");
    for body in ["{", "", "{} {}", "nope", "[]", "5"] {
        let reply = send(&sts, Method::POST, &path, &[JSON], body).await?;
        refused(&reply, 400, "Bad Request", "");
    }
    let body = json!({"input_token_state": password(), "output_token_state": id_token()});
    let body = body.to_string();
    let text = [("content-type", "text/plain")];
    let reply = send(&sts, Method::POST, &path, &text, &body).await?;
    refused(&reply, 400, "Bad Request", "");
    let odd = [("content-type", "application/json; charset=utf-8")];
    for headers in [&[][..], &odd] {
        let reply = send(&sts, Method::POST, &path, headers, &body).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let large = json!({"input_token_state": "x".repeat(2 << 20)}).to_string();
    let reply = send(&sts, Method::POST, &path, &[JSON], &large).await?;
    refused(&reply, 413, "Request Entity Too Large", "");
    Ok(())
}

/// An instance of every builtin input that needs no more than this gateway.
fn every_input(element: &str) -> Value {
    let mut state = sts::state("/alpha", element);
    let transforms = ["USERNAME", "OPENAM", "OPENIDCONNECT"].map(|input| {
        json!({"inputTokenType": input, "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": false})
    });
    state["supported-token-transforms"] = json!(transforms);
    state["deployment-config"]["deployment-auth-target-mappings"]["OPENIDCONNECT"] = json!({
        "mapping-auth-index-type": "service", "mapping-auth-index-value": "partner",
        "mapping-context": {"oidc_id_token_auth_target_header_key": "x-sts-idtoken"}
    });
    state
}

/// A gateway with [`every_input`] published, and the issuer that it trusts.
async fn with_every_input() -> Result<(Sts, Issuer, String), Failure> {
    let (sts, issuer) = (Sts::start().await?, Issuer::start(Algorithm::Es256).await?);
    sts.gateway.put_partner(&issuer).await?;
    let id = sts.create(&every_input("inst1")).await?;
    Ok((sts, issuer, id))
}

#[tokio::test]
async fn rs_10_rs_11_rs_12_rs_13_t1_t2_t3_t4_the_states_name_a_pair_on_offer() -> Outcome {
    let (sts, _issuer, id) = with_every_input().await?;
    let no_type = "REST STS invocation does not contain token_type String entry";
    let no_pair = "is not a supported token translation.";
    let lower = json!({"token_type": "username", "username": "dana", "password": "x"});
    let lower_words = "The desired transformation, from username to OPENIDCONNECT, is not a supported token translation.";
    let input =
        |input: Value| json!({"input_token_state": input, "output_token_state": id_token()});
    let output =
        |output: Value| json!({"input_token_state": password(), "output_token_state": output});
    let (no_input, no_output) = (
        "Input token state must be set!",
        "Output token state must be set!",
    );
    for (body, words) in [
        (json!({"output_token_state": id_token()}), no_input),
        (input(Value::Null), no_input),
        (json!({}), no_input),
        (json!({"input_token_state": password()}), no_output),
        (input(json!({"username": "dana"})), no_type),
        (input(json!({"token_type": 5})), no_type),
        (input(json!("USERNAME")), no_type),
        (output(json!({"allow_access": true})), no_type),
        (output(json!({"token_type": ["OPENIDCONNECT"]})), no_type),
        (input(lower), lower_words),
        (input(json!({"token_type": "X509"})), no_pair),
        (input(json!({"token_type": "SAML2"})), no_pair),
        (output(assertion("BEARER")), no_pair),
        (output(json!({"token_type": "openidconnect"})), no_pair),
    ] {
        let reply = sts.act(&id, "translate", &body).await?;
        refused(&reply, 400, "Bad Request", words);
        let text = reply.text();
        assert!(
            !text.contains(sts::DANA.1),
            "the password comes back: {text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn rs_14_t5_t6_t7_every_input_has_its_members() -> Outcome {
    let (sts, issuer, id) = with_every_input().await?;
    for (input, words) in [
        (
            json!({"token_type": "USERNAME", "password": "x"}),
            "username",
        ),
        (
            json!({"token_type": "USERNAME", "username": "dana"}),
            "password",
        ),
        (
            json!({"token_type": "USERNAME", "username": 5, "password": "x"}),
            "username",
        ),
        (
            json!({"token_type": "USERNAME", "username": "dana", "password": null}),
            "password",
        ),
        (
            json!({"token_type": "OPENAM"}),
            "does not contain a session_id",
        ),
        (
            json!({"token_type": "OPENAM", "session_id": 5}),
            "does not contain a session_id",
        ),
        (json!({"token_type": "OPENIDCONNECT"}), "oidc_id_token"),
        (
            json!({"token_type": "OPENIDCONNECT", "oidc_id_token": true}),
            "oidc_id_token",
        ),
    ] {
        let reply = sts.translate(&id, &input, &id_token()).await?;
        refused(&reply, 400, "Bad Request", words);
    }
    for input in [
        password(),
        json!({"token_type": "OPENAM", "session_id": sts.session().await?}),
        json!({"token_type": "OPENIDCONNECT", "oidc_id_token": issuer.id_token("pat", documents::WEB.0)?}),
    ] {
        sts.issued(&id, &input, &id_token()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn rs_21_rs_22_t17_t18_consent_is_the_boolean_true_and_asked_before_the_password() -> Outcome
{
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let wrong = json!({"token_type": "USERNAME", "username": "dana", "password": "wrong"});
    for allow_access in [Value::Null, json!(false), json!("true"), json!(1)] {
        let mut output = id_token();
        output["allow_access"] = allow_access;
        let reply = sts.translate(&id, &wrong, &output).await?;
        refused(
            &reply,
            400,
            "Bad Request",
            "allow_access must be set to true",
        );
    }
    let output = json!({"token_type": "OPENIDCONNECT"});
    let reply = sts.translate(&id, &wrong, &output).await?;
    refused(
        &reply,
        400,
        "Bad Request",
        "allow_access must be set to true",
    );
    let mut output = id_token();
    output["nonce"] = json!(5);
    refused(
        &sts.translate(&id, &wrong, &output).await?,
        400,
        "Bad Request",
        "nonce",
    );
    Ok(())
}

#[tokio::test]
async fn rs_23_rs_24_rs_25_t20_a_superset_body_is_answered_with_one_string() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    // What a token transformation filter sends, whatever it asks for.
    for output in ["OPENIDCONNECT", "SAML2"] {
        let body = json!({
            "input_token_state": {"token_type": "USERNAME", "username": "dana", "password": sts::DANA.1,
                "session_id": 5, "realm": "/"},
            "output_token_state": {"token_type": output, "subject_confirmation": "BEARER", "nonce": "n-1",
                "allow_access": true, "service_provider_assertion_consumer_service_url": "https://x.example"},
            "more": []
        });
        let reply = sts.act(&id, "translate", &body).await?;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "{answer}");
        assert!(answer["issued_token"].is_string(), "{answer}");
        assert_eq!(
            answer.as_object().map(serde_json::Map::len),
            Some(1),
            "{answer}"
        );
    }
    for (name, word) in [("dana", "wrong"), ("nobody", sts::DANA.1), ("dana", "")] {
        let input = json!({"token_type": "USERNAME", "username": name, "password": word});
        let reply = sts.translate(&id, &input, &id_token()).await?;
        let words = "Non-200 response from posting Username token to rest authN";
        refused(&reply, 401, "Unauthorized", words);
    }
    Ok(())
}

#[tokio::test]
async fn rs_25_rs_47_t20_an_id_token_of_a_registered_issuer_is_translated_and_no_other() -> Outcome
{
    let (sts, issuer, id) = with_every_input().await?;
    let web = documents::WEB.0;
    let good = issuer.id_token("pat", web)?;
    let input = |token: &str| json!({"token_type": "OPENIDCONNECT", "oidc_id_token": token});
    let issued = claims(&sts.issued(&id, &input(&good), &id_token()).await?);
    assert_eq!(issued["sub"], "pat");
    let now = now();
    let stranger = Issuer::start(Algorithm::Es256).await?;
    for bad in [
        format!("{good}x"),
        stranger.id_token("pat", web)?,
        issuer.sign(
            "JWT",
            json!({"sub": "pat", "aud": web, "iat": now - 900, "exp": now - 300}),
        )?,
        issuer.id_token("pat", "somebody-else")?,
        "not.a.token".to_owned(),
    ] {
        let reply = sts.translate(&id, &input(&bad), &id_token()).await?;
        let words = "Non-200 response from posting OIDC token to rest authN";
        refused(&reply, 401, "Unauthorized", words);
    }
    Ok(())
}

#[tokio::test]
async fn rs_06_p14_p15_the_publish_service_has_no_other_verbs_and_no_queries() -> Outcome {
    let sts = Sts::start().await?;
    sts.create(&sts::state("/alpha", "inst1")).await?;
    for (method, path, status, reason) in [
        (Method::PATCH, "/alpha/inst1", 403, "Forbidden"),
        (Method::POST, "?_action=explode", 403, "Forbidden"),
        (
            Method::POST,
            "/alpha/inst1?_action=explode",
            403,
            "Forbidden",
        ),
        (Method::GET, "?_queryFilter=true", 501, "Not Implemented"),
    ] {
        let reply = sts.publish(method, path, &[], &json!({})).await?;
        refused(&reply, status, reason, "");
    }
    Ok(())
}
