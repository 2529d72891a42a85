//! TLS at the listeners.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cambist::config::{ClientCertificates, ClientTrust, Hops, Role, Tls, TlsVersion};
use hyper::Method;
use rustls::{SupportedProtocolVersion, version::TLS12};
use serde_json::json;
use tests::{
    gateway::TestGateway,
    http::{self, Failure},
    mirror::{Files, body, mirror},
    tls::{Authority, Client, get, shown},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Outcome;

const OLD: &[&SupportedProtocolVersion] = &[&TLS12];

#[test]
fn tl_01_crates_are_not_older_than_their_last_advisory() -> Outcome {
    let lock = include_str!("../../../Cargo.lock");
    let floors = [
        ("rustls", [0, 23, 45]),
        ("rustls-webpki", [0, 103, 13]),
        ("h2", [0, 4, 16]),
        ("aws-lc-sys", [0, 39, 0]),
    ];
    for (name, floor) in floors {
        let marker = format!("name = \"{name}\"\nversion = \"");
        let versions: Vec<_> = lock
            .split(&marker)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(!versions.is_empty(), "{name}");
        for version in versions {
            let numbers: Vec<u32> = version
                .split('.')
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            assert!(numbers.as_slice() >= floor.as_slice(), "{name} {version}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn tl_02_looking_for_a_path_ends() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let tls = Tls {
        client_trust: ClientTrust::Possession,
        ..files.asking(&clients, ClientCertificates::Optional)?
    };
    let (address, _drain) = mirror(&tls, Hops::default())?;
    // Every one of them may have issued every other: the paths are more than anybody can try.
    let maze = Authority::new("maze")?;
    let mut lost = maze.issue("client.example", 1)?;
    for _ in 0..40 {
        lost.chain.push(maze.cross_sign(&maze, "maze")?);
    }
    let started = std::time::Instant::now();
    let seen = body(
        &Client::showing(&files.authority, &lost)
            .get(address, "/")
            .await?,
    )?;
    assert_eq!(seen["is_anchored"], false);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn tl_03_what_is_no_client_hello_ends_its_connection_and_nothing_else() -> Outcome {
    let files = Files::new()?;
    let (address, _drain) = mirror(&files.tls(), Hops::default())?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..200_usize {
        let mut bytes = Vec::new();
        for _ in 0..=(round * 7 % 600) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            bytes.push(state.to_be_bytes()[0]);
        }
        // Half of them look like the beginning of a handshake.
        if round % 2 == 0 {
            let length = u16::try_from(bytes.len())?.to_be_bytes();
            let inner = length;
            let mut record = vec![22, 3, 1, length[0], length[1]];
            bytes.splice(..4.min(bytes.len()), [1, 0, inner[0], inner[1]]);
            record.append(&mut bytes);
            bytes = record;
        }
        let mut stream = TcpStream::connect(address).await?;
        // It may be refused before all is sent.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
        let _ = read.await?;
    }
    body(&Client::trusting(&files.authority).get(address, "/").await?)?;
    Ok(())
}

#[tokio::test]
async fn tl_04_old_versions_are_refused() -> Outcome {
    let files = Files::new()?;
    let tls = Tls {
        minimum_version: TlsVersion::V1_3,
        ..files.tls()
    };
    let (latest_only, _one) = mirror(&tls, Hops::default())?;
    let (usual, _two) = mirror(&files.tls(), Hops::default())?;
    let old = Client {
        versions: OLD,
        ..Client::trusting(&files.authority)
    };
    assert!(old.get(latest_only, "/").await.is_err());
    let stream = old.connect(usual).await?;
    let suite = stream
        .get_ref()
        .1
        .negotiated_cipher_suite()
        .ok_or("no suite")?;
    let name = format!("{:?}", suite.suite());
    assert!(
        name.starts_with("TLS_ECDHE_") && (name.contains("GCM") || name.contains("CHACHA20")),
        "{name}"
    );
    // TLS 1.1: a ClientHello with nothing newer in it.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let mut record = vec![22, 3, 1, 0, u8::try_from(hello.len() + 4)?, 1, 0, 0];
    record.push(u8::try_from(hello.len())?);
    record.extend(hello);
    let mut stream = TcpStream::connect(usual).await?;
    stream.write_all(&record).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    Ok(())
}

/// A gateway whose public listener encrypts.
async fn encrypting(files: &Files, tls: Tls) -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start_with(|config| config.public.tls = tls).await?;
    assert!(gateway.public.starts_with("https://127.0.0.1:"));
    assert!(files.directory.path().exists());
    Ok(gateway)
}

fn address(url: &str) -> Result<SocketAddr, Failure> {
    let (_, authority) = url.split_once("://").ok_or("no scheme")?;
    Ok(authority.parse()?)
}

async fn metrics(gateway: &TestGateway) -> Result<String, Failure> {
    Ok(http::get(&format!("{}/metrics", gateway.admin), &[])
        .await?
        .text())
}

/// Waits until the gateway shows another certificate than `before`.
async fn renewed(files: &Files, address: SocketAddr, before: &[u8]) -> Outcome {
    for _ in 0..100 {
        let stream = Client::trusting(&files.authority).connect(address).await?;
        if shown(&stream).as_deref() != Some(before) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the certificate was not read again".into())
}

#[tokio::test]
async fn tl_05_certificates_are_read_again_and_a_bad_file_changes_nothing() -> Outcome {
    let files = Files::new()?;
    let gateway = encrypting(&files, files.tls()).await?;
    let address = address(&gateway.public)?;
    let client = Client::trusting(&files.authority);
    let mut held = client.connect(address).await?;
    let first = shown(&held).ok_or("no certificate")?;
    assert!(
        metrics(&gateway)
            .await?
            .contains("cambist_tls_last_reload_successful{listener=\"public\"} 1")
    );

    files
        .authority
        .issue("localhost", 2)?
        .write(files.directory.path())?;
    renewed(&files, address, &first).await?;
    // The open connection goes on.
    get(&mut held, "/nowhere", "").await?;
    let mut answer = [0; 64];
    let read = held.read(&mut answer).await?;
    assert!(answer[..read].starts_with(b"HTTP/1.1 404"));

    let second = shown(&client.connect(address).await?).ok_or("no certificate")?;
    std::fs::write(files.directory.path().join("certificate.pem"), "nonsense")?;
    let mut is_alarmed = false;
    for _ in 0..100 {
        is_alarmed = metrics(&gateway)
            .await?
            .contains("cambist_tls_last_reload_successful{listener=\"public\"} 0");
        if is_alarmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(is_alarmed);
    assert_eq!(shown(&client.connect(address).await?), Some(second.clone()));

    files
        .authority
        .issue("localhost", 3)?
        .write(files.directory.path())?;
    renewed(&files, address, &second).await
}

#[tokio::test]
async fn tl_06_a_revoked_certificate_is_refused_from_the_next_list_on() -> Outcome {
    let (files, clients) = (Files::new()?, Authority::new("clients")?);
    let lists = files.directory.path().join("revoked.pem");
    std::fs::write(&lists, clients.revoke(&[13])?)?;
    let tls = Tls {
        client_crl_file: Some(lists.clone()),
        ..files.asking(&clients, ClientCertificates::Required)?
    };
    let gateway = encrypting(&files, tls).await?;
    let address = address(&gateway.public)?;
    let (good, revoked) = (
        clients.issue("a.example", 12)?,
        clients.issue("b.example", 13)?,
    );
    let good = Client::showing(&files.authority, &good);
    let config = Arc::new(good.config()?);
    assert!(good.get(address, "/").await?.starts_with("HTTP/1.1 404"));
    let revoked = Client::showing(&files.authority, &revoked);
    assert!(revoked.get(address, "/").await.is_err());

    // A client that would resume its session is looked at again.
    let resuming = |config: Arc<rustls::ClientConfig>| async move {
        let stream = TcpStream::connect(address).await?;
        let name = rustls::pki_types::ServerName::try_from("localhost")?;
        let mut stream = tokio_rustls::TlsConnector::from(config)
            .connect(name, stream)
            .await?;
        get(&mut stream, "/", "Connection: close\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, Failure>(answer)
    };
    assert!(
        resuming(Arc::clone(&config))
            .await?
            .starts_with(b"HTTP/1.1 404")
    );
    std::fs::write(&lists, clients.revoke(&[12, 13])?)?;
    let mut is_refused = false;
    for _ in 0..100 {
        is_refused = resuming(Arc::clone(&config)).await.is_err();
        if is_refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(is_refused);
    Ok(())
}

#[tokio::test]
async fn what_an_encrypting_gateway_publishes_is_https() -> Outcome {
    let files = Files::new()?;
    let gateway = encrypting(&files, files.tls()).await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &tests::documents::passwords(),
        )
        .await?;
    let path = "/.well-known/oauth-authorization-server/oauth2/alpha/orders";
    let answer = Client::trusting(&files.authority)
        .get(address(&gateway.public)?, path)
        .await?;
    let metadata = body(&answer)?;
    assert_eq!(
        metadata["issuer"],
        format!("{}/oauth2/alpha/orders", gateway.public)
    );
    // The same port does not speak plain HTTP.
    let plain = gateway.public.replace("https", "http");
    assert!(http::get(&plain, &[]).await.is_err());
    Ok(())
}

#[tokio::test]
async fn further_listeners_serve_their_roles_only() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        for (name, role) in [
            ("tokens", Role::Sts),
            ("routes", Role::Proxy),
            ("ops", Role::Admin),
        ] {
            let listener = cambist::config::Listener {
                listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
                roles: vec![role],
                ..cambist::config::Listener::default()
            };
            config.listener.insert(name.to_owned(), listener);
        }
    })
    .await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &tests::documents::passwords(),
        )
        .await?;
    let upstream = tests::upstream::start().await?;
    let route = json!({"path_prefix": "/", "upstream": upstream.url(), "instance": "alpha/orders", "audience": tests::documents::ORDERS, "subject_token_type": tests::gateway::USERNAME});
    gateway.put("/admin/v1/routes/all", &route).await?;
    let ask = async |name: &str, path: &str| -> Result<u16, Failure> {
        let url = format!("{}{path}", gateway.further(name).ok_or("no listener")?);
        Ok(http::get(&url, &[]).await?.status.as_u16())
    };
    let keys = "/oauth2/alpha/orders/jwks";
    assert_eq!(ask("tokens", keys).await?, 200);
    assert_eq!(ask("tokens", "/orders").await?, 404);
    assert_eq!(
        ask("routes", keys).await?,
        401,
        "a route, which wants a token"
    );
    assert_eq!(ask("routes", "/orders").await?, 401);
    assert_eq!(ask("ops", "/livez").await?, 200);
    assert_eq!(ask("ops", keys).await?, 404);
    assert_eq!(ask("tokens", "/livez").await?, 404);
    let reply = gateway.admin(Method::GET, "/livez", "").await?;
    assert_eq!(reply.status, 200);
    Ok(())
}
