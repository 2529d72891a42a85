//! A gateway, an upstream and a client on loopback.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cambist_core::{IssuedToken, Principal, Scope, Token, TokenType, Usage};
use http_body_util::{BodyExt as _, Full};
use hyper::http::request::Parts;
use hyper::{
    body::{Body as HttpBody, Incoming},
    header::{HOST, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::super::*;
use crate::{
    config::{Hops, Http2},
    egress::tls::trusting,
    listener::{self, Connection, Door, Drain, Handler, Roles},
};

/// The token clients present.
pub(super) const ORIGINAL: &str = "original.token";

pub(super) type Outcome = fn() -> Result<(), ExchangeError>;

/// An exchange that issues `issued-1`, `issued-2`, … for 60 seconds.
pub(super) struct Fake {
    pub(super) calls: AtomicUsize,
    pub(super) clock: AtomicU64,
    pub(super) takes: Duration,
    pub(super) outcome: Mutex<Outcome>,
    pub(super) issues: Mutex<(&'static str, Usage)>,
    pub(super) presented: Mutex<Option<(Presented, Option<Presented>)>>,
    pub(super) principal: Mutex<Principal>,
    pub(super) dpop: Dpop,
}

impl RouteExchange for Fake {
    async fn exchange(
        &self,
        route: &Route,
        subject: Presented,
        actor: Option<Presented>,
        _: Option<&str>,
    ) -> Result<Exchanged, ExchangeError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        *self.presented.lock().unwrap() = Some((subject, actor));
        tokio::time::sleep(self.takes).await;
        let outcome = *self.outcome.lock().unwrap();
        outcome()?;
        let (prefix, usage) = *self.issues.lock().unwrap();
        Ok(Exchanged {
            issued: IssuedToken {
                token: Token::new(format!("{prefix}{call}")),
                token_type: TokenType::ACCESS_TOKEN,
                usage,
                expires_at: self.now().plus(60),
                id: None,
            },
            scope: Scope::parse("read").unwrap(),
            audiences: route.audience().iter().map(|&a| a.to_owned()).collect(),
            subject: "alice".to_owned(),
            actors: None,
            principal: Arc::new(self.principal.lock().unwrap().clone()),
            marks: Arc::default(),
            confirmation: None,
        })
    }

    fn dpop(&self) -> &Dpop {
        &self.dpop
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    fn instance_revision(&self) -> u64 {
        1
    }

    fn epoch(&self) -> u64 {
        0
    }

    fn stand(&self, _: &[Arc<Mark>]) -> bool {
        true
    }
}

/// A running gateway with one route.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) fake: Arc<Fake>,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) route: Arc<Route>,
}

pub(super) fn caller(peer: SocketAddr, address_text: &HeaderValue) -> Caller<'_> {
    Caller {
        address: peer.ip(),
        address_text,
        is_secure: false,
        certificates: &[],
        correlation: "c-1",
        access: None,
    }
}

/// The proxy as the listener knows it.
struct Front {
    fake: Arc<Fake>,
    upstreams: Arc<Upstreams>,
    route: Arc<Route>,
}

impl Handler for Front {
    async fn handle(
        &self,
        request: &mut Request<crate::body::Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let caller = caller(connection.peer, &connection.client_text);
        forward(request, caller, &self.route, &*self.fake, &self.upstreams).await
    }
}

/// Serves clients without TLS.
pub(super) fn listen(listener: TcpListener, handler: impl Handler) {
    let roles = Roles {
        sts: false,
        proxy: true,
    };
    let (limits, hops) = (crate::config::Limits::default(), Hops::default());
    let door = Door::new("test", roles, limits, Http2::Off, hops, None);
    let drain = Drain::default();
    tokio::spawn(listener::serve(
        listener,
        Arc::new(door),
        Arc::new(handler),
        drain,
    ));
}

/// A route to `upstream` with other members changed.
pub(super) fn route(upstream: &str, change: &Value) -> Route {
    let mut document = json!({"upstream": upstream, "instance": "i", "audience": "orders"});
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    Route::build(
        "orders",
        &serde_json::from_value(document).unwrap(),
        1,
        Scope::parse("read write").unwrap(),
    )
    .unwrap()
}

impl Gateway {
    pub(super) async fn to(upstream: &str) -> Self {
        Self::start(route(upstream, &json!({})), Duration::ZERO).await
    }

    pub(super) async fn start(route: Route, exchange_takes: Duration) -> Self {
        Self::start_trusting(route, exchange_takes, RootCertStore::empty()).await
    }

    pub(super) async fn start_trusting(
        route: Route,
        takes: Duration,
        roots: RootCertStore,
    ) -> Self {
        let fake = Arc::new(Fake {
            calls: AtomicUsize::new(0),
            clock: AtomicU64::new(1_000),
            takes,
            outcome: Mutex::new(|| Ok(())),
            issues: Mutex::new(("issued-", Usage::Bearer)),
            presented: Mutex::default(),
            principal: Mutex::default(),
            dpop: Dpop::new().unwrap(),
        });
        let route = Arc::new(route);
        let upstreams = Arc::new(Upstreams::new(trusting(roots).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Self {
            address,
            fake,
            upstreams,
            route,
        };
        let front = Front {
            fake: Arc::clone(&gateway.fake),
            upstreams: Arc::clone(&gateway.upstreams),
            route: Arc::clone(&gateway.route),
        };
        listen(listener, front);
        gateway
    }

    /// A request that carries the original token.
    pub(super) fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header("authorization", format!("Bearer {ORIGINAL}"))
    }

    /// Sends over a connection of its own and returns the head, with the body still to come.
    pub(super) async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    /// The status and body of a GET.
    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        whole(
            self.send(
                self.request("GET", path)
                    .body(Full::<bytes::Bytes>::default())
                    .unwrap(),
            )
            .await,
        )
        .await
    }

    /// Sends bytes as they are and returns what comes back until the connection closes.
    pub(super) async fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        timeout(Duration::from_secs(5), read)
            .await
            .expect("the connection is closed")
            .unwrap();
        answer
    }

    pub(super) fn calls(&self) -> usize {
        self.fake.calls.load(Ordering::Relaxed)
    }
}

