//! Sessions in the protocol of `PingAM`, and as input of the REST STS.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::TestGateway,
    http::{self, Failure, Reply, claims},
};

use crate::Outcome;

const COOKIE: &str = "iPlanetDirectoryPro";
const PASSWORD: &str = "correct horse";
const SESSION: &str = "urn:cambist:token-type:session";

/// A gateway with a user in `/alpha` and one in the root realm.
async fn with_users() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let attributes = json!({"mail": "dana@example.com"});
    gateway
        .put_user("/alpha", "dana", PASSWORD, attributes)
        .await?;
    gateway
        .put_user("/", "jürgen", "Öl & Söhne", json!({}))
        .await?;
    Ok(gateway)
}

async fn post(
    gateway: &TestGateway,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Reply, Failure> {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let url = format!("{}{path}", gateway.public);
    http::send(Method::POST, &url, &all, body.to_owned()).await
}

const ALPHA: &str = "/json/realms/root/realms/alpha";

async fn sign_in(gateway: &TestGateway) -> Result<String, Failure> {
    let headers = [
        ("x-openam-username", "dana"),
        ("x-openam-password", PASSWORD),
        ("accept-api-version", "resource=2.0, protocol=1.0"),
    ];
    let reply = post(gateway, &format!("{ALPHA}/authenticate"), &headers, "").await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["realm"], "/alpha");
    assert!(body["successUrl"].is_string());
    Ok(body["tokenId"].as_str().unwrap_or_default().to_owned())
}

async fn action(
    gateway: &TestGateway,
    action: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<Reply, Failure> {
    let path = format!("/am{ALPHA}/sessions?_action={action}");
    post(gateway, &path, headers, &body.to_string()).await
}

#[tokio::test]
async fn rs_07_a_session_is_told_of_in_header_cookie_and_body() -> Outcome {
    let gateway = with_users().await?;
    let token = sign_in(&gateway).await?;
    let cookie = format!("a=b; {COOKIE}={token}");
    for (headers, body) in [
        (vec![(COOKIE, token.as_str())], json!({})),
        (vec![("cookie", cookie.as_str())], json!({})),
        (vec![], json!({"tokenId": token})),
    ] {
        let reply = action(&gateway, "getSessionInfo", &headers, &body).await?;
        let info = reply.json();
        assert_eq!(reply.status, 200, "{info}");
        assert_eq!(
            reply.header("content-type"),
            "application/json;charset=UTF-8"
        );
        assert_eq!(
            (&info["username"], &info["realm"]),
            (&json!("dana"), &json!("/alpha"))
        );
        assert_eq!(
            info["universalId"],
            "id=dana,ou=user,o=alpha,ou=services,ou=am-config"
        );
        for member in [
            "latestAccessTime",
            "maxIdleExpirationTime",
            "maxSessionExpirationTime",
        ] {
            assert!(
                info[member]
                    .as_str()
                    .is_some_and(|text| text.ends_with('Z')),
                "{info}"
            );
        }
        assert!(info["properties"]["AMCtxId"].is_string());
        let valid = action(&gateway, "validate", &headers, &body).await?.json();
        assert_eq!(
            (&valid["valid"], &valid["uid"], &valid["realm"]),
            (&json!(true), &json!("dana"), &json!("/alpha"))
        );
    }
    let who = post(
        &gateway,
        "/json/users?_action=idFromSession",
        &[(COOKIE, &token)],
        "",
    )
    .await?;
    assert_eq!(who.json()["id"], "dana");
    let info = http::get(&format!("{}/json/serverinfo/*", gateway.public), &[]).await?;
    assert_eq!(info.json()["cookieName"], COOKIE);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_by_logout_and_survives_a_restart() -> Outcome {
    let gateway = with_users().await?;
    let (kept, ended) = (sign_in(&gateway).await?, sign_in(&gateway).await?);
    let out = action(&gateway, "logout", &[(COOKIE, &ended)], &json!({})).await?;
    assert_eq!(out.json(), json!({"result": "Successfully logged out"}));
    let again = action(&gateway, "logout", &[(COOKIE, &ended)], &json!({})).await?;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (200, json!({"result": "Token has expired"}))
    );
    let data = gateway.data().ok_or("a directory of its own")?;
    let directory = gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, cambist::config::Config::default()).await?;
    let valid = action(&gateway, "validate", &[], &json!({"tokenId": ended})).await?;
    assert_eq!(
        (valid.status.as_u16(), valid.json()),
        (200, json!({"valid": false}))
    );
    let valid = action(&gateway, "validate", &[], &json!({"tokenId": kept})).await?;
    assert_eq!(valid.json()["valid"], true);
    gateway.stop().await?;
    drop(directory);
    Ok(())
}

