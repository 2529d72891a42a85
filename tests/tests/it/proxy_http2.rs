//! HTTP/2 at the listeners: agreed on, forwarded as one request, and bounded.

use std::net::SocketAddr;

use bytes::Bytes;
use cambist::config::{Hops, Http2};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::Failure,
    issuer::now,
    mirror::{Files, mirror},
    raw::{
        address, exchange,
        http2::{
            CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, PING, RST_STREAM,
            SETTINGS, WINDOW_UPDATE, connect, fields, frame, get, outcome,
        },
        statuses,
    },
    tls::Client,
    upstream,
};
use tokio::io::AsyncWriteExt as _;

use crate::{INSTANCE, Outcome as Done, with_partner_at};

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A gateway that takes HTTP/2 without TLS.
async fn plain() -> Result<(TestGateway, SocketAddr), Failure> {
    let gateway = TestGateway::start_with(|config| config.public.http2 = Http2::Always).await?;
    let address = address(&gateway.public)?;
    Ok((gateway, address))
}

/// That a new connection is served.
async fn is_well(address: SocketAddr) -> Done {
    let mut stream = connect(address).await?;
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/nowhere", &[]));
    stream.write_all(&request).await?;
    let found = outcome(&mut stream, 1).await?;
    // 404 is in the static table.
    assert_eq!(found, Outcome::Answered(0x8d));
    Ok(())
}

#[tokio::test]
async fn an_encrypted_connection_agrees_on_it() -> Done {
    let files = Files::new()?;
    let (address, _drain) = mirror(&files.tls(), Hops::default())?;
    for (offered, agreed) in [
        (
            &[b"h2" as &[u8], b"http/1.1"] as &[&[u8]],
            Some(b"h2" as &[u8]),
        ),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let client = Client {
            protocols: offered,
            ..Client::trusting(&files.authority)
        };
        let stream = client.connect(address).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
    let other = Client {
        protocols: &[b"spdy/3"],
        ..Client::trusting(&files.authority)
    };
    assert!(other.connect(address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_proxied_request_is_the_same_as_in_http1() -> Done {
    let files = Files::new()?;
    let gateway = TestGateway::start_with(|config| config.public.tls = files.tls()).await?;
    let (gateway, issuer) = with_partner_at(gateway).await?;
    let upstream = upstream::start().await?;
    let route = json!({"path_prefix": "/", "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN});
    gateway.put("/admin/v1/routes/all", &route).await?;
    let token = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": WEB.0, "azp": "app", "iat": now(), "exp": now() + 600}),
    )?;
    let client = Client {
        protocols: &[b"h2"],
        ..Client::trusting(&files.authority)
    };
    let stream = client.connect(address(&gateway.public)?).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    for length in [4_usize, 200_000] {
        let request = Request::post("https://api.example/orders?x=1")
            .header("authorization", format!("Bearer {token}"))
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::new(Bytes::from(vec![b'x'; length])))?;
        let response = sender.send_request(request).await?;
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, Version::HTTP_2)
        );
        let received: Value =
            serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
        assert_eq!(received["path"], "/orders?x=1");
        assert_eq!(received["body_bytes"], length);
        let headers = &received["headers"];
        assert_eq!(headers["cookie"], "a=1; b=2");
        assert_eq!(headers["x-forwarded-host"], "api.example");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_ne!(headers["authorization"], format!("Bearer {token}"));
    }
    Ok(())
}

#[tokio::test]
async fn without_tls_it_is_spoken_only_where_configured() -> Done {
    let (_gateway, address) = plain().await?;
    is_well(address).await?;
    let text = exchange(
        address,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await?;
    assert_eq!(statuses(&text), [404]);
    let usual = TestGateway::start().await?;
    let mut stream = connect(tests::raw::address(&usual.public)?).await?;
    let refused = tests::raw::rest(&mut stream).await?;
    assert!(
        !refused.contains("200") && !refused.starts_with('\0'),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn px_11_what_http1_could_not_carry_ends_its_stream() -> Done {
    let (_gateway, address) = plain().await?;
    let request = |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut all = vec![
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
        ];
        all.extend_from_slice(more);
        fields(&all)
    };
    for block in [
        request("GET", "/a", &[("x", "a\r\nb: c")]),
        request("GET", "/a", &[("x", "a\nb")]),
        request("GET", "/a", &[("x", "a\0b")]),
        request("GET", "/a", &[("x\r\ny", "a")]),
        request("GET", "/a", &[("X-Upper", "a")]),
        request("GET", "/a b", &[]),
        request("GET", "/a\r\nHost: b", &[]),
        request("GET", "", &[]),
        request("G T", "/a", &[]),
        request("GET /b HTTP/1.1\r\n", "/a", &[]),
        request("GET", "/a", &[("transfer-encoding", "chunked")]),
        request("GET", "/a", &[("connection", "close")]),
        request("GET", "/a", &[("upgrade", "websocket")]),
        request("GET", "/a", &[("te", "gzip")]),
        request("GET", "/a", &[(":path", "/b")]),
        fields(&[(":method", "GET"), (":path", "/a")]),
    ] {
        let mut stream = connect(address).await?;
        stream
            .write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block))
            .await?;
        let found = outcome(&mut stream, 1).await?;
        let text = String::from_utf8_lossy(&block).into_owned();
        assert!(
            matches!(found, Outcome::Reset(PROTOCOL_ERROR) | Outcome::GoAway(PROTOCOL_ERROR))
                // 400 is in the static table.
                || found == Outcome::Answered(0x8c),
            "{text:?}: {found:?}"
        );
    }
    for (host, authority) in [("other", "localhost"), ("localhost", "a@localhost")] {
        let block = fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/a"),
            (":authority", authority),
            ("host", host),
        ]);
        let mut stream = connect(address).await?;
        stream
            .write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block))
            .await?;
        let found = outcome(&mut stream, 1).await?;
        assert_eq!(found, Outcome::Answered(0x8c), "PX-03");
    }
    // A length that the body does not have.
    for (body, length) in [("abc", "10"), ("abcdefghijk", "10")] {
        let block = request(
            "POST",
            "/oauth2/alpha/orders/token",
            &[("content-length", length)],
        );
        let mut stream = connect(address).await?;
        let mut bytes = frame(HEADERS, END_HEADERS, 1, &block);
        bytes.extend(frame(DATA, END_STREAM, 1, body.as_bytes()));
        stream.write_all(&bytes).await?;
        let found = outcome(&mut stream, 1).await?;
        assert_ne!(found, Outcome::Answered(0x88), "{body}");
    }
    is_well(address).await
}

