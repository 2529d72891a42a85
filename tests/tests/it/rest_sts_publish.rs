//! The publish service of the REST STS, over HTTP.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents,
    gateway::TestGateway,
    guests,
    http::{self, Failure},
    sts::{self, Sts, assertion, id_token, password},
};

use crate::Outcome;

const ONE: &str = "/alpha/inst1";

async fn revision(sts: &Sts) -> Result<String, Failure> {
    let reply = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(reply.json()["_rev"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn rs_55_rs_56_rs_59_rs_60_rs_61_rs_62_rs_63_p6_p9_p10_p11_an_instance_lives_and_dies()
-> Outcome {
    let sts = Sts::start().await?;
    let state = sts::state("/alpha", "inst1");
    let create = sts::envelope(&state);
    let reply = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    let body = reply.json();
    assert_eq!(reply.status, 201, "{body}");
    assert_eq!(reply.header("location"), "/am/sts-publish/rest/alpha/inst1");
    assert_eq!(
        reply.header("content-type"),
        "application/json;charset=UTF-8"
    );
    assert_eq!(
        reply.header("etag"),
        format!("\"{}\"", body["_rev"].as_str().unwrap_or_default())
    );
    let again = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    assert_eq!(again.status, 409);
    let message = "A rest-sts instance at sub-path alpha/inst1 has already been published.";
    assert_eq!(
        again.json(),
        json!({"code": 409, "reason": "Conflict", "message": message})
    );

    let one = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    let one = one.json();
    assert_eq!(
        (&one["_id"], &one["_rev"]),
        (&json!("alpha/inst1"), &body["_rev"])
    );
    let nested = &one["alpha/inst1"]["deployment-config"];
    assert_eq!(nested["deployment-url-element"], "inst1", "{one}");
    assert_eq!(one.as_object().map(serde_json::Map::len), Some(3), "{one}");
    sts.create(&sts::state("/", "root-inst")).await?;
    let all = sts.publish(Method::GET, "", &[], &Value::Null).await?;
    let realm = |realm: &str| json!({"deployment-config": {"deployment-realm": realm}});
    let listed = json!({"_id": "published_instances", "_rev": "", "alpha/inst1": realm("/alpha"),
        "root-inst": realm("/")});
    assert_eq!(all.json(), listed);

    let mut replaced = state.clone();
    replaced["saml2-config"] = Value::Null;
    replaced["supported-token-transforms"] = json!([state["supported-token-transforms"][1]]);
    let reply = sts
        .publish(Method::PUT, ONE, &[], &sts::envelope(&replaced))
        .await?;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["result"]),
        (200, &json!("success"))
    );
    let refused = sts
        .translate("alpha/inst1", &password(), &assertion("BEARER"))
        .await?;
    assert_eq!(refused.status, 400, "{}", refused.text());
    sts.issued("alpha/inst1", &password(), &id_token()).await?;

    let reply = sts.publish(Method::DELETE, ONE, &[], &Value::Null).await?;
    assert_eq!(
        reply.json()["result"],
        "rest sts instance alpha/inst1 successfully removed from realm alpha"
    );
    for method in [Method::DELETE, Method::GET] {
        assert_eq!(
            sts.publish(method, ONE, &[], &Value::Null).await?.status,
            404
        );
    }
    let put = sts.publish(Method::PUT, ONE, &[], &create).await?;
    assert_eq!(put.status, 404, "{}", put.text());
    let gone = sts
        .translate("alpha/inst1", &password(), &id_token())
        .await?;
    assert_eq!(gone.status, 404);
    Ok(())
}

#[tokio::test]
async fn rs_57_p5_a_realm_must_be_there_first() -> Outcome {
    let sts = Sts::start().await?;
    let state = sts::state("/fred/bobo", "inst2");
    let create = sts::envelope(&state);
    let reply = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json()["message"],
        "The specified realm does not exist."
    );

    let realm = "/admin/v1/realms/fred/bobo";
    sts.gateway
        .put(realm, &json!({"description": "partners"}))
        .await?;
    let listed = sts
        .gateway
        .admin(Method::GET, "/admin/v1/realms", "")
        .await?;
    assert_eq!(listed.json(), json!({"realms": ["/fred/bobo"]}));
    let id = sts.create(&state).await?;
    assert_eq!(id, "fred/bobo/inst2");
    let kept = sts.gateway.admin(Method::DELETE, realm, "").await?;
    assert_eq!(kept.status, 409, "{}", kept.text());
    sts.publish(Method::DELETE, "/fred/bobo/inst2", &[], &Value::Null)
        .await?;
    assert_eq!(
        sts.gateway.admin(Method::DELETE, realm, "").await?.status,
        204
    );
    assert_eq!(sts.gateway.admin(Method::GET, realm, "").await?.status, 404);
    let reply = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    assert_eq!(reply.status, 404);
    for bad in ["a/../b", "a%20b", "a//b"] {
        let path = format!("/admin/v1/realms/{bad}");
        let reply = sts.gateway.admin(Method::PUT, &path, "{}").await?;
        assert_eq!(reply.status, 422, "{bad} {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn rs_06_rs_07_p1_the_session_comes_by_header_or_cookie() -> Outcome {
    let sts = Sts::start().await?;
    let url = format!("{}/am/sts-publish/rest", sts.gateway.admin);
    let token = sts.gateway.token();
    let cookie = format!("amlbcookie=01; iPlanetDirectoryPro={token}");
    for (name, value, status) in [
        ("iPlanetDirectoryPro", token, 200),
        ("cookie", cookie.as_str(), 200),
        ("iPlanetDirectoryPro", "another", 401),
        ("cookie", "iPlanetDirectoryPro=another", 401),
        ("x-other", token, 401),
    ] {
        let reply = http::get(&url, &[(name, value)]).await?;
        assert_eq!(reply.status, status, "{name}");
        if status == 401 {
            let refusal =
                json!({"code": 401, "reason": "Unauthorized", "message": "Access Denied"});
            assert_eq!(reply.json(), refusal);
        }
    }
    Ok(())
}

#[tokio::test]
async fn rs_64_rs_65_what_is_read_can_be_put_back_and_survives_a_restart() -> Outcome {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let gateway = TestGateway::start_in(&data, cambist::config::Config::default()).await?;
    gateway
        .put_user(
            "/alpha",
            "dana",
            sts::DANA.1,
            json!({"mail": "dana@example.com"}),
        )
        .await?;
    let sts = Sts { gateway };
    sts.key_store().await?;
    let mut state = sts::state("/alpha", "inst1");
    for (member, value) in [
        ("saml2-sign-assertion", "true"),
        ("saml2-keystore-filename", "keys.p12"),
        ("saml2-keystore-password", "kspw-1"),
        ("saml2-signature-key-alias", "sts-sign"),
        ("saml2-signature-key-password", "keypw-1"),
    ] {
        state["saml2-config"][member] = json!(value);
    }
    let id = sts.create(&state).await?;
    let read = sts
        .publish(Method::GET, ONE, &[], &Value::Null)
        .await?
        .json();
    assert!(!read.to_string().contains("kspw-1") && !read.to_string().contains("keypw-1"));
    assert!(!read.to_string().contains("a-long-shared-secret"), "{read}");
    let envelope = sts::envelope(&read["alpha/inst1"]);
    let put = sts.publish(Method::PUT, ONE, &[], &envelope).await?;
    assert_eq!(put.status, 200, "{}", put.text());
    sts.gateway.stop().await?;
    let gateway = TestGateway::start_in(&data, cambist::config::Config::default()).await?;
    let sts = Sts { gateway };
    let again = sts
        .publish(Method::GET, ONE, &[], &Value::Null)
        .await?
        .json();
    assert_eq!(again["alpha/inst1"], read["alpha/inst1"]);
    let signed = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert!(signed.contains("<ds:Signature"));
    sts.issued(&id, &password(), &id_token()).await?;
    Ok(())
}

#[tokio::test]
async fn rs_58_both_encodings_publish_the_same() -> Outcome {
    let sts = Sts::start().await?;
    let flat = json!({
        "deployment-url-element": ["flat1"],
        "deployment-realm": ["/alpha"],
        "deployment-auth-target-mappings": ["USERNAME|service|StsLogin"],
        "persist-issued-tokens-in-cts": ["false"],
        "supported-token-transforms": ["USERNAME|SAML2|TRUE", "USERNAME|OPENIDCONNECT|true"],
        "issuer-name": ["https://idp.example.net/sts"],
        "saml2-sp-entity-id": ["urn:example:orders-sp"],
        "saml2-sp-acs-url": ["https://orders.example.com/acs"],
        "saml2-name-id-format": ["urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"],
        "saml2-token-lifetime-seconds": ["600"],
        "saml2-attribute-map": ["EmailAddress=mail"],
        "oidc-issuer": ["https://idp.example.net/sts"],
        "oidc-token-lifetime-seconds": ["600"],
        "oidc-audience": ["orders-api"],
        "oidc-authorized-party": ["orders-web"],
        "oidc-signature-algorithm": ["HS256"],
        "oidc-public-key-reference-type": ["NONE"],
        "oidc-client-secret": ["a-long-shared-secret-of-32-bytes!"],
        "oidc-claim-map": ["email=mail"]
    });
    let envelope =
        json!({"invocation_context": "invocation_context_view_bean", "instance_state": flat});
    let reply = sts.publish(Method::POST, "", &[], &envelope).await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    sts.create(&sts::state("/alpha", "structured")).await?;
    let mut states = Vec::new();
    for id in ["alpha/flat1", "alpha/structured"] {
        let path = format!("/{id}");
        let mut read = sts
            .publish(Method::GET, &path, &[], &Value::Null)
            .await?
            .json();
        read[id]["deployment-config"]["deployment-url-element"] = json!("x");
        states.push(read[id].clone());
        sts.issued(id, &password(), &assertion("BEARER")).await?;
    }
    assert_eq!(states[0], states[1]);
    Ok(())
}

#[tokio::test]
async fn if_match_guards_against_lost_updates() -> Outcome {
    let sts = Sts::start().await?;
    let state = sts::envelope(&sts::state("/alpha", "inst1"));
    sts.publish(Method::POST, "", &[], &state).await?;
    let first = revision(&sts).await?;
    let tag = format!("\"{first}\"");
    let matching = [("if-match", tag.as_str())];
    assert_eq!(
        sts.publish(Method::PUT, ONE, &matching, &state)
            .await?
            .status,
        200
    );
    assert_eq!(
        sts.publish(Method::PUT, ONE, &matching, &state)
            .await?
            .status,
        412
    );
    assert_eq!(
        sts.publish(Method::DELETE, ONE, &matching, &Value::Null)
            .await?
            .status,
        412
    );
    assert_eq!(
        sts.publish(Method::GET, ONE, &matching, &Value::Null)
            .await?
            .status,
        412
    );
    assert_ne!(revision(&sts).await?, first);
    Ok(())
}

#[tokio::test]
async fn an_instance_changed_elsewhere_is_not_shown_as_what_it_no_longer_is() -> Outcome {
    let sts = Sts::start().await?;
    sts.create(&sts::state("/alpha", "inst1")).await?;
    let path = "/admin/v1/instances/alpha/inst1";
    let mut document = sts.gateway.admin(Method::GET, path, "").await?.json();
    // As it was read, it is still what was published.
    sts.gateway.put(path, &document).await?;
    let read = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    assert_eq!(read.status, 200, "{}", read.text());

    document["providers"]["OPENIDCONNECT"]["lifetime_seconds"] = json!(60);
    sts.gateway.put(path, &document).await?;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let body = sts::envelope(&sts::state("/alpha", "inst1"));
        let reply = sts.publish(method, ONE, &[], &body).await?;
        assert_eq!(reply.status, 409, "{}", reply.text());
        let message = reply.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            message.contains("last changed through /admin/v1/instances"),
            "{message}"
        );
    }
    let token = sts.issued("alpha/inst1", &password(), &id_token()).await?;
    let claims = http::claims(&token);
    assert_eq!(
        claims["exp"].as_u64(),
        claims["iat"].as_u64().map(|issued| issued + 60)
    );
    Ok(())
}

