//! SAML 2.0 assertions over the OAuth face: from one instance to another, by metadata.

use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME},
    http::{self, Failure, claims},
};

use crate::Outcome;

pub(crate) const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
pub(crate) const SOURCE: &str = "alpha/source";
pub(crate) const TARGET: &str = "alpha/target";
const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

pub(crate) fn issuer(gateway: &TestGateway, instance: &str) -> String {
    format!("{}/oauth2/{instance}", gateway.public)
}

/// Passwords in, assertions out; assertions in, access tokens out.
async fn linked() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let dana = json!({"email": "dana@example.com"});
    gateway
        .put_user("/alpha", "dana", "correct horse", dana)
        .await?;
    publish(&gateway).await?;
    Ok(gateway)
}

async fn publish(gateway: &TestGateway) -> Result<(), Failure> {
    let target = issuer(gateway, TARGET);
    let source = json!({
        "validators": {"password": {"kind": "username"}},
        "providers": {"assertion": {"kind": "saml2", "attributes": {"email": "email"},
            "relying_parties": {target.as_str(): {"recipient": format!("{target}/token")}}}},
        "transformations": [{"subject": "password", "issue": "assertion"}],
        "relying_parties": {target.as_str(): {}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [target.as_str()], "impersonation": true}}
    });
    gateway
        .put("/admin/v1/instances/alpha/source", &source)
        .await?;
    let target = json!({
        "validators": {"assertion": {"kind": "saml2", "subject_prefix": "source:", "scopes": ["orders:read"],
            "issuers": [{"entity_id": issuer(gateway, SOURCE), "certificates": [certificate(gateway).await?]}]}},
        "providers": {"access": {"kind": "access_token", "claims": {"email": "email"}}},
        "transformations": [{"subject": "assertion", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"],
            "subject_audiences": [target]}}
    });
    gateway
        .put("/admin/v1/instances/alpha/target", &target)
        .await?;
    Ok(())
}

/// The certificate in the source's metadata, as PEM.
pub(crate) async fn certificate(gateway: &TestGateway) -> Result<String, Failure> {
    let metadata = http::get(&format!("{}/saml2/metadata", issuer(gateway, SOURCE)), &[]).await?;
    assert_eq!(metadata.status, 200);
    assert_eq!(
        metadata.header("content-type"),
        "application/samlmetadata+xml"
    );
    let metadata = metadata.text();
    between(&metadata, "<ds:X509Certificate>", "</ds:X509Certificate>")
        .map(pem)
        .ok_or_else(|| "metadata has no certificate".into())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

fn pem(base64: &str) -> String {
    let dense: Vec<char> = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let lines: Vec<String> = dense.chunks(64).map(|line| line.iter().collect()).collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

async fn assertion(gateway: &TestGateway) -> Result<String, Failure> {
    let reply = gateway.exchange(SOURCE, WEB, DANA, USERNAME, &[]).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["issued_token_type"], SAML2);
    assert_eq!(body["token_type"], "N_A");
    assert_eq!(body["expires_in"], 600);
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

/// What of an answer tells an asker anything.
async fn answer(gateway: &TestGateway, token: &str) -> Result<(u16, Value), Failure> {
    let reply = gateway.exchange(TARGET, WEB, token, SAML2, &[]).await?;
    let mut body = reply.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("correlation_id");
    }
    Ok((reply.status.as_u16(), body))
}

fn refused() -> (u16, Value) {
    let body = json!({"error": "invalid_request",
        "error_description": "the subject token is not acceptable"});
    (400, body)
}

#[tokio::test]
async fn sm_01_sm_06_an_assertion_is_exchanged_once() -> Outcome {
    let gateway = linked().await?;
    let token = assertion(&gateway).await?;
    let (status, body) = answer(&gateway, &token).await?;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    let claims = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(claims["sub"], "source:dana");
    assert_eq!(claims["email"], "dana@example.com");
    assert_eq!(answer(&gateway, &token).await?, refused());
    Ok(())
}

#[tokio::test]
async fn tx_21_whatever_is_wrong_with_an_assertion_the_answer_is_one() -> Outcome {
    let gateway = linked().await?;
    let token = assertion(&gateway).await?;
    let xml = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(&token)?;
    let xml = String::from_utf8(xml)?;
    for changed in [
        xml.replace(">dana<", ">erin<"),
        xml.replace("alpha/source", "alpha/other"),
        xml.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        format!("<!DOCTYPE a>{xml}"),
    ] {
        assert_ne!(changed, xml);
        let changed = base64_simd::URL_SAFE_NO_PAD.encode_to_string(changed);
        assert_eq!(answer(&gateway, &changed).await?, refused());
    }
    assert_eq!(answer(&gateway, &xml).await?, refused(), "not encoded");
    assert_eq!(answer(&gateway, &token).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn metadata_is_of_instances_that_issue_or_accept_assertions() -> Outcome {
    let gateway = linked().await?;
    for (instance, status) in [(SOURCE, 200), (TARGET, 200), ("alpha/none", 404)] {
        let url = format!("{}/saml2/metadata", issuer(&gateway, instance));
        assert_eq!(http::get(&url, &[]).await?.status, status, "{instance}");
    }
    Ok(())
}
