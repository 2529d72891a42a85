//! Upstreams that do not answer as they should: an error with a correlation, or an answer that is seen to be
//! broken, and nothing of it in anybody else's answer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tests::{
    gateway::TestGateway,
    http::{self, Failure},
    raw,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::Outcome;

/// An upstream that sends these bytes for each head it reads, and then does as it is told.
async fn saying(bytes: &'static [u8], then: Then) -> Result<(String, Arc<AtomicUsize>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                loop {
                    // A socket that is closed over unread bytes resets.
                    let end = match then {
                        Then::Resets => &b"\r\n\r"[..],
                        Then::Stays | Then::Closes => b"\r\n\r\n",
                    };
                    let mut head = Vec::new();
                    while !head.ends_with(end) {
                        head.push(stream.read_u8().await?);
                    }
                    counted.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(bytes).await?;
                    match then {
                        Then::Stays => {}
                        Then::Closes => return stream.shutdown().await,
                        Then::Resets => return Ok(()),
                    }
                }
            });
        }
    });
    Ok((url, count))
}

#[derive(Clone, Copy)]
enum Then {
    Stays,
    Closes,
    Resets,
}

async fn gateway(upstream: &str) -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    let document =
        json!({"upstream": upstream, "anonymous": "only", "timeout_seconds": 1, "idle_seconds": 1});
    gateway.put("/admin/v1/routes/x", &document).await?;
    Ok(gateway)
}

/// What a client sees of one answer.
async fn seen(gateway: &TestGateway) -> Result<String, Failure> {
    let address = raw::address(&gateway.public)?;
    raw::exchange(
        address,
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_with_a_correlation() -> Outcome {
    for (bytes, then, status) in [
        (&b""[..], Then::Closes, 502),
        (b"", Then::Resets, 502),
        (b"", Then::Stays, 504),
        (b"HTTP/1.1 200", Then::Closes, 502),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Then::Resets, 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: ", Then::Stays, 504),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Then::Closes, 502),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            Then::Closes,
            502,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            Then::Closes,
            502,
        ),
        (b"HTTP/1.1 200 OK\r\nX-A : b\r\n\r\n", Then::Closes, 502),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Then::Stays,
            502,
        ),
    ] {
        let (url, count) = saying(bytes, then).await?;
        let gateway = gateway(&url).await?;
        let reply = http::get(&format!("{}/x", gateway.public), &[]).await?;
        let problem = reply.json();
        assert_eq!(reply.status, status, "{bytes:?} {problem}");
        assert_eq!(
            problem["correlation"].as_str().map(str::len),
            Some(16),
            "{bytes:?} {problem}"
        );
        assert_eq!(count.load(Ordering::Relaxed), 1, "PX-17: {bytes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn half_an_answer_never_looks_whole() -> Outcome {
    for (bytes, then) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"[..],
            Then::Closes,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            Then::Resets,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            Then::Stays,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            Then::Closes,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            Then::Stays,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
            Then::Closes,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n",
            Then::Closes,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
            Then::Closes,
        ),
    ] {
        let (url, _) = saying(bytes, then).await?;
        let gateway = gateway(&url).await?;
        assert!(
            http::get(&format!("{}/x", gateway.public), &[])
                .await
                .is_err(),
            "{bytes:?}"
        );
        let text = seen(&gateway).await?;
        assert!(!text.ends_with("0\r\n\r\n"), "{bytes:?} {text}");
        assert!(
            !text.contains("Content-Length: 4") && !text.contains("content-length: 4"),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_comes_behind_an_answer_is_in_no_other() -> Outcome {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let (url, _) = saying(bytes, Then::Stays).await?;
        let gateway = gateway(&url).await?;
        // One more failure would take the upstream out of use.
        for _ in 0..4 {
            match http::get(&format!("{}/x", gateway.public), &[]).await {
                Ok(reply) if reply.status == 200 => assert_eq!(reply.text(), "good", "{bytes:?}"),
                Ok(reply) => assert_eq!(reply.status, 502, "{bytes:?}"),
                Err(_) => {}
            }
        }
    }
    Ok(())
}
