//! Ways to upstreams through the running gateway: checks of health, TLS with certificates of both sides, HTTP/2
//! over it, and exchanges that no other route sees.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, Version, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure},
    server::{Received, Server, json as answer},
    tls::{Authority, Identity},
    upstream,
};
use tokio::{net::TcpListener, time::sleep};
use tokio_rustls::TlsAcceptor;

use crate::{INSTANCE, Outcome, with_partner};

/// A server that names itself, and whether it says to be well.
async fn named(name: &'static str) -> Result<(Server, Arc<AtomicBool>, Arc<AtomicUsize>), Failure> {
    let (is_well, checks) = (
        Arc::new(AtomicBool::new(true)),
        Arc::<AtomicUsize>::default(),
    );
    let (well, counted) = (Arc::clone(&is_well), Arc::clone(&checks));
    let server = Server::start(move |request: Received| {
        let mut response = answer(&json!(name));
        if request.head.uri.path() == "/livez" {
            counted.fetch_add(1, Ordering::Relaxed);
            if !well.load(Ordering::Relaxed) {
                *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
            }
        }
        response
    })
    .await?;
    Ok((server, is_well, checks))
}

fn place(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

/// Who answers ten requests.
async fn answering(gateway: &TestGateway) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for _ in 0..10 {
        let reply = http::get(&format!("{}/x", gateway.public), &[]).await?;
        names.push(reply.json().as_str().unwrap_or_default().to_owned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Waits until these and no others answer.
async fn until(gateway: &TestGateway, wanted: &[&str]) -> Outcome {
    let mut names = Vec::new();
    for _ in 0..60 {
        names = answering(gateway).await?;
        if names == wanted {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{names:?} answer, not {wanted:?}").into())
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_unwell_gets_no_requests_until_it_is_well() -> Outcome {
    let gateway = TestGateway::start().await?;
    let ((one, one_is_well, _), (two, _, checks)) = (named("one").await?, named("two").await?);
    let document = json!({
        "upstream": "http://orders.internal", "anonymous": "only",
        "endpoints": [place(&one), place(&two)],
        "health_check": {"path": "/livez", "every_seconds": 1, "unhealthy_after": 1, "healthy_after": 1},
    });
    gateway.put("/admin/v1/routes/x", &document).await?;
    until(&gateway, &["one", "two"]).await?;
    one_is_well.store(false, Ordering::Relaxed);
    until(&gateway, &["two"]).await?;
    let metrics = http::get(&format!("{}/metrics", gateway.admin), &[])
        .await?
        .text();
    for (server, up) in [(&one, 0), (&two, 1)] {
        let at = place(server);
        let line = format!("cambist_proxy_endpoint_in_use{{route=\"x\",endpoint=\"{at}\"}} {up}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    one_is_well.store(true, Ordering::Relaxed);
    until(&gateway, &["one", "two"]).await?;
    assert!(checks.load(Ordering::Relaxed) > 0);
    Ok(())
}

/// A server that takes only clients of an authority, and says who came how.
async fn guarded(
    own: &Identity,
    clients: &Authority,
    protocols: &[&[u8]],
) -> Result<SocketAddr, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate().clone())?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(own.chain.clone(), own.key())?;
    config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                let connection = stream.get_ref().1;
                let has_certificate = connection.peer_certificates().is_some();
                let is_http2 = connection.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request: Request<Incoming>| async move {
                    let seen = json!({
                        "certificate": has_certificate,
                        "http2": request.version() == Version::HTTP_2,
                        "authority": request.uri().authority().map(ToString::to_string),
                        "authorization": request.headers().contains_key("authorization"),
                    });
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(seen.to_string()))))
                });
                let io = TokioIo::new(stream);
                let served = if is_http2 {
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, service)
                        .await
                } else {
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await
                };
                served.map_err(std::io::Error::other)
            });
        }
    });
    Ok(address)
}

