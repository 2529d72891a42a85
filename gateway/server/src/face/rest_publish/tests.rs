mod desk;
mod many;
mod refused;
mod service;

use hyper::{Method, header};
use serde_json::{Value, json};

use desk::{Desk, desk, envelope, hmac_state, request, rsa_state};

use super::*;

async fn created(desk: &Desk, state: &Value) {
    let (status, body) = desk.call(Method::POST, "", &envelope(state)).await;
    assert_eq!(status, 201, "{body}");
}

/// The decoded header and claims of an issued token.
fn opened(answer: &Value) -> (Value, Value) {
    let token = answer["issued_token"].as_str().unwrap();
    let part = |index: usize| -> Value {
        let text = token.split('.').nth(index).unwrap();
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

#[tokio::test]
async fn rs_55_create_answers_201_with_identity_and_location() {
    let desk = desk().await;
    let create = request(Method::POST, "", &envelope(&hmac_state("/alpha", "inst1")));
    let (status, body, response) = desk.send(&create).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["_id"], "alpha/inst1");
    assert_eq!(
        (&body["result"], &body["url_element"]),
        (&json!("success"), &json!("alpha/inst1"))
    );
    let revision = body["_rev"].as_str().unwrap();
    assert_eq!(response.headers[header::ETAG], format!("\"{revision}\""));
    assert_eq!(
        response.headers[header::LOCATION],
        "/am/sts-publish/rest/alpha/inst1"
    );
}

#[tokio::test]
async fn rs_01_rs_47_rs_52_a_published_instance_translates_at_once() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (status, body) = desk.translate("alpha/inst1").await;
    assert_eq!(status, 200, "{body}");
    let (head, claims) = opened(&body);
    assert_eq!(head, json!({"alg": "HS256", "typ": "JWT"}));
    assert_eq!(
        claims,
        json!({
            "iss": "https://idp.example.net/sts",
            "sub": "dana",
            "aud": "orders-api",
            "azp": "orders-web",
            "iat": 1_900_000_000,
            "exp": 1_900_000_600,
            "auth_time": 1_900_000_000,
            "jti": "07070707-0707-4707-8707-070707070707",
            "nonce": "n-77aa01",
            "email": "dana@example.com",
            "roles": "sales ops",
        })
    );
}

#[tokio::test]
async fn rs_51_an_hmac_signature_verifies_with_the_utf_8_secret() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (_, body) = desk.translate("alpha/inst1").await;
    let token = body["issued_token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA256,
        b"a-long-shared-secret-of-32-bytes!",
    );
    let signature = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(signature)
        .unwrap();
    assert!(aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).is_ok());
}

#[tokio::test]
async fn rs_46_rs_54_the_header_refers_to_the_key_as_configured() {
    let desk = desk().await.with_key_store().await;
    for (reference, element) in [("NONE", "none"), ("JWK", "jwk")] {
        created(&desk, &rsa_state("/alpha", element, reference)).await;
        let (status, body) = desk.translate(&format!("alpha/{element}")).await;
        assert_eq!(status, 200, "{body}");
        let (head, _) = opened(&body);
        assert_eq!(
            (&head["alg"], &head["typ"], head.get("kid")),
            (&json!("RS256"), &json!("JWT"), None)
        );
        assert_eq!(head.get("jwk").is_some(), reference == "JWK");
        if let Some(Value::Object(jwk)) = head.get("jwk") {
            assert_eq!(jwk["kty"], "RSA");
            assert!(
                ["d", "p", "q", "dp", "dq", "qi"]
                    .iter()
                    .all(|private| !jwk.contains_key(*private))
            );
        }
    }
    let (status, body) = desk
        .call(Method::POST, "", &envelope(&rsa_state("/", "x", "X5C")))
        .await;
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("unsupported public key reference type"),
        "{body}"
    );
}

#[tokio::test]
async fn rs_48_several_audiences_are_a_list() {
    let desk = desk().await;
    let mut state = hmac_state("/alpha", "inst1");
    state["oidc-id-token-config"]["oidc-audience"] = json!(["orders-api", "billing-api"]);
    created(&desk, &state).await;
    let (_, claims) = opened(&desk.translate("alpha/inst1").await.1);
    assert_eq!(claims["aud"], json!(["billing-api", "orders-api"]));
}

#[tokio::test]
async fn rs_56_p6_the_same_id_again_is_409_in_any_case() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    for element in ["inst1", "INST1"] {
        let (status, body) = desk
            .call(Method::POST, "", &envelope(&hmac_state("/alpha", element)))
            .await;
        assert_eq!(status, 409, "{body}");
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("has already been published."),
            "{body}"
        );
    }
}

