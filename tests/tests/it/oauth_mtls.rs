//! Endpoints for clients with certificates (RFC 8705 §5).

use std::net::SocketAddr;

use cambist::config::{ClientCertificates, Listener, Role};
use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS},
    gateway::{TestGateway, USERNAME},
    http::{self, Failure, claims, form},
    issuer::now,
    mirror::Files,
    tls::{Authority, Client, Identity},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

struct House {
    files: Files,
    clients: Authority,
}

impl House {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            files: Files::new()?,
            clients: Authority::new("clients")?,
        })
    }

    fn listener(&self, roles: &[Role], asked: ClientCertificates) -> Result<Listener, Failure> {
        Ok(Listener {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            roles: roles.to_vec(),
            tls: self.files.asking(&self.clients, asked)?,
            ..Listener::default()
        })
    }

    /// A gateway with these listeners, an instance, and a client that has a certificate.
    async fn start(&self, listeners: &[(&str, Listener)]) -> Result<TestGateway, Failure> {
        let gateway = TestGateway::start_with(|config| {
            let named = listeners.iter().cloned();
            config.listener = named.map(|(name, one)| (name.to_owned(), one)).collect();
        })
        .await?;
        let mut document = documents::passwords();
        document["clients"]["app"] = json!({
            "authentication": {
                "method": "tls_client_auth", "authorities": [self.clients.pem()], "san_dns": "app.example"
            },
            "audiences": [ORDERS], "scopes": ["orders:read"]
        });
        gateway
            .put("/admin/v1/instances/alpha/orders", &document)
            .await?;
        gateway
            .put_user("/alpha", "dana", "correct horse", json!({}))
            .await?;
        Ok(gateway)
    }

    fn app(&self) -> Result<Identity, Failure> {
        self.clients.issue("app.example", 7)
    }

    /// POSTs a request for a token over TLS to whom `url` names.
    async fn token(&self, url: &str, dpop: &str) -> Result<(u16, Value), Failure> {
        let rest = url.strip_prefix("https://").ok_or("no https")?;
        let (address, path) = rest.split_once('/').ok_or("no path")?;
        let app = self.app()?;
        let client = Client::showing(&self.files.authority, &app);
        let mut stream = client.connect(address.parse()?).await?;
        let body = form(&[
            ("client_id", "app"),
            ("grant_type", tests::gateway::TOKEN_EXCHANGE),
            ("subject_token", DANA),
            ("subject_token_type", USERNAME),
        ]);
        let proof = if dpop.is_empty() {
            String::new()
        } else {
            format!("DPoP: {dpop}\r\n")
        };
        let head = format!(
            "POST /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{proof}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_ref()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        let status = answer.get(9..12).ok_or("no status")?.parse()?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
        Ok((status, serde_json::from_str(body)?))
    }
}

/// Both documents of the instance, which say the same.
async fn aliases(gateway: &TestGateway) -> Result<Value, Failure> {
    let base = &gateway.public;
    let ours = format!("{base}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}");
    let of_openid = format!("{base}/oauth2/{INSTANCE}/.well-known/openid-configuration");
    let document = http::get(&ours, &[]).await?.json();
    assert_eq!(document, http::get(&of_openid, &[]).await?.json());
    assert_eq!(document["issuer"], format!("{base}/oauth2/{INSTANCE}"));
    Ok(document["mtls_endpoint_aliases"].clone())
}

#[tokio::test]
async fn mt_07_clients_with_certificates_find_their_endpoints_and_are_served_there() -> Outcome {
    let house = House::new()?;
    let listener = house.listener(&[Role::Sts], ClientCertificates::Required)?;
    let gateway = house.start(&[("partners", listener)]).await?;
    let bound = gateway.further("partners").ok_or("no listener")?;
    let base = format!("{}/oauth2/{INSTANCE}", bound.replace("http://", "https://"));
    let aliases = aliases(&gateway).await?;
    let expected = json!({
        "token_endpoint": format!("{base}/token"),
        "revocation_endpoint": format!("{base}/revoke"),
        "introspection_endpoint": format!("{base}/introspect"),
    });
    assert_eq!(aliases, expected);
    let endpoint = aliases["token_endpoint"].as_str().unwrap_or_default();
    let (status, answer) = house.token(endpoint, "").await?;
    assert_eq!(status, 200, "{answer}");
    let issued = claims(answer["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["client_id"], "app");
    assert_eq!(
        issued["iss"],
        format!("{}/oauth2/{INSTANCE}", gateway.public),
        "the issuer stays what it is"
    );

    // A proof names the URL that its client uses: either, and no other.
    let (key, _) = SigningKey::generate(Algorithm::Es256)?;
    let proof = |htu: &str| {
        let claims = json!({"jti": htu, "htm": "POST", "htu": htu, "iat": now()});
        key.sign_jwt_embedding_key("dpop+jwt", &claims)
    };
    for htu in [
        endpoint.to_owned(),
        format!("{}/oauth2/{INSTANCE}/token", gateway.public),
    ] {
        let proof = proof(&htu)?;
        let (status, answer) = house.token(endpoint, &proof).await?;
        assert_eq!(
            (status, &answer["token_type"]),
            (200, &json!("DPoP")),
            "{answer}"
        );
        let (_, answer) = house.token(endpoint, &proof).await?;
        assert_eq!(answer["error"], "invalid_dpop_proof", "a proof serves once");
    }
    let elsewhere = proof("https://elsewhere.example/token")?;
    let (_, answer) = house.token(endpoint, &elsewhere).await?;
    assert_eq!(answer["error"], "invalid_dpop_proof");
    Ok(())
}

#[tokio::test]
async fn mt_07_only_a_further_listener_that_takes_certificates_for_tokens_is_listed() -> Outcome {
    let house = House::new()?;
    let plain = house.listener(&[Role::Sts], ClientCertificates::None)?;
    let routes = house.listener(&[Role::Proxy], ClientCertificates::Required)?;
    let gateway = house.start(&[("a", plain.clone()), ("b", routes)]).await?;
    assert_eq!(aliases(&gateway).await?, Value::Null);

    let url = "https://mtls.sts.example".to_owned();
    let named = Listener {
        url: Some(url.clone()),
        ..house.listener(&[Role::Sts, Role::Proxy], ClientCertificates::Optional)?
    };
    let gateway = house.start(&[("a", plain), ("c", named.clone())]).await?;
    let listed = aliases(&gateway).await?;
    let token = format!("{url}/oauth2/{INSTANCE}/token");
    assert_eq!(listed["token_endpoint"], token);

    // Nobody can connect to no address, so nothing is listed that nobody named.
    let everywhere = Listener {
        listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        url: None,
        ..named
    };
    let gateway = house.start(&[("c", everywhere.clone())]).await?;
    assert_eq!(aliases(&gateway).await?, Value::Null);
    // What an instance without revocation does not offer has no other URL either.
    let gateway = house
        .start(&[(
            "c",
            Listener {
                url: Some(url),
                ..everywhere
            },
        )])
        .await?;
    let mut document = documents::passwords();
    document["ledger"] = json!({"persistence": "none"});
    gateway
        .put("/admin/v1/instances/alpha/orders", &document)
        .await?;
    let listed = aliases(&gateway).await?;
    assert_eq!(listed["token_endpoint"], token);
    assert!(listed["revocation_endpoint"].is_null(), "{listed}");
    Ok(())
}