#[tokio::test]
async fn an_upstream_sees_the_gateways_certificate_and_http2() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let (servers, clients) = (Authority::new("servers")?, Authority::new("clients")?);
    let own = clients.issue("gateway", 7)?;
    let key = json!({"value": own.key_pem()});
    gateway.put("/admin/v1/secrets/upstream-key", &key).await?;
    let server = servers.issue("orders.internal", 1)?;
    let token = format!("Bearer {}", issuer.id_token("dana", WEB.0)?);
    let url = format!("{}/x", gateway.public);
    let mut document = json!({
        "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN,
        "upstream": "https://orders.internal",
        "tls": {"ca": servers.pem(), "certificate": own.certificate_pem(), "key": "upstream-key"},
    });
    for (protocol, offered) in [("http1", &b"http/1.1"[..]), ("http2", b"h2")] {
        let address = guarded(&server, &clients, &[offered]).await?;
        document["protocol"] = json!(protocol);
        document["endpoints"] = json!([address.to_string()]);
        gateway.put("/admin/v1/routes/x", &document).await?;
        let reply = http::get(&url, &[("authorization", &token)]).await?;
        let seen = reply.json();
        assert_eq!(reply.status, 200, "{protocol} {}", reply.text());
        assert_eq!(
            (&seen["certificate"], &seen["http2"], &seen["authorization"]),
            (&json!(true), &json!(protocol == "http2"), &json!(true)),
            "{seen}"
        );
        if protocol == "http2" {
            assert_eq!(seen["authority"], "orders.internal", "{seen}");
        }
    }
    // Without its certificate, with somebody else's authority, under another name, without HTTP/2 there.
    let only1 = guarded(&server, &clients, &[b"http/1.1"]).await?;
    for (member, value) in [
        ("certificate", Value::Null),
        ("ca", json!(clients.pem())),
        ("server_name", json!("other.internal")),
        ("", Value::Null),
    ] {
        let mut wrong = document.clone();
        wrong["endpoints"] = json!([only1.to_string()]);
        if !member.is_empty() {
            wrong["protocol"] = json!("http1");
            wrong["tls"][member] = value;
        }
        if member == "certificate" {
            wrong["tls"]["key"] = Value::Null;
        }
        gateway.put("/admin/v1/routes/x", &wrong).await?;
        let reply = http::get(&url, &[("authorization", &token)]).await?;
        assert_eq!(reply.status, 502, "{member}: {}", reply.text());
        assert!(reply.json()["correlation"].is_string(), "{member}");
    }
    Ok(())
}

#[tokio::test]
async fn px_13_an_exchange_of_one_route_is_no_others() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let upstream = upstream::start().await?;
    let token = format!("Bearer {}", issuer.id_token("dana", WEB.0)?);
    for (name, change) in [
        ("get", json!({"methods": ["GET"]})),
        ("post", json!({"methods": ["POST"]})),
        ("host", json!({"host": "b.example"})),
        ("path", json!({"path_prefix": "/other"})),
    ] {
        let mut route = json!({
            "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS,
            "subject_token_type": ID_TOKEN,
        });
        for (member, value) in change.as_object().into_iter().flatten() {
            route[member] = value.clone();
        }
        gateway
            .put(&format!("/admin/v1/routes/{name}"), &route)
            .await?;
    }
    let mut sent = Vec::new();
    for (method, path, host) in [
        (Method::GET, "/x", "a.example"),
        (Method::POST, "/x", "a.example"),
        (Method::GET, "/x", "b.example"),
        (Method::GET, "/other/x", "a.example"),
    ] {
        let url = format!("{}{path}", gateway.public);
        for _ in 0..2 {
            let headers = [("authorization", token.as_str()), ("host", host)];
            let seen = http::send(method.clone(), &url, &headers, "").await?.json();
            sent.push(seen["headers"]["authorization"].to_string());
        }
    }
    let mut apart = sent.clone();
    apart.dedup();
    assert_eq!(
        apart.len(),
        4,
        "twice the same, four times another: {sent:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_listener_has_bounds_of_its_own() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        config.public.limits.header_count = Some(10);
        config.public.limits.connections = Some(2);
        config.admin.limits.header_count = Some(40);
    })
    .await?;
    let many: Vec<(String, String)> = (0..20)
        .map(|index| (format!("x-{index}"), "1".to_owned()))
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let url = format!("{}/nowhere", gateway.public);
    assert_eq!(http::get(&url, &many).await?.status, 431);
    let admin = format!("{}/livez", gateway.admin);
    assert_eq!(http::get(&admin, &many).await?.status, 200);
    let mut kept = Vec::new();
    for _ in 0..40 {
        // Those before may still be on their way out.
        let mut connection = http::Connection::open(&url).await?;
        if connection.send(Method::GET, &url, &[], "").await.is_ok() {
            kept.push(connection);
        }
        if kept.len() == 2 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(kept.len(), 2);
    assert!(http::get(&url, &[]).await.is_err(), "one too many");
    let metrics = http::get(&format!("{}/metrics", gateway.admin), &[])
        .await?
        .text();
    assert!(
        !metrics.contains("cambist_connections_turned_away_total{listener=\"public\"} 0"),
        "{metrics}"
    );
    Ok(())
}
