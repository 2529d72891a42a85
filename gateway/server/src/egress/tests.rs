mod send;

use std::time::Duration;

use cambist_core::{Fetch, FetchError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

fn guard(allow: &[&str]) -> Egress {
    let rules = EgressRules {
        allow: allow.iter().map(|rule| rule.parse().unwrap()).collect(),
        timeout: Duration::from_millis(400),
        body_bytes: 1024,
    };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    Egress::new(rules, Arc::new(config), Handle::current())
}

async fn answer_with(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    url
}

fn http(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn fetches_json_from_an_allowed_loopback() {
    let url = answer_with(http(
        "200 OK\r\ncontent-type: application/jwk-set+json\r\ncache-control: public, max-age=77",
        "{}",
    ))
    .await;
    let fetched = guard(&["127.0.0.1"]).get(&url).await.unwrap();
    assert_eq!(fetched.body, b"{}");
    assert_eq!(fetched.max_age, Some(Duration::from_secs(77)));
}

#[tokio::test]
async fn kf_01_other_schemes_and_unlisted_hosts_are_forbidden() {
    let url = answer_with(http("200 OK\r\ncontent-type: application/json", "{}")).await;
    assert!(matches!(
        guard(&[]).get(&url).await,
        Err(FetchError::Forbidden(_))
    ));
    for url in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:application/json,{}",
        "http://user@127.0.0.1/",
        "/x",
    ] {
        assert!(
            matches!(
                guard(&["127.0.0.1"]).get(url).await,
                Err(FetchError::Forbidden(_))
            ),
            "{url}"
        );
    }
}

#[tokio::test]
async fn ab_23_kf_03_redirects_are_not_followed() {
    let url = answer_with(http("302 Found\r\nlocation: http://127.0.0.1/", "")).await;
    assert!(matches!(
        guard(&["127.0.0.1"]).get(&url).await,
        Err(FetchError::Unexpected(_))
    ));
}

#[tokio::test]
async fn ab_23_kf_04_size_time_type_and_compression_are_bounded() {
    let allow = ["127.0.0.1"];
    let big = answer_with(http(
        "200 OK\r\ncontent-type: application/json",
        &" ".repeat(1025),
    ))
    .await;
    assert_eq!(
        guard(&allow).get(&big).await.unwrap_err(),
        FetchError::TooLarge(1024)
    );
    let html = answer_with(http("200 OK\r\ncontent-type: text/html", "{}")).await;
    assert!(matches!(
        guard(&allow).get(&html).await,
        Err(FetchError::Unexpected(_))
    ));
    let packed = answer_with(http(
        "200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
        "{}",
    ))
    .await;
    assert!(matches!(
        guard(&allow).get(&packed).await,
        Err(FetchError::Unexpected(_))
    ));
    let slow = answer_with(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
            .to_owned(),
    )
    .await;
    assert!(matches!(
        guard(&allow).get(&slow).await,
        Err(FetchError::TimedOut(_))
    ));
}
