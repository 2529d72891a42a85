//! What operators see of the proxy: metrics, access log, traces.

use std::{path::Path, time::Duration};

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway},
    http::{self, Failure},
    issuer::Issuer,
    raw,
    server::Server,
    upstream,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::{INSTANCE, Outcome, with_partner_at};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A gateway with a route `/orders` and, if wanted, an access log.
async fn routed(log: Option<&Path>) -> Result<(TestGateway, Issuer, Server), Failure> {
    let path = log.map(ToOwned::to_owned);
    let gateway = TestGateway::start_with(|config| config.log.access_file = path).await?;
    let (gateway, issuer) = with_partner_at(gateway).await?;
    let upstream = upstream::start().await?;
    gateway
        .put("/admin/v1/routes/orders", &route(&upstream.url()))
        .await?;
    Ok((gateway, issuer, upstream))
}

fn route(upstream: &str) -> Value {
    json!({"path_prefix": "/orders", "upstream": upstream, "instance": INSTANCE, "audience": ORDERS, "subject_token_type": ID_TOKEN})
}

async fn metrics(gateway: &TestGateway) -> Result<String, Failure> {
    let url = format!("{}/metrics", gateway.admin);
    Ok(http::get(&url, &[]).await?.text())
}

/// The value of a series; zero when it is not there.
fn value(metrics: &str, series: &str) -> f64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .find_map(|value| value.parse().ok())
        .unwrap_or(0.0)
}

