//! Assertions out of the REST STS.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    http::Reply,
    sts::{self, Sts, assertion, password},
};

use crate::Outcome;

/// A self-signed certificate in base64 of DER.
const CERTIFICATE: &str = "MIIBfDCCASOgAwIBAgIUUqR3bzVZ9mXy";

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(found, _)| found)
}

/// Seconds of a SAML instant.
fn seconds(instant: &str) -> u64 {
    let clock = instant.get(11..19).unwrap_or_default();
    clock
        .split(':')
        .fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap_or(0))
}

#[track_caller]
fn refused(reply: &Reply, words: &str) {
    let body = reply.json();
    assert_eq!(reply.status, 400, "{words}: {body}");
    assert_eq!(
        (&body["code"], &body["reason"]),
        (&json!(400), &json!("Bad Request"))
    );
    let message = body["message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "{words}: {message}");
}

async fn signing(sts: &Sts) -> Result<String, tests::http::Failure> {
    sts.key_store().await?;
    let mut state = sts::state("/alpha", "signed");
    for (member, value) in [
        ("saml2-sign-assertion", "true"),
        ("saml2-keystore-filename", "/opt/sts/keys.p12"),
        ("saml2-keystore-password", "kspw-1"),
        ("saml2-signature-key-alias", "sts-sign"),
        ("saml2-signature-key-password", "keypw-1"),
    ] {
        state["saml2-config"][member] = json!(value);
    }
    sts.create(&state).await
}

#[tokio::test]
async fn rs_24_rs_32_rs_33_rs_34_rs_35_rs_37_rs_38_a_bearer_assertion_is_xml_as_configured()
-> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let reply = sts
        .translate(&id, &password(), &assertion("BEARER"))
        .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
    let xml = body["issued_token"].as_str().unwrap_or_default();
    assert!(xml.starts_with("<saml:Assertion "), "{xml}");
    let id = between(xml, " ID=\"", "\"");
    assert!(id.len() == 42 && id.starts_with("s2"), "{id}");
    assert!(
        id.get(2..)
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    );
    assert!(xml.contains(" Version=\"2.0\""));
    let issued = between(xml, " IssueInstant=\"", "\"");
    assert!(issued.len() == 20 && issued.ends_with('Z'), "{issued}");
    assert_eq!(
        between(xml, "<saml:Issuer>", "<"),
        "https://idp.example.net/sts"
    );
    assert_eq!(
        between(xml, "<saml:Audience>", "<"),
        "urn:example:orders-sp"
    );
    assert_eq!(xml.matches("<saml:Audience>").count(), 1);
    let conditions = between(xml, "<saml:Conditions", ">");
    assert_eq!(between(conditions, "NotBefore=\"", "\""), issued);
    let end = between(conditions, "NotOnOrAfter=\"", "\"");
    assert_eq!((seconds(end) + 86_400 - seconds(issued)) % 86_400, 600);
    let confirmation = between(
        xml,
        "<saml:SubjectConfirmation ",
        "</saml:SubjectConfirmation>",
    );
    assert!(confirmation.contains("urn:oasis:names:tc:SAML:2.0:cm:bearer"));
    let data = between(confirmation, "<saml:SubjectConfirmationData", ">");
    assert_eq!(between(data, "NotOnOrAfter=\"", "\""), end);
    assert_eq!(
        between(data, "Recipient=\"", "\""),
        "https://orders.example.com/acs"
    );
    assert!(!data.contains("NotBefore"), "{data}");
    let name = between(xml, "<saml:NameID", "</saml:NameID>");
    assert_eq!(
        name,
        " Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">dana"
    );
    assert_eq!(between(xml, "AuthnInstant=\"", "\""), issued);
    assert_eq!(
        between(xml, "<saml:AuthnContextClassRef>", "<"),
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    );
    assert!(!xml.contains("ds:Signature") && !xml.contains("AuthzDecisionStatement"));
    assert_eq!(xml.matches("<saml:AttributeStatement>").count(), 1);
    assert!(xml.contains(">dana@example.com<"), "{xml}");
    Ok(())
}

