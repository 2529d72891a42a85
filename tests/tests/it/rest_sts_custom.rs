//! Custom types and the twelve points of the contract: what reaches a plugin, and what becomes of what it says.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    access_manager::AccessManager,
    guests,
    http::{Failure, claims},
    sts::{self, Sts, assertion, id_token, password},
};

use crate::Outcome;

fn transform(input: &str, output: &str) -> Value {
    json!({"inputTokenType": input, "outputTokenType": output, "invalidateInterimOpenAMSession": true})
}

/// [`sts::state`] with the custom input `TICKET` and the custom output `PASS`.
fn state(element: &str) -> Value {
    let mut state = sts::state("/alpha", element);
    state["custom-token-validators"] =
        json!([{"customTokenName": "TICKET", "customOperationClassName": "custom"}]);
    state["custom-token-providers"] =
        json!([{"customTokenName": "PASS", "customOperationClassName": "custom"}]);
    state["custom-token-transforms"] = json!([
        transform("TICKET", "PASS"),
        transform("TICKET", "OPENIDCONNECT"),
        transform("TICKET", "SAML2"),
        transform("USERNAME", "PASS"),
    ]);
    state["deployment-config"]["deployment-auth-target-mappings"]["TICKET"] = json!({
        "mapping-auth-index-type": "service", "mapping-auth-index-value": "x",
        "mapping-context": {"issued_by": "hq"}
    });
    state
}

async fn start() -> Result<Sts, Failure> {
    let sts = Sts::start().await?;
    sts.gateway.put_plugin("custom", guests::custom()).await?;
    Ok(sts)
}

fn ticket(more: &Value) -> Value {
    let mut ticket = json!({"token_type": "TICKET", "ticket": "T-0099"});
    for (member, value) in more.as_object().into_iter().flatten() {
        ticket[member] = value.clone();
    }
    ticket
}

fn pass(more: &Value) -> Value {
    let mut pass = json!({"token_type": "PASS"});
    for (member, value) in more.as_object().into_iter().flatten() {
        pass[member] = value.clone();
    }
    pass
}

#[tokio::test]
async fn rs_29_rs_87_rs_91_a_custom_provider_sees_both_states_and_its_answer_is_the_answer()
-> Outcome {
    let sts = start().await?;
    let id = sts.create(&state("inst1")).await?;
    let (input, output) = (
        ticket(&json!({"additional": "from the validator", "n": [1]})),
        pass(&json!({"scope": "read", "ttl": 30, "nested": {"a": null}})),
    );
    let reply = sts.translate(&id, &input, &output).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["issued_token"], "pass-for-T-0099");
    assert_eq!(body["wanted"], output, "the whole output_token_state");
    let presented: Value = serde_json::from_str(body["presented"].as_str().unwrap_or_default())?;
    assert_eq!(presented, input, "the whole input_token_state");
    assert_eq!(body["presented_type"], "urn:cambist:rest-sts:TICKET");
    assert_eq!(body["additional"], "from the validator");
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(5),
        "{body}"
    );
    // The real type of the input, and what is not an object is wrapped.
    let body = sts.translate(&id, &password(), &pass(&json!({}))).await?;
    let body = body.json();
    assert_eq!(
        body["presented_type"], "urn:cambist:token-type:username",
        "{body}"
    );
    assert_eq!(body["issued_token"], "pass-for-dana");
    let text = pass(&json!({"do": "text"}));
    let body = sts.translate(&id, &password(), &text).await?.json();
    assert_eq!(body, json!({"issued_token": "pass-for-dana"}));
    // Of a custom input builtin outputs are made too.
    let issued = claims(&sts.issued(&id, &input, &id_token()).await?);
    assert_eq!(issued["sub"], "T-0099");
    let xml = sts.issued(&id, &input, &assertion("BEARER")).await?;
    assert!(xml.contains(">T-0099</saml:NameID>"), "{xml}");
    Ok(())
}

