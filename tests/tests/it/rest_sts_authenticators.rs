//! Authenticators chosen by the auth target mappings: another access manager, certificates.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    access_manager::AccessManager,
    gateway::TestGateway,
    http::{self, Failure, Reply, claims},
};

use crate::Outcome;

const PASSWORD: &str = "S3cr3t ü 42";

/// A gateway and an access manager, published as the authenticator `name` of `/alpha`.
async fn with_manager(name: &str, more: Value) -> Result<(TestGateway, AccessManager), Failure> {
    let (gateway, manager) = (TestGateway::start().await?, AccessManager::start().await?);
    let mut document =
        json!({"kind": "access_manager", "url": manager.url(), "attributes": ["mail", "groups"]});
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    gateway
        .put(&format!("/admin/v1/authenticators/alpha/{name}"), &document)
        .await?;
    Ok((gateway, manager))
}

fn mapping(name: &str, header: Option<(&str, &str)>) -> Value {
    let mut mapping =
        json!({"mapping-auth-index-type": "service", "mapping-auth-index-value": name});
    if let Some((key, value)) = header {
        mapping["mapping-context"] = json!({ key: value });
    }
    mapping
}

fn state(input: &str, mapping: &Value, ends: bool) -> Value {
    json!({
        "supported-token-transforms": [
            {"inputTokenType": input, "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": ends}
        ],
        "deployment-config": {
            "deployment-realm": "/alpha", "deployment-url-element": "inst",
            "deployment-auth-target-mappings": { input: mapping }
        },
        "oidc-id-token-config": {
            "oidc-issuer": "https://sts.example.net", "oidc-token-lifetime-seconds": "600", "oidc-audience": ["orders-api"],
            "oidc-signature-algorithm": "HS256", "oidc-public-key-reference-type": "NONE",
            "oidc-client-secret": "a-long-shared-secret-of-32-bytes!",
            "oidc-claim-map": {"email": "mail", "groups": "groups", "dn": "subject_dn"}
        }
    })
}

async fn publish(gateway: &TestGateway, state: &Value) -> Result<Reply, Failure> {
    gateway
        .admin(Method::DELETE, "/sts-publish/rest/alpha/inst", "")
        .await?;
    let body =
        json!({"invocation_context": "invocation_context_client_sdk", "instance_state": state});
    let json = [("content-type", "application/json")];
    gateway
        .admin_with(
            Method::POST,
            "/sts-publish/rest?_action=create",
            &json,
            body.to_string(),
        )
        .await
}

async fn published(gateway: &TestGateway, state: &Value) -> Outcome {
    let reply = publish(gateway, state).await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    Ok(())
}

async fn translate(
    gateway: &TestGateway,
    input: &Value,
    nonce: &str,
    headers: &[(&str, &str)],
) -> Result<Reply, Failure> {
    let body = json!({
        "input_token_state": input,
        "output_token_state": {"token_type": "OPENIDCONNECT", "nonce": nonce, "allow_access": true},
    });
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let url = format!("{}/rest-sts/alpha/inst?_action=translate", gateway.public);
    http::send(Method::POST, &url, &all, body.to_string()).await
}

fn password(password: &str) -> Value {
    json!({"token_type": "USERNAME", "username": "dana", "password": password})
}