/// The access log once it has so many lines.
async fn lines(path: &Path, count: usize) -> Result<Vec<Value>, Failure> {
    let mut text = String::new();
    for _ in 0..200 {
        text = std::fs::read_to_string(path)?;
        if text.lines().count() >= count {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    assert_eq!(lines.len(), count, "{text}");
    Ok(lines)
}

/// Four answers, one to a method of no name, one without a credential, one without an upstream, one without a
/// route.
const COUNTED: &str = r#"cambist_http_requests_total{route="orders",method="GET",code="2xx",outcome="answered"} 4
cambist_http_requests_total{route="orders",method="other",code="2xx",outcome="answered"} 1
cambist_http_requests_total{route="orders",method="GET",code="4xx",outcome="refused"} 1
cambist_http_requests_total{route="orders",method="GET",code="5xx",outcome="failed"} 1
cambist_http_requests_total{route="",method="GET",code="4xx",outcome="refused"} 1
cambist_http_request_duration_seconds_count{route="orders"} 7
cambist_proxy_upstream_duration_seconds_count{route="orders"} 5
cambist_proxy_rejected_total{route="orders",reason="no_credential"} 1
cambist_proxy_rejected_total{route="orders",reason="upstream_unreachable"} 1
cambist_proxy_rejected_total{route="",reason="no_route"} 1
cambist_proxy_exchange_cache_total{route="orders",result="miss"} 3
cambist_proxy_exchange_cache_total{route="orders",result="hit"} 3
cambist_proxy_exchange_cache_entries{route="orders"} 1"#;

#[tokio::test]
async fn requests_are_counted_by_route_and_a_publication_forgets_nothing() -> Outcome {
    let (gateway, issuer, upstream) = routed(None).await?;
    let bearer = format!("Bearer {}", issuer.id_token("dana", WEB.0)?);
    let url = format!("{}/orders/7", gateway.public);
    for _ in 0..3 {
        let reply = http::get(&url, &[("authorization", &bearer)]).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(http::get(&url, &[]).await?.status, 401);
    let odd = Method::from_bytes(b"BREW")?;
    http::send(odd, &url, &[("authorization", &bearer)], "").await?;
    let nowhere = format!("{}/nowhere", gateway.public);
    assert_eq!(http::get(&nowhere, &[]).await?.status, 404);
    gateway
        .put("/admin/v1/routes/orders", &route(&upstream.url()))
        .await?;
    http::get(&url, &[("authorization", &bearer)]).await?;
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    gateway
        .put(
            "/admin/v1/routes/orders",
            &route(&format!("http://{nobody}")),
        )
        .await?;
    let gone = http::get(&url, &[("authorization", &bearer)]).await?;
    assert_eq!(gone.status, 502);
    let text = metrics(&gateway).await?;
    for line in COUNTED.lines() {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
    let connections = value(&text, r#"cambist_connections_total{listener="public"}"#);
    assert!(connections >= 7.0, "{text}");
    let failures = "cambist_proxy_upstream_failures_total{route=\"orders\",endpoint=\"127.0.0.1:";
    assert!(text.contains(failures), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_no_face_was_shown_is_counted_by_listener() -> Outcome {
    let (gateway, _issuer, _upstream) = routed(None).await?;
    let address = raw::address(&gateway.public)?;
    for bytes in [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        let answer = raw::exchange(address, bytes).await?;
        assert_eq!(raw::statuses(&answer), [400], "{bytes:?} {answer}");
    }
    let mut total = 0.0;
    let mut text = String::new();
    for _ in 0..40 {
        text = metrics(&gateway).await?;
        total = text
            .lines()
            .filter(|line| line.starts_with(r#"cambist_http_refused_total{listener="public","#))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        if total > 2.5 {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert!((total - 3.0).abs() < 0.1, "{text}");
    Ok(())
}

#[tokio::test]
async fn au_06_hostile_requests_make_no_series() -> Outcome {
    let (gateway, _issuer, _upstream) = routed(None).await?;
    let count = async || -> Result<usize, Failure> { Ok(metrics(&gateway).await?.lines().count()) };
    let ask = async |index: usize| -> Outcome {
        let method = Method::from_bytes(format!("M{index}").as_bytes())?;
        for path in ["orders/", "nowhere-"] {
            let url = format!("{}/{path}{index}?x={index}", gateway.public);
            let host = format!("h{index}.example");
            http::send(method.clone(), &url, &[("host", &host)], "").await?;
        }
        Ok(())
    };
    ask(0).await?;
    let before = count().await?;
    for index in 1..50 {
        ask(index).await?;
    }
    assert_eq!(count().await?, before);
    Ok(())
}

#[tokio::test]
async fn px_16_the_access_log_has_a_line_for_each_request_and_no_secret() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("access.jsonl");
    let (gateway, issuer, _upstream) = routed(Some(&path)).await?;
    let token = issuer.id_token("dana", WEB.0)?;
    let bearer = format!("Bearer {token}");
    let url = format!("{}/orders/7?secret=1", gateway.public);
    let good = [("authorization", bearer.as_str()), ("traceparent", PARENT)];
    let reply = http::get(&url, &good).await?;
    assert_eq!(reply.json()["headers"]["traceparent"], PARENT);
    let refused = http::get(&url, &[("host", "a.example")]).await?.json();
    let address = raw::address(&gateway.public)?;
    let odd = "GET /orders/%0d%0a%1b[2J HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    raw::exchange(address, odd).await?;
    let lines = lines(&path, 3).await?;
    let text = std::fs::read_to_string(&path)?;
    assert!(
        text.bytes()
            .all(|b| b == b'\n' || (0x20..0x7f).contains(&b))
    );
    for secret in [&token, "secret=1", "Bearer"] {
        assert!(!text.contains(secret), "{text}");
    }
    let first = &lines[0];
    for (name, expected) in [
        ("route", json!("orders")),
        ("method", json!("GET")),
        ("path", json!("/orders/7")),
        ("status", json!(200)),
        ("outcome", json!("answered")),
        ("exchange", json!("miss")),
        ("subject", json!("partner:dana")),
        ("trace", json!(TRACE)),
        ("client", json!("127.0.0.1")),
        ("bytes", json!(reply.body.len())),
        ("end", json!("whole")),
    ] {
        assert_eq!(first[name], expected, "{name}: {first}");
    }
    let second = &lines[1];
    assert_eq!(
        (&second["status"], &second["reason"], &second["host"]),
        (&json!(401), &json!("no_credential"), &json!("a.example"))
    );
    assert_eq!(second["correlation"], refused["correlation"], "{refused}");
    assert_eq!(lines[2]["status"], 400, "{}", lines[2]);
    let counted = metrics(&gateway).await?;
    assert!(
        (value(
            &counted,
            r#"cambist_access_log_lines_total{outcome="written"}"#
        ) - 3.0)
            .abs()
            < 0.1
    );
    Ok(())
}

#[tokio::test]
async fn a_trace_that_is_not_valid_ends_at_the_gateway() -> Outcome {
    let (gateway, issuer, _upstream) = routed(None).await?;
    let bearer = format!("Bearer {}", issuer.id_token("dana", WEB.0)?);
    let url = format!("{}/orders", gateway.public);
    let through = async |headers: &[(&str, &str)]| -> Result<Value, Failure> {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        let seen = http::get(&url, &all).await?.json();
        Ok(json!([
            seen["headers"]["traceparent"],
            seen["headers"]["tracestate"]
        ]))
    };
    let good = through(&[("traceparent", PARENT), ("tracestate", "a=1")]).await?;
    assert_eq!(good, json!([PARENT, "a=1"]));
    let state = through(&[("traceparent", PARENT), ("tracestate", "A=1")]).await?;
    assert_eq!(state, json!([PARENT, null]));
    let parent = through(&[("traceparent", "00-1-2-3"), ("tracestate", "a=1")]).await?;
    assert_eq!(parent, json!([null, null]));
    let alone = through(&[("tracestate", "a=1")]).await?;
    assert_eq!(alone, json!([null, null]));
    Ok(())
}

/// An upstream that says it will send more than it does, and never does.
async fn short() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let is_cut = request
                .get(..read)
                .is_some_and(|head| head.starts_with(b"GET /cut"));
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                .await;
            if !is_cut {
                sleep(Duration::from_secs(30)).await;
            }
        }
    });
    Ok(url)
}

#[tokio::test]
async fn half_answers_are_seen_as_such() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("access.jsonl");
    let (gateway, _issuer, _upstream) = routed(Some(&path)).await?;
    let document = json!({"upstream": short().await?, "anonymous": "only"});
    gateway.put("/admin/v1/routes/short", &document).await?;
    let cut = http::get(&format!("{}/cut", gateway.public), &[]).await;
    assert!(cut.is_err(), "half of it does not look whole");
    let address = raw::address(&gateway.public)?;
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut head = Vec::new();
    while !head.ends_with(b"half") {
        head.push(stream.read_u8().await?);
    }
    drop(stream);
    let lines = lines(&path, 2).await?;
    let ends: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["path"].clone(),
                line["end"].clone(),
                line["bytes"].clone(),
            )
        })
        .collect();
    assert_eq!(
        ends,
        [
            (json!("/cut"), json!("broken"), json!(4)),
            (json!("/gone"), json!("client_gone"), json!(4)),
        ]
    );
    let text = metrics(&gateway).await?;
    assert!(text.contains("reason=\"cut\"} 1"), "{text}");
    Ok(())
}