/// Sends `flood` until the gateway ends the connection, or all is sent; then says how it ended.
async fn flood(
    address: SocketAddr,
    first: &[u8],
    pieces: impl Iterator<Item = Vec<u8>>,
) -> Result<Outcome, Failure> {
    let mut stream = connect(address).await?;
    stream.write_all(first).await?;
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend(piece);
        if bytes.len() > 16 * 1024 {
            // The gateway may have had enough, or not take more while its answers are not read.
            let sent =
                tokio::time::timeout(std::time::Duration::from_secs(2), stream.write_all(&bytes));
            if !matches!(sent.await, Ok(Ok(()))) {
                bytes.clear();
                break;
            }
            bytes.clear();
        }
    }
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), stream.write_all(&bytes)).await;
    let ended = outcome(&mut stream, u32::MAX);
    Ok(
        tokio::time::timeout(std::time::Duration::from_secs(5), ended)
            .await
            .unwrap_or(Ok(Outcome::Answered(0)))
            .unwrap_or(Outcome::Closed),
    )
}

#[tokio::test]
async fn h2_02_rapid_resets_end_the_connection() -> Done {
    let (_gateway, address) = plain().await?;
    let block = get("/nowhere", &[]);
    let pieces = (0..2000_u32).map(|index| {
        let id = index * 2 + 1;
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, id, &block);
        bytes.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        bytes
    });
    let ended = flood(address, &[], pieces).await?;
    assert!(
        matches!(ended, Outcome::GoAway(ENHANCE_YOUR_CALM) | Outcome::Closed),
        "{ended:?}"
    );
    is_well(address).await
}

#[tokio::test]
async fn h2_02_resets_that_the_gateway_is_made_to_send_end_the_connection() -> Done {
    let (_gateway, address) = plain().await?;
    let block = get("/nowhere", &[]);
    let pieces = (0..2000_u32).map(|index| {
        let id = index * 2 + 1;
        let mut bytes = frame(HEADERS, END_HEADERS, id, &block);
        // An increment of nothing is an error of the stream (RFC 9113 §6.9).
        bytes.extend(frame(WINDOW_UPDATE, 0, id, &[0; 4]));
        bytes
    });
    let ended = flood(address, &[], pieces).await?;
    assert!(
        matches!(ended, Outcome::GoAway(_) | Outcome::Closed),
        "{ended:?}"
    );
    is_well(address).await
}

