//! Upstreams of the reverse proxy, through the real listener.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure},
    issuer::Issuer,
    upstream,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{INSTANCE, Outcome, with_partner};

async fn route(gateway: &TestGateway, upstream: &str, members: &Value) -> Outcome {
    let mut document = json!({"upstream": upstream, "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN});
    for (member, value) in members.as_object().ok_or("members")? {
        document[member] = value.clone();
    }
    gateway
        .put("/admin/v1/routes/orders", &document)
        .await
        .map(drop)
}

fn bearer(issuer: &Issuer) -> Result<String, Failure> {
    Ok(format!("Bearer {}", issuer.id_token("dana", WEB.0)?))
}

/// Switches whatever it is asked to, and echoes.
async fn switching() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                stream
                    .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                    .await?;
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    Ok(url)
}

#[tokio::test]
async fn px_10_a_client_switches_protocols_through_the_listener() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    route(
        &gateway,
        &switching().await?,
        &json!({"upgrades": ["websocket"]}),
    )
    .await?;
    let address = gateway.public.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: {}\r\n\r\n",
        bearer(&issuer)?
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stream.write_all(b"ping").await?;
    let mut echoed = [0; 4];
    stream.read_exact(&mut echoed).await?;
    assert_eq!(&echoed, b"ping");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_is_down_costs_no_request() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let up = upstream::start().await?;
    let down = TcpListener::bind("127.0.0.1:0").await?;
    let down_at = down.local_addr()?.to_string();
    drop(down);
    let up_at = up.url().trim_start_matches("http://").to_owned();
    let members = json!({
        "endpoints": [down_at, up_at], "eject_after": 0,
        "health_check": {"path": "/livez", "every_seconds": 1, "unhealthy_after": 1, "healthy_after": 1},
    });
    route(&gateway, "http://orders.internal", &members).await?;
    let token = bearer(&issuer)?;
    let url = format!("{}/x", gateway.public);
    for _ in 0..10 {
        let reply = http::get(&url, &[("authorization", &token)]).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["headers"]["host"], "orders.internal");
    }
    Ok(())
}

#[tokio::test]
async fn mistakes_about_the_upstream_are_named() -> Outcome {
    let (gateway, _issuer) = with_partner().await?;
    for (member, value, path) in [
        ("endpoints", json!(["a:1", "http://b"]), "endpoints[1]"),
        ("protocol", json!("http3"), "protocol"),
        ("tls", json!({"ca": "x"}), "tls"),
        ("tls", json!({"certificate": "x", "key": "none"}), "tls.key"),
        ("upgrades", json!(["h2c"]), "upgrades[0]"),
        ("trailers", json!(["authorization"]), "trailers[0]"),
        ("health_check", json!({"path": "x"}), "health_check.path"),
        ("max_requests", json!(0), "max_requests"),
        ("total_seconds", json!(0), "total_seconds"),
        ("connect_seconds", json!(61), "connect_seconds"),
    ] {
        let mut document = json!({"upstream": "http://a", "anonymous": "only"});
        document[member] = value;
        let refused = gateway
            .admin(Method::PUT, "/admin/v1/routes/x", document.to_string())
            .await?;
        let problem = refused.json();
        assert_eq!(
            (refused.status.as_u16(), problem["path"].as_str()),
            (422, Some(path)),
            "{problem}"
        );
    }
    Ok(())
}
