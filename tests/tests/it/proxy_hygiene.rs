//! Requests that two readers could read differently, over raw sockets. Behind the gateway stands an API that
//! tells what reached it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cambist_token::jose::Algorithm;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::Failure,
    issuer::{Issuer, now},
    raw::{address, exchange, rest, statuses},
    server::{Received, Server, json as answer},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{INSTANCE, Outcome};

/// A gateway with a route for everything, and what reached the API behind it.
struct Routed {
    gateway: TestGateway,
    address: SocketAddr,
    credential: String,
    received: Arc<Mutex<Vec<Value>>>,
    _issuer: Issuer,
    _upstream: Server,
}

impl Routed {
    async fn start() -> Result<Self, Failure> {
        let gateway = TestGateway::start_with(|config| config.limits.header_seconds = 2).await?;
        let issuer = Issuer::start(Algorithm::Es256).await?;
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let upstream = Server::start(move |request: Received| {
            let headers: Vec<(String, String)> = request
                .head
                .headers
                .iter()
                .map(|(name, value)| {
                    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), text)
                })
                .collect();
            let seen = json!({
                "method": request.head.method.as_str(),
                "path": request.head.uri.to_string(),
                "headers": headers,
                "body": String::from_utf8_lossy(&request.body),
            });
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(seen);
            answer(&json!({"ok": true}))
        })
        .await?;
        gateway.put_partner(&issuer).await?;
        gateway
            .put(
                "/admin/v1/instances/alpha/orders",
                &documents::with_partner(),
            )
            .await?;
        let route = json!({"path_prefix": "/", "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN});
        gateway.put("/admin/v1/routes/all", &route).await?;
        let token = issuer.sign(
            "JWT",
            json!({"sub": "dana", "aud": WEB.0, "azp": "app", "iat": now(), "exp": now() + 600}),
        )?;
        Ok(Self {
            address: address(&gateway.public)?,
            credential: format!("Authorization: Bearer {token}\r\n"),
            gateway,
            received,
            _issuer: issuer,
            _upstream: upstream,
        })
    }

    fn received(&self) -> Vec<Value> {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A GET of `/a` with these header lines, each with its line end.
    fn head(&self, lines: &str) -> String {
        format!(
            "POST /a HTTP/1.1\r\nHost: api\r\n{}{lines}\r\n",
            self.credential
        )
    }

    /// `bytes`, which are to be refused with 400, and a request behind them, which is to reach nobody.
    async fn refused(&self, bytes: &str) -> Outcome {
        let smuggled = format!(
            "{bytes}GET /smuggled HTTP/1.1\r\nHost: api\r\n{}\r\n",
            self.credential
        );
        let text = exchange(self.address, &smuggled).await?;
        let shown = bytes.replace(&self.credential, "");
        assert_eq!(statuses(&text), [400], "{shown:?}: {text}");
        assert_eq!(self.received(), Vec::<Value>::new(), "{shown:?}");
        Ok(())
    }

    /// The only request that reached the API.
    async fn forwarded(&self, bytes: &str) -> Result<Value, Failure> {
        let text = exchange(self.address, bytes).await?;
        assert_eq!(statuses(&text), [200], "{bytes:?}: {text}");
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.pop().ok_or_else(|| "nothing".into())
    }
}

fn values<'a>(received: &'a Value, wanted: &str) -> Vec<&'a str> {
    let headers = received["headers"].as_array().into_iter().flatten();
    headers
        .filter(|pair| pair[0] == wanted)
        .filter_map(|pair| pair[1].as_str())
        .collect()
}