#[tokio::test]
async fn h2_02_headers_without_end_end_the_connection() -> Done {
    let (_gateway, address) = plain().await?;
    let first = frame(HEADERS, END_STREAM, 1, &get("/nowhere", &[]));
    let more = fields(&[("x-filler", "a".repeat(100).as_str()); 100]);
    let ended = flood(
        address,
        &first,
        (0..5000).map(|_| frame(CONTINUATION, 0, 1, &more)),
    )
    .await?;
    assert!(
        matches!(ended, Outcome::GoAway(_) | Outcome::Closed),
        "{ended:?}"
    );
    is_well(address).await
}

#[tokio::test]
async fn h2_02_floods_of_pings_settings_and_empty_frames_are_borne() -> Done {
    let (_gateway, address) = plain().await?;
    let memory = || -> Result<u64, Failure> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.ok_or("no VmRSS")?.parse()?)
    };
    let before = memory()?;
    let post = frame(
        HEADERS,
        END_HEADERS,
        1,
        &fields(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/oauth2/alpha/orders/token"),
            (":authority", "localhost"),
        ]),
    );
    flood(
        address,
        &[],
        (0..200_000).map(|_| frame(PING, 0, 0, &[0; 8])),
    )
    .await?;
    flood(
        address,
        &[],
        (0..200_000).map(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])),
    )
    .await?;
    flood(address, &post, (0..200_000).map(|_| frame(DATA, 0, 1, &[]))).await?;
    let grown = memory()?.saturating_sub(before);
    assert!(grown < 100 * 1024, "{grown} KiB more");
    is_well(address).await
}

#[tokio::test]
async fn h2_03_a_header_list_that_is_too_large_has_an_answer() -> Done {
    let (_gateway, address) = plain().await?;
    // 16 KiB on the wire at most per frame; 33 KiB in all, as they are counted (RFC 9113 §6.5.2).
    let filler = "a".repeat(100);
    let mut stream = connect(address).await?;
    let mut bytes = frame(HEADERS, END_STREAM, 1, &get("/nowhere", &[]));
    let block = fields(&[("x-filler", filler.as_str()); 90]);
    for index in 0..3 {
        let flags = if index == 2 { END_HEADERS } else { 0 };
        bytes.extend(frame(CONTINUATION, flags, 1, &block));
    }
    stream.write_all(&bytes).await?;
    let found = outcome(&mut stream, 1).await?;
    // 431 is not in the static table: it comes as a literal.
    assert!(
        matches!(
            found,
            Outcome::Reset(_) | Outcome::GoAway(_) | Outcome::Answered(0x08 | 0x48)
        ),
        "{found:?}"
    );
    let many: Vec<(String, &str)> = (0..101).map(|index| (format!("x-{index}"), "1")).collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let mut stream = connect(address).await?;
    stream
        .write_all(&frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            1,
            &get("/nowhere", &many),
        ))
        .await?;
    assert!(matches!(
        outcome(&mut stream, 1).await?,
        Outcome::Answered(0x08 | 0x48)
    ));
    is_well(address).await
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused() -> Done {
    let gateway = TestGateway::start_with(|config| {
        config.public.http2 = Http2::Always;
        config.limits.http2_streams = 2;
    })
    .await?;
    let address = address(&gateway.public)?;
    let mut stream = connect(address).await?;
    let mut bytes = Vec::new();
    for id in [1, 3, 5] {
        // Without END_STREAM they stay open.
        let block = fields(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/oauth2/alpha/orders/token"),
            (":authority", "localhost"),
            ("content-length", "9"),
        ]);
        bytes.extend(frame(HEADERS, END_HEADERS, id, &block));
    }
    stream.write_all(&bytes).await?;
    // REFUSED_STREAM (RFC 9113 §5.1.2).
    assert_eq!(outcome(&mut stream, 5).await?, Outcome::Reset(7));
    Ok(())
}

#[tokio::test]
async fn draining_lets_streams_finish() -> Done {
    let (gateway, address) = plain().await?;
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = || Request::get("http://localhost/nowhere").body(Empty::<Bytes>::new());
    assert_eq!(sender.send_request(request()?).await?.status(), 404);
    gateway.stop().await?;
    // It said goodbye instead of breaking off.
    connection.await??;
    Ok(())
}
