//! Who may present an assertion: holders of keys over TLS, clients that attest, callers from one address.

use std::net::SocketAddr;

use cambist::config::{ClientCertificates, ClientTrust, Hops, Tls};
use cambist_core::Timestamp;
use cambist_saml::{
    SelfSigned,
    algorithm::SignatureAlgorithm,
    draft::{Confirmation, Draft, identifier},
    issue::{Protection, issue},
    model::{Assertion, NameId},
    signing::{Generated, SigningKey},
};
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{TOKEN_EXCHANGE, TestGateway, USERNAME, basic},
    http::{self, Failure, claims},
    issuer::now,
    mirror::Files,
    tls::{Authority, Client, Identity},
    upstream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    Outcome,
    saml::{SAML2, SOURCE, TARGET, issuer},
};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;
/// A second client of the target.
const PORTAL: (&str, &str) = (
    "portal",
    "another-secret-of-more-than-thirty-two-characters",
);

/// A gateway whose public listener takes any certificate whose key is held, with one instance that issues
/// assertions to such holders and one that accepts them.
struct Setting {
    gateway: TestGateway,
    files: Files,
}

impl Setting {
    async fn new() -> Result<Self, Failure> {
        let files = Files::new()?;
        let tls = Tls {
            client_trust: ClientTrust::Possession,
            ..files.asking(&Authority::new("clients")?, ClientCertificates::Optional)?
        };
        let gateway = TestGateway::start_with(|config| config.public.tls = tls).await?;
        gateway
            .put_user("/alpha", "dana", "correct horse", json!({}))
            .await?;
        let setting = Self { gateway, files };
        let target = issuer(&setting.gateway, TARGET);
        let source = json!({
            "validators": {"password": {"kind": "username"}},
            "providers": {"assertion": {"kind": "saml2", "confirmation": "holder-of-key"}},
            "transformations": [{"subject": "password", "issue": "assertion"}],
            "relying_parties": {target.as_str(): {}},
            "clients": {WEB.0: {"secret": WEB.1, "audiences": [target.as_str()], "impersonation": true}}
        });
        let path = format!("/admin/v1/instances/{SOURCE}");
        setting.gateway.put(&path, &source).await?;
        let metadata = setting
            .ask(
                None,
                "GET",
                &format!("/oauth2/{SOURCE}/saml2/metadata"),
                "",
                "",
            )
            .await?
            .1;
        let name = issuer(&setting.gateway, SOURCE);
        let by_metadata = json!({"metadata": {"xml": metadata}});
        publish_target(&setting.gateway, &by_metadata, &json!({})).await?;
        assert!(metadata.contains(&name));
        Ok(setting)
    }

