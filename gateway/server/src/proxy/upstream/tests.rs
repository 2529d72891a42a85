use std::{future::pending, sync::Mutex};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{endpoint::Endpoint, http1::Single, *};
use crate::stream::Stream;

fn origin(text: &str) -> Option<Origin> {
    Origin::parse(&text.parse().unwrap())
}

#[test]
fn origins_are_told_apart_by_scheme_and_authority() {
    let key = |text: &str| origin(text).unwrap().endpoints[0].key.to_string();
    assert_eq!(key("http://A.example:80/x"), "http://a.example:80");
    assert_eq!(key("https://a.example"), "https://a.example");
    assert_ne!(key("http://a:1"), key("http://a:2"));
}

#[test]
fn origins_know_where_to_connect() {
    let place = |text: &str| {
        origin(text).map(|origin| {
            let endpoint = &origin.endpoints[0];
            (
                endpoint.host.to_string(),
                endpoint.port,
                origin.tls.is_some(),
            )
        })
    };
    assert_eq!(place("http://a"), Some(("a".to_owned(), 80, false)));
    assert_eq!(place("https://a"), Some(("a".to_owned(), 443, true)));
    assert_eq!(place("http://[::1]:9"), Some(("::1".to_owned(), 9, false)));
    assert_eq!(place("ftp://a"), None);
    assert_eq!(place("http://u@a"), None);
    assert_eq!(place("/a"), None);
}

/// A ready connection and its far end.
async fn connection() -> (Box<Single>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (Box::new(Single::new(Stream::Plain(near))), far)
}

fn give(pool: &Arc<Pool>, key: &str, single: Box<Single>) {
    let endpoint = Arc::new(Endpoint::new(key.into(), "a", 80));
    let until = Instant::now() + Duration::from_mins(5);
    let connection = Connection::One { single, until };
    Loan::new(pool, Lease::new(&endpoint, 5), connection).end();
}

fn take(pool: &Pool, key: &str) -> Option<Box<Single>> {
    pool.take(key, Instant::now())
        .map(|connection| match connection {
            Connection::One { single, .. } => single,
            Connection::Many { .. } => panic!("there is none"),
        })
}

#[tokio::test]
async fn the_pool_keeps_upstreams_apart_and_forgets_closed_connections() {
    let pool = Arc::<Pool>::default();
    let (single, far) = connection().await;
    give(&pool, "http://a", single);
    assert!(take(&pool, "http://b").is_none());
    let single = take(&pool, "http://a").unwrap();
    assert!(take(&pool, "http://a").is_none(), "lent to one at a time");
    give(&pool, "http://a", single);
    drop(far);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(take(&pool, "http://a").is_none());
}

#[tokio::test]
async fn px_15_a_connection_on_which_the_upstream_speaks_unasked_is_not_lent() {
    let pool = Arc::<Pool>::default();
    let (single, mut far) = connection().await;
    give(&pool, "http://a", single);
    far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(take(&pool, "http://a").is_none());
}

#[tokio::test]
async fn idle_connections_that_the_upstream_ended_are_closed_soon() {
    let pool = Arc::<Pool>::default();
    let (single, far) = connection().await;
    give(&pool, "http://a", single);
    let (_, mut write) = far.into_split();
    write.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!pool.sweep(), "none is left");
}

#[tokio::test]
async fn the_pool_is_bounded() {
    let pool = Arc::<Pool>::default();
    let mut far_ends = Vec::new();
    for _ in 0..300 {
        let (single, far) = connection().await;
        give(&pool, "http://a", single);
        far_ends.push(far);
    }
    let taken: Vec<_> = std::iter::from_fn(|| take(&pool, "http://a")).collect();
    assert_eq!(taken.len(), 256);
}

#[tokio::test]
async fn a_connection_given_back_busy_is_not_lent() {
    let pool = Arc::<Pool>::default();
    let (mut single, _far) = connection().await;
    // Three of its bytes never come.
    let (request, _client) = arriving("POST", 7).await;
    let (head, body) = request.into_parts();
    let (_, body) = RequestStream::wrap(body, &Arc::default());
    let request = Request::from_parts(head, body);
    assert!(single.begin(request).await.is_ok());
    give(&pool, "http://a", single);
    assert!(take(&pool, "http://a").is_none());
}

