//! The rules of an `instance_state`: what breaks one is refused by name, and nothing is published by it.

use hyper::Method;
use serde_json::{Value, json};
use tests::sts::{self, Sts};

use crate::Outcome;

/// [`sts::state`] with members put at JSON pointers.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut state = sts::state("/alpha", "inst1");
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(parent) = state.pointer_mut(parent) {
            parent[member] = value.clone();
        }
    }
    state
}

fn transform(input: &str, output: &str) -> Value {
    json!({"inputTokenType": input, "outputTokenType": output, "invalidateInterimOpenAMSession": true})
}

async fn refused(cases: Vec<(Vec<(&str, Value)>, &str)>) -> Outcome {
    let sts = Sts::start().await?;
    for (changes, words) in cases {
        let envelope = sts::envelope(&with(&changes));
        let reply = sts
            .publish(Method::POST, "?_action=create", &[], &envelope)
            .await?;
        let body = reply.json();
        assert_eq!(reply.status, 400, "{changes:?}: {body}");
        assert_eq!(body["reason"], "Bad Request");
        let message = body["message"].as_str().unwrap_or_default();
        let opening = "Exception caught marshalling RestSTSInstanceConfig from json: ";
        assert!(message.starts_with(opening), "{message}");
        assert!(message.contains(words), "{words}: {message}");
    }
    let all = sts.publish(Method::GET, "", &[], &Value::Null).await?;
    assert_eq!(
        all.json(),
        json!({"_id": "published_instances", "_rev": ""})
    );
    Ok(())
}

const STANDARD: &str = "/supported-token-transforms";
const CUSTOM: &str = "/custom-token-transforms";
const VALIDATORS: &str = "/custom-token-validators";
const HEADER: &str = "/deployment-config/deployment-offloaded-two-way-tls-header-key";
const HOSTS: &str = "/deployment-config/deployment-tls-offload-engine-hosts";
const MAPPINGS: &str = "/deployment-config/deployment-auth-target-mappings";

#[tokio::test]
async fn rs_66_t27_p4_every_output_needs_its_block() -> Outcome {
    let none = "Neither standard nor custom token transforms have been specified.";
    refused(vec![
        (vec![(STANDARD, json!([]))], none),
        (vec![(STANDARD, Value::Null)], none),
        (vec![("/saml2-config", Value::Null)], "saml2-config"),
        (
            vec![("/oidc-id-token-config", Value::Null)],
            "oidc-id-token-config",
        ),
        (vec![("/suported", json!([]))], "suported"),
    ])
    .await
}

#[tokio::test]
async fn rs_28_rs_67_rs_73_t24_the_deployment_is_whole() -> Outcome {
    let mapping = |mapping: Value| (MAPPINGS, json!({ "USERNAME": mapping }));
    let key = "needs to be configured with a Map containing a String entry referenced by key";
    let only = |input: &str| (STANDARD, json!([transform(input, "OPENIDCONNECT")]));
    refused(vec![
        (
            vec![(HEADER, json!("x-cert"))],
            "deployment-tls-offload-engine-hosts",
        ),
        (
            vec![(HEADER, json!("x-cert")), (HOSTS, json!([]))],
            "deployment-tls-offload-engine-hosts",
        ),
        (
            vec![(HOSTS, json!(["any"]))],
            "deployment-offloaded-two-way-tls-header-key",
        ),
        (
            vec![mapping(json!({"mapping-auth-index-value": "x"}))],
            "mapping-auth-index-type",
        ),
        (
            vec![mapping(json!({"mapping-auth-index-type": "service"}))],
            "mapping-auth-index-value",
        ),
        (
            vec![mapping(
                json!({"mapping-auth-index-type": "module", "mapping-auth-index-value": "x"}),
            )],
            "only `service`",
        ),
        (vec![only("OPENIDCONNECT")], key),
        (vec![only("X509")], key),
        (
            vec![("/deployment-config/deployment-url-element", json!("a/b"))],
            "deployment-url-element",
        ),
        (
            vec![("/deployment-config/deployment-realm", Value::Null)],
            "deployment-realm",
        ),
    ])
    .await
}

#[tokio::test]
async fn rs_68_rs_69_both_blocks_name_issuer_and_audience_and_keys() -> Outcome {
    let rsa = |missing: &'static str| {
        let mut changes = vec![
            (
                "/oidc-id-token-config/oidc-signature-algorithm",
                json!("RS256"),
            ),
            (
                "/oidc-id-token-config/oidc-keystore-location",
                json!("keys.p12"),
            ),
            (
                "/oidc-id-token-config/oidc-keystore-password",
                json!("kspw-1"),
            ),
            (
                "/oidc-id-token-config/oidc-signature-key-alias",
                json!("sts-sign"),
            ),
            (
                "/oidc-id-token-config/oidc-signature-key-password",
                json!("keypw-1"),
            ),
        ];
        changes.retain(|(pointer, _)| !pointer.ends_with(missing));
        (changes, missing)
    };
    refused(vec![
        (
            vec![("/saml2-config/issuer-name", Value::Null)],
            "saml2-config.issuer-name",
        ),
        (
            vec![("/saml2-config/saml2-sp-entity-id", Value::Null)],
            "saml2-config.saml2-sp-entity-id",
        ),
        (
            vec![("/oidc-id-token-config/oidc-issuer", Value::Null)],
            "oidc-issuer",
        ),
        (
            vec![("/oidc-id-token-config/oidc-audience", json!([]))],
            "oidc-audience",
        ),
        (
            vec![("/oidc-id-token-config/oidc-audience", Value::Null)],
            "oidc-audience",
        ),
        (
            vec![(
                "/oidc-id-token-config/oidc-signature-algorithm",
                Value::Null,
            )],
            "oidc-signature-algorithm",
        ),
        (
            vec![("/oidc-id-token-config/oidc-client-secret", Value::Null)],
            "oidc-client-secret",
        ),
        (
            vec![("/oidc-id-token-config/oidc-client-secret", json!("short"))],
            "too short",
        ),
        rsa("oidc-keystore-location"),
        rsa("oidc-keystore-password"),
        rsa("oidc-signature-key-alias"),
        rsa("oidc-signature-key-password"),
    ])
    .await
}

