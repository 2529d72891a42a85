use hyper::StatusCode;
use serde_json::json;

use super::{output::LONGEST_NONCE, *};
use crate::document::{RestStsDocument, RestTransformDocument};

const TICKET: TokenType = TokenType::from_static("urn:cambist:rest-sts:TICKET");

fn face() -> RestFace {
    let transform = |input: &str, output: &str| RestTransformDocument {
        input: input.to_owned(),
        output: output.to_owned(),
        invalidate_interim_session: true,
    };
    let document = RestStsDocument {
        transforms: vec![
            transform(USERNAME, OPENIDCONNECT),
            transform(OPENIDCONNECT, OPENIDCONNECT),
            transform("TICKET", OPENIDCONNECT),
            transform("TICKET", "ACCESS"),
        ],
        audiences: ["b".to_owned(), "a".to_owned()].into(),
        ..RestStsDocument::default()
    };
    let named = |pairs: &[(&str, TokenType)]| {
        pairs
            .iter()
            .map(|(n, t)| ((*n).to_owned(), t.clone()))
            .collect()
    };
    RestFace::new(
        &document,
        named(&[
            (USERNAME, TokenType::USERNAME),
            (OPENIDCONNECT, TokenType::ID_TOKEN),
            ("TICKET", TICKET),
        ]),
        named(&[
            (OPENIDCONNECT, TokenType::ID_TOKEN),
            ("ACCESS", TokenType::ACCESS_TOKEN),
        ]),
    )
}

fn translate(body: &Value) -> Result<Translation, RestError> {
    read(
        body.clone(),
        &face(),
        &Source {
            headers: &hyper::HeaderMap::new(),
            certificates: &[],
            peer: None,
        },
    )
}

fn username() -> Value {
    json!({"token_type": "USERNAME", "username": "dana", "password": "S3cr3t-42"})
}

fn id_token() -> Value {
    json!({"token_type": "OPENIDCONNECT", "nonce": "n-77", "allow_access": true})
}

/// Translates and expects 400 with a message that holds `part` and no credential.
fn refused(body: &Value, part: &str) {
    let error = translate(body).unwrap_err();
    assert_eq!(error.status, StatusCode::BAD_REQUEST, "{body}");
    assert!(error.message.contains(part), "{body}: {}", error.message);
    assert!(!error.message.contains("S3cr3t-42"), "{}", error.message);
}

#[test]
fn rs_10_missing_input_token_state_is_400() {
    for body in [
        json!({}),
        json!({"output_token_state": id_token()}),
        json!({"input_token_state": null, "output_token_state": id_token()}),
    ] {
        refused(&body, "Input token state must be set!");
    }
    refused(
        &json!({"input_token_state": username()}),
        "Output token state must be set!",
    );
}

#[test]
fn rs_11_missing_or_non_string_token_type_is_400_t3_names_members_only() {
    for token_type in [json!(null), json!(5), json!(["USERNAME"])] {
        let mut input = username();
        input["token_type"] = token_type;
        refused(
            &json!({"input_token_state": input, "output_token_state": id_token()}),
            "REST STS invocation does not contain token_type String entry",
        );
    }
    let without = json!({"username": "dana", "password": "S3cr3t-42"});
    refused(
        &json!({"input_token_state": without, "output_token_state": id_token()}),
        "password, username",
    );
    refused(
        &json!({"input_token_state": "S3cr3t-42", "output_token_state": id_token()}),
        "not an object",
    );
    refused(
        &json!({"input_token_state": username(), "output_token_state": {}}),
        "nothing",
    );
}

#[test]
fn rs_12_rs_13_t4_a_pair_that_is_not_configured_is_400() {
    let text = "is not a supported token translation.";
    for (input, output) in [
        (
            json!({"token_type": "username", "username": "a", "password": "b"}),
            id_token(),
        ),
        (
            username(),
            json!({"token_type": "SAML2", "subject_confirmation": "BEARER"}),
        ),
        (username(), json!({"token_type": "ACCESS"})),
        (json!({"token_type": "X509"}), id_token()),
    ] {
        refused(
            &json!({"input_token_state": input, "output_token_state": output}),
            text,
        );
    }
    refused(
        &json!({"input_token_state": username(), "output_token_state": {"token_type": "SAML2"}}),
        "The desired transformation, from USERNAME to SAML2, is not a supported token translation.",
    );
}