/// A request whose body is `body`.
async fn request(method: &str) -> Request<crate::body::Incoming> {
    let (request, far) = arriving(method, 4).await;
    tokio::spawn(async move {
        pending::<()>().await;
        drop(far);
    });
    request
}

/// A request that arrived. `body` has come of its body; the
/// rest can be sent.
async fn arriving(method: &str, length: usize) -> (Request<crate::body::Incoming>, DuplexStream) {
    let (near, mut far) = duplex(1024);
    let head = format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\nbody");
    far.write_all(head.as_bytes()).await.unwrap();
    let (give, mut arrived) = mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Incoming>| {
        let body = crate::body::Incoming::Http2;
        give.send(request.map(body)).unwrap();
        pending::<Result<Response<String>, io::Error>>()
    });
    tokio::spawn(async move {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(near), service)
            .await;
    });
    (arrived.recv().await.unwrap(), far)
}

/// An upstream that waits for a whole request and then answers with these bytes, on every connection.
async fn upstream(answer: &'static str) -> (Origin, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with("body") {
                request.push(char::from(stream.read_u8().await.unwrap()));
            }
            seen.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    (origin, requests)
}

fn upstreams() -> Upstreams {
    Upstreams::new(crate::egress::tls::trusting(rustls::RootCertStore::empty()).unwrap())
}

const LIMITS: Limits = Limits {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    total: None,
};

async fn send(
    upstreams: &Upstreams,
    request: Request<crate::body::Incoming>,
    origin: &Origin,
) -> Result<Response<ResponseStream>, UpstreamError> {
    let (head, body) = request.into_parts();
    let mut head = Request::from_parts(head, ());
    upstreams.send(&mut head, body, origin, LIMITS).await
}

/// The pooled connection looks alive when it is taken, and cannot be written to: nothing of the request
/// was sent, so that it goes over another connection, whatever its method.
#[tokio::test]
async fn px_17_a_pooled_connection_that_died_is_replaced() {
    for method in ["GET", "POST"] {
        let (origin, requests) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        let upstreams = upstreams();
        let (mut single, _far) = connection().await;
        single.end_writing().await;
        give(&upstreams.pool, &origin.endpoints[0].key, single);
        let request = request(method).await;
        let response = send(&upstreams, request, &origin).await.unwrap();
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "ok"
        );
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0].starts_with(method) && requests[0].ends_with("body"),
            "{requests:?}"
        );
    }
}

/// What was begun is never sent again, even when the upstream only closed an idle connection.
#[tokio::test]
async fn px_17_a_request_that_was_begun_is_not_sent_again() {
    let (origin, requests) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let upstreams = upstreams();
    let (single, mut far) = connection().await;
    give(&upstreams.pool, &origin.endpoints[0].key, single);
    tokio::spawn(async move {
        // Takes a byte of it and goes away.
        let _ = far.read_u8().await;
    });
    let sent = send(&upstreams, request("GET").await, &origin).await;
    assert!(matches!(sent, Err(UpstreamError::Http(_))));
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn px_12_trailers_end_here() {
    let (origin, _) = upstream(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n",
    )
    .await;
    let upstreams = upstreams();
    let sent = send(&upstreams, request("GET").await, &origin);
    let response = sent.await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert!(collected.trailers().is_none());
    assert_eq!(collected.to_bytes(), "ok");
}

#[tokio::test]
async fn px_15_an_answer_before_the_end_of_the_request_spends_the_connection() {
    let (origin, _) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly").await;
    let upstreams = upstreams();
    let (request, mut client) = arriving("POST", 8).await;
    let response = send(&upstreams, request, &origin).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "early"
    );
    client.write_all(b"rest").await.unwrap();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(take(&upstreams.pool, &origin.endpoints[0].key).is_none());
}
