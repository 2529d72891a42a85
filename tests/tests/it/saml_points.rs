//! Plugins that say what stands in an assertion: inside of the signature and the encryption, and within what
//! the gateway would say by itself.

use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME},
    guests,
    http::{Failure, Reply, claims},
};

use crate::{
    Outcome,
    saml::{SAML2, SOURCE, TARGET, certificate, issuer},
};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;
const POINTS: [&str; 7] = [
    "attribute_mapper",
    "attribute_statements",
    "authn_context_mapper",
    "authn_statements",
    "authz_decision_statements",
    "conditions",
    "subject",
];

async fn with_plugin() -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let dana = json!({"email": "dana@example.com"});
    gateway
        .put_user("/alpha", "dana", "correct horse", dana)
        .await?;
    gateway.put_plugin("assertion", guests::assertion()).await?;
    Ok(gateway)
}

/// A provider of assertions for the target, whose `points` are filled by the plugin that does `fault` wrong.
fn provider(gateway: &TestGateway, points: &[&str], fault: &str) -> Value {
    let target = issuer(gateway, TARGET);
    let mut provider = json!({"kind": "saml2", "attributes": {"email": "email"},
        "relying_parties": {target.as_str(): {"recipient": format!("{target}/token")}}});
    for point in points {
        provider[*point] = json!({"plugin": "assertion", "config": {"fault": fault}});
    }
    provider
}

fn source(gateway: &TestGateway, provider: &Value) -> Value {
    let target = issuer(gateway, TARGET);
    json!({
        "validators": {"password": {"kind": "username"}},
        "providers": {"assertion": provider},
        "transformations": [{"subject": "password", "issue": "assertion"}],
        "relying_parties": {target.as_str(): {}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [target], "impersonation": true}}
    })
}

async fn issue(gateway: &TestGateway, provider: &Value) -> Result<Reply, Failure> {
    gateway
        .put(
            "/admin/v1/instances/alpha/source",
            &source(gateway, provider),
        )
        .await?;
    gateway.exchange(SOURCE, WEB, DANA, USERNAME, &[]).await
}

fn xml(body: &Value) -> Result<String, Failure> {
    let token = body["access_token"].as_str().ok_or("no token")?;
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token)?;
    Ok(String::from_utf8(bytes)?)
}

#[tokio::test]
async fn p87_what_the_seven_points_say_stands_inside_the_signature() -> Outcome {
    let gateway = with_plugin().await?;
    let reply = issue(&gateway, &provider(&gateway, &POINTS, "")).await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["expires_in"], 500, "the end is that of the conditions");
    let document = xml(&body)?;
    let presented = USERNAME.rsplit(':').next().unwrap_or_default();
    let class = format!(">urn:example:class:{presented}</saml:AuthnContextClassRef>");
    for said in [
        "<saml:OneTimeUse></saml:OneTimeUse>",
        "<saml:ProxyRestriction Count=\"3\">",
        ">pseudonym-dana</saml:NameID>",
        "Address=\"192.0.2.7\"",
        "SessionIndex=\"session-1\"",
        class.as_str(),
        ">DANA@EXAMPLE.COM</saml:AttributeValue>",
        "FriendlyName=\"typed\"",
        ">-7</saml:AttributeValue>",
        ">1970-01-01T00:00:00Z</saml:AttributeValue>",
        ">AP8=</saml:AttributeValue>",
        "&lt;/saml:AttributeValue&gt;&lt;x a=\"1\"&gt;&amp;",
        "Decision=\"Permit\"",
        ">_earlier</saml:AssertionIDRef>",
    ] {
        assert!(document.contains(said), "{said} is not in {document}");
    }
    // Who verifies the signature finds all of it.
    let target = json!({
        "validators": {"assertion": {"kind": "saml2", "subject_prefix": "source:", "scopes": ["orders:read"],
            "issuers": [{"entity_id": issuer(&gateway, SOURCE), "certificates": [certificate(&gateway).await?]}]}},
        "providers": {"access": {"kind": "access_token", "claims": {"email": "email"}}},
        "transformations": [{"subject": "assertion", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {"secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"],
            "subject_audiences": [issuer(&gateway, TARGET)]}}
    });
    gateway
        .put("/admin/v1/instances/alpha/target", &target)
        .await?;
    let changed = document.replace("Decision=\"Permit\"", "Decision=\"Deny\"");
    for (document, status) in [(changed, 400), (document, 200)] {
        let token = base64_simd::URL_SAFE_NO_PAD.encode_to_string(document);
        let reply = gateway.exchange(TARGET, WEB, &token, SAML2, &[]).await?;
        let body = reply.json();
        assert_eq!(reply.status, status, "{body}");
        if status == 200 {
            assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
            let claims = claims(body["access_token"].as_str().unwrap_or_default());
            assert_eq!(claims["sub"], "source:pseudonym-dana");
            assert_eq!(claims["email"], "DANA@EXAMPLE.COM");
        }
    }
    Ok(())
}

