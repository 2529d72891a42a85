//! Certificates from the connection itself.

use cambist::config::ClientCertificates;
use serde_json::{Value, json};
use tests::{
    gateway::TestGateway,
    http::{Failure, claims},
    mirror::Files,
    sts::{self, Sts, id_token},
    tls::{Authority, Client},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Outcome;

/// POSTs over a connection of this client.
async fn post(
    client: &Client<'_>,
    gateway: &TestGateway,
    lines: &str,
    body: &Value,
) -> Result<(u16, Value), Failure> {
    let address = gateway.public.trim_start_matches("https://").parse()?;
    let mut stream = client.connect(address).await?;
    let body = body.to_string();
    let head = format!(
        "POST /rest-sts/alpha/inst?_action=translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    let status = answer.get(9..12).ok_or("no status")?.parse()?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok((status, serde_json::from_str(body)?))
}

fn x509_state() -> Value {
    let mut state = sts::state("/alpha", "inst");
    state["supported-token-transforms"] = json!([
        {"inputTokenType": "X509", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": true}
    ]);
    state["saml2-config"] = Value::Null;
    state["deployment-config"]["deployment-auth-target-mappings"] = json!({"X509": {
        "mapping-auth-index-type": "service", "mapping-auth-index-value": "StsCert",
        "mapping-context": {"x509_token_auth_target_header_key": "x-sts-cert"}
    }});
    state
}

#[tokio::test]
async fn rs_15_rs_16_t8_the_certificate_is_that_of_the_handshake_unless_a_header_is_configured()
-> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let tls = files.asking(&clients, ClientCertificates::Optional)?;
    let gateway = TestGateway::start_with(|config| config.public.tls = tls).await?;
    gateway
        .put_user("/alpha", "dana", sts::DANA.1, json!({}))
        .await?;
    let sts = Sts { gateway };
    let document = json!({"kind": "x509", "trust_anchors": clients.pem(), "subject": "dns"});
    sts.gateway
        .put("/admin/v1/authenticators/alpha/StsCert", &document)
        .await?;
    sts.create(&x509_state()).await?;
    let body =
        json!({"input_token_state": {"token_type": "X509"}, "output_token_state": id_token()});
    let known = clients.issue("client.example", 7)?;
    let showing = Client::showing(&files.authority, &known);
    let encoded = known
        .chain
        .first()
        .map(|own| base64_simd::STANDARD.encode_to_string(own));
    let header = format!("x-client-cert: {}\r\n", encoded.unwrap_or_default());

    let (status, answer) = post(&showing, &sts.gateway, "", &body).await?;
    assert_eq!(status, 200, "{answer}");
    let issued = claims(answer["issued_token"].as_str().unwrap_or_default());
    assert_eq!(issued["sub"], "client.example");
    let silent = Client::trusting(&files.authority);
    let (status, answer) = post(&silent, &sts.gateway, &header, &body).await?;
    assert_eq!(status, 400, "a header is not looked at: {answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("must be consumed via two-way-tls"),
        "{message}"
    );

    // With a header configured nothing but the header counts.
    let mut state = x509_state();
    state["deployment-config"]["deployment-offloaded-two-way-tls-header-key"] =
        json!("x-client-cert");
    state["deployment-config"]["deployment-tls-offload-engine-hosts"] = json!(["any"]);
    let envelope = sts::envelope(&state);
    let put = sts
        .publish(hyper::Method::PUT, "/alpha/inst", &[], &envelope)
        .await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let (status, answer) = post(&showing, &sts.gateway, "", &body).await?;
    assert_eq!(status, 400, "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("yet no certificate was found"),
        "{message}"
    );
    let (status, answer) = post(&silent, &sts.gateway, &header, &body).await?;
    assert_eq!(status, 200, "{answer}");
    Ok(())
}
