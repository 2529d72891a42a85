//! Ways to an upstream: several endpoints, HTTP/2, other protocols.

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{support::serve, *};

async fn gateway(upstream: &str, members: &serde_json::Value) -> Gateway {
    Gateway::start(route(upstream, members), Duration::ZERO).await
}

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_passed_over_whatever_the_method() {
    let (down, up) = (nobody().await, Upstream::echo().await);
    let members = json!({"endpoints": [down, up.address.to_string()], "eject_after": 0});
    let gateway = gateway("http://orders.example:1", &members).await;
    for _ in 0..6 {
        let request = gateway
            .request("POST", "/")
            .body(Full::<bytes::Bytes>::from("body"))
            .unwrap();
        let answer = whole(gateway.send(request).await).await;
        assert_eq!(answer, (200, "body".to_owned()));
    }
    assert_eq!(up.count(), 6);
    assert_eq!(up.latest("host"), ["orders.example:1"]);
}

#[tokio::test]
async fn requests_go_where_the_fewest_are() {
    let slow = Upstream::start(|_| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Response::new(Full::<bytes::Bytes>::default())
    })
    .await;
    let fast = Upstream::echo().await;
    let members = json!({"endpoints": [slow.address.to_string(), fast.address.to_string()]});
    let gateway = Arc::new(gateway("http://a", &members).await);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.get("/").await.0 })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..8 {
        assert_eq!(gateway.get("/").await.0, 200);
    }
    for request in waiting {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert!(
        slow.count() <= 3 && fast.count() >= 8,
        "{} to the slow one",
        slow.count()
    );
}

#[tokio::test]
async fn an_upstream_that_keeps_failing_is_left_alone_for_a_while() {
    let down = nobody().await;
    let gateway = gateway(&format!("http://{down}"), &json!({"eject_after": 3})).await;
    for _ in 0..3 {
        assert_eq!(gateway.get("/").await.0, 502);
    }
    let (status, body) = gateway.get("/").await;
    assert_eq!(status, 503);
    assert!(body.contains("c-1"), "{body}");
    let listener = TcpListener::bind(&down).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let echo = |request: Request<Incoming>| async { Response::new(request.into_body()) };
            tokio::spawn(serve(TokioIo::new(stream), echo, Arc::default()));
        }
    });
    assert_eq!(gateway.get("/").await.0, 503, "still");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(gateway.get("/").await.0, 200, "one tries");
    assert_eq!(gateway.get("/").await.0, 200, "and then all");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_may_be() {
    let upstream = Upstream::start(|_| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Response::new(Full::<bytes::Bytes>::default())
    })
    .await;
    let gateway = gateway(&upstream.url(), &json!({"max_requests": 1})).await;
    let (first, second) = tokio::join!(gateway.get("/"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        gateway.get("/").await
    });
    assert_eq!((first.0, second.0), (200, 503));
    assert_eq!(gateway.get("/").await.0, 200);
}

#[tokio::test]
async fn an_old_connection_is_not_used_again() {
    let upstream = Upstream::echo().await;
    let gateway = gateway(&upstream.url(), &json!({"connection_seconds": 1})).await;
    gateway.get("/").await;
    gateway.get("/").await;
    assert_eq!(upstream.connections(), 1);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    gateway.get("/").await;
    assert_eq!(upstream.connections(), 2, "the name is resolved again");
}

/// Answers in gRPC's manner over HTTP/2: a piece of data, then trailers.
async fn grpc() -> (String, Arc<std::sync::Mutex<Vec<Parts>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<std::sync::Mutex<Vec<Parts>>>::default();
    let heads = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let heads = Arc::clone(&heads);
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let (head, body) = request.into_parts();
                heads.lock().unwrap().push(head);
                async move {
                    let sent = body.collect().await.unwrap().to_bytes();
                    let mut trailers = HeaderMap::new();
                    for (name, value) in [
                        ("grpc-status", "0"),
                        ("authorization", "evil"),
                        ("x-other", "1"),
                    ] {
                        trailers.append(name, value.parse().unwrap());
                    }
                    let body =
                        Full::new(sent).with_trailers(std::future::ready(Some(Ok(trailers))));
                    Ok::<_, std::convert::Infallible>(Response::new(body))
                }
            });
            tokio::spawn(async move {
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (url, seen)
}

#[tokio::test]
async fn px_12_grpc_gets_its_trailers_and_no_others() {
    let (url, seen) = grpc().await;
    let route = route(&url, &json!({"protocol": "http2"}));
    let origin = &route.origin;
    let upstreams =
        Upstreams::new(crate::egress::tls::trusting(rustls::RootCertStore::empty()).unwrap());
    let limits = Limits {
        head: route.timeout,
        idle: route.idle,
        total: None,
    };
    for _ in 0..3 {
        let body = crate::body::Incoming::Whole("ping".into());
        let mut request = Request::new(());
        *request.uri_mut() = "/pkg.Service/Call".parse().unwrap();
        request
            .headers_mut()
            .insert("te", "trailers".parse().unwrap());
        let response = upstreams
            .send(&mut request, body, origin, limits)
            .await
            .unwrap();
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap();
        assert_eq!(trailers.len(), 1, "{trailers:?}");
        assert_eq!(trailers["grpc-status"], "0");
        assert_eq!(collected.to_bytes(), "ping");
    }
    let seen = seen.lock().unwrap();
    let head = &seen[0];
    assert_eq!(head.version, Version::HTTP_2);
    assert_eq!(head.uri.to_string(), format!("{url}/pkg.Service/Call"));
    assert_eq!(head.headers["te"], "trailers");
    assert!(!head.headers.contains_key("host") && !head.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn requests_share_an_http2_connection_and_carry_the_new_token() {
    let (url, seen) = grpc().await;
    let gateway = gateway(&url, &json!({"protocol": "http2"})).await;
    let request = gateway
        .request("POST", "/a?b")
        .body(Full::<bytes::Bytes>::from("body"))
        .unwrap();
    let answer = whole(gateway.send(request).await).await;
    assert_eq!(answer, (200, "body".to_owned()));
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].headers["authorization"], "Bearer issued-1");
    assert_eq!(seen[0].uri.path_and_query().unwrap(), "/a?b");
}

/// An upstream that answers a head with fixed bytes and then echoes whatever comes.
async fn switching(answer: &'static str) -> (String, Arc<std::sync::Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<std::sync::Mutex<String>>::default();
    let heads = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let heads = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(char::from(byte));
                }
                heads.lock().unwrap().push_str(&head);
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    (url, seen)
}