    /// Sends one request, with further header lines, and reads status and body.
    async fn ask(
        &self,
        shows: Option<&Identity>,
        method: &str,
        path: &str,
        lines: &str,
        body: &str,
    ) -> Result<(u16, String), Failure> {
        let (_, authority) = self.gateway.public.split_once("://").ok_or("no scheme")?;
        let address: SocketAddr = authority.parse()?;
        let trusts = &self.files.authority;
        let client = match shows {
            Some(identity) => Client::showing(trusts, identity),
            None => Client::trusting(trusts),
        };
        let mut stream = client.connect(address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{lines}Content-Length: {}\r\n\r\n{body}",
            basic(WEB),
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    async fn exchange(
        &self,
        shows: Option<&Identity>,
        instance: &str,
        token: &str,
        token_type: &str,
    ) -> Result<(u16, Value), Failure> {
        let form = http::form(&[
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", token),
            ("subject_token_type", token_type),
        ]);
        let path = format!("/oauth2/{instance}/token");
        let (status, body) = self.ask(shows, "POST", &path, "", &form).await?;
        Ok((status, serde_json::from_str(&body)?))
    }
}

/// Publishes an instance that accepts the assertions of one issuer.
async fn publish_target(gateway: &TestGateway, trusted: &Value, settings: &Value) -> Outcome {
    let mut validator = json!({"kind": "saml2", "subject_prefix": "source:", "scopes": ["orders:read"],
        "issuers": [trusted]});
    for (name, value) in settings.as_object().ok_or("settings")? {
        validator[name] = value.clone();
    }
    let client = |secret: &str| {
        json!({"secret": secret, "audiences": [ORDERS], "scopes": ["orders:read"],
        "subject_audiences": [issuer(gateway, TARGET)]})
    };
    let target = json!({
        "validators": {"assertion": validator},
        "providers": {"access": {"kind": "access_token"}},
        "transformations": [{"subject": "assertion", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: client(WEB.1), PORTAL.0: client(PORTAL.1)}
    });
    let path = format!("/admin/v1/instances/{TARGET}");
    gateway.put(&path, &target).await.map(drop)
}

fn refused() -> (u16, Value) {
    let body = json!({"error": "invalid_request",
        "error_description": "the subject token is not acceptable"});
    (400, body)
}

fn without_correlation((status, mut body): (u16, Value)) -> (u16, Value) {
    if let Some(members) = body.as_object_mut() {
        members.remove("correlation_id");
    }
    (status, body)
}

#[tokio::test]
async fn sm_11_mt_10_an_assertion_for_a_keys_holder_comes_over_that_holders_tls_only() -> Outcome {
    let setting = Setting::new().await?;
    let own = Identity::self_signed("holder.example")?;
    let other = Identity::self_signed("other.example")?;
    let issued = setting.exchange(None, SOURCE, DANA, USERNAME).await?;
    assert_eq!(
        issued.0, 400,
        "without a key there is no holder: {issued:?}"
    );
    let (status, issued) = setting.exchange(Some(&own), SOURCE, DANA, USERNAME).await?;
    assert_eq!(status, 200, "{issued}");
    let token = issued["access_token"].as_str().ok_or("no token")?;
    let xml = String::from_utf8(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token)?)?;
    assert!(
        xml.contains("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
        "{xml}"
    );

    for shows in [None, Some(&other)] {
        let answer = setting.exchange(shows, TARGET, token, SAML2).await?;
        assert_eq!(without_correlation(answer), refused());
    }
    // None of that was a use.
    let (status, body) = setting.exchange(Some(&own), TARGET, token, SAML2).await?;
    assert_eq!(status, 200, "{body}");
    let claims = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(claims["sub"], "source:dana");
    // What came bound leaves bound.
    assert!(claims["cnf"]["x5t#S256"].is_string(), "{claims}");
    let again = setting.exchange(Some(&own), TARGET, token, SAML2).await?;
    assert_eq!(without_correlation(again), refused());
    Ok(())
}

#[tokio::test]
async fn sm_11_px_03_a_route_takes_a_holders_assertion_over_that_holders_tls_only() -> Outcome {
    let setting = Setting::new().await?;
    let upstream = upstream::start().await?;
    let route = json!({
        "path_prefix": "/orders", "upstream": upstream.url(), "instance": TARGET, "audience": ORDERS,
        "credentials": [{"from": "header", "name": "x-assertion", "token_type": SAML2}], "unbinding": true
    });
    setting
        .gateway
        .put("/admin/v1/routes/orders", &route)
        .await?;
    let own = Identity::self_signed("holder.example")?;
    let other = Identity::self_signed("other.example")?;
    let (status, issued) = setting.exchange(Some(&own), SOURCE, DANA, USERNAME).await?;
    assert_eq!(status, 200, "{issued}");
    let token = issued["access_token"].as_str().ok_or("no token")?;
    let lines = format!("X-Assertion: {token}\r\n");
    // Used once, it is known for a while; to its holder alone.
    for (shows, expected) in [
        (None, 401),
        (Some(&other), 401),
        (Some(&own), 200),
        (Some(&own), 200),
        (Some(&other), 401),
        (None, 401),
    ] {
        let (status, body) = setting.ask(shows, "GET", "/orders", &lines, "").await?;
        assert_eq!(status, expected, "{body}");
        if status == 200 {
            let seen: Value = serde_json::from_str(&body)?;
            assert!(seen["headers"]["x-assertion"].is_null(), "{seen}");
            let sent = seen["headers"]["authorization"]
                .as_str()
                .unwrap_or_default();
            let claims = claims(sent.trim_start_matches("Bearer "));
            assert_eq!(claims["sub"], "source:dana");
            assert!(claims["cnf"].is_null(), "{claims}");
        }
    }
    Ok(())
}

/// An issuer that is not this gateway.
struct Foreign {
    key: Generated,
    drawn: u8,
}

impl Foreign {
    const NAME: &str = "https://idp.example.net/sts";

    fn new() -> Result<Self, Failure> {
        let certificate = SelfSigned {
            name: "idp",
            now: Timestamp(now()),
            days: 2,
            random: [3; 16],
        };
        let key = SigningKey::generate(SignatureAlgorithm::RsaSha256, &certificate)?;
        Ok(Self { key, drawn: 0 })
    }

    fn trusted(&self) -> Value {
        json!({"entity_id": Self::NAME, "certificates": [self.key.certificate]})
    }

    fn token(
        &mut self,
        gateway: &TestGateway,
        confirmation: Confirmation<'_>,
        change: impl FnOnce(&mut Assertion),
    ) -> Result<String, Failure> {
        self.drawn += 1;
        let (issued_at, target) = (Timestamp(now()), issuer(gateway, TARGET));
        let mut model = Draft {
            id: identifier(&[self.drawn; 20]),
            issuer: Self::NAME,
            relying_party: &target,
            recipient: None,
            issued_at,
            expires_at: issued_at.plus(300),
            confirmation,
            name_id: NameId::new("dana"),
            authenticated_at: issued_at,
            authn_context_class: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
            attributes: Vec::new(),
        }
        .assemble();
        change(&mut model);
        let protection = Protection {
            signing: Some(&self.key.key),
            ..Protection::default()
        };
        let document = issue(&model, &protection)?;
        Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(document))
    }
}

#[tokio::test]
async fn sm_11_a_client_attests_for_subjects_only_where_it_is_listed() -> Outcome {
    let gateway = TestGateway::start().await?;
    let mut foreign = Foreign::new()?;
    let vouched = foreign.token(&gateway, Confirmation::SenderVouches, |_| ())?;
    publish_target(&gateway, &foreign.trusted(), &json!({})).await?;
    for client in [WEB, PORTAL] {
        let reply = gateway
            .exchange(TARGET, client, &vouched, SAML2, &[])
            .await?;
        let answer = (reply.status.as_u16(), reply.json());
        assert_eq!(without_correlation(answer), refused());
    }
    let listed = json!({"sender_vouches": {"clients": [PORTAL.0]}});
    publish_target(&gateway, &foreign.trusted(), &listed).await?;
    let reply = gateway.exchange(TARGET, WEB, &vouched, SAML2, &[]).await?;
    assert_eq!(
        without_correlation((reply.status.as_u16(), reply.json())),
        refused()
    );
    // Whoever cannot authenticate as the client is not the client.
    let pretended = (PORTAL.0, WEB.1);
    let reply = gateway
        .exchange(TARGET, pretended, &vouched, SAML2, &[])
        .await?;
    assert_eq!(reply.status, 401, "{}", reply.text());
    let reply = gateway
        .exchange(TARGET, PORTAL, &vouched, SAML2, &[])
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let claims = claims(reply.json()["access_token"].as_str().unwrap_or_default());
    assert_eq!(claims["sub"], "source:dana");
    // Who vouched is who acts.
    assert_eq!(claims["act"]["sub"], PORTAL.0, "{claims}");
    let reply = gateway
        .exchange(TARGET, PORTAL, &vouched, SAML2, &[])
        .await?;
    assert_eq!(
        without_correlation((reply.status.as_u16(), reply.json())),
        refused()
    );
    Ok(())
}

#[tokio::test]
async fn sm_11_an_assertion_for_one_address_comes_from_there_also_behind_a_trusted_hop() -> Outcome
{
    let mut foreign = Foreign::new()?;
    let hops = Hops {
        trusted: vec!["127.0.0.1".parse()?],
        ..Hops::default()
    };
    for (hops, address) in [(Hops::default(), "127.0.0.1"), (hops, "192.0.2.7")] {
        let gateway = TestGateway::start_with(|config| config.public.hops = hops).await?;
        publish_target(&gateway, &foreign.trusted(), &json!({})).await?;
        let credential = basic(WEB);
        for (named, status) in [("192.0.2.8", 400), (address, 200)] {
            let token = foreign.token(&gateway, Confirmation::Bearer, |model| {
                for confirmation in model.subject.iter_mut().flat_map(|s| &mut s.confirmations) {
                    confirmation.address = Some(named.to_owned());
                }
            })?;
            let form = http::form(&[
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", &token),
                ("subject_token_type", SAML2),
            ]);
            let headers = [
                ("authorization", credential.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
                // Believed of a trusted hop, and of nobody else.
                ("x-forwarded-for", "192.0.2.7"),
            ];
            let url = format!("{}/oauth2/{TARGET}/token", gateway.public);
            let reply = http::send(hyper::Method::POST, &url, &headers, form).await?;
            assert_eq!(reply.status, status, "{named}: {}", reply.text());
        }
    }
    Ok(())
}
