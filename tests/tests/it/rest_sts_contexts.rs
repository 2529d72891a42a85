//! What an assertion says of how its subject authenticated.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents, guests, http,
    issuer::{Issuer, now},
    sts::{self, Sts, assertion, password},
};

use crate::Outcome;

fn mapping(name: &str, key: &str) -> Value {
    json!({"mapping-auth-index-type": "service", "mapping-auth-index-value": name, "mapping-context": { key: "x" }})
}

#[tokio::test]
async fn rs_37_rs_38_the_context_class_tells_the_type_of_the_input() -> Outcome {
    let sts = Sts::start().await?;
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    let partner = documents::partner(&issuer.url());
    sts.gateway
        .put("/admin/v1/issuers/partner", &partner)
        .await?;
    let authority = tests::tls::Authority::new("clients")?;
    let document = json!({"kind": "x509", "trust_anchors": authority.pem(), "subject": "dns"});
    sts.gateway
        .put("/admin/v1/authenticators/alpha/StsCert", &document)
        .await?;
    sts.gateway.put_plugin("custom", guests::custom()).await?;
    let mut state = sts::state("/alpha", "inst1");
    let to_assertion = |input: &str| json!({"inputTokenType": input, "outputTokenType": "SAML2", "invalidateInterimOpenAMSession": false});
    state["supported-token-transforms"] =
        json!(["USERNAME", "OPENIDCONNECT", "X509", "OPENAM"].map(to_assertion));
    state["custom-token-validators"] =
        json!([{"customTokenName": "TICKET", "customOperationClassName": "custom"}]);
    state["custom-token-transforms"] = json!([to_assertion("TICKET")]);
    let deployment = &mut state["deployment-config"];
    deployment["deployment-offloaded-two-way-tls-header-key"] = json!("x-client-cert");
    deployment["deployment-tls-offload-engine-hosts"] = json!(["any"]);
    let mappings = &mut deployment["deployment-auth-target-mappings"];
    mappings["OPENIDCONNECT"] = mapping("partner", "oidc_id_token_auth_target_header_key");
    mappings["X509"] = mapping("StsCert", "x509_token_auth_target_header_key");
    let id = sts.create(&state).await?;

    let own = authority.issue("client.example", 7)?;
    let own = own.chain.first().ok_or("no certificate")?;
    let own = base64_simd::STANDARD.encode_to_string(own);
    // That an ID token names a class of its own changes nothing.
    let id_token = json!({"sub": "pat", "aud": documents::WEB.0, "iat": now(), "exp": now() + 600, "acr": "urn:example:loa:3"});
    for (input, subject, class) in [
        (password(), "dana", "PasswordProtectedTransport"),
        (
            json!({"token_type": "OPENIDCONNECT", "oidc_id_token": issuer.sign("JWT", id_token)?}),
            "pat",
            "PasswordProtectedTransport",
        ),
        (json!({"token_type": "X509"}), "client.example", "X509"),
        (
            json!({"token_type": "OPENAM", "session_id": sts.session().await?}),
            "dana",
            "PreviousSession",
        ),
        (
            json!({"token_type": "TICKET", "ticket": "T-0099"}),
            "T-0099",
            "unspecified",
        ),
    ] {
        let body = json!({"input_token_state": input, "output_token_state": assertion("BEARER")});
        let url = format!("{}/rest-sts/{id}?_action=translate", sts.gateway.public);
        let headers = [
            ("content-type", "application/json"),
            ("x-client-cert", own.as_str()),
        ];
        let reply = http::send(Method::POST, &url, &headers, body.to_string()).await?;
        let answer = reply.json();
        let xml = answer["issued_token"].as_str().unwrap_or_default();
        let said = format!(
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:{class}</saml:AuthnContextClassRef>"
        );
        assert!(xml.contains(&said), "{class}: {answer}");
        assert!(xml.contains(&format!(">{subject}</saml:NameID>")), "{xml}");
    }
    Ok(())
}