fn issued(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    claims(reply.json()["issued_token"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn rs_75_the_flag_decides_about_the_interim_session() -> Outcome {
    let (gateway, manager) = with_manager("StsLogin", json!({"service": "Sts"})).await?;
    published(
        &gateway,
        &state("USERNAME", &mapping("StsLogin", None), true),
    )
    .await?;
    let claims = issued(&translate(&gateway, &password(PASSWORD), "n", &[]).await?);
    assert_eq!(
        (&claims["sub"], &claims["email"]),
        (&json!("dana"), &json!("dana@corp.example"))
    );
    assert_eq!(claims["groups"], "staff sales");
    assert_eq!(
        (manager.made(), manager.sessions()),
        (1, 0),
        "made and ended"
    );
    published(
        &gateway,
        &state("USERNAME", &mapping("StsLogin", None), false),
    )
    .await?;
    issued(&translate(&gateway, &password(PASSWORD), "n", &[]).await?);
    assert_eq!(
        (manager.made(), manager.sessions()),
        (2, 1),
        "made and left"
    );
    Ok(())
}

#[tokio::test]
async fn rs_77_a_session_that_cannot_be_ended_costs_nobody_the_token() -> Outcome {
    let (gateway, manager) = with_manager("StsLogin", json!({})).await?;
    published(
        &gateway,
        &state("USERNAME", &mapping("StsLogin", None), true),
    )
    .await?;
    manager.refuse_to_end();
    issued(&translate(&gateway, &password(PASSWORD), "n", &[]).await?);
    assert_eq!(
        manager.sessions(),
        1,
        "not ended, and the token was issued all the same"
    );
    Ok(())
}

#[tokio::test]
async fn rs_25_t20_t21_t22_what_the_login_service_says_is_told() -> Outcome {
    let (gateway, manager) = with_manager("StsLogin", json!({})).await?;
    published(
        &gateway,
        &state("USERNAME", &mapping("StsLogin", None), true),
    )
    .await?;
    for wrong in ["wrong", "", " "] {
        let reply = translate(&gateway, &password(wrong), "n", &[]).await?;
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(
            reply
                .text()
                .contains("Non-200 response from posting Username token to rest authN")
        );
    }
    let put = |document: Value| {
        let gateway = &gateway;
        async move {
            gateway
                .put("/admin/v1/authenticators/alpha/StsLogin", &document)
                .await
        }
    };
    put(json!({"kind": "access_manager", "url": manager.url(), "service": "Interactive"})).await?;
    let reply = translate(&gateway, &password(PASSWORD), "n", &[]).await?;
    assert_eq!(reply.status, 500, "{}", reply.text());
    assert!(
        reply
            .text()
            .contains("does not contain tokenId string entry"),
        "{}",
        reply.text()
    );
    put(json!({"kind": "access_manager", "url": "http://127.0.0.1:9/am"})).await?;
    let reply = translate(&gateway, &password(PASSWORD), "n", &[]).await?;
    assert_eq!(reply.status, 500, "{}", reply.text());
    assert!(
        reply
            .text()
            .contains("Exception caught posting Username token to rest authN")
    );
    put(json!({"kind": "access_manager", "url": manager.url(), "no_session": true})).await?;
    let made = manager.made();
    assert_eq!(
        issued(&translate(&gateway, &password(PASSWORD), "n", &[]).await?)["sub"],
        "dana"
    );
    assert_eq!(manager.made(), made, "no session was made");
    Ok(())
}

#[tokio::test]
async fn id_tokens_go_to_the_tree_in_the_header_it_reads() -> Outcome {
    let (gateway, manager) = with_manager("StsOidc", json!({"service": "StsOidc"})).await?;
    let header = ("oidc_id_token_auth_target_header_key", "x-sts-idtoken");
    published(
        &gateway,
        &state("OPENIDCONNECT", &mapping("StsOidc", Some(header)), true),
    )
    .await?;
    let input = |token: &str| json!({"token_type": "OPENIDCONNECT", "oidc_id_token": token});
    let claims = issued(&translate(&gateway, &input("an.id.token"), "n", &[]).await?);
    assert_eq!(claims["email"], "dana@corp.example");
    assert_eq!(manager.sessions(), 0);
    for wrong in ["another.id.token", "", "a b", "ü"] {
        let reply = translate(&gateway, &input(wrong), "n", &[]).await?;
        assert_eq!(reply.status, 401, "{wrong}: {}", reply.text());
        assert!(reply.text().contains("posting OIDC token to rest authN"));
    }
    Ok(())
}

#[tokio::test]
async fn rs_26_rs_27_t23_t26_sessions_of_another_access_manager_are_asked_about_once() -> Outcome {
    let (gateway, manager) = with_manager("CorpAM", json!({})).await?;
    published(&gateway, &state("OPENAM", &mapping("CorpAM", None), false)).await?;
    let input = |session: &str| json!({"token_type": "OPENAM", "session_id": session});
    let (session, stranger) = (manager.session("dana"), manager.session("stranger"));
    let all = (0..8).map(|_| async {
        let reply = translate(&gateway, &input(&session), "n", &[]).await?;
        Ok::<Value, Failure>(issued(&reply))
    });
    let mut tasks = Vec::new();
    for one in all {
        tasks.push(one.await?);
    }
    assert!(
        tasks
            .iter()
            .all(|claims| claims["sub"] == "dana" && claims["email"] == "dana@corp.example")
    );
    assert_eq!(manager.asked(), 1, "the answer was remembered");
    for unknown in ["unknown", "", "a\nb"] {
        let reply = translate(&gateway, &input(unknown), "n", &[]).await?;
        assert_eq!(reply.status, 401, "{unknown:?} {}", reply.text());
        assert!(
            reply
                .text()
                .contains("posting principal from session request")
        );
    }
    let reply = translate(&gateway, &input(&stranger), "n", &[]).await?;
    assert_eq!(reply.status, 403, "{}", reply.text());
    published(&gateway, &state("OPENAM", &mapping("CorpAM", None), true)).await?;
    issued(&translate(&gateway, &input(&session), "n", &[]).await?);
    assert_eq!(
        manager.sessions(),
        1,
        "the caller's session was ended over there"
    );
    let reply = translate(&gateway, &input(&session), "n", &[]).await?;
    assert_eq!(reply.status, 401, "and is not remembered here");
    Ok(())
}

#[tokio::test]
async fn a_realms_default_authenticator_checks_its_passwords() -> Outcome {
    let (gateway, manager) = with_manager("default", json!({})).await?;
    published(
        &gateway,
        &state("USERNAME", &mapping("anything", None), true),
    )
    .await?;
    issued(&translate(&gateway, &password(PASSWORD), "n", &[]).await?);
    let url = format!(
        "{}/json/realms/root/realms/alpha/authenticate",
        gateway.public
    );
    let headers = [
        ("x-openam-username", "dana"),
        ("x-openam-password", "=?UTF-8?B?UzNjcjN0IMO8IDQy?="),
    ];
    let reply = http::send(Method::POST, &url, &headers, "").await?;
    assert!(reply.json()["tokenId"].is_string(), "{}", reply.text());
    assert_eq!(manager.sessions(), 0, "the session over there was interim");
    let gone = gateway
        .admin(Method::DELETE, "/admin/v1/authenticators/alpha/default", "")
        .await?;
    assert_eq!(gone.status, 204, "{}", gone.text());
    let reply = translate(&gateway, &password(PASSWORD), "n", &[]).await?;
    assert_eq!(reply.status, 401, "the gateway's own users are asked again");
    Ok(())
}

#[tokio::test]
async fn authenticators_are_published_read_listed_and_kept_while_used() -> Outcome {
    let (gateway, manager) = with_manager("StsLogin", json!({})).await?;
    let path = "/admin/v1/authenticators/alpha/StsLogin";
    let read = gateway.admin(Method::GET, path, "").await?;
    assert_eq!(
        (read.status.as_u16(), &read.json()["url"]),
        (200, &json!(manager.url()))
    );
    let listed = gateway
        .admin(Method::GET, "/admin/v1/authenticators", "")
        .await?;
    assert_eq!(listed.json(), json!({"authenticators": ["alpha/StsLogin"]}));
    published(
        &gateway,
        &state("USERNAME", &mapping("StsLogin", None), true),
    )
    .await?;
    assert_eq!(gateway.admin(Method::DELETE, path, "").await?.status, 409);
    for (document, member) in [
        (
            json!({"kind": "access_manager", "url": "am.example"}),
            "url",
        ),
        (
            json!({"kind": "access_manager", "url": manager.url(), "cache_seconds": 60}),
            "cache_seconds",
        ),
        (
            json!({"kind": "ldap", "url": "ldap://l", "base": "x", "filter": "(uid={username})", "bind_dn": "cn=a"}),
            "bind_password",
        ),
    ] {
        let reply = gateway
            .admin(Method::PUT, path, document.to_string())
            .await?;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["path"]),
            (422, &json!(member)),
            "{}",
            reply.text()
        );
    }
    let reply = gateway
        .admin(Method::GET, "/admin/v1/authenticators/alpha/none", "")
        .await?;
    assert_eq!(reply.status, 404);
    Ok(())
}

/// A certificate authority in PEM, and a certificate of it in base64 of DER.
fn certificates() -> Result<(String, String), Failure> {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate()?)?;
    let mut own = rcgen::CertificateParams::default();
    own.distinguished_name = rcgen::DistinguishedName::new();
    own.distinguished_name
        .push(rcgen::DnType::CommonName, "dana");
    let own = own.signed_by(&rcgen::KeyPair::generate()?, &root)?;
    let base64 = |der: &[u8]| base64_simd::STANDARD.encode_to_string(der);
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64(root.der())
    );
    Ok((pem, base64(own.der())))
}