#[tokio::test]
async fn bad_sign_ins_and_sessions_are_refused_in_the_protocols_form() -> Outcome {
    let gateway = with_users().await?;
    let path = format!("{ALPHA}/authenticate");
    let credential =
        |name, password| [("x-openam-username", name), ("x-openam-password", password)];
    for (name, password) in [
        ("dana", "wrong"),
        ("nobody", PASSWORD),
        ("dana", ""),
        ("jürgen", "Öl & Söhne"),
    ] {
        let reply = post(&gateway, &path, &credential(name, password), "").await?;
        assert_eq!(
            reply.json(),
            json!({"code": 401, "reason": "Unauthorized", "message": "Authentication Failed"}),
            "{name}"
        );
        assert_eq!(reply.status, 401);
    }
    let right = credential("dana", PASSWORD);
    for (query, status) in [
        ("?authIndexType=service&authIndexValue=nowhere", 400),
        ("?authIndexType=module&authIndexValue=ldap", 400),
        ("?authIndexType=service", 400),
    ] {
        let reply = post(&gateway, &format!("{path}{query}"), &right, "").await?;
        assert_eq!(reply.status, status, "{query}");
    }
    for (action_name, headers, body, status) in [
        ("getSessionInfo", vec![], json!({}), 401),
        ("getSessionInfo", vec![(COOKIE, "unknown")], json!({}), 401),
        ("getSessionInfo", vec![], json!({"tokenId": 5}), 400),
        ("explode", vec![(COOKIE, "unknown")], json!({}), 501),
        (
            "getSessionInfo",
            vec![("accept-api-version", "resource=9.0")],
            json!({}),
            404,
        ),
    ] {
        let reply = action(&gateway, action_name, &headers, &body).await?;
        assert_eq!(reply.status, status, "{action_name} {body}");
        assert_eq!(reply.json()["code"], status);
    }
    let get = http::get(&format!("{}{path}", gateway.public), &[]).await?;
    assert_eq!(get.status, 405);
    Ok(())
}

#[tokio::test]
async fn no_session_checks_a_credential_and_leaves_nothing() -> Outcome {
    let gateway = with_users().await?;
    // RFC 2047, in both encodings.
    let headers = [
        ("x-openam-username", "=?UTF-8?B?asO8cmdlbg==?="),
        ("x-openam-password", "=?UTF-8?Q?=C3=96l_&_S=C3=B6hne?="),
    ];
    let reply = post(
        &gateway,
        "/json/authenticate?noSession=true",
        &headers,
        "{}",
    )
    .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["message"], "Authentication Successful");
    assert!(body.get("tokenId").is_none());
    let realm = post(&gateway, "/json/authenticate?realm=/alpha", &headers, "").await?;
    assert_eq!(realm.status, 401, "the user is one of the root realm");
    Ok(())
}

