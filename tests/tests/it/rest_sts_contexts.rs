//! What an assertion says of how its subject authenticated.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents, guests,
    http::{self, Failure},
    issuer::{Issuer, now},
    sts::{self, Sts, assertion, password},
};

use crate::Outcome;

fn mapping(name: &str, key: &str) -> Value {
    json!({"mapping-auth-index-type": "service", "mapping-auth-index-value": name, "mapping-context": { key: "x" }})
}

/// An instance that makes assertions of every input: those of the contract, and one that a plugin reads.
struct Stage {
    sts: Sts,
    issuer: Issuer,
    id: String,
    /// What the client proves to hold: base64 of DER.
    certificate: String,
}

async fn stage() -> Result<Stage, Failure> {
    let sts = Sts::start().await?;
    let issuer = Issuer::start(cambist_token::jose::Algorithm::Es256).await?;
    sts.gateway.put_partner(&issuer).await?;
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
    let certificate = base64_simd::STANDARD.encode_to_string(own);
    Ok(Stage {
        sts,
        issuer,
        id,
        certificate,
    })
}

impl Stage {
    /// Every input, whom it speaks of, and what kind of authentication it is.
    async fn inputs(&self) -> Result<[(Value, &'static str, &'static str); 5], Failure> {
        // That an ID token names a class of its own changes nothing.
        let id_token = json!({"sub": "pat", "aud": documents::WEB.0, "iat": now(), "exp": now() + 600, "acr": "urn:example:loa:3"});
        let id_token = self.issuer.sign("JWT", id_token)?;
        let session = self.sts.session().await?;
        Ok([
            (password(), "dana", "PasswordProtectedTransport"),
            (
                json!({"token_type": "OPENIDCONNECT", "oidc_id_token": id_token}),
                "pat",
                "PasswordProtectedTransport",
            ),
            (json!({"token_type": "X509"}), "client.example", "X509"),
            (
                json!({"token_type": "OPENAM", "session_id": session}),
                "dana",
                "PreviousSession",
            ),
            (
                json!({"token_type": "TICKET", "ticket": "T-0099"}),
                "T-0099",
                "unspecified",
            ),
        ])
    }

    /// The assertion made of `input`, as XML.
    async fn assertion(&self, input: &Value, output: &Value) -> Result<String, Failure> {
        let body = json!({"input_token_state": input, "output_token_state": output});
        let url = format!(
            "{}/rest-sts/{}?_action=translate",
            self.sts.gateway.public, self.id
        );
        let headers = [
            ("content-type", "application/json"),
            ("x-client-cert", self.certificate.as_str()),
        ];
        let reply = http::send(Method::POST, &url, &headers, body.to_string()).await?;
        let answer = reply.json();
        let xml = answer["issued_token"].as_str();
        Ok(xml.ok_or_else(|| answer.to_string())?.to_owned())
    }
}

#[tokio::test]
async fn rs_37_rs_38_the_context_class_tells_the_type_of_the_input() -> Outcome {
    let stage = stage().await?;
    for (input, subject, class) in stage.inputs().await? {
        let xml = stage.assertion(&input, &assertion("BEARER")).await?;
        let said = format!(
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:{class}</saml:AuthnContextClassRef>"
        );
        assert!(xml.contains(&said), "{class}: {xml}");
        assert!(xml.contains(&format!(">{subject}</saml:NameID>")), "{xml}");
    }
    Ok(())
}

#[tokio::test]
async fn rs_36_every_input_becomes_an_assertion_with_every_confirmation() -> Outcome {
    let stage = stage().await?;
    let mut made = 0;
    for (name, method) in [
        ("BEARER", "bearer"),
        ("HOLDER_OF_KEY", "holder-of-key"),
        ("SENDER_VOUCHES", "sender-vouches"),
    ] {
        let mut output = assertion(name);
        if name == "HOLDER_OF_KEY" {
            output["proof_token_state"] = json!({"base64EncodedCertificate": stage.certificate});
        }
        for (input, subject, _) in stage.inputs().await? {
            let xml = stage.assertion(&input, &output).await?;
            let confirmed = format!(
                "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\""
            );
            assert_eq!(xml.matches(&confirmed).count(), 1, "{name}: {xml}");
            assert_eq!(
                xml.matches("<saml:SubjectConfirmation ").count(),
                1,
                "{xml}"
            );
            assert!(xml.contains(&format!(">{subject}</saml:NameID>")), "{xml}");
            let holds = xml.contains(&stage.certificate);
            assert_eq!(holds, name == "HOLDER_OF_KEY", "{name}: {xml}");
            made += 1;
        }
    }
    assert_eq!(made, 15);
    Ok(())
}