#[tokio::test]
async fn rs_30_rs_31_rs_89_t34_t35_t36_t38_what_a_plugin_refuses_is_passed_on_and_a_trap_is_500()
-> Outcome {
    let sts = start().await?;
    let id = sts.create(&state("inst1")).await?;
    let good = ticket(&json!({}));
    for (input, output, status, words) in [
        (
            ticket(&json!({"do": "403"})),
            pass(&json!({})),
            403,
            "this is a 403",
        ),
        (
            ticket(&json!({"do": "409"})),
            pass(&json!({})),
            409,
            "this is a 409",
        ),
        (
            ticket(&json!({"do": "503"})),
            pass(&json!({})),
            503,
            "this is a 503",
        ),
        (
            ticket(&json!({"do": "200"})),
            pass(&json!({})),
            401,
            "this is a 200",
        ),
        (
            ticket(&json!({"do": "refuse"})),
            pass(&json!({})),
            401,
            "come back tomorrow",
        ),
        (
            json!({"token_type": "TICKET"}),
            pass(&json!({})),
            409,
            "did not set the am session string",
        ),
        (
            ticket(&json!({"do": "panic"})),
            pass(&json!({})),
            500,
            "custom token",
        ),
        (
            good.clone(),
            pass(&json!({"do": "418"})),
            418,
            "this is a 418",
        ),
        (
            good.clone(),
            pass(&json!({"do": "refuse"})),
            400,
            "come back tomorrow",
        ),
        (
            good.clone(),
            pass(&json!({"do": "panic"})),
            500,
            "The token could not be generated",
        ),
    ] {
        let reply = sts.translate(&id, &input, &output).await?;
        let body = reply.json();
        assert_eq!(reply.status, status, "{words}: {body}");
        assert_eq!(body["code"], status, "{body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{words}: {message}");
        assert!(!message.contains("as I was told"), "{message}");
    }
    let refused = sts
        .translate(&id, &ticket(&json!({"do": "refuse"})), &pass(&json!({})))
        .await?;
    assert_eq!(refused.json()["detail"], "out-of-tickets");
    Ok(())
}

#[tokio::test]
async fn rs_75_rs_76_a_session_made_on_the_way_ends_though_no_token_came_of_it() -> Outcome {
    let sts = start().await?;
    let manager = AccessManager::start().await?;
    let document = json!({"kind": "access_manager", "url": manager.url(), "attributes": ["mail"]});
    sts.gateway
        .put("/admin/v1/authenticators/alpha/StsLogin", &document)
        .await?;
    let id = sts.create(&state("inst1")).await?;
    let input = json!({"token_type": "USERNAME", "username": "dana", "password": "S3cr3t ü 42"});
    for (how, status) in [("refuse", 400), ("panic", 500)] {
        let output = pass(&json!({ "do": how }));
        let reply = sts.translate(&id, &input, &output).await?;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(manager.sessions(), 0, "{how}");
    }
    assert_eq!(manager.made(), 2);
    // That of a custom output ends too, once the token is made.
    let reply = sts.translate(&id, &input, &pass(&json!({}))).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!((manager.made(), manager.sessions()), (3, 0));
    // An error of shape comes before any session.
    let output = json!({"token_type": "SAML2"});
    assert_eq!(sts.translate(&id, &input, &output).await?.status, 400);
    assert_eq!(manager.made(), 3);
    Ok(())
}

#[tokio::test]
async fn rs_53_rs_87_mappers_decide_claims_acr_and_amr() -> Outcome {
    let sts = start().await?;
    let mut state = state("inst1");
    for member in [
        "oidc-custom-claim-mapper-class",
        "oidc-custom-authn-context-mapper-class",
        "oidc-custom-authn-method-references-mapper-class",
    ] {
        state["oidc-id-token-config"][member] = json!("custom");
    }
    let id = sts.create(&state).await?;
    let issued = claims(&sts.issued(&id, &password(), &id_token()).await?);
    assert_eq!(issued["email"], "DANA@EXAMPLE.COM", "{issued}");
    assert_eq!(issued["made_by"], "custom");
    assert_eq!(issued["acr"], "acr of urn:cambist:token-type:username");
    assert_eq!(
        issued["amr"],
        json!(["custom", "seen"]),
        "it sees the token"
    );
    // A mapper that needs no map is asked all the same.
    state["oidc-id-token-config"]["oidc-claim-map"] = json!({});
    state["deployment-config"]["deployment-url-element"] = json!("inst2");
    let id = sts.create(&state).await?;
    let issued = claims(&sts.issued(&id, &password(), &id_token()).await?);
    assert_eq!(
        (&issued["made_by"], issued.get("email")),
        (&json!("custom"), None)
    );
    Ok(())
}