#[tokio::test]
async fn p87_what_plugins_say_is_encrypted_with_the_rest() -> Outcome {
    let gateway = with_plugin().await?;
    // Any instance that issues assertions shows the gateway's certificate, which serves as the party's here.
    issue(&gateway, &provider(&gateway, &[], "")).await?;
    let mut provider = provider(&gateway, &POINTS, "");
    let target = issuer(&gateway, TARGET);
    provider["relying_parties"][target.as_str()]["encryption"] =
        json!({"certificate": certificate(&gateway).await?, "extent": ["name-id", "attributes"]});
    let reply = issue(&gateway, &provider).await?;
    let document = xml(&reply.json())?;
    assert!(document.contains("<saml:EncryptedID>"), "{document}");
    assert!(document.contains("<saml:EncryptedAttribute>"), "{document}");
    for secret in ["pseudonym", "DANA@", "typed", "AP8="] {
        assert!(!document.contains(secret), "{secret} is readable");
    }
    Ok(())
}

#[tokio::test]
async fn p87_no_plugin_says_more_than_the_gateway_would() -> Outcome {
    let gateway = with_plugin().await?;
    for (point, fault) in [
        ("conditions", "late"),
        ("conditions", "past"),
        ("conditions", "early"),
        ("conditions", "audience"),
        ("conditions", "nobody"),
        ("subject", "unconfirmed"),
        ("subject", "method"),
        ("subject", "recipient"),
        ("subject", "presented-late"),
        ("authn_statements", "future"),
        ("attribute_statements", "long"),
        ("attribute_statements", "many"),
        ("authz_decision_statements", "resource"),
        ("authn_context_mapper", "class"),
    ] {
        let reply = issue(&gateway, &provider(&gateway, &[point], fault)).await?;
        let body = reply.json();
        assert_eq!(reply.status, 500, "{point} {fault}: {body}");
        assert_eq!(body["error"], "server_error", "{point} {fault}");
    }
    let reply = issue(&gateway, &provider(&gateway, &["conditions"], "refuse")).await?;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error_description"], "come back tomorrow");
    Ok(())
}

#[tokio::test]
async fn p87_each_point_alone_leaves_the_rest_as_it_is() -> Outcome {
    let gateway = with_plugin().await?;
    let marks = [
        ("attribute_mapper", "DANA@EXAMPLE.COM"),
        ("attribute_statements", "urn:example:typed"),
        ("authn_context_mapper", "urn:example:class:"),
        ("authn_statements", "session-1"),
        ("authz_decision_statements", "AuthzDecisionStatement"),
        ("conditions", "OneTimeUse"),
        ("subject", "pseudonym-dana"),
    ];
    for (point, _) in marks {
        let reply = issue(&gateway, &provider(&gateway, &[point], "")).await?;
        let document = xml(&reply.json())?;
        for (other, mark) in marks {
            assert_eq!(document.contains(mark), other == point, "{point}: {mark}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_does_not_fit_a_point_is_named_with_its_place() -> Outcome {
    let gateway = with_plugin().await?;
    gateway.put_plugin("echo", guests::echo()).await?;
    for (binding, path) in [
        (
            json!({"plugin": "echo"}),
            "providers.assertion.conditions.plugin",
        ),
        (
            json!({"plugin": "nothing"}),
            "providers.assertion.conditions.plugin",
        ),
        (
            json!({"plugin": "assertion", "config": {"fault": 1}}),
            "providers.assertion.conditions.config",
        ),
        (
            json!({"plugin": "assertion", "grants": {"log": true}}),
            "providers.assertion.conditions.grants",
        ),
    ] {
        let mut provider = provider(&gateway, &[], "");
        provider["conditions"] = binding;
        let reply = gateway
            .admin(
                hyper::Method::PUT,
                "/admin/v1/instances/alpha/source",
                source(&gateway, &provider).to_string(),
            )
            .await?;
        let body = reply.json();
        assert_eq!(reply.status, 422, "{body}");
        let found = body["path"].as_str().unwrap_or_default();
        assert!(found.starts_with(path), "{body}");
    }
    Ok(())
}