pub(super) async fn whole(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// An upstream that answers by `answer` and remembers what it saw.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) seen: Arc<Mutex<Vec<Parts>>>,
}

impl Upstream {
    pub(super) async fn start<F, B>(
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (connections, seen) = (
            Arc::clone(&upstream.connections),
            Arc::clone(&upstream.seen),
        );
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(
                    TokioIo::new(stream),
                    answer.clone(),
                    Arc::clone(&seen),
                ));
            }
        });
        upstream
    }

    /// Answers every request with its body.
    pub(super) async fn echo() -> Self {
        Self::start(|request| async { Response::new(request.into_body()) }).await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many requests came.
    pub(super) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The header's values in the latest request.
    pub(super) fn latest(&self, name: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let values = seen.last().unwrap().headers.get_all(name);
        values
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    /// Everything of every request's head as text, sensitive values included.
    pub(super) fn transcript(&self) -> String {
        let seen = self.seen.lock().unwrap();
        let line = |parts: &Parts| {
            let header = |(name, value): (&hyper::header::HeaderName, &HeaderValue)| {
                format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
            };
            let headers: Vec<_> = parts.headers.iter().map(header).collect();
            format!("{} {} {}", parts.method, parts.uri, headers.join("; "))
        };
        seen.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Serves one connection of an upstream.
pub(super) async fn serve<I, F, B>(
    io: I,
    answer: impl Fn(Request<Incoming>) -> F + Clone,
    seen: Arc<Mutex<Vec<Parts>>>,
) where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    F: Future<Output = Response<B>>,
    B: HttpBody<Data = bytes::Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        seen.lock().unwrap().push(parts.clone());
        let answer = answer(Request::from_parts(parts, body));
        async { Ok::<_, Infallible>(answer.await) }
    });
    // A connection that a test breaks off on purpose ends with an error.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(io, service)
        .await;
}