#[tokio::test]
async fn rs_70_signing_and_encrypting_need_their_keys() -> Outcome {
    let saml = |members: &[(&'static str, &str)]| -> Vec<(&'static str, Value)> {
        members
            .iter()
            .map(|(name, value)| (*name, json!(value)))
            .collect()
    };
    refused(vec![
        (
            saml(&[("/saml2-config/saml2-sign-assertion", "true")]),
            "saml2-keystore-filename",
        ),
        (
            saml(&[
                ("/saml2-config/saml2-sign-assertion", "true"),
                ("/saml2-config/saml2-keystore-filename", "keys.p12"),
            ]),
            "saml2-keystore-password",
        ),
        (
            saml(&[
                ("/saml2-config/saml2-sign-assertion", "true"),
                ("/saml2-config/saml2-keystore-filename", "keys.p12"),
                ("/saml2-config/saml2-keystore-password", "kspw-1"),
            ]),
            "saml2-signature-key-alias",
        ),
        (
            saml(&[
                ("/saml2-config/saml2-encrypt-nameid", "true"),
                ("/saml2-config/saml2-keystore-filename", "keys.p12"),
                ("/saml2-config/saml2-keystore-password", "kspw-1"),
            ]),
            "saml2-encryption",
        ),
    ])
    .await
}

#[tokio::test]
async fn rs_71_rs_72_p8_custom_types_have_an_operation_and_pairs_stand_once() -> Outcome {
    let other = json!({"inputTokenType": "USERNAME", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": false});
    let named = |name: &str| json!([{"customTokenName": name, "customOperationClassName": "x"}]);
    refused(vec![
        (
            vec![(
                STANDARD,
                json!([transform("USERNAME", "OPENIDCONNECT"), other]),
            )],
            "Only a single transform of a specified input token type can be selected",
        ),
        (
            vec![(CUSTOM, json!([transform("TICKET", "OPENIDCONNECT")]))],
            "No custom token validator found",
        ),
        (
            vec![(CUSTOM, json!([transform("USERNAME", "PASS")]))],
            "No custom token provider found",
        ),
        (
            vec![
                (VALIDATORS, named("TICKET")),
                (CUSTOM, json!([transform("TICKET", "PASS")])),
            ],
            "No custom token provider found",
        ),
        (vec![(VALIDATORS, named("SAML2"))], "customTokenName"),
        (vec![(VALIDATORS, named("a;b"))], "customTokenName"),
        (
            vec![(CUSTOM, json!([transform("USERNAME", "SAML2")]))],
            "custom-token-transforms[0]",
        ),
        (
            vec![(
                STANDARD,
                json!([{"inputTokenType": "USERNAME", "outputTokenType": "SAML2"}]),
            )],
            "invalidateInterimOpenAMSession",
        ),
    ])
    .await
}

#[tokio::test]
async fn rs_74_text_and_native_values_publish_the_same() -> Outcome {
    let sts = Sts::start().await?;
    let mut read = Vec::new();
    for (yes, number) in [(json!("true"), json!("60")), (json!(true), json!(60))] {
        let state = with(&[
            ("/persist-issued-tokens-in-cts", yes.clone()),
            ("/is-remote-sts-instance", yes),
            ("/saml2-config/saml2-token-lifetime-seconds", number.clone()),
            ("/oidc-id-token-config/oidc-token-lifetime-seconds", number),
        ]);
        sts.create(&state).await?;
        let path = "/alpha/inst1";
        let one = sts.publish(Method::GET, path, &[], &Value::Null).await?;
        read.push(one.json()["alpha/inst1"].clone());
        sts.publish(Method::DELETE, path, &[], &Value::Null).await?;
    }
    assert_eq!(read[0], read[1]);
    assert_eq!(read[0]["persist-issued-tokens-in-cts"], "true");
    assert_eq!(
        read[0]["saml2-config"]["saml2-token-lifetime-seconds"],
        "60"
    );
    Ok(())
}

#[tokio::test]
async fn rs_58_p3_p4_the_envelope_says_how_the_state_is_written() -> Outcome {
    let sts = Sts::start().await?;
    let state = sts::state("/alpha", "inst1");
    for (body, words) in [
        (
            json!({"instance_state": state}),
            "must contain a key named invocation_context",
        ),
        (
            json!({"invocation_context": "other", "instance_state": state}),
            "must contain a key named invocation_context",
        ),
        (json!([]), "must contain a key named invocation_context"),
        (
            json!({"invocation_context": "invocation_context_client_sdk"}),
            "Exception caught marshalling",
        ),
        (
            json!({"invocation_context": "invocation_context_client_sdk", "instance_state": "x"}),
            "Exception caught marshalling",
        ),
    ] {
        let reply = sts
            .publish(Method::POST, "?_action=create", &[], &body)
            .await?;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.text().contains(words), "{}", reply.text());
    }
    Ok(())
}