#[tokio::test]
async fn callbacks_are_answered_in_a_second_round() -> Outcome {
    let gateway = with_users().await?;
    let path = format!("{ALPHA}/authenticate");
    let mut asked = post(&gateway, &path, &[], "").await?.json();
    assert_eq!(asked["callbacks"][0]["type"], "NameCallback");
    assert_eq!(asked["callbacks"][1]["type"], "PasswordCallback");
    asked["callbacks"][0]["input"][0]["value"] = json!("dana");
    asked["callbacks"][1]["input"][0]["value"] = json!("wrong");
    let wrong = post(&gateway, &path, &[], &asked.to_string()).await?;
    assert_eq!(wrong.status, 401);
    asked["callbacks"][1]["input"][0]["value"] = json!(PASSWORD);
    let elsewhere = post(&gateway, "/json/authenticate", &[], &asked.to_string()).await?;
    assert_eq!(elsewhere.status, 401, "the sign-in began in another realm");
    let done = post(&gateway, &path, &[], &asked.to_string()).await?;
    assert!(done.json()["tokenId"].is_string(), "{}", done.text());
    asked["authId"] = json!("1.x");
    assert_eq!(
        post(&gateway, &path, &[], &asked.to_string()).await?.status,
        401
    );
    assert_eq!(
        post(&gateway, &path, &[], r#"{"callbacks": []}"#)
            .await?
            .status,
        400
    );
    Ok(())
}

/// Publishes OPENAM and USERNAME to OPENIDCONNECT in `/alpha`.
async fn publish(gateway: &TestGateway, name: &str, ends: bool) -> Outcome {
    let state = json!({
        "supported-token-transforms": [
            {"inputTokenType": "OPENAM", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": ends},
            {"inputTokenType": "USERNAME", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": true},
        ],
        "deployment-config": {
            "deployment-realm": "/alpha", "deployment-url-element": name, "deployment-auth-target-mappings": {}
        },
        "oidc-id-token-config": {
            "oidc-issuer": "https://sts.example.net", "oidc-token-lifetime-seconds": "600", "oidc-audience": ["orders-api"],
            "oidc-signature-algorithm": "HS256", "oidc-public-key-reference-type": "NONE",
            "oidc-client-secret": "a-long-shared-secret-of-32-bytes!", "oidc-claim-map": {"email": "mail"}
        }
    });
    let body =
        json!({"invocation_context": "invocation_context_client_sdk", "instance_state": state});
    let reply = gateway
        .admin_with(
            Method::POST,
            "/sts-publish/rest?_action=create",
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    Ok(())
}

async fn translate(gateway: &TestGateway, name: &str, session: &Value) -> Result<Reply, Failure> {
    let body = json!({
        "input_token_state": {"token_type": "OPENAM", "session_id": session},
        "output_token_state": {"token_type": "OPENIDCONNECT", "nonce": "n-1", "allow_access": true},
    });
    let path = format!("/rest-sts/alpha/{name}?_action=translate");
    post(gateway, &path, &[], &body.to_string()).await
}

#[tokio::test]
async fn rs_14_rs_26_rs_27_t6_t23_t26_a_session_is_translated_and_a_bad_one_refused() -> Outcome {
    let gateway = with_users().await?;
    publish(&gateway, "keep", false).await?;
    let token = sign_in(&gateway).await?;
    for _ in 0..2 {
        let reply = translate(&gateway, "keep", &json!(token)).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let body = reply.json();
        let issued = claims(body["issued_token"].as_str().unwrap_or_default());
        assert_eq!(
            (&issued["sub"], &issued["email"]),
            (&json!("dana"), &json!("dana@example.com"))
        );
    }
    let missing = translate(&gateway, "keep", &json!(5)).await?;
    assert_eq!(missing.status, 400);
    assert!(
        missing.text().contains("does not contain a session_id"),
        "{}",
        missing.text()
    );
    for session in ["", "unknown", &"x".repeat(5000)] {
        let reply = translate(&gateway, "keep", &json!(session)).await?;
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(
            reply
                .text()
                .contains("Non-200 response from posting principal from session request")
        );
    }
    let headers = [
        ("x-openam-username", "=?UTF-8?B?asO8cmdlbg==?="),
        ("x-openam-password", "=?UTF-8?Q?=C3=96l_&_S=C3=B6hne?="),
    ];
    let root = post(&gateway, "/json/authenticate", &headers, "")
        .await?
        .json();
    let reply = translate(&gateway, "keep", &root["tokenId"]).await?;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(
        reply
            .text()
            .contains("subject realm does not match invocation realm")
    );
    Ok(())
}

#[tokio::test]
async fn rs_78_t25_the_flag_ends_the_callers_own_session() -> Outcome {
    let gateway = with_users().await?;
    publish(&gateway, "keep", false).await?;
    publish(&gateway, "end", true).await?;
    let token = sign_in(&gateway).await?;
    assert_eq!(
        translate(&gateway, "keep", &json!(token)).await?.status,
        200
    );
    assert_eq!(translate(&gateway, "end", &json!(token)).await?.status, 200);
    assert_eq!(
        translate(&gateway, "keep", &json!(token)).await?.status,
        401
    );
    let valid = action(&gateway, "validate", &[], &json!({"tokenId": token})).await?;
    assert_eq!(valid.json()["valid"], false);
    Ok(())
}

#[tokio::test]
async fn the_oauth_face_takes_sessions_by_their_type() -> Outcome {
    let gateway = with_users().await?;
    let document = json!({
        "validators": {"session": {"kind": "session", "scopes": ["orders:read"]}},
        "providers": {"access": {"kind": "access_token"}},
        "transformations": [{"subject": "session", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"]}},
    });
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let token = sign_in(&gateway).await?;
    let reply = gateway
        .exchange("alpha/orders", WEB, &token, SESSION, &[])
        .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["sub"], "dana");
    assert!(!reply.text().contains(&token));
    let bad = gateway
        .exchange("alpha/orders", WEB, "unknown", SESSION, &[])
        .await?;
    assert_eq!(bad.json()["error"], "invalid_request");
    Ok(())
}

#[tokio::test]
async fn sessions_can_be_left_to_the_proxy() -> Outcome {
    let gateway = TestGateway::start_with(|config| config.sessions.enabled = false).await?;
    let reply = post(&gateway, "/json/authenticate", &[], "").await?;
    assert_eq!(reply.status, 404);
    assert!(reply.body.is_empty());
    Ok(())
}

#[tokio::test]
async fn passwords_are_guessed_here_no_oftener_than_elsewhere() -> Outcome {
    let gateway = with_users().await?;
    let path = format!("{ALPHA}/authenticate");
    let wrong = [
        ("x-openam-username", "dana"),
        ("x-openam-password", "wrong"),
    ];
    let mut last = post(&gateway, &path, &wrong, "").await?;
    for _ in 0..100 {
        if last.status == 429 {
            break;
        }
        last = post(&gateway, &path, &wrong, "").await?;
    }
    assert_eq!(last.status, 429, "{}", last.text());
    assert!(
        last.header("retry-after")
            .parse::<u64>()
            .is_ok_and(|s| s > 0)
    );
    Ok(())
}