#[tokio::test]
async fn rs_36_sender_vouches_has_no_data_and_holder_of_key_the_certificate() -> Outcome {
    let sts = Sts::start().await?;
    let id = signing(&sts).await?;
    let vouched = sts
        .issued(&id, &password(), &assertion("SENDER_VOUCHES"))
        .await?;
    assert!(vouched.contains("urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"));
    assert!(!vouched.contains("SubjectConfirmationData"), "{vouched}");
    // The one certificate at hand is that of the signing key.
    let certificate = between(&vouched, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let mut output = assertion("HOLDER_OF_KEY");
    output["proof_token_state"] = json!({ "base64EncodedCertificate": certificate });
    let held = sts.issued(&id, &password(), &output).await?;
    let confirmation = between(
        &held,
        "<saml:SubjectConfirmation ",
        "</saml:SubjectConfirmation>",
    );
    assert!(confirmation.contains("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"));
    assert!(
        confirmation.contains("saml:KeyInfoConfirmationDataType"),
        "{confirmation}"
    );
    assert!(confirmation.contains(certificate));
    Ok(())
}

#[tokio::test]
async fn rs_18_rs_19_rs_22_t12_t13_t14_t15_t16_t17_the_output_is_judged_before_the_password()
-> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    let wrong = json!({"token_type": "USERNAME", "username": "dana", "password": "wrong"});
    let proof = |proof: Value| {
        let mut output = assertion("HOLDER_OF_KEY");
        output["proof_token_state"] = proof;
        output
    };
    let method = |method: Value| json!({"token_type": "SAML2", "subject_confirmation": method});
    for (output, words) in [
        (
            json!({"token_type": "SAML2"}),
            "No subjectConfirmation specified",
        ),
        (method(Value::Null), "No subjectConfirmation specified"),
        (
            method(json!("bearer")),
            "Invalid subjectConfirmation specified",
        ),
        (method(json!(5)), "Invalid subjectConfirmation specified"),
        (
            assertion("HOLDER_OF_KEY"),
            "the proofTokenState must also be set",
        ),
        (proof(json!({})), "base64EncodedCertificate"),
        (proof(json!("MIIB")), "base64EncodedCertificate"),
        (
            proof(json!({"base64EncodedCertificate": 5})),
            "base64EncodedCertificate",
        ),
        (
            proof(json!({"base64EncodedCertificate": "!"})),
            "certificate",
        ),
        (
            proof(json!({"base64EncodedCertificate": CERTIFICATE})),
            "certificate",
        ),
        (
            proof(
                json!({"base64EncodedCertificate": format!("-----BEGIN CERTIFICATE-----\n{CERTIFICATE}")}),
            ),
            "without PEM armour",
        ),
    ] {
        refused(&sts.translate(&id, &wrong, &output).await?, words);
    }
    Ok(())
}