#[tokio::test]
async fn rs_90_a_custom_validator_is_granted_what_it_wants_in_both_encodings() -> Outcome {
    let sts = Sts::start().await?;
    let gateway = &sts.gateway;
    gateway
        .put("/admin/v1/secrets/ticket-key", &documents::ticket_key())
        .await?;
    gateway
        .put_plugin("legacy-ticket", guests::legacy_ticket())
        .await?;
    let with = |class: Value| {
        let mut state = sts::state("/alpha", "inst1");
        state["custom-token-validators"] =
            json!([{"customTokenName": "TICKET", "customOperationClassName": class}]);
        state["custom-token-transforms"] = json!([
            {"inputTokenType": "TICKET", "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": false}
        ]);
        state
    };
    let granted = json!({"plugin": "legacy-ticket", "grants": {"keys": {"ticket": "ticket-key"}}});
    let unknown = json!({"plugin": "legacy-ticket", "grants": {"keys": {"ticket": "no-such-key"}}});
    for (class, said) in [(json!("legacy-ticket"), "ticket"), (unknown, "no-such-key")] {
        let reply = sts
            .publish(
                Method::POST,
                "?_action=create",
                &[],
                &sts::envelope(&with(class)),
            )
            .await?;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(said), "{}", reply.text());
    }
    let create = sts::envelope(&with(granted.clone()));
    let reply = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let shown = |read: Value| read["alpha/inst1"]["custom-token-validators"].clone();
    let expected = json!([{"customTokenName": "TICKET", "customOperationClassName": granted}]);
    let read = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    assert_eq!(shown(read.json()), expected);
    // The plugin runs: what is no ticket of its kind it refuses itself.
    let input = json!({"token_type": "TICKET", "ticket": "v1|user=dana"});
    let reply = sts
        .translate("alpha/inst1", &input, &assertion("BEARER"))
        .await?;
    assert_eq!(reply.status, 401, "{}", reply.text());

    let flat = json!({
        "invocation_context": "invocation_context_view_bean",
        "instance_state": {
            "deployment-realm": ["/alpha"], "deployment-url-element": ["inst1"],
            "deployment-auth-target-mappings": [],
            "supported-token-transforms": [],
            "custom-token-validators": [format!("TICKET|{granted}")],
            "custom-token-transforms": ["TICKET|SAML2|false"],
            "issuer-name": ["https://idp.example.net/sts"], "saml2-sp-entity-id": ["urn:example:orders-sp"]
        }
    });
    let reply = sts.publish(Method::PUT, ONE, &[], &flat).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let read = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    assert_eq!(shown(read.json()), expected);
    Ok(())
}

#[tokio::test]
async fn rs_29_rs_90_p7_p8_custom_operations_are_found_or_named() -> Outcome {
    let sts = Sts::start().await?;
    let mut state = sts::state("/alpha", "inst1");
    state["custom-token-providers"] = json!([{"customTokenName": "PASS", "customOperationClassName": "net.example.PassProvider"}]);
    state["custom-token-transforms"] = json!([
        {"inputTokenType": "USERNAME", "outputTokenType": "PASS", "invalidateInterimOpenAMSession": true}
    ]);
    let create = sts::envelope(&state);
    let reply = sts
        .publish(Method::POST, "?_action=create", &[], &create)
        .await?;
    let message = reply.json()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(reply.status, 409, "{message}");
    assert!(
        message.starts_with("Custom token provider instantiation"),
        "{message}"
    );
    let read = sts.publish(Method::GET, ONE, &[], &Value::Null).await?;
    assert_eq!(read.status, 404, "nothing was published");
    Ok(())
}
