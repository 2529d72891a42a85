//! Which connection a request takes, and what happens when there is none.

use hyper::body::Incoming;
use std::{sync::Mutex, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    super::*,
    support::{Gateway, Upstream, route, serve, whole},
};

#[tokio::test]
async fn a_connection_is_used_again() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    for _ in 0..5 {
        let request = gateway
            .request("POST", "/")
            .body(Full::<bytes::Bytes>::from("body"))
            .unwrap();
        assert_eq!(
            whole(gateway.send(request).await).await,
            (200, "body".to_owned())
        );
        assert_eq!(gateway.get("/").await.0, 200);
    }
    assert_eq!((upstream.count(), upstream.connections()), (10, 1));
}

#[tokio::test]
async fn concurrent_requests_take_a_connection_each() {
    let upstream = Upstream::start(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Response::new(Full::<bytes::Bytes>::default())
    })
    .await;
    let gateway = Gateway::to(&upstream.url()).await;
    tokio::join!(gateway.get("/"), gateway.get("/"), gateway.get("/"));
    assert_eq!(upstream.connections(), 3);
    gateway.get("/").await;
    assert_eq!(upstream.connections(), 3);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_bad_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::to(&format!("http://{address}")).await;
    let (status, body) = gateway.get("/").await;
    assert_eq!(status, 502);
    assert!(
        body.contains("c-1") && !body.contains("127.0.0.1"),
        "{body}"
    );
}

#[tokio::test]
async fn an_upstream_that_is_slow_is_a_timeout() {
    let upstream = Upstream::start(|_| async {
        std::future::pending::<()>().await;
        Response::new(Full::<bytes::Bytes>::default())
    })
    .await;
    let mut slow = route(&upstream.url(), &json!({}));
    slow.timeout = Duration::from_millis(200);
    let gateway = Gateway::start(slow, Duration::ZERO).await;
    assert_eq!(gateway.get("/").await.0, 504);
}

/// An upstream that answers each connection with fixed bytes, whatever was asked.
async fn fixed(answer: &'static [u8]) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    *counted.lock().unwrap() += 1;
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (url, requests)
}

#[tokio::test]
async fn px_17_what_was_sent_once_is_not_sent_again() {
    let (url, requests) = fixed(b"").await;
    let gateway = Gateway::to(&url).await;
    let request = gateway
        .request("POST", "/")
        .body(Full::<bytes::Bytes>::from("body"))
        .unwrap();
    assert_eq!(gateway.send(request).await.status(), 502);
    assert_eq!(*requests.lock().unwrap(), 1);
}

#[tokio::test]
async fn px_10_a_switch_nobody_asked_for_is_a_bad_gateway() {
    let (url, _) =
        fixed(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw")
            .await;
    assert_eq!(Gateway::to(&url).await.get("/").await.0, 502);
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_gateway() {
    let (url, _) = fixed(b"SSH-2.0-x\r\n").await;
    assert_eq!(Gateway::to(&url).await.get("/").await.0, 502);
}

#[tokio::test]
async fn a_closing_connection_is_not_used_again() {
    let (url, requests) = fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let gateway = Gateway::to(&url).await;
    for _ in 0..3 {
        assert_eq!(gateway.get("/").await, (200, "ok".to_owned()));
        // The upstream closes without having said so; the gateway has to notice.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(*requests.lock().unwrap(), 3);
}

#[tokio::test]
async fn an_abandoned_response_takes_its_connection_along() {
    let upstream =
        Upstream::start(|_| async { Response::new(Full::<bytes::Bytes>::from(vec![0; 32 << 20])) })
            .await;
    let gateway = Gateway::to(&upstream.url()).await;
    drop(
        gateway
            .send(
                gateway
                    .request("GET", "/")
                    .body(Full::<bytes::Bytes>::default())
                    .unwrap(),
            )
            .await,
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    let request = gateway
        .request("GET", "/")
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    let body = gateway
        .send(request)
        .await
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(body.len(), 32 << 20);
    assert_eq!(upstream.connections(), 2);
}

const AUTHORITY: &[u8] = include_bytes!("authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("localhost.pem");
const KEY: &[u8] = include_bytes!("localhost.key.pem");

/// An https echo for `localhost`.
async fn https() -> u16 {
    let certificates = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                let echo =
                    |request: Request<Incoming>| async { Response::new(request.into_body()) };
                tokio::spawn(serve(TokioIo::new(stream), echo, Arc::default()));
            }
        }
    });
    port
}

#[tokio::test]
async fn an_https_upstream_proves_its_name() {
    let port = https().await;
    let get = async |host: &str, roots: RootCertStore| {
        let route = route(&format!("https://{host}:{port}"), &json!({}));
        Gateway::start_trusting(route, Duration::ZERO, roots)
            .await
            .get("/")
            .await
            .0
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(AUTHORITY).unwrap())
        .unwrap();
    assert_eq!(get("localhost", roots.clone()).await, 200);
    assert_eq!(
        get("127.0.0.1", roots).await,
        502,
        "another name than the certificate's"
    );
    assert_eq!(
        get("localhost", RootCertStore::empty()).await,
        502,
        "an unknown authority"
    );
}