#[tokio::test]
async fn rs_59_rs_63_p9_one_is_read_under_its_id_and_an_unknown_one_404() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (status, body) = desk.call(Method::GET, "alpha/inst1", &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(body["_id"], "alpha/inst1");
    let state = &body["alpha/inst1"];
    assert_eq!(state["persist-issued-tokens-in-cts"], "false");
    assert_eq!(
        state["oidc-id-token-config"]["oidc-token-lifetime-seconds"],
        "600"
    );
    assert_eq!(
        state["supported-token-transforms"][0]["invalidateInterimOpenAMSession"],
        json!(true)
    );
    assert_eq!(state["custom-token-transforms"], json!([]));
    assert_eq!(state["saml2-config"], Value::Null);
    assert_eq!(state["deployment-config"]["deployment-realm"], "/alpha");
    let (status, body) = desk.call(Method::GET, "alpha/other", &Value::Null).await;
    assert_eq!(status, 404);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("Error reading rest sts instance from SMS"),
        "{body}"
    );
}

#[tokio::test]
async fn secrets_are_neither_shown_nor_kept_beyond_need() {
    let desk = desk().await.with_key_store().await;
    created(&desk, &hmac_state("/alpha", "hmac")).await;
    created(&desk, &rsa_state("/alpha", "rsa", "NONE")).await;
    for id in ["alpha/hmac", "alpha/rsa"] {
        let (_, body) = desk.call(Method::GET, id, &Value::Null).await;
        let text = body.to_string();
        assert!(text.contains(secret::MARKER));
        assert!(
            ["a-long-shared", "kspw-1", "keypw-1"]
                .iter()
                .all(|secret| !text.contains(secret)),
            "{text}"
        );
    }
    let (document, _) = desk
        .publisher
        .read_instance("alpha/rsa")
        .await
        .unwrap()
        .unwrap();
    let kept = serde_json::to_string(&document).unwrap();
    assert!(!kept.contains("kspw-1") && !kept.contains("keypw-1"));
}

#[tokio::test]
async fn rs_60_all_are_listed_with_their_realm() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    created(&desk, &hmac_state("/", "root-inst")).await;
    let (status, body) = desk.call(Method::GET, "", &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({
            "_id": "published_instances",
            "_rev": "",
            "alpha/inst1": {"deployment-config": {"deployment-realm": "/alpha"}},
            "root-inst": {"deployment-config": {"deployment-realm": "/"}},
        })
    );
}

#[tokio::test]
async fn rs_61_p10_put_replaces_whatever_the_protocol_version_and_only_what_is_there() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    for (index, version) in [
        None,
        Some("protocol=1.0,resource=1.0"),
        Some("protocol=2.1,resource=1.0"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut state = hmac_state("/alpha", "inst1");
        state["oidc-id-token-config"]["oidc-issuer"] =
            json!(format!("https://idp{index}.example.net"));
        let mut put = request(Method::PUT, "alpha/inst1", &envelope(&state));
        if let Some(version) = version {
            put.headers
                .insert("accept-api-version", version.parse().unwrap());
        }
        let (status, body, response) = desk.send(&put).await;
        assert_eq!(
            (status, &body["result"]),
            (200, &json!("success")),
            "{body}"
        );
        assert!(response.headers.contains_key(header::ETAG));
        let (_, claims) = opened(&desk.translate("alpha/inst1").await.1);
        assert_eq!(claims["iss"], format!("https://idp{index}.example.net"));
    }
    let (status, body) = desk
        .call(
            Method::PUT,
            "alpha/new",
            &envelope(&hmac_state("/alpha", "new")),
        )
        .await;
    assert_eq!(status, 404);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("No rest sts instance with id alpha/new in realm /alpha"),
        "{body}"
    );
}

#[tokio::test]
async fn rs_65_what_was_read_can_be_put_back_and_keeps_the_secret() {
    let desk = desk().await.with_key_store().await;
    for (id, state) in [
        ("alpha/hmac", hmac_state("/alpha", "hmac")),
        ("alpha/rsa", rsa_state("/alpha", "rsa", "JWK")),
    ] {
        created(&desk, &state).await;
        let before = desk.translate(id).await;
        let (_, read) = desk.call(Method::GET, id, &Value::Null).await;
        let mut state = read[id].clone();
        for _ in 0..2 {
            let (status, body) = desk.call(Method::PUT, id, &envelope(&state)).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(desk.translate(id).await, before, "the same key signs");
            let (_, again) = desk.call(Method::GET, id, &Value::Null).await;
            assert_eq!(again[id], read[id]);
            // Second round: absent means unchanged as well.
            let block = state["oidc-id-token-config"].as_object_mut().unwrap();
            block.retain(|name, _| !name.contains("password") && !name.contains("secret"));
        }
    }
}