const SWITCHES: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

async fn ask_to_switch(gateway: &Gateway, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "{}Authorization: Bearer a\r\n\r\n",
        head.replace('\n', "\r\n")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    let read = async {
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(stream.read_u8().await.unwrap()));
        }
    };
    timeout(Duration::from_secs(5), read).await.unwrap();
    head
}

const WISH: &str = "GET /ws HTTP/1.1\nHost: a\nConnection: keep-alive, Upgrade\nUpgrade: WebSocket\nSec-WebSocket-Key: k\n";

#[tokio::test]
async fn px_10_a_websocket_passes_both_ways_until_it_ends() {
    let (url, seen) = switching(SWITCHES).await;
    let members = json!({"upgrades": ["websocket"]});
    let gateway = gateway(&url, &members).await;
    let mut stream = ask_to_switch(&gateway, WISH).await;
    let head = head_of(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for header in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: x",
    ] {
        assert!(head.to_ascii_lowercase().contains(header), "{head}");
    }
    for piece in ["one", "two"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        let mut echoed = [0; 3];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(echoed, piece.as_bytes());
    }
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.is_empty());
    let seen = seen.lock().unwrap().to_ascii_lowercase();
    for header in [
        "connection: upgrade\r\n",
        "upgrade: websocket",
        "bearer issued-1",
        "sec-websocket-key: k",
    ] {
        assert!(seen.contains(header), "{seen}");
    }
}

#[tokio::test]
async fn px_10_nothing_goes_on_before_the_upstream_has_switched() {
    let refuses = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    for (answer, status) in [
        (refuses, "403"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
            "502",
        ),
    ] {
        let (url, seen) = switching(answer).await;
        let gateway = gateway(&url, &json!({"upgrades": ["websocket"]})).await;
        let mut stream = ask_to_switch(&gateway, WISH).await;
        stream
            .write_all(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let head = head_of(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!seen.lock().unwrap().contains("smuggled"), "{answer}");
    }
}

#[tokio::test]
async fn px_10_other_wishes_are_refused() {
    let (url, seen) = switching(SWITCHES).await;
    let gateway = gateway(&url, &json!({"upgrades": ["websocket"]})).await;
    for head in [
        "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: h2c\n",
        "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket, h2c\n",
        "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nUpgrade: websocket\n",
        "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\n",
        "POST / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 0\n",
        "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 3\n",
    ] {
        let mut stream = ask_to_switch(&gateway, head).await;
        let answer = head_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 501 "), "{head}: {answer}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_silent_tunnel_ends() {
    let (url, _) = switching(SWITCHES).await;
    let mut silent = route(&url, &json!({"upgrades": ["websocket"]}));
    silent.idle = Duration::from_millis(100);
    let gateway = Gateway::start(silent, Duration::ZERO).await;
    let mut stream = ask_to_switch(&gateway, WISH).await;
    head_of(&mut stream).await;
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn all_of_a_request_has_an_end() {
    let upstream = Upstream::start(|_| async {
        let (mut sender, body) = http_body_util::channel::Channel::<bytes::Bytes>::new(1);
        tokio::spawn(async move {
            while sender.send_data("x".into()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Response::new(body)
    })
    .await;
    let mut bounded = route(&upstream.url(), &json!({}));
    bounded.total = Some(Duration::from_millis(200));
    let gateway = Gateway::start(bounded, Duration::ZERO).await;
    let request = gateway
        .request("GET", "/")
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    let body = gateway.send(request).await.into_body().collect();
    let end = timeout(Duration::from_secs(5), body).await.unwrap();
    assert!(end.is_err(), "the client can tell that it is not whole");
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let mut stream = ask_to_switch(
        &gateway,
        "POST / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 4\n",
    )
    .await;
    let head = head_of(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
    stream.write_all(b"body").await.unwrap();
    let head = head_of(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut echoed = [0; 4];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"body");
}
