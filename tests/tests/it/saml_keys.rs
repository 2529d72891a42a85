//! What is encrypted to an instance, key stores, metadata and the grant of RFC 7522, over HTTP.

use base64_simd::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{TestGateway, USERNAME},
    http::{self, Failure, claims},
};

use crate::Outcome;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
const SOURCE: &str = "alpha/source";
const TARGET: &str = "alpha/target";
const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

fn issuer(gateway: &TestGateway, instance: &str) -> String {
    format!("{}/oauth2/{instance}", gateway.public)
}

async fn metadata(gateway: &TestGateway, instance: &str) -> Result<String, Failure> {
    let url = format!("{}/saml2/metadata", issuer(gateway, instance));
    Ok(http::get(&url, &[]).await?.text())
}

/// A source that issues by a key store's key and encrypts for the target, and a target that knows it by its
/// metadata.
async fn linked() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let dana = json!({"email": "dana@example.com"});
    gateway
        .put_user("/alpha", "dana", "correct horse", dana)
        .await?;
    let kept = json!({"entries": {"sts-sign": {"generate": "RS256", "common_name": "sts"}}});
    let kept = gateway.put("/admin/v1/secrets/sts.p12", &kept).await?;
    assert_eq!(kept["kind"], "keystore");
    assert_eq!(kept["entries"][0]["alias"], "sts-sign");
    assert_eq!(kept["entries"][0]["key"], "RSA");
    // The two know each other's metadata, so the first publication of one lacks the other's.
    gateway
        .put(
            "/admin/v1/instances/alpha/source",
            &source(&gateway, &json!({})),
        )
        .await?;
    let target = target(&gateway, &metadata(&gateway, SOURCE).await?);
    let taken = gateway
        .put("/admin/v1/instances/alpha/target", &target)
        .await?;
    let taken = &taken["saml_metadata"][0];
    assert_eq!(taken["path"], "validators.assertion.issuers[0].metadata");
    assert_eq!(taken["entity_id"], issuer(&gateway, SOURCE));
    assert_eq!(taken["signing"][0], kept["entries"][0]["x5t#S256"]);
    let party = json!({
        "metadata": {"xml": metadata(&gateway, TARGET).await?}, "encryption": {"extent": "assertion"}
    });
    let taken = gateway
        .put(
            "/admin/v1/instances/alpha/source",
            &source(&gateway, &party),
        )
        .await?;
    let taken = &taken["saml_metadata"][0];
    assert_eq!(taken["role"], "service_provider");
    let endpoint = format!("{}/token", issuer(&gateway, TARGET));
    assert_eq!(taken["recipient"], endpoint);
    Ok(gateway)
}

fn source(gateway: &TestGateway, party: &Value) -> Value {
    let target = issuer(gateway, TARGET);
    json!({
        "validators": {"password": {"kind": "username"}},
        "providers": {"assertion": {"kind": "saml2", "attributes": {"email": "email"},
            "key": {"keystore": "sts.p12", "alias": "sts-sign"},
            "relying_parties": {target.as_str(): party}}},
        "transformations": [{"subject": "password", "issue": "assertion"}],
        "relying_parties": {target.as_str(): {}},
        "clients": {WEB.0: {"secret": WEB.1, "grant_types": [TOKEN_EXCHANGE, GRANT], "audiences": [target.as_str()], "impersonation": true}}
    })
}

