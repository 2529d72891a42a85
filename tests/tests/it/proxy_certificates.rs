//! Certificates of clients, shown in the handshake or handed on by a proxy.

use std::net::SocketAddr;

use cambist::config::{ClientCertificates, ClientTrust, ForwardedCertificate, Hops, Tls};
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use serde_json::json;
use tests::{
    http::Failure,
    mirror::{Files, body, encoded, mirror},
    tls::{Authority, Client, Identity},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Outcome;

const OLD: &[&SupportedProtocolVersion] = &[&TLS12];
const NEW: &[&SupportedProtocolVersion] = &[&TLS13];

#[tokio::test]
async fn a_required_certificate_reaches_the_handler_and_its_lack_ends_the_handshake() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let tls = files.asking(&clients, ClientCertificates::Required)?;
    let (address, _drain) = mirror(&tls, Hops::default())?;
    let known = clients.issue("client.example", 7)?;
    for versions in [OLD, NEW] {
        let client = Client {
            versions,
            ..Client::showing(&files.authority, &known)
        };
        let seen = body(&client.get(address, "/").await?)?;
        assert_eq!(seen["certificates"], json!(encoded(&known)));
        assert_eq!(
            (&seen["is_anchored"], &seen["is_secure"]),
            (&json!(true), &json!(true))
        );
        let nobody = Client {
            versions,
            ..Client::trusting(&files.authority)
        };
        assert!(nobody.get(address, "/").await.is_err());
    }
    for stranger in [
        Identity::self_signed("client.example")?,
        Authority::new("clients")?.issue("client.example", 7)?,
        clients.issue_ended("client.example")?,
    ] {
        let client = Client::showing(&files.authority, &stranger);
        assert!(client.get(address, "/").await.is_err());
    }
    Ok(())
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_be_wrong() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let tls = files.asking(&clients, ClientCertificates::Optional)?;
    let (address, _drain) = mirror(&tls, Hops::default())?;
    let seen = Client::trusting(&files.authority).get(address, "/").await?;
    let seen = body(&seen)?;
    assert_eq!(seen["certificates"], json!([]));
    assert_eq!(seen["is_anchored"], false);
    let known = clients.issue("client.example", 7)?;
    let seen = body(
        &Client::showing(&files.authority, &known)
            .get(address, "/")
            .await?,
    )?;
    assert_eq!(seen["is_anchored"], true);
    let stranger = Identity::self_signed("client.example")?;
    let client = Client::showing(&files.authority, &stranger);
    assert!(client.get(address, "/").await.is_err());
    Ok(())
}