fn offloaded(hosts: &[&str]) -> Value {
    let header = ("x509_token_auth_target_header_key", "x-sts-cert");
    let mut state = state("X509", &mapping("StsCert", Some(header)), true);
    state["deployment-config"]["deployment-offloaded-two-way-tls-header-key"] =
        json!("x-client-cert");
    state["deployment-config"]["deployment-tls-offload-engine-hosts"] = json!(hosts);
    state
}

#[tokio::test]
async fn rs_16_rs_17_t9_t10_t11_t20_a_certificate_comes_from_a_trusted_offloader_only() -> Outcome {
    let gateway = TestGateway::start().await?;
    let (root, own) = certificates()?;
    let (_, foreign) = certificates()?;
    let path = "/admin/v1/authenticators/alpha/StsCert";
    let document = json!({"kind": "x509", "trust_anchors": root, "subject": "common_name"});
    gateway.put(path, &document).await?;
    let input = json!({"token_type": "X509"});
    for hosts in [vec!["10.9.8.7", "127.0.0.1"], vec!["any"]] {
        published(&gateway, &offloaded(&hosts)).await?;
        let reply = translate(
            &gateway,
            &input,
            "n",
            &[("x-client-cert", &own), ("x-client-cert", "x")],
        )
        .await?;
        let claims = issued(&reply);
        assert_eq!(
            (&claims["sub"], &claims["dn"]),
            (&json!("dana"), &json!("CN=dana"))
        );
        let armoured = format!("-----BEGIN CERTIFICATE-----{own}-----END CERTIFICATE-----");
        for (header, part) in [
            (None, "yet no certificate was found"),
            (Some("junk!"), "Exception marshalling X509 cert"),
            (Some("AAAA"), "Exception marshalling X509 cert"),
            (Some(armoured.as_str()), "Exception marshalling X509 cert"),
        ] {
            let headers: Vec<(&str, &str)> = header
                .map(|value| ("x-client-cert", value))
                .into_iter()
                .collect();
            let reply = translate(&gateway, &input, "n", &headers).await?;
            assert_eq!(reply.status, 400, "{header:?}");
            assert!(reply.text().contains(part), "{}", reply.text());
        }
        let reply = translate(&gateway, &input, "n", &[("x-client-cert", &foreign)]).await?;
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(
            reply.text().contains("posting x509 token to rest authN"),
            "{}",
            reply.text()
        );
    }
    published(&gateway, &offloaded(&["10.9.8.7"])).await?;
    let reply = translate(&gateway, &input, "n", &[("x-client-cert", &own)]).await?;
    assert_eq!(reply.status, 400);
    assert!(
        reply
            .text()
            .contains("was not among the list of IP addresses"),
        "{}",
        reply.text()
    );
    Ok(())
}

#[tokio::test]
async fn rs_28_t8_t24_without_a_certificate_or_a_mapping_there_is_nothing_to_check() -> Outcome {
    let gateway = TestGateway::start().await?;
    let (root, own) = certificates()?;
    let document = json!({"kind": "x509", "trust_anchors": root});
    gateway
        .put("/admin/v1/authenticators/alpha/StsCert", &document)
        .await?;
    let header = ("x509_token_auth_target_header_key", "x-sts-cert");
    published(
        &gateway,
        &state("X509", &mapping("StsCert", Some(header)), true),
    )
    .await?;
    let reply = translate(
        &gateway,
        &json!({"token_type": "X509"}),
        "n",
        &[("x-client-cert", &own)],
    )
    .await?;
    assert_eq!(reply.status, 400, "a header is not looked at");
    assert!(
        reply.text().contains("must be consumed via two-way-tls"),
        "{}",
        reply.text()
    );
    for wrong in [mapping("StsCert", None), mapping("Nowhere", Some(header))] {
        let reply = publish(&gateway, &state("X509", &wrong, true)).await?;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(
            reply
                .text()
                .contains("deployment-auth-target-mappings.X509"),
            "{}",
            reply.text()
        );
    }
    Ok(())
}