fn target(gateway: &TestGateway, metadata: &str) -> Value {
    json!({
        "validators": {"assertion": {"kind": "saml2", "subject_prefix": "source:", "scopes": ["orders:read"],
            "issuers": [{"metadata": {"xml": metadata,
                "signed_by": {"keystore": "sts.p12", "alias": "sts-sign"}}}]}},
        "providers": {"access": {"kind": "access_token", "claims": {"email": "email"}}},
        "transformations": [{"subject": "assertion", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {"secret": WEB.1, "grant_types": [TOKEN_EXCHANGE, GRANT], "audiences": [ORDERS], "scopes": ["orders:read"],
            "subject_audiences": [issuer(gateway, TARGET)]}}
    })
}

async fn assertion(gateway: &TestGateway) -> Result<String, Failure> {
    let reply = gateway.exchange(SOURCE, WEB, DANA, USERNAME, &[]).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

async fn grant(gateway: &TestGateway, more: &[(&str, &str)]) -> Result<(u16, Value), Failure> {
    let mut parameters = vec![("grant_type", GRANT)];
    parameters.extend_from_slice(more);
    let reply = gateway.token_request(TARGET, WEB, &parameters).await?;
    Ok((reply.status.as_u16(), reply.json()))
}

#[tokio::test]
async fn sa_01_sm_04_an_encrypted_assertion_is_a_grant() -> Outcome {
    let gateway = linked().await?;
    let token = assertion(&gateway).await?;
    let xml = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(&token)?;
    assert!(xml.starts_with(b"<saml:EncryptedAssertion"));
    let (status, body) =
        grant(&gateway, &[("assertion", &token), ("scope", "orders:read")]).await?;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["issued_token_type"].is_null() && body["refresh_token"].is_null());
    let claims = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(claims["sub"], "source:dana");
    assert_eq!(claims["email"], "dana@example.com");
    // SA-04
    let (status, body) = grant(&gateway, &[("assertion", &token)]).await?;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    let reason = audited(&gateway, &body)?;
    assert!(reason.contains("used before"), "{reason}");
    Ok(())
}

/// The reason in the audit record of a refused request.
fn audited(gateway: &TestGateway, answer: &Value) -> Result<String, Failure> {
    let trail = gateway
        .data()
        .ok_or("no data directory")?
        .join("audit.jsonl");
    let correlation = answer["correlation_id"].as_str().unwrap_or_default();
    for _ in 0..100 {
        let trail = std::fs::read_to_string(&trail)?;
        if let Some(line) = trail.lines().find(|line| line.contains(correlation)) {
            return Ok(line.to_owned());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Err("no record".into())
}

#[tokio::test]
async fn sa_03_whatever_is_wrong_the_answer_is_one_and_the_record_is_exact() -> Outcome {
    let gateway = linked().await?;
    let token = assertion(&gateway).await?;
    let mut seen = Vec::new();
    for (assertion, reason) in [
        ("!", "not base64"),
        ("PGEvPg", "neither an assertion nor a response"),
        (&token[..token.len() / 8 * 4], "not well-formed XML"),
        ("PCFET0NUWVBFIGE-PGEvPg", "a document type declaration"),
    ] {
        let (status, mut body) = grant(&gateway, &[("assertion", assertion)]).await?;
        let line = audited(&gateway, &body)?;
        assert!(line.contains(reason), "{reason}: {line} {body}");
        body.as_object_mut()
            .ok_or("no object")?
            .remove("correlation_id");
        seen.push((status, body));
    }
    let one =
        json!({"error": "invalid_grant", "error_description": "the assertion is not acceptable"});
    assert!(
        seen.iter().all(|answer| *answer == (400, one.clone())),
        "{seen:?}"
    );

    for parameters in [
        &[][..],
        &[("assertion", "")],
        &[("assertion", "x"), ("assertion", "y")],
        &[("assertion", "x"), ("subject_token", "y")],
    ] {
        let (status, body) = grant(&gateway, parameters).await?;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    }
    let reply = gateway
        .token_request(SOURCE, WEB, &[("grant_type", GRANT), ("assertion", &token)])
        .await?;
    assert_eq!(reply.json()["error"], "unsupported_grant_type");
    Ok(())
}

#[tokio::test]
async fn an_instance_keeps_its_own_key_over_a_restart_and_forgets_it_with_itself() -> Outcome {
    let gateway = linked().await?;
    let before = metadata(&gateway, TARGET).await?;
    assert!(before.contains("use=\"encryption\""), "{before}");
    let listed = gateway
        .admin(Method::GET, "/admin/v1/secrets", "")
        .await?
        .json();
    assert_eq!(
        listed["secrets"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    for instance in ["source", "target"] {
        let path = format!("/admin/v1/instances/alpha/{instance}");
        assert_eq!(gateway.admin(Method::DELETE, &path, "").await?.status, 204);
    }
    // Made anew, it is another key.
    gateway
        .put(
            "/admin/v1/instances/alpha/source",
            &source(&gateway, &json!({})),
        )
        .await?;
    let document = target(&gateway, &metadata(&gateway, SOURCE).await?);
    for _ in 0..2 {
        gateway
            .put("/admin/v1/instances/alpha/target", &document)
            .await?;
    }
    let after = metadata(&gateway, TARGET).await?;
    assert_ne!(key_of(&before)?, key_of(&after)?);
    Ok(())
}

fn key_of(metadata: &str) -> Result<&str, Failure> {
    let (_, rest) = metadata
        .split_once("use=\"encryption\"")
        .ok_or("no encryption key")?;
    let (key, _) = rest.split_once("</ds:X509Certificate>").ok_or("no key")?;
    Ok(key)
}

#[tokio::test]
async fn a_java_key_store_is_refused_with_the_command_that_converts_it() -> Outcome {
    let gateway = TestGateway::start().await?;
    let mut jks = vec![0xfe, 0xed, 0xfe, 0xed];
    jks.resize(64, 0);
    let document =
        json!({"pkcs12_base64": STANDARD.encode_to_string(&jks), "password": "changeit"});
    let reply = gateway
        .admin(Method::PUT, "/admin/v1/secrets/keys", document.to_string())
        .await?;
    assert_eq!(reply.status, 422, "{}", reply.text());
    let problem = reply.json();
    assert_eq!(problem["path"], "pkcs12_base64");
    let hint = problem["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("keytool -importkeystore"), "{hint}");
    assert!(hint.contains("-deststoretype pkcs12"), "{hint}");
    assert!(!reply.text().contains("changeit"));
    Ok(())
}