#[tokio::test]
async fn possession_lets_any_key_in_and_says_which_lead_to_an_authority() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let tls = Tls {
        client_trust: ClientTrust::Possession,
        ..files.asking(&clients, ClientCertificates::Optional)?
    };
    let (address, _drain) = mirror(&tls, Hops::default())?;
    let own = Identity::self_signed("client.example")?;
    for versions in [OLD, NEW] {
        let client = Client {
            versions,
            ..Client::showing(&files.authority, &own)
        };
        let seen = body(&client.get(address, "/").await?)?;
        assert_eq!(seen["certificates"], json!(encoded(&own)));
        assert_eq!(seen["is_anchored"], false);
    }
    let known = clients.issue("client.example", 7)?;
    let seen = body(
        &Client::showing(&files.authority, &known)
            .get(address, "/")
            .await?,
    )?;
    assert_eq!(seen["is_anchored"], true);
    // The certificate of another, without its key.
    let mut thief = Identity::self_signed("client.example")?;
    thief.chain = own.chain.clone();
    let client = Client::showing(&files.authority, &thief);
    assert!(client.get(address, "/").await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_forwarded_certificate_is_believed_from_trusted_hops_only() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let middle = clients.below("middle")?;
    let own = middle.issue("client.example", 7)?;
    let leaf = base64_simd::STANDARD.encode_to_string(&own.chain[0]);
    let issuer = base64_simd::STANDARD.encode_to_string(middle.certificate());
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let whole = own.certificate_pem() + &middle.pem();
    let forms = [
        (
            ForwardedCertificate::Rfc9440,
            format!("Client-Cert: :{leaf}:\r\nClient-Cert-Chain: :{issuer}:\r\n"),
        ),
        (
            ForwardedCertificate::Xfcc,
            format!(
                "X-Forwarded-Client-Cert: Cert=\"forged\",By=spiffe://a;Subject=\"CN=a\\\",b;c\";Chain=\"{}\"\r\n",
                escape(&whole)
            ),
        ),
        (
            ForwardedCertificate::Der,
            format!("X-Client-Cert: {leaf},{issuer}\r\n"),
        ),
        (
            ForwardedCertificate::Pem,
            format!("X-Client-Cert: {}\r\n", escape(&whole)),
        ),
    ];
    let authorities = Tls {
        client_ca_file: files
            .asking(&clients, ClientCertificates::None)?
            .client_ca_file,
        ..Tls::default()
    };
    let about = "X-Forwarded-For: 192.0.2.9, 198.51.100.1\r\nX-Forwarded-Proto: https\r\n";
    for (form, lines) in forms {
        let lines = format!("{about}{lines}");
        let (address, _drain) = mirror(&authorities, trusting("127.0.0.0/8", form)?)?;
        let seen = body(&plain_get(address, &lines).await?)?;
        assert_eq!(seen["certificates"], json!([leaf, issuer]), "{form:?}");
        assert_eq!(seen["is_anchored"], true, "{form:?}");
        assert_eq!(seen["client"], "198.51.100.1");
        assert_eq!(seen["is_secure"], true);

        // Everybody else.
        let (address, _drain) = mirror(&authorities, trusting("10.0.0.0/8", form)?)?;
        let seen = body(&plain_get(address, &lines).await?)?;
        assert_eq!(seen["certificates"], json!([]), "{form:?}");
        assert_eq!(
            (&seen["client"], &seen["is_secure"]),
            (&json!("127.0.0.1"), &json!(false))
        );
        for name in [
            "client-cert",
            "client-cert-chain",
            "x-forwarded-client-cert",
            "x-client-cert",
        ] {
            let names = seen["headers"].as_array().ok_or("no headers")?;
            assert!(!names.contains(&json!(name)), "{name} reached the handler");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_trusted_hop_that_sends_nonsense_is_refused() -> Outcome {
    let clients = Authority::new("clients")?;
    let own = clients.issue("client.example", 7)?;
    let leaf = base64_simd::STANDARD.encode_to_string(&own.chain[0]);
    let issuer = base64_simd::STANDARD.encode_to_string(clients.certificate());
    let hops = trusting("127.0.0.0/8", ForwardedCertificate::Rfc9440)?;
    let (address, _drain) = mirror(&Tls::default(), hops)?;
    for wrong in [
        format!("Client-Cert: {leaf}\r\n"),
        format!("Client-Cert: :{leaf}:\r\nClient-Cert: :{leaf}:\r\n"),
        format!("Client-Cert-Chain: :{issuer}:\r\n"),
        "Client-Cert: :AAAA:\r\n".to_owned(),
        format!(
            "Client-Cert: :{leaf}:\r\nClient-Cert-Chain: {}:{issuer}:\r\n",
            format!(":{issuer}:,").repeat(8)
        ),
    ] {
        let answer = plain_get(address, &wrong).await?;
        assert!(answer.starts_with("HTTP/1.1 400"), "{wrong}: {answer}");
    }
    Ok(())
}

fn trusting(network: &str, certificate: ForwardedCertificate) -> Result<Hops, Failure> {
    Ok(Hops {
        trusted: vec![network.parse()?],
        certificate,
        certificate_header: Some("X-Client-Cert".to_owned()),
    })
}

async fn plain_get(address: SocketAddr, lines: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
