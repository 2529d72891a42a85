//! What is refused, with which status and words, and that nothing is published by it.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    super::*,
    desk::{desk, envelope, hmac_state, rsa_state},
};

/// Changes the member at a JSON pointer.
fn with(mut state: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    match state.pointer_mut(parent).unwrap() {
        Value::Object(members) => {
            members.insert(member.to_owned(), value);
        }
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    state
}

fn transform(input: &str, output: &str) -> Value {
    json!({"inputTokenType": input, "outputTokenType": output, "invalidateInterimOpenAMSession": true})
}

fn transforms(list: &[Value]) -> Value {
    with(
        hmac_state("/", "a"),
        "/supported-token-transforms",
        json!(list),
    )
}

fn custom(validators: Value, custom_transforms: Value) -> Value {
    let state = with(hmac_state("/", "a"), "/custom-token-validators", validators);
    with(state, "/custom-token-transforms", custom_transforms)
}

/// Every state is answered 400 with a message that names the member and holds the words.
async fn check(cases: Vec<(Value, &str, &str)>) {
    let desk = desk().await;
    for (state, member, words) in cases {
        let (status, body) = desk.call(Method::POST, "", &envelope(&state)).await;
        let message = body["message"].as_str().unwrap();
        assert_eq!(status, 400, "{member}: {body}");
        assert!(
            message.starts_with("Exception caught marshalling RestSTSInstanceConfig from json: "),
            "{message}"
        );
        assert!(message.contains(member), "{member}: {message}");
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(desk.publisher.list_instances().await.unwrap().is_empty());
}

const OIDC: &str = "/oidc-id-token-config";

#[tokio::test]
async fn rs_66_what_is_not_offered_or_has_no_config_is_refused_by_name() {
    let none = |block: &str| with(hmac_state("/", "a"), block, Value::Null);
    let standard = |input, output| transforms(&[transform(input, output)]);
    check(vec![
        (
            transforms(&[]),
            "supported-token-transforms",
            "Neither standard nor custom token transforms have been specified.",
        ),
        (
            standard("USERNAME", "SAML2"),
            "saml2-config",
            "supported-token-transforms[0] issues SAML2",
        ),
        (
            standard("X509", "OPENIDCONNECT"),
            "deployment-config.deployment-auth-target-mappings.X509",
            "x509_token_auth_target_header_key",
        ),
        (
            standard("username", "OPENIDCONNECT"),
            "inputTokenType",
            "is not a builtin type",
        ),
        (none(OIDC), "oidc-id-token-config", "is missing"),
        (
            with(
                hmac_state("/", "a"),
                "/persist-issued-token-text",
                json!("true"),
            ),
            "persist-issued-token-text",
            "are not kept",
        ),
        (
            with(
                hmac_state("/", "a"),
                "/oidc-id-token-config/oidc-custom-claim-mapper-class",
                json!("net.example.Mapper"),
            ),
            "oidc-id-token-config.oidc-custom-claim-mapper-class",
            "no plugin `net.example.Mapper`",
        ),
        (
            with(
                hmac_state("/", "a"),
                "/suported-token-transforms",
                json!([]),
            ),
            "suported-token-transforms",
            "`supported-token-transforms`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn rs_67_rs_73_the_deployment_is_checked() {
    let at = |member: &str, value: Value| {
        with(
            hmac_state("/", "a"),
            &format!("/deployment-config/{member}"),
            value,
        )
    };
    let mapping = |value: Value| {
        at(
            "deployment-auth-target-mappings",
            json!({ "USERNAME": value }),
        )
    };
    check(vec![
        (
            with(hmac_state("/", "a"), "/deployment-config", Value::Null),
            "deployment-config",
            "is missing",
        ),
        (
            at("deployment-url-element", json!("")),
            "deployment-url-element",
            "is missing",
        ),
        (
            at("deployment-url-element", json!("a/b")),
            "deployment-url-element",
            "cannot stand in a URL",
        ),
        (
            at("deployment-realm", Value::Null),
            "deployment-realm",
            "is missing",
        ),
        (
            at("deployment-realm", json!("/a/../b")),
            "deployment-realm",
            "cannot stand in a URL",
        ),
        (
            at("deployment-realm", json!("/a/b/c/d/e/f/g/h")),
            "deployment-realm",
            "too deep",
        ),
        (
            at(
                "deployment-offloaded-two-way-tls-header-key",
                json!("x-cert"),
            ),
            "deployment-tls-offload-engine-hosts",
            "is missing",
        ),
        (
            at("deployment-tls-offload-engine-hosts", json!(["any"])),
            "deployment-offloaded-two-way-tls-header-key",
            "is missing",
        ),
        (
            mapping(json!({"mapping-auth-index-value": "x"})),
            "USERNAME.mapping-auth-index-type",
            "is missing",
        ),
        (
            mapping(json!({"mapping-auth-index-type": "service"})),
            "USERNAME.mapping-auth-index-value",
            "is missing",
        ),
        (
            mapping(json!({"mapping-auth-index-type": "module", "mapping-auth-index-value": "x"})),
            "mapping-auth-index-type",
            "only `service`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn rs_68_rs_69_the_id_token_block_is_checked() {
    let at =
        |member: &str, value: Value| with(hmac_state("/", "a"), &format!("{OIDC}/{member}"), value);
    let cases = vec![
        (at("oidc-issuer", Value::Null), "oidc-issuer", "is missing"),
        (
            at("oidc-audience", json!([])),
            "oidc-audience",
            "at least one",
        ),
        (
            at("oidc-audience", json!("orders-api")),
            "oidc-audience",
            "is not a list",
        ),
        (
            at("oidc-signature-algorithm", Value::Null),
            "oidc-signature-algorithm",
            "is missing",
        ),
        (
            at("oidc-signature-algorithm", json!("NONE")),
            "oidc-signature-algorithm",
            "Unknown JwsAlgorithmType",
        ),
        (
            at("oidc-signature-algorithm", json!("PS256")),
            "oidc-signature-algorithm",
            "not offered",
        ),
        (
            at("oidc-client-secret", Value::Null),
            "oidc-client-secret",
            "is missing",
        ),
        (
            at("oidc-client-secret", json!("too short")),
            "oidc-client-secret",
            "too short",
        ),
        (
            at("oidc-client-secret", json!(secret::MARKER)),
            "oidc-client-secret",
            "redacted",
        ),
        (
            at("oidc-token-lifetime-seconds", json!("0")),
            "oidc-token-lifetime-seconds",
            "out of range",
        ),
        (
            at("oidc-token-lifetime-seconds", json!("ten")),
            "oidc-token-lifetime-seconds",
            "not a whole number",
        ),
        (
            at("oidc-claim-map", json!({"iss": "mail"})),
            "oidc-id-token-config.oidc-claim-map.iss",
            "set by the provider",
        ),
        (
            at("oidc-claim-map", json!({"email": 7})),
            "oidc-claim-map.email",
            "is not text",
        ),
    ];
    check(cases).await;
}

#[tokio::test]
async fn rs_69_rsa_needs_every_keystore_member() {
    let mut cases = Vec::new();
    for member in [
        "oidc-keystore-location",
        "oidc-keystore-password",
        "oidc-signature-key-alias",
        "oidc-signature-key-password",
    ] {
        cases.push((
            with(
                rsa_state("/", "a", "NONE"),
                &format!("{OIDC}/{member}"),
                Value::Null,
            ),
            member,
            "is missing",
        ));
    }
    check(cases).await;
}

#[tokio::test]
async fn rs_71_rs_72_p8_custom_types_and_repeated_pairs_are_checked() {
    let validator =
        |name: &str| json!([{"customTokenName": name, "customOperationClassName": "ticket"}]);
    let pair = transform("USERNAME", "OPENIDCONNECT");
    let flagged = json!({"inputTokenType": "USERNAME", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": false});
    check(vec![
        (
            transforms(&[pair.clone(), flagged]),
            "supported-token-transforms",
            "Only a single transform",
        ),
        (
            custom(json!([]), json!([transform("TICKET", "OPENIDCONNECT")])),
            "custom-token-transforms[0]",
            "No custom token validator found",
        ),
        (
            custom(
                validator("OTHER"),
                json!([transform("TICKET", "OPENIDCONNECT")]),
            ),
            "custom-token-transforms[0]",
            "No custom token validator found",
        ),
        (
            custom(validator("TICKET"), json!([transform("TICKET", "PASS")])),
            "custom-token-transforms[0].outputTokenType",
            "No custom token provider found",
        ),
        (
            custom(validator("TICKET"), json!([transform("TICKET", "SAML2")])),
            "saml2-config",
            "custom-token-transforms[0] issues SAML2",
        ),
        (
            custom(json!([]), json!([pair])),
            "custom-token-transforms[0]",
            "has no custom type",
        ),
        (
            custom(validator("X509"), json!([])),
            "custom-token-validators[0].customTokenName",
            "builtin",
        ),
        (
            custom(validator("A|B"), json!([])),
            "custom-token-validators[0].customTokenName",
            "is not a name",
        ),
        (
            with(
                hmac_state("/", "a"),
                "/supported-token-transforms/0/invalidateInterimOpenAMSession",
                Value::Null,
            ),
            "supported-token-transforms[0].invalidateInterimOpenAMSession",
            "is missing",
        ),
    ])
    .await;
}

#[tokio::test]
async fn rs_28_t24_id_token_input_needs_a_mapping_to_a_registered_issuer() {
    let state = transforms(&[transform("OPENIDCONNECT", "OPENIDCONNECT")]);
    let mapped = |context: Value| {
        let mapping = json!({"mapping-auth-index-type": "service", "mapping-auth-index-value": "partner", "mapping-context": context});
        with(
            state.clone(),
            "/deployment-config/deployment-auth-target-mappings",
            json!({ "OPENIDCONNECT": mapping }),
        )
    };
    let header = json!({"oidc_id_token_auth_target_header_key": "x-sts-idtoken"});
    let words = "needs to be configured with a Map containing a String entry referenced by key oidc_id_token_auth_target_header_key";
    check(vec![
        (
            state.clone(),
            "deployment-auth-target-mappings.OPENIDCONNECT",
            words,
        ),
        (
            mapped(json!({})),
            "deployment-auth-target-mappings.OPENIDCONNECT",
            words,
        ),
        (
            mapped(header),
            "deployment-auth-target-mappings.OPENIDCONNECT.mapping-auth-index-value",
            "partner",
        ),
    ])
    .await;
}

#[tokio::test]
async fn rs_44_rs_70_an_unused_saml2_block_is_kept_if_it_is_sound() {
    let sound = json!({"issuer-name": "https://idp.example.net/sts", "saml2-sp-entity-id": "urn:example:sp", "saml2-keystore-password": "kspw-2"});
    let at = |member: &str, value: Value| {
        with(
            with(hmac_state("/", "a"), "/saml2-config", sound.clone()),
            &format!("/saml2-config/{member}"),
            value,
        )
    };
    check(vec![
        (
            at("issuer-name", Value::Null),
            "saml2-config.issuer-name",
            "is missing",
        ),
        (
            at("saml2-sp-entity-id", Value::Null),
            "saml2-config.saml2-sp-entity-id",
            "is missing",
        ),
        (
            at("saml2-sign-assertion", json!(true)),
            "saml2-keystore-filename",
            "is missing",
        ),
        (
            with(
                at("saml2-encrypt-assertion", json!("true")),
                "/saml2-config/saml2-encrypt-nameid",
                json!("true"),
            ),
            "saml2-encrypt-assertion",
            "excludes",
        ),
    ])
    .await;
    let desk = desk().await;
    let (status, _) = desk
        .call(
            Method::POST,
            "",
            &envelope(&at("saml2-encrypt-nameid", json!("false"))),
        )
        .await;
    assert_eq!(status, 201);
    let (_, read) = desk.call(Method::GET, "a", &Value::Null).await;
    assert_eq!(
        read["a"]["saml2-config"]["issuer-name"],
        "https://idp.example.net/sts"
    );
    assert_eq!(
        read["a"]["saml2-config"]["saml2-keystore-password"],
        secret::MARKER
    );
}

#[tokio::test]
async fn rs_74_native_and_text_booleans_and_numbers_are_both_taken() {
    let desk = desk().await;
    let mut reads = Vec::new();
    for (flag, number) in [(json!("false"), json!("600")), (json!(false), json!(600))] {
        let state = with(
            hmac_state("/", "a"),
            "/persist-issued-tokens-in-cts",
            flag.clone(),
        );
        let state = with(state, "/is-remote-sts-instance", flag);
        let state = with(
            state,
            &format!("{OIDC}/oidc-token-lifetime-seconds"),
            number,
        );
        let (status, body) = desk.call(Method::POST, "", &envelope(&state)).await;
        assert_eq!(status, 201, "{body}");
        reads.push(desk.call(Method::GET, "a", &Value::Null).await.1["a"].clone());
        desk.call(Method::DELETE, "a", &Value::Null).await;
    }
    assert_eq!(reads[0], reads[1]);
    assert_eq!(reads[0]["is-remote-sts-instance"], "false");
}