#[tokio::test]
async fn rs_20_rs_23_t19_a_proof_beside_bearer_and_other_extras_are_passed_over() -> Outcome {
    let sts = Sts::start().await?;
    let id = sts.create(&sts::state("/alpha", "inst1")).await?;
    for proof in [
        json!(5),
        json!({}),
        json!({"base64EncodedCertificate": "!"}),
    ] {
        for confirmation in ["BEARER", "SENDER_VOUCHES"] {
            // What a token transformation filter sends, whatever it asks for, and more.
            let output = json!({"token_type": "SAML2", "subject_confirmation": confirmation,
                "nonce": "n-1", "allow_access": true, "proof_token_state": proof,
                "service_provider_assertion_consumer_service_url": "https://elsewhere.example/acs"});
            let token = sts.issued(&id, &password(), &output).await?;
            assert!(!token.contains("elsewhere"), "{token}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn rs_39_rs_40_attributes_follow_the_map() -> Outcome {
    let sts = Sts::start().await?;
    let mut state = sts::state("/alpha", "inst1");
    state["saml2-config"]["saml2-attribute-map"] = json!({
        "EmailAddress": "mail", "urn:fmt|roles": "groups", "department": "\"logistics & more\"",
        "picture": "photo;binary", "phone": "tel", "nothing": "none"
    });
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert_eq!(xml.matches("<saml:Attribute ").count(), 4, "{xml}");
    let roles = between(&xml, "Name=\"roles\"", "</saml:Attribute>");
    assert!(
        roles.contains("NameFormat=\"urn:fmt\"") && roles.contains("xs:string"),
        "{roles}"
    );
    assert!(
        roles.contains(">sales<") && roles.contains(">ops<"),
        "{roles}"
    );
    assert!(xml.contains(">logistics &amp; more<"));
    assert!(between(&xml, "Name=\"picture\"", "</saml:Attribute>").contains(">AAH/<"));
    assert!(!xml.contains("phone") && !xml.contains("FriendlyName"));

    let mut state = sts::state("/alpha", "inst2");
    state["saml2-config"]["saml2-attribute-map"] = json!({});
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert!(!xml.contains("AttributeStatement"), "{xml}");
    Ok(())
}

#[tokio::test]
async fn rs_35_rs_38_what_is_not_configured_is_not_there() -> Outcome {
    let sts = Sts::start().await?;
    let mut state = sts::state("/alpha", "inst1");
    for member in ["saml2-sp-acs-url", "saml2-name-id-format"] {
        state["saml2-config"][member] = Value::Null;
    }
    let id = sts.create(&state).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert!(!xml.contains("Recipient="), "{xml}");
    assert_eq!(between(&xml, "<saml:NameID", "</saml:NameID>"), ">dana");
    Ok(())
}

#[tokio::test]
async fn rs_41_the_signature_stands_behind_the_issuer_with_its_certificate() -> Outcome {
    let sts = Sts::start().await?;
    let id = signing(&sts).await?;
    let xml = sts.issued(&id, &password(), &assertion("BEARER")).await?;
    assert!(xml.contains("</saml:Issuer><ds:Signature "), "{xml}");
    let reference = between(&xml, "<ds:Reference URI=\"#", "\"");
    assert_eq!(reference, between(&xml, " ID=\"", "\""));
    for uri in [
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
    ] {
        assert!(xml.contains(uri), "{uri}");
    }
    assert!(!xml.contains("rsa-sha1"));
    assert!(xml.contains("<ds:X509Certificate>"));
    Ok(())
}

#[tokio::test]
async fn rs_44_s2_s5_contradictory_protection_is_refused_when_published() -> Outcome {
    let sts = Sts::start().await?;
    for (changes, words) in [
        (
            json!({"saml2-encrypt-assertion": "true", "saml2-encrypt-nameid": "true"}),
            "excludes",
        ),
        (
            json!({"saml2-encrypt-assertion": true, "saml2-encrypt-attributes": true}),
            "excludes",
        ),
        (
            json!({"saml2-sign-assertion": "true"}),
            "saml2-keystore-filename",
        ),
        (
            json!({"saml2-encrypt-nameid": "true"}),
            "saml2-keystore-filename",
        ),
        (json!({"issuer-name": null}), "saml2-config.issuer-name"),
        (
            json!({"saml2-sp-entity-id": ""}),
            "saml2-config.saml2-sp-entity-id",
        ),
        (
            json!({"saml2-token-lifetime-seconds": "0"}),
            "saml2-token-lifetime-seconds",
        ),
        (
            json!({"saml2-attribute-map": {"|x": "mail"}}),
            "saml2-config.saml2-attribute-map.|x",
        ),
        (
            json!({"saml2-sp-acs-url": "not a url"}),
            "saml2-config.saml2-sp-acs-url",
        ),
        (
            json!({"saml2-name-id-format": "not a uri"}),
            "saml2-config.saml2-name-id-format",
        ),
    ] {
        let mut state = sts::state("/alpha", "inst1");
        for (member, value) in changes.as_object().into_iter().flatten() {
            state["saml2-config"][member] = value.clone();
        }
        let reply = sts
            .publish(Method::POST, "?_action=create", &[], &sts::envelope(&state))
            .await?;
        refused(&reply, words);
    }
    Ok(())
}

/// An instance that encrypts for `orders-enc`, signed too.
fn encrypting(element: &str, flags: &[&str]) -> Value {
    let mut state = sts::state("/alpha", element);
    state["persist-issued-tokens-in-cts"] = json!("true");
    let block = &mut state["saml2-config"];
    for (member, value) in [
        ("saml2-sign-assertion", "true"),
        ("saml2-keystore-filename", "/opt/sts/keys.p12"),
        ("saml2-keystore-password", "kspw-1"),
        ("saml2-signature-key-alias", "sts-sign"),
        ("saml2-signature-key-password", "keypw-1"),
        ("saml2-encryption-key-alias", "orders-enc"),
        (
            "saml2-encryption-algorithm",
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        ),
        ("saml2-encryption-algorithm-strength", "256"),
        (
            "saml2-key-transport-algorithm",
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
        ),
    ] {
        block[member] = json!(value);
    }
    for flag in flags {
        block[*flag] = json!("true");
    }
    state
}

#[tokio::test]
async fn rs_42_rs_43_rs_45_rs_82_what_is_encrypted_cannot_be_read_and_never_looks_alike() -> Outcome
{
    let sts = Sts::start().await?;
    sts.key_store().await?;
    let whole = sts
        .create(&encrypting("whole", &["saml2-encrypt-assertion"]))
        .await?;
    let parts = ["saml2-encrypt-nameid", "saml2-encrypt-attributes"];
    let parts = sts.create(&encrypting("parts", &parts)).await?;
    let first = sts
        .issued(&whole, &password(), &assertion("BEARER"))
        .await?;
    let second = sts
        .issued(&whole, &password(), &assertion("BEARER"))
        .await?;
    assert!(first.starts_with("<saml:EncryptedAssertion "), "{first}");
    assert!(
        !first.contains("dana") && !first.contains("ds:Signature "),
        "{first}"
    );
    let key = |xml: &str| between(xml, "<xenc:CipherValue>", "<").to_owned();
    assert_ne!(key(&first), key(&second), "a fresh key each");
    for algorithm in ["xmlenc11#aes256-gcm", "xmlenc#rsa-oaep-mgf1p"] {
        assert!(first.contains(algorithm), "{algorithm}");
    }
    let xml = sts
        .issued(&parts, &password(), &assertion("BEARER"))
        .await?;
    assert!(xml.contains("<saml:EncryptedID") && xml.contains("<saml:EncryptedAttribute"));
    assert!(
        xml.contains("<ds:Signature ") && !xml.contains("dana"),
        "{xml}"
    );
    // It is known by its content, and is valid like any other.
    for (id, token) in [(&whole, &first), (&parts, &xml)] {
        let state = json!({"validated_token_state": {"token_type": "SAML2", "saml2_token": token}});
        let reply = sts.act(id, "validate", &state).await?;
        assert_eq!(
            reply.json(),
            json!({"token_valid": true}),
            "{}",
            reply.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn rs_70_t30_t32_keys_are_looked_up_when_published() -> Outcome {
    let sts = Sts::start().await?;
    let encrypts = ["saml2-encrypt-assertion"];
    let state = encrypting("inst1", &encrypts);
    let create = async |state: &Value| {
        let envelope = sts::envelope(state);
        sts.publish(Method::POST, "?_action=create", &[], &envelope)
            .await
    };
    refused(
        &create(&state).await?,
        "saml2-config.saml2-keystore-filename",
    );
    sts.key_store().await?;
    for (member, value, words) in [
        (
            "saml2-signature-key-alias",
            "other",
            "saml2-config.saml2-signature-key-alias",
        ),
        (
            "saml2-encryption-key-alias",
            "other",
            "saml2-config.saml2-encryption-key-alias",
        ),
        (
            "saml2-encryption-algorithm",
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            "saml2-config.saml2-encryption-algorithm",
        ),
        (
            "saml2-encryption-algorithm-strength",
            "128",
            "saml2-encryption-algorithm-strength",
        ),
        (
            "saml2-key-transport-algorithm",
            "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
            "saml2-key-transport-algorithm",
        ),
    ] {
        let mut state = state.clone();
        state["saml2-config"][member] = json!(value);
        refused(&create(&state).await?, words);
    }
    assert_eq!(create(&state).await?.status, 201);
    Ok(())
}
