//! Connections between requests: kept for as long as is said, at little cost, and never taken for idle while
//! something is under way.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{gateway::TestGateway, http::Failure, mirror::Files, raw::address, tls::Client};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::Outcome;

/// Longer than a connection may be idle before it is parked.
const LONG: Duration = Duration::from_secs(5);

/// The head of the answer to a request for `path`.
async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
) -> Result<String, Failure> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    until(stream, "\r\n\r\n").await
}

async fn until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> Result<String, Failure> {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(timeout(2 * LONG, stream.read_u8()).await??));
    }
    Ok(text)
}

#[tokio::test]
async fn px_18_a_connection_that_waited_is_served_again() -> Outcome {
    let files = Files::new()?;
    let tls = files.tls();
    let plain = TestGateway::start().await?;
    let secure = TestGateway::start_with(|config| config.public.tls = tls).await?;
    let mut connection = TcpStream::connect(address(&plain.public)?).await?;
    let mut encrypted = Client::trusting(&files.authority)
        .connect(address(&secure.public)?)
        .await?;
    for round in 0..3 {
        for head in [
            ask(&mut connection, "/nowhere").await?,
            ask(&mut encrypted, "/nowhere").await?,
        ] {
            assert!(head.starts_with("HTTP/1.1 404 "), "{round}: {head}");
        }
        sleep(LONG).await;
    }
    // A request that comes in pieces after the wait.
    for piece in ["GET /nowhere HT", "TP/1.1\r\nHo", "st: a\r\n\r\n"] {
        connection.write_all(piece.as_bytes()).await?;
        sleep(Duration::from_millis(300)).await;
    }
    let head = until(&mut connection, "\r\n\r\n").await?;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    Ok(())
}

#[tokio::test]
async fn px_14_a_connection_waits_no_longer_than_it_may() -> Outcome {
    let gateway = TestGateway::start_with(|config| config.limits.keep_alive_seconds = 1).await?;
    let mut connection = TcpStream::connect(address(&gateway.public)?).await?;
    ask(&mut connection, "/nowhere").await?;
    let began = Instant::now();
    let mut rest = Vec::new();
    timeout(2 * LONG, connection.read_to_end(&mut rest)).await??;
    assert!(rest.is_empty() && began.elapsed() > Duration::from_secs(1));
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_stops_does_not_wait_for_waiting_connections() -> Outcome {
    let gateway = TestGateway::start().await?;
    let mut connection = TcpStream::connect(address(&gateway.public)?).await?;
    ask(&mut connection, "/nowhere").await?;
    sleep(LONG).await;
    let began = Instant::now();
    gateway.stop().await?;
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    assert_eq!(connection.read(&mut [0; 8]).await?, 0);
    Ok(())
}

/// The upstream takes its time for the head, and again for the rest of the body.
#[tokio::test]
async fn px_14_what_is_under_way_is_not_idle() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if until(&mut stream, "\r\n\r\n").await.is_err() {
                continue;
            }
            sleep(LONG).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                .await;
            sleep(LONG).await;
            let _ = stream.write_all(b"rest").await;
        }
    });
    let gateway = TestGateway::start().await?;
    gateway
        .put(
            "/admin/v1/routes/slow",
            &json!({"upstream": url, "anonymous": "only"}),
        )
        .await?;
    let mut connection = TcpStream::connect(address(&gateway.public)?).await?;
    let head = ask(&mut connection, "/x").await?;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(until(&mut connection, "rest").await?, "halfrest");
    Ok(())
}
