use hyper::header::HOST;
use tokio::sync::oneshot;

use super::*;

impl Upstreams {
    /// Pools a connection that looks ready and breaks once told to, before it reads another request.
    pub(in crate::proxy) async fn pool_dying_connection(
        &self,
        origin: &Origin,
    ) -> oneshot::Sender<()> {
        let (near, far) = tokio::io::duplex(1024);
        let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let (die, told) = oneshot::channel::<()>();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = told => {}
                _ = connection => {}
            }
            drop(far);
        });
        sender.ready().await.unwrap();
        pool::Loan::new(Arc::clone(&self.pool), Arc::clone(&origin.key), sender).end();
        die
    }
}

fn origin(text: &str) -> Option<Origin> {
    Origin::parse(&text.parse().unwrap())
}

#[test]
fn origins_are_told_apart_by_scheme_and_authority() {
    let key = |text: &str| origin(text).unwrap().key.to_string();
    assert_eq!(key("http://A.example:80/x"), "http://a.example:80");
    assert_eq!(key("https://a.example"), "https://a.example");
    assert_ne!(key("http://a:1"), key("http://a:2"));
}

#[test]
fn origins_know_where_to_connect() {
    let place = |text: &str| {
        origin(text).map(|origin| (origin.host.to_string(), origin.port, origin.tls.is_some()))
    };
    assert_eq!(place("http://a"), Some(("a".to_owned(), 80, false)));
    assert_eq!(place("https://a"), Some(("a".to_owned(), 443, true)));
    assert_eq!(place("http://[::1]:9"), Some(("::1".to_owned(), 9, false)));
    assert_eq!(place("ftp://a"), None);
    assert_eq!(place("http://u@a"), None);
    assert_eq!(place("/a"), None);
}

/// A ready connection whose far end stays open as long as the second value lives.
async fn connection() -> (Sender, tokio::io::DuplexStream) {
    let (near, far) = tokio::io::duplex(1024);
    let mut sender = start(near).await.unwrap();
    sender.ready().await.unwrap();
    (sender, far)
}

fn give(pool: &Arc<Pool>, key: &str, sender: Sender) {
    pool::Loan::new(Arc::clone(pool), key.into(), sender).end();
}

#[tokio::test]
async fn the_pool_keeps_upstreams_apart_and_forgets_closed_connections() {
    let pool = Arc::<Pool>::default();
    let (sender, far) = connection().await;
    give(&pool, "http://a", sender);
    assert!(pool.take("http://b").is_none());
    let sender = pool.take("http://a").unwrap();
    assert!(pool.take("http://a").is_none(), "lent to one at a time");
    give(&pool, "http://a", sender);
    drop(far);
    tokio::task::yield_now().await;
    assert!(pool.take("http://a").is_none());
}

#[tokio::test]
async fn the_pool_is_bounded() {
    let pool = Arc::<Pool>::default();
    let mut far_ends = Vec::new();
    for _ in 0..300 {
        let (sender, far) = connection().await;
        give(&pool, "http://a", sender);
        far_ends.push(far);
    }
    let taken: Vec<_> = std::iter::from_fn(|| pool.take("http://a")).collect();
    assert_eq!(taken.len(), 256);
}

#[tokio::test]
async fn a_connection_given_back_busy_is_not_lent() {
    let pool = Arc::<Pool>::default();
    let (mut sender, _far) = connection().await;
    let request = Request::builder().uri("/").header(HOST, "a");
    // The far end never answers, so the connection stays busy.
    let (stream, _) = request_stream(request).await;
    let answer = sender.try_send_request(stream);
    give(&pool, "http://a", sender);
    tokio::task::yield_now().await;
    assert!(pool.take("http://a").is_none());
    drop(answer);
}

/// A request with the body of one that arrived, since nothing else makes an [`Incoming`].
async fn request_stream(
    head: hyper::http::request::Builder,
) -> (Request<RequestStream>, tokio::io::DuplexStream) {
    let (near, mut far) = tokio::io::duplex(1024);
    let (give, arrived) = oneshot::channel();
    let give = std::sync::Mutex::new(Some(give));
    tokio::io::AsyncWriteExt::write_all(&mut far, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        if let Some(give) = give.lock().unwrap().take() {
            give.send(request.into_body()).unwrap();
        }
        std::future::pending::<Result<Response<String>, io::Error>>()
    });
    tokio::spawn(
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(near), service),
    );
    let body = arrived.await.unwrap();
    (RequestStream::wrap(head.body(body).unwrap()).1, far)
}
