//! The proxy as a client and an upstream see it.

mod connections;
mod credentials;
mod histories;
mod reach;
mod streams;
mod support;

use std::{sync::atomic::Ordering, time::Duration};

use cambist_core::{Fault, PolicyRefusal, Rejection, TokenType, Usage};
use http_body_util::Full;
use serde_json::json;

use self::support::{Gateway, ORIGINAL, Outcome, Upstream, route, whole};
use super::*;

#[tokio::test]
async fn the_exchanged_token_replaces_the_original() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    assert_eq!(gateway.get("/a/b?c=d").await.0, 200);
    assert_eq!(upstream.latest("authorization"), ["Bearer issued-1"]);
    assert_eq!(upstream.latest("host"), [upstream.address.to_string()]);
    assert_eq!(upstream.latest("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(
        upstream.latest("x-forwarded-host"),
        [gateway.address.to_string()]
    );
    let seen = upstream.transcript();
    assert!(
        seen.starts_with("GET /a/b?c=d ") && !seen.contains(ORIGINAL),
        "{seen}"
    );
}

#[tokio::test]
async fn px_06_hop_by_hop_headers_end_at_the_gateway_both_ways() {
    let upstream = Upstream::start(|_| async {
        Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-authenticate", "Basic")
            .header("x-end", "1")
            .body(Full::<bytes::Bytes>::from("body"))
            .unwrap()
    })
    .await;
    let gateway = Gateway::to(&upstream.url()).await;
    let request = gateway
        .request("GET", "/")
        .header("connection", "authorization, x-hop")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("x_forwarded_for", "evil");
    let response = gateway
        .send(request.body(Full::<bytes::Bytes>::default()).unwrap())
        .await;
    for name in ["connection", "x-hop", "keep-alive", "proxy-authenticate"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    assert_eq!(response.headers()["x-end"], "1");
    assert_eq!(whole(response).await, (200, "body".to_owned()));
    for name in ["x-hop", "te", "x_forwarded_for", "connection"] {
        assert_eq!(upstream.latest(name), Vec::<String>::new(), "{name}");
    }
    assert_eq!(upstream.latest("authorization"), ["Bearer issued-1"]);
}

#[tokio::test]
async fn malformed_requests_never_reach_the_upstream_and_close_the_connection() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let table = [
        (
            "px_02",
            400,
            "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n",
        ),
        (
            "px_02",
            400,
            "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
        ),
        ("px_03", 400, "GET / HTTP/1.1\n"),
        ("px_03", 400, "GET / HTTP/1.1\nHost: a\nHost: a\n"),
        ("px_03", 400, "GET / HTTP/1.1\nHost: a,b\n"),
        ("px_03", 400, "GET http://b/ HTTP/1.1\nHost: a\n"),
        ("px_09", 400, "GET /a/../admin HTTP/1.1\nHost: a\n"),
        ("px_09", 400, "GET /a/..%2fadmin HTTP/1.1\nHost: a\n"),
        ("px_09", 400, "GET //admin HTTP/1.1\nHost: a\n"),
        ("px_09", 400, "GET /a\\b HTTP/1.1\nHost: a\n"),
        ("px_09", 400, "GET /ä HTTP/1.1\nHost: a\n"),
        (
            "px_10",
            501,
            "GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: websocket\n",
        ),
        ("px_10", 501, "CONNECT a:443 HTTP/1.1\nHost: a:443\n"),
        ("trace", 501, "TRACE / HTTP/1.1\nHost: a\n"),
        (
            "ab_22",
            400,
            "GET / HTTP/1.1\nHost: a\nauthorization: Bearer a\n",
        ),
    ];
    for (statement, status, head) in table {
        let head = head.replace('\n', "\r\n");
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        let request = format!("{head}Authorization: Bearer {ORIGINAL}\r\n\r\n0\r\n\r\n{smuggled}");
        let answer = gateway.raw(&request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{statement} {request}\n{answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{statement} one answer: {answer}"
        );
    }
    assert_eq!((upstream.count(), gateway.calls()), (0, 0));
}

#[tokio::test]
async fn px_01_length_beside_chunked_reaches_the_upstream_as_one_framing() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {ORIGINAL}\r\n\
         Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    gateway.raw(&request).await;
    assert!(
        !upstream.transcript().contains("smuggled")
            && !upstream.transcript().contains("content-length")
    );
}

