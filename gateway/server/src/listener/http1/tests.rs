use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{Request, header::UPGRADE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::{
    body::taken,
    config::{Http2, Limits},
    listener::{Connection, Door, Roles, serve},
};

/// Answers with what the request was, after a while if it asks so.
#[derive(Default)]
struct Echo {
    cancelled: Arc<std::sync::atomic::AtomicUsize>,
}

struct Cancelled(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler for Echo {
    async fn handle(&self, request: &mut Request<Incoming>, _: &Connection) -> Response<Body> {
        let (parts, body) = taken(request).into_parts();
        match parts.uri.path() {
            "/never" => {
                let _cancelled = Cancelled(Arc::clone(&self.cancelled));
                std::future::pending::<Infallible>().await;
            }
            "/unread" => return Response::new(Body::full("unread")),
            "/switch" => {
                let switch = parts.extensions.get::<OnSwitch>().unwrap().take().unwrap();
                tokio::spawn(async move {
                    let mut switched = switch.await.unwrap();
                    switched.stream.write_all(b"switched ").await.unwrap();
                    switched.stream.write_all(&switched.first).await.unwrap();
                });
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                let protocol = parts.headers.get(UPGRADE).unwrap().clone();
                response.headers_mut().insert(UPGRADE, protocol);
                return response;
            }
            _ => {}
        }
        match body.collect().await {
            Ok(body) => {
                let trailers = body.trailers().map_or(0, hyper::HeaderMap::len);
                let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
                Response::new(Body::full(format!("{} {body} {trailers};", parts.method)))
            }
            Err(cut) => {
                let mut response = Response::new(Body::full(cut.to_string()));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            }
        }
    }
}

struct Server {
    door: Arc<Door>,
    handler: Arc<Echo>,
    drain: Drain,
    client: TcpStream,
}

impl Server {
    async fn start() -> Self {
        let limits = Limits {
            body_idle_seconds: 1,
            header_seconds: 1,
            ..Limits::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let roles = Roles {
            sts: true,
            proxy: true,
        };
        let hops = crate::config::Hops::default();
        let door = Arc::new(Door::new("test", roles, limits, Http2::Off, hops, None));
        let (handler, drain) = (Arc::<Echo>::default(), Drain::default());
        tokio::spawn(serve(
            listener,
            Arc::clone(&door),
            Arc::clone(&handler),
            drain.clone(),
        ));
        let client = TcpStream::connect(address).await.unwrap();
        Self {
            door,
            handler,
            drain,
            client,
        }
    }

    async fn says(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// What comes until the connection ends.
    async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = self.client.read_to_string(&mut text);
        timeout(Duration::from_secs(5), read)
            .await
            .unwrap()
            .unwrap();
        text
    }

    /// What comes up to and with these words.
    async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let read = timeout(Duration::from_secs(5), self.client.read_u8()).await;
            text.push(char::from(read.unwrap().unwrap()));
        }
        text
    }
}

/// Answers in order, by their status and body.
async fn answers(text: &str) -> String {
    let mut server = Server::start().await;
    server.says(text).await;
    server.rest().await
}

const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_in_order() {
    let text = answers(&format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nd\r\n2\r\nef\r\n0\r\nX: 1\r\n\r\n{LAST}"
    ))
    .await;
    let bodies: Vec<_> = text.split(';').collect();
    assert!(bodies[0].ends_with("POST abc 0"), "{text}");
    assert!(bodies[1].ends_with("POST def 1"), "{text}");
    assert!(bodies[2].ends_with("GET  0"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(text.matches("connection: close\r\n").count(), 1);
}

#[tokio::test]
async fn px_04_a_doubtful_message_is_refused_behind_the_answers_that_are_due() {
    let mut server = Server::start().await;
    server
        .says("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX: 1\n")
        .await;
    let text = server.rest().await;
    let second = text.split_once("GET  0;").unwrap().1;
    assert!(second.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert!(second.contains("connection: close\r\n"), "{text}");
    assert!(second.contains("application/problem+json"), "{text}");
    assert_eq!(server.door.seen().refused.get("line_end"), Some(&1));
}

#[tokio::test]
async fn px_05_a_doubtful_chunk_ends_the_connection() {
    let mut server = Server::start().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    server
        .says(&format!("{head}3 \r\nabc\r\n0\r\n\r\n{LAST}"))
        .await;
    let text = server.rest().await;
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    assert_eq!(server.door.seen().refused.get("chunk"), Some(&1));
}

#[tokio::test]
async fn px_10_bytes_behind_an_upgrade_wait_for_its_answer() {
    let head = "GET /switch HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let text = answers(&format!("{head}\0raw")).await;
    assert!(
        text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\nswitched \0raw"), "{text}");
    // Without a switch they are a request.
    let head = head.replace("/switch", "/");
    let text = answers(&format!("{head}{LAST}")).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
}

#[tokio::test]
async fn px_14_a_body_that_does_not_go_on_is_given_up() {
    let text = answers("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}

#[tokio::test]
async fn px_14_a_head_that_does_not_come_is_given_up() {
    for text in ["", "GET / HTTP/1.1\r\nHost"] {
        let began = Instant::now();
        assert_eq!(answers(text).await, "");
        assert!(began.elapsed() > Duration::from_millis(900));
    }
}

#[tokio::test]
async fn a_body_is_asked_for_when_it_is_wanted() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n";
    let mut server = Server::start().await;
    server.says(&format!("{head}\r\n")).await;
    let first = server.until("\r\n\r\n").await;
    assert_eq!(first, "HTTP/1.1 100 Continue\r\n\r\n");
    server.says("abc").await;
    let text = server.until(";").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("PUT abc 0;"), "{text}");
    // Whoever does not wait is not asked.
    server.says(&format!("{head}\r\nabc")).await;
    let text = server.until(";").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    // And nobody is asked for what is not wanted: then nothing can follow.
    server
        .says(&format!("{}\r\n", head.replace(" / ", " /unread ")))
        .await;
    let text = server.rest().await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_passed_over() {
    let body = "x".repeat(100_000);
    let text = answers(&format!(
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{body}{LAST}"
    ))
    .await;
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    assert!(text.ends_with("GET  0;"), "{text}");
}

#[tokio::test]
async fn who_has_gone_is_not_worked_for() {
    let mut server = Server::start().await;
    server.says("GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.handler.cancelled.load(Ordering::Relaxed), 0);
    server.client.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.handler.cancelled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn draining_ends_what_waits_and_lets_the_rest_finish() {
    let mut waiting = Server::start().await;
    waiting.says("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    waiting.until(";").await;
    waiting.drain.begin();
    assert_eq!(waiting.rest().await, "");

    let mut busy = Server::start().await;
    busy.says("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    busy.drain.begin();
    busy.says("c").await;
    let text = busy.rest().await;
    assert!(text.contains("connection: close\r\n"), "{text}");
    assert!(text.ends_with("POST abc 0;"), "{text}");
}