#[tokio::test]
async fn put_under_another_id_is_400_and_a_stale_revision_412() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (status, body) = desk
        .call(
            Method::PUT,
            "alpha/inst1",
            &envelope(&hmac_state("/alpha", "inst2")),
        )
        .await;
    assert_eq!(status, 400, "{body}");
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("deployment-config"),
        "{body}"
    );
    for method in [Method::PUT, Method::DELETE] {
        let mut stale = request(
            method,
            "alpha/inst1",
            &envelope(&hmac_state("/alpha", "inst1")),
        );
        stale
            .headers
            .insert(header::IF_MATCH, "\"999\"".parse().unwrap());
        assert_eq!(desk.send(&stale).await.0, 412);
    }
}

#[tokio::test]
async fn rs_62_p11_delete_answers_its_text_and_then_404() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    created(&desk, &hmac_state("/", "root-inst")).await;
    for (id, realm) in [("alpha/inst1", "alpha"), ("root-inst", "/")] {
        let (status, body) = desk.call(Method::DELETE, id, &Value::Null).await;
        let result = format!("rest sts instance {id} successfully removed from realm {realm}");
        assert_eq!(
            (status, body),
            (200, json!({"_id": id, "_rev": id, "result": result}))
        );
        let (status, body) = desk.call(Method::DELETE, id, &Value::Null).await;
        assert_eq!(status, 404);
        assert!(
            body["message"].as_str().unwrap().ends_with("not found."),
            "{body}"
        );
        assert_eq!(desk.translate(id).await.0, 404);
    }
}

#[tokio::test]
async fn an_instance_published_another_way_is_not_touched() {
    let desk = desk().await;
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (mut document, _) = desk
        .publisher
        .read_instance("alpha/inst1")
        .await
        .unwrap()
        .unwrap();
    document.rest_sts.as_mut().unwrap().instance_state = None;
    desk.publisher
        .put_instance("alpha/inst1", document.clone(), Precondition::None)
        .await
        .unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (status, body) = desk
            .call(
                method,
                "alpha/inst1",
                &envelope(&hmac_state("/alpha", "inst1")),
            )
            .await;
        assert_eq!(status, 409, "{body}");
    }
    document.rest_sts = None;
    desk.publisher
        .put_instance("alpha/inst1", document, Precondition::None)
        .await
        .unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (status, body) = desk
            .call(
                method,
                "alpha/inst1",
                &envelope(&hmac_state("/alpha", "inst1")),
            )
            .await;
        assert_eq!(status, 404, "{body}");
    }
}

#[tokio::test]
async fn the_flat_encoding_publishes_the_same() {
    let desk = desk().await;
    let flat = json!({
        "deployment-url-element": ["flat1"],
        "deployment-realm": ["/alpha"],
        "deployment-auth-target-mappings": ["USERNAME|service|StsLogin"],
        "persist-issued-tokens-in-cts": ["false"],
        "supported-token-transforms": ["USERNAME|OPENIDCONNECT|TRUE"],
        "oidc-issuer": ["https://idp.example.net/sts"],
        "oidc-token-lifetime-seconds": ["600"],
        "oidc-audience": ["orders-api"],
        "oidc-authorized-party": ["orders-web"],
        "oidc-signature-algorithm": ["HS256"],
        "oidc-public-key-reference-type": ["NONE"],
        "oidc-client-secret": ["a-long-shared-secret-of-32-bytes!"],
        "oidc-claim-map": ["email=mail", "roles=groups", "family_name=sn", "phone=tel"]
    });
    let body =
        json!({"invocation_context": "invocation_context_view_bean", "instance_state": flat});
    let (status, answer) = desk.call(Method::POST, "", &body).await;
    assert_eq!(status, 201, "{answer}");
    created(&desk, &hmac_state("/alpha", "inst1")).await;
    let (_, from_flat) = desk.call(Method::GET, "alpha/flat1", &Value::Null).await;
    let (_, structured) = desk.call(Method::GET, "alpha/inst1", &Value::Null).await;
    let mut expected = structured["alpha/inst1"].clone();
    expected["deployment-config"]["deployment-url-element"] = json!("flat1");
    assert_eq!(from_flat["alpha/flat1"], expected);
    assert_eq!(
        desk.translate("alpha/flat1").await,
        desk.translate("alpha/inst1").await
    );
}