#[tokio::test]
async fn without_a_bearer_token_the_client_is_challenged() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let bare = r#"Bearer realm="orders""#;
    let invalid = r#"Bearer realm="orders", error="invalid_token""#;
    for (authorization, challenge) in [
        (None, bare),
        (Some("Basic YTpi"), bare),
        (Some("Bearer a b"), invalid),
    ] {
        let mut request = Request::builder()
            .uri("/?access_token=a")
            .header("host", "a");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = gateway
            .send(request.body(Full::<bytes::Bytes>::default()).unwrap())
            .await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], challenge);
        let (_, body) = whole(response).await;
        assert_eq!(
            body,
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"correlation":"c-1"}"#
        );
    }
    assert_eq!((upstream.count(), gateway.calls()), (0, 0));
}

#[tokio::test]
async fn ab_21_when_the_exchange_fails_nothing_is_forwarded() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let table: [(Outcome, u16); 5] = [
        (
            || Err(ExchangeError::Subject(Rejection::Expired.into())),
            401,
        ),
        (|| Err(PolicyRefusal::MayActNotMet.into()), 403),
        (
            || {
                Err(ExchangeError::Subject(
                    Fault::Unavailable("keys".into()).into(),
                ))
            },
            503,
        ),
        (
            || Err(ExchangeError::Subject(Fault::Internal("bug".into()).into())),
            500,
        ),
        (
            || {
                Err(ExchangeError::NoTransformation {
                    subject: TokenType::JWT,
                    requested: "any".into(),
                })
            },
            500,
        ),
    ];
    for (index, (outcome, status)) in table.into_iter().enumerate() {
        *gateway.fake.outcome.lock().unwrap() = outcome;
        // A refusal is remembered for a moment.
        gateway.fake.clock.fetch_add(10, Ordering::Relaxed);
        assert_eq!(gateway.get("/").await.0, status);
        assert_eq!(gateway.calls(), index + 1);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn ab_21_an_issued_token_that_fits_no_header_is_not_sent() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    for issues in [
        ("a\r\nX-Evil: ", Usage::Bearer),
        ("a b", Usage::Bearer),
        ("issued-", Usage::NotApplicable),
    ] {
        *gateway.fake.issues.lock().unwrap() = issues;
        assert_eq!(gateway.get("/").await.0, 500, "{issues:?}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn fifty_first_requests_exchange_once() {
    let upstream = Upstream::echo().await;
    let gateway = Arc::new(
        Gateway::start(
            route(&upstream.url(), &json!({})),
            Duration::from_millis(50),
        )
        .await,
    );
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.get("/").await.0 })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!((gateway.calls(), upstream.count()), (1, 50));
}

#[tokio::test]
async fn an_exchange_ends_before_its_token_does() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    for (clock, calls) in [(1_000, 1), (1_043, 1), (1_044, 2), (1_087, 2), (1_200, 3)] {
        gateway.fake.clock.store(clock, Ordering::Relaxed);
        gateway.get("/").await;
        assert_eq!(gateway.calls(), calls, "at {clock}");
        assert_eq!(
            upstream.latest("authorization"),
            [format!("Bearer issued-{calls}")]
        );
    }
}

#[tokio::test]
async fn ab_18_two_clients_do_not_share_a_token() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    gateway.get("/").await;
    let request = Request::builder()
        .uri("/")
        .header("host", "a")
        .header("authorization", "Bearer other");
    gateway
        .send(request.body(Full::<bytes::Bytes>::default()).unwrap())
        .await;
    assert_eq!(upstream.latest("authorization"), ["Bearer issued-2"]);
}

#[tokio::test]
async fn a_credential_for_one_address_is_worth_nothing_from_another_even_if_known() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let only_from = |address: &str| {
        *gateway.fake.principal.lock().unwrap() = cambist_core::Principal {
            only_from: Some(address.parse().unwrap()),
            ..cambist_core::Principal::default()
        };
    };
    only_from("192.0.2.1");
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.0, 401);
    }
    assert_eq!((gateway.calls(), upstream.count()), (1, 0));
    only_from("127.0.0.1");
    gateway.fake.clock.store(2_000, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.0, 200);
    }
    assert_eq!((gateway.calls(), upstream.count()), (2, 2));
}

#[tokio::test]
async fn an_exchange_that_hangs_is_given_up() {
    let upstream = Upstream::echo().await;
    let mut slow = route(&upstream.url(), &json!({}));
    slow.timeout = Duration::from_millis(100);
    let gateway = Gateway::start(slow, Duration::from_mins(1)).await;
    assert_eq!(gateway.get("/").await.0, 503);
    assert_eq!(upstream.connections(), 0);
}
