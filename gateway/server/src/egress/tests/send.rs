//! Requests of plugins through the guard.

use std::sync::atomic::{AtomicUsize, Ordering};

use cambist_plugin::{HttpError, HttpRequest};
use hyper::Method;
use zeroize::Zeroizing;

use super::*;

fn request(method: Method, url: &str) -> HttpRequest {
    HttpRequest {
        method,
        url: url.parse().unwrap(),
        headers: vec![(
            header::AUTHORIZATION,
            Zeroizing::new("Basic eDp5".to_owned()),
        )],
        body: b"token=abc".to_vec(),
        timeout: Duration::from_millis(300),
    }
}

/// Answers each request on a connection in turn; counts the connections and keeps the requests.
async fn serve(answer: String, connections: &'static AtomicUsize) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect?x=1", listener.local_addr().unwrap());
    let (send, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let (send, answer) = (send.clone(), answer.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    send.send(text).unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (url, requests)
}

type Requests = tokio::sync::mpsc::UnboundedReceiver<String>;

#[tokio::test]
async fn a_plugins_request_is_sent_whole_and_its_connection_used_again() {
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    let (url, mut requests) = serve(
        http(
            "404 Not Found\r\nX-Trace: A\r\ncontent-type: text/plain",
            "gone",
        ),
        &CONNECTIONS,
    )
    .await;
    let guard = guard(&["127.0.0.1"]);
    for _ in 0..3 {
        let answer = guard.send(request(Method::POST, &url)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, &b"gone"[..]));
        assert!(answer.headers.contains(&("x-trace".into(), "A".into())));
        let sent = requests.recv().await.unwrap();
        assert!(
            sent.starts_with("POST /introspect?x=1 HTTP/1.1\r\n"),
            "{sent}"
        );
        for line in [
            "authorization: Basic eDp5",
            "accept-encoding: identity",
            "content-length: 9",
        ] {
            assert!(sent.contains(&format!("\r\n{line}\r\n")), "{sent}");
        }
        assert!(sent.ends_with("\r\n\r\ntoken=abc"), "{sent}");
    }
    assert_eq!(CONNECTIONS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_closed_meanwhile_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(http("200 OK", "1").as_bytes()).await;
        }
    });
    let guard = guard(&["127.0.0.1"]);
    for _ in 0..20 {
        assert_eq!(
            guard.send(request(Method::GET, &url)).await.unwrap().status,
            200
        );
    }
}

#[tokio::test]
async fn kf_07_kf_02_a_plugin_reaches_no_address_that_is_not_allowed() {
    let url = answer_with(http("200 OK", "1")).await;
    let denied = guard(&[]).send(request(Method::GET, &url)).await;
    assert!(matches!(denied, Err(HttpError::Denied(_))), "{denied:?}");
    let elsewhere = request(Method::GET, "ftp://127.0.0.1/");
    let denied = guard(&["127.0.0.1"]).send(elsewhere).await;
    assert!(matches!(denied, Err(HttpError::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn kf_07_kf_03_a_redirect_is_an_answer() {
    let url = answer_with(http("302 Found\r\nlocation: http://127.0.0.1/", "")).await;
    let answer = guard(&["127.0.0.1"]).send(request(Method::GET, &url)).await;
    assert_eq!(answer.unwrap().status, 302);
}

#[tokio::test]
async fn kf_04_answers_are_bounded_in_size_and_time() {
    let guard = guard(&["127.0.0.1"]);
    let big = answer_with(http("200 OK", &"x".repeat((1 << 20) + 1))).await;
    assert_eq!(
        guard.send(request(Method::GET, &big)).await.unwrap_err(),
        HttpError::TooLarge
    );
    let slow = answer_with("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned()).await;
    assert_eq!(
        guard.send(request(Method::GET, &slow)).await.unwrap_err(),
        HttpError::TimedOut
    );
}