#[test]
fn rs_14_t5_t7_each_missing_member_of_an_input_is_400() {
    let cases = [
        (
            json!({"token_type": "USERNAME", "password": "S3cr3t-42"}),
            "does not contain a username",
        ),
        (
            json!({"token_type": "USERNAME", "username": "dana"}),
            "does not contain a password",
        ),
        (
            json!({"token_type": "USERNAME", "username": "dana", "password": 5}),
            "does not contain a password",
        ),
        (
            json!({"token_type": "OPENIDCONNECT"}),
            "does not contain a oidc_id_token field",
        ),
        (
            json!({"token_type": "OPENIDCONNECT", "oidc_id_token": null}),
            "does not contain a oidc_id_token field",
        ),
    ];
    for (input, part) in cases {
        refused(
            &json!({"input_token_state": input, "output_token_state": id_token()}),
            part,
        );
    }
}

#[test]
fn rs_21_t17_t18_allow_access_must_be_the_boolean_true() {
    for allow in [json!(null), json!(false), json!("true"), json!(1)] {
        let output = json!({"token_type": "OPENIDCONNECT", "allow_access": allow});
        refused(
            &json!({"input_token_state": username(), "output_token_state": output}),
            "allow_access must be set to true",
        );
    }
    let output = json!({"token_type": "OPENIDCONNECT"});
    refused(
        &json!({"input_token_state": username(), "output_token_state": output}),
        "allow_access must be set to true",
    );
}

#[test]
fn the_input_is_judged_before_the_output() {
    let body = json!({"input_token_state": {"token_type": "USERNAME"}, "output_token_state": {"token_type": "OPENIDCONNECT"}});
    refused(&body, "does not contain a username");
}

#[test]
fn rs_23_extra_members_are_ignored() {
    let body = json!({
        "input_token_state": {"token_type": "OPENIDCONNECT", "oidc_id_token": "a.b.c", "more": [1]},
        "output_token_state": {"token_type": "OPENIDCONNECT", "subject_confirmation": "BEARER", "nonce": "n", "allow_access": true},
        "trace": "on",
    });
    let translation = translate(&body).unwrap();
    assert_eq!(translation.subject.token.as_str(), Some("a.b.c"));
    assert_eq!(translation.subject.token_type, TokenType::ID_TOKEN);
    assert_eq!(translation.requested_token_type, TokenType::ID_TOKEN);
    assert_eq!(translation.audiences, ["a", "b"]);
}

#[test]
fn a_user_name_and_password_become_the_validators_credential() {
    let translation =
        translate(&json!({"input_token_state": username(), "output_token_state": id_token()}))
            .unwrap();
    let credential: Value = serde_json::from_slice(translation.subject.token.as_bytes()).unwrap();
    assert_eq!(
        credential,
        json!({"username": "dana", "password": "S3cr3t-42"})
    );
    assert_eq!(translation.nonce.as_deref(), Some("n-77"));
}

#[test]
fn a_custom_validator_gets_the_whole_input_state() {
    let input = json!({"token_type": "TICKET", "ticket": "T-0099", "deep": {"x": [1, 2]}});
    let body = json!({"input_token_state": input, "output_token_state": {"token_type": "ACCESS"}});
    let translation = translate(&body).unwrap();
    let seen: Value = serde_json::from_slice(translation.subject.token.as_bytes()).unwrap();
    assert_eq!(seen, input);
    assert_eq!(translation.subject.token_type, TICKET);
    assert_eq!(translation.requested_token_type, TokenType::ACCESS_TOKEN);
}

#[test]
fn an_empty_nonce_is_none_and_a_strange_one_400() {
    let with = |nonce: Value| {
        let output = json!({"token_type": "OPENIDCONNECT", "allow_access": true, "nonce": nonce});
        json!({"input_token_state": username(), "output_token_state": output})
    };
    for nonce in [json!(""), json!(null)] {
        assert_eq!(translate(&with(nonce)).unwrap().nonce, None);
    }
    refused(&with(json!(7)), "nonce");
    refused(&with(json!("n".repeat(LONGEST_NONCE + 1))), "nonce");
}

#[test]
fn what_is_not_an_object_is_400() {
    for body in [json!([]), json!("x"), json!(null)] {
        assert_eq!(
            translate(&body).unwrap_err().status,
            StatusCode::BAD_REQUEST
        );
    }
}