#[tokio::test]
async fn px_01_a_length_said_twice_is_refused_and_the_connection_ends() -> Outcome {
    let routed = Routed::start().await?;
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: \r\n",
    ] {
        routed.refused(&routed.head(lines)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn px_02_any_other_transfer_encoding_is_refused() -> Outcome {
    let routed = Routed::start().await?;
    for lines in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        routed.refused(&routed.head(lines)).await?;
    }
    let old = format!(
        "POST /a HTTP/1.0\r\nHost: api\r\n{}Transfer-Encoding: chunked\r\n\r\n",
        routed.credential
    );
    routed.refused(&old).await
}

#[tokio::test]
async fn px_03_not_exactly_one_good_host_is_refused() -> Outcome {
    let routed = Routed::start().await?;
    for (target, host) in [
        ("/a", ""),
        ("/a", "Host: a\r\nHost: b\r\n"),
        ("/a", "Host: a\r\nHost: a\r\n"),
        ("/a", "Host:\r\n"),
        ("/a", "Host: a,b\r\n"),
        ("/a", "Host: a@b\r\n"),
        ("/a", "Host: a b\r\n"),
        ("/a", "Host: a/b\r\n"),
        ("/a", "Host: a:b\r\n"),
        ("/a", "Host: [::1\r\n"),
        ("http://b/a", "Host: a\r\n"),
        ("http://a:81/a", "Host: a\r\n"),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\n{host}{}\r\n", routed.credential);
        routed.refused(&bytes).await?;
    }
    // The same holds for the other faces.
    for address in [routed.address, address(&routed.gateway.admin)?] {
        let text = exchange(address, "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await?;
        assert_eq!(statuses(&text), [400]);
        let text = exchange(address, "POST /oauth2/alpha/orders/token HTTP/1.1\r\n\r\n").await?;
        assert_eq!(statuses(&text), [400]);
        assert!(text.contains("application/problem+json"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn px_04_doubtful_lines_are_refused() -> Outcome {
    let routed = Routed::start().await?;
    for lines in [
        "X: 1\n",
        "X: 1\nY: 2\r\n",
        "X: 1\rY: 2\r\n",
        "X: a\0b\r\n",
        "X: a\r\n b\r\n",
        "X: a\r\n\tb\r\n",
        "X : a\r\n",
        "Content-Length : 3\r\n",
        "X\r\n",
        ": a\r\n",
        "X{}: a\r\n",
    ] {
        routed.refused(&routed.head(lines)).await?;
    }
    for line in [
        "GET /a HTTP/1.1\n",
        "GET /a HTTP/1.2\r\n",
        "GET /a\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET  /a HTTP/1.1\r\n",
    ] {
        routed
            .refused(&format!("{line}Host: api\r\n{}\r\n", routed.credential))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn px_05_chunks_not_written_as_they_should_never_end_a_request() -> Outcome {
    let routed = Routed::start().await?;
    let head = routed.head("Transfer-Encoding: chunked\r\n");
    let seen = routed
        .forwarded(&format!(
            "{}5;x=\"y\"\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
            routed.head("Transfer-Encoding: chunked\r\nConnection: close\r\n")
        ))
        .await?;
    assert_eq!(seen["body"], "hello");
    assert!(
        !seen.to_string().contains("x=\\\"y"),
        "extensions stay here"
    );
    assert!(values(&seen, "x-trailer").is_empty(), "PX-12");
    for body in [
        "5;x=\"y\r\nhello\r\n0\r\n\r\n",
        "5;x=y\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
    ] {
        let smuggled = format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: api\r\n\r\n");
        let text = exchange(routed.address, &smuggled).await?;
        let statuses = statuses(&text);
        assert!(
            statuses.len() <= 1 && statuses.iter().all(|status| *status == 400),
            "{body:?}: {text}"
        );
        let whole = routed.received();
        assert!(
            whole.iter().all(|seen| seen["body"] != "hello"),
            "{body:?}: {whole:?}"
        );
        assert!(
            whole.iter().all(|seen| seen["path"] != "/smuggled"),
            "{body:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn px_06_connection_names_nothing_away() -> Outcome {
    let routed = Routed::start().await?;
    let seen = routed
        .forwarded(&routed.head(
            "Connection: close, authorization, x-forwarded-for, host, x-other\r\nX-Other: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\n",
        ))
        .await?;
    assert_eq!(values(&seen, "authorization").len(), 1);
    assert_eq!(values(&seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&seen, "host").len(), 1);
    for name in [
        "x-other",
        "keep-alive",
        "te",
        "proxy-authorization",
        "connection",
    ] {
        assert!(values(&seen, name).is_empty(), "{name}: {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn px_07_px_08_what_the_gateway_says_nobody_else_says() -> Outcome {
    let routed = Routed::start().await?;
    let seen = routed
        .forwarded(&routed.head(
            "Connection: close\r\nX_Forwarded_For: 1\r\nX.Forwarded.For: 1\r\nX-Forwarded-For: 1\r\nX-Forwarded-Prefix: /x\r\nX_Forwarded_Proto: https\r\nForwarded: for=1\r\nX-Original-URL: /x\r\nX-Envoy-Internal: 1\r\nX-Real-IP: 1\r\nClient-Cert: :AAAA:\r\nClient_Cert: :AAAA:\r\nX-Forwarded-Client-Cert: x\r\nAuthorization_: x\r\nTransfer_Encoding: chunked\r\nContent.Length: 9\r\n",
        ))
        .await?;
    assert_eq!(values(&seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&seen, "x-forwarded-proto"), ["http"]);
    for name in [
        "x_forwarded_for",
        "x.forwarded.for",
        "x-forwarded-prefix",
        "x_forwarded_proto",
        "forwarded",
        "x-original-url",
        "x-envoy-internal",
        "x-real-ip",
        "client-cert",
        "client_cert",
        "x-forwarded-client-cert",
        "transfer_encoding",
        "content.length",
    ] {
        assert!(values(&seen, name).is_empty(), "{name}: {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn px_09_paths_that_could_be_others_are_refused() -> Outcome {
    let routed = Routed::start().await?;
    for path in [
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "//a",
        "/a//b",
        "/a/..;x/b",
        "/a%00",
        "/a#b",
        "/a%",
        "/a%zz",
        "/\u{e4}",
        "/a%0d%0ab",
        "/a\x7fb",
    ] {
        let bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: api\r\n{}\r\n",
            routed.credential
        );
        routed.refused(&bytes).await?;
    }
    for path in ["/a", "/a/", "/a;x", "/%C3%A4", "/a?b=../c", "/A"] {
        let bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n{}\r\n",
            routed.credential
        );
        let seen = routed.forwarded(&bytes).await?;
        assert_eq!(seen["path"], path);
    }
    Ok(())
}

#[tokio::test]
async fn px_10_bytes_behind_an_upgrade_are_no_request_before_its_answer() -> Outcome {
    let routed = Routed::start().await?;
    // Without a credential the route refuses; what follows is a request of its own, and is judged as one.
    let text = exchange(
        routed.address,
        "GET /a HTTP/1.1\r\nHost: api\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x01\x02garbage\r\n\r\n",
    )
    .await?;
    let statuses = statuses(&text);
    assert!(statuses.iter().all(|status| *status >= 400), "{text}");
    assert_eq!(routed.received(), Vec::<Value>::new());
    let text = exchange(
        routed.address,
        "CONNECT api:80 HTTP/1.1\r\nHost: api:80\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    )
    .await?;
    assert!(
        text.starts_with("HTTP/1.1 501") || text.starts_with("HTTP/1.1 400"),
        "{text}"
    );
    assert_eq!(routed.received(), Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn duplicates_of_what_has_one_value_are_refused() -> Outcome {
    let routed = Routed::start().await?;
    routed.refused(&routed.head(&routed.credential)).await?;
    routed
        .refused(&routed.head("Content-Type: a/b\r\nContent-Type: c/d\r\n"))
        .await
}

#[tokio::test]
async fn px_14_slow_heads_and_bodies_are_given_up() -> Outcome {
    let gateway = TestGateway::start_with(|config| {
        config.limits.header_seconds = 1;
        config.limits.body_idle_seconds = 1;
    })
    .await?;
    let address = address(&gateway.public)?;
    for first in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\nX",
        "POST /oauth2/x/token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    ] {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(first.as_bytes()).await?;
        let started = std::time::Instant::now();
        rest(&mut stream).await?;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(6), "{first:?}: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn px_15_a_body_nobody_reads_is_not_a_request() -> Outcome {
    let routed = Routed::start().await?;
    let body = "GET /smuggled HTTP/1.1\r\nHost: api\r\n\r\n".repeat(4000);
    let bytes = format!(
        "POST /a HTTP/1.1\r\nHost: api\r\nContent-Length: {}\r\n\r\n{body}{}",
        body.len(),
        routed.head("Connection: close\r\n"),
    );
    let text = exchange(routed.address, bytes).await?;
    assert_eq!(statuses(&text), [401, 200], "{text}");
    assert_eq!(routed.received().len(), 1);
    Ok(())
}

#[tokio::test]
async fn limits_on_heads_have_answers() -> Outcome {
    let routed = Routed::start().await?;
    let many = "X: 1\r\n".repeat(101);
    let text = exchange(routed.address, routed.head(&many)).await?;
    assert_eq!(statuses(&text), [431], "{text}");
    let long = format!("X: {}\r\n", "a".repeat(40 * 1024));
    let text = exchange(routed.address, routed.head(&long)).await?;
    assert_eq!(statuses(&text), [431], "{text}");
    assert_eq!(routed.received(), Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn good_requests_follow_each_other_on_one_connection() -> Outcome {
    let routed = Routed::start().await?;
    let get = routed.head("Content-Length: 0\r\n");
    let post = routed.head("Content-Length: 5\r\n") + "a\nb\0c";
    let chunked = routed.head("Transfer-Encoding: chunked\r\n") + "3\r\na\nb\r\n0\r\n\r\n";
    let last = routed.head("Connection: close\r\n");
    let text = exchange(
        routed.address,
        format!("{get}{post}\r\n{chunked}{get}{last}"),
    )
    .await?;
    assert_eq!(statuses(&text), [200; 5], "{text}");
    let bodies: Vec<_> = routed
        .received()
        .iter()
        .map(|seen| seen["body"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(bodies, ["", "a\nb\0c", "a\nb", "", ""]);
    Ok(())
}