#[tokio::test]
async fn rs_87_rs_88_rs_92_what_the_points_of_an_assertion_say_is_signed_and_encrypted() -> Outcome
{
    let sts = start().await?;
    sts.gateway
        .put_plugin("assertion", guests::assertion())
        .await?;
    sts.key_store().await?;
    let mut state = state("inst1");
    let block = &mut state["saml2-config"];
    for point in [
        "conditions-provider",
        "subject-provider",
        "authentication-statements-provider",
        "attribute-statements-provider",
        "authz-decision-statements-provider",
        "attribute-mapper",
        "authn-context-mapper",
    ] {
        block[format!("saml2-custom-{point}-class-name")] = json!("assertion");
    }
    for (member, value) in [
        ("saml2-sign-assertion", "true"),
        ("saml2-keystore-filename", "keys.p12"),
        ("saml2-keystore-password", "kspw-1"),
        ("saml2-signature-key-alias", "sts-sign"),
        ("saml2-signature-key-password", "keypw-1"),
    ] {
        block[member] = json!(value);
    }
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    for said in [
        "<saml:OneTimeUse>",
        ">pseudonym-dana</saml:NameID>",
        "SessionIndex=\"session-1\"",
        ">urn:example:class:username</saml:AuthnContextClassRef>",
        // Made by the custom mapper, and kept by the custom statements.
        ">DANA@EXAMPLE.COM</saml:AttributeValue>",
        "FriendlyName=\"typed\"",
        "Decision=\"Permit\"",
        "</saml:Issuer><ds:Signature ",
    ] {
        assert!(xml.contains(said), "{said}: {xml}");
    }
    // What plugins said is inside of what is encrypted.
    state["deployment-config"]["deployment-url-element"] = json!("inst2");
    let block = &mut state["saml2-config"];
    for (member, value) in [
        ("saml2-encrypt-nameid", "true"),
        ("saml2-encrypt-attributes", "true"),
        ("saml2-encryption-key-alias", "orders-enc"),
        (
            "saml2-encryption-algorithm",
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        ),
        ("saml2-encryption-algorithm-strength", "256"),
    ] {
        block[member] = json!(value);
    }
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    for hidden in [
        "pseudonym-dana",
        "DANA@EXAMPLE.COM",
        "FriendlyName=\"typed\"",
    ] {
        assert!(!xml.contains(hidden), "{hidden}: {xml}");
    }
    assert!(xml.contains("<saml:EncryptedID") && xml.contains("<saml:EncryptedAttribute"));
    Ok(())
}

#[tokio::test]
async fn rs_89_t36_a_statement_that_cannot_be_made_costs_the_token() -> Outcome {
    let sts = start().await?;
    sts.gateway
        .put_user("/alpha", "unlucky", sts::DANA.1, json!({}))
        .await?;
    let mut state = state("inst1");
    state["saml2-config"]["saml2-custom-conditions-provider-class-name"] = json!("custom");
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert!(xml.contains("<saml:OneTimeUse>"), "{xml}");
    let mut input = password();
    input["username"] = json!("unlucky");
    let reply = sts.translate(&id, &input, &assertion("BEARER")).await?;
    let body = reply.json();
    assert_eq!(
        (reply.status.as_u16(), &body["code"]),
        (500, &json!(500)),
        "{body}"
    );
    assert!(body.get("issued_token").is_none());
    Ok(())
}

#[tokio::test]
async fn rs_90_p7_p12_an_operation_is_found_when_published_or_named() -> Outcome {
    let sts = start().await?;
    for (list, kind) in [
        ("custom-token-validators", "validator"),
        ("custom-token-providers", "provider"),
    ] {
        for class in ["net.example.Missing", "custom@9.9.9"] {
            let mut state = state("inst1");
            state[list][0]["customOperationClassName"] = json!(class);
            let reply = sts
                .publish(Method::POST, "?_action=create", &[], &sts::envelope(&state))
                .await?;
            let message = reply.text();
            assert_eq!(reply.status, 409, "{message}");
            assert!(
                message.contains(&format!("Custom token {kind} instantiation")),
                "{message}"
            );
            assert!(message.contains(class), "{message}");
            let none = sts
                .publish(Method::GET, "/alpha/inst1", &[], &Value::Null)
                .await?;
            assert_eq!(none.status, 404, "nothing was published");
        }
    }
    // Keeping tokens is no reason to refuse one that makes nothing that could be validated.
    let mut state = state("inst1");
    state["supported-token-transforms"] = json!([]);
    state["custom-token-transforms"] = json!([transform("TICKET", "PASS")]);
    state["persist-issued-tokens-in-cts"] = json!("true");
    let id = sts.create(&state).await?;
    let reply = sts
        .translate(&id, &ticket(&json!({})), &pass(&json!({})))
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(())
}
