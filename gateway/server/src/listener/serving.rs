//! Serving connections.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, Response, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use super::{
    Connection, Door, Drain, hops, http1,
    message::{self, Flaw},
    patient::Patient,
    tls::Terminator,
};
use crate::{
    body::{Body, Incoming},
    config::Http2,
    stream,
};

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often a silent HTTP/2 client is asked whether it is there, and how long it has to say so.
const PING: Duration = Duration::from_secs(20);

/// Bytes a client may send ahead, in a stream and in a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of responses that wait to be sent, per stream.
const SEND_BUFFER: usize = 64 * 1024;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; failures are responses too. What is left of the request means nothing.
    fn handle(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Accepts and serves until draining begins. Connections go on in tasks of the current runtime.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    door: Arc<Door>,
    handler: Arc<H>,
    drain: Drain,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.begun() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(entered) = drain.enter(&door) else {
                    continue;
                };
                let (door, handler, drain) =
                    (Arc::clone(&door), Arc::clone(&handler), drain.clone());
                tokio::spawn(async move {
                    if let Some(opened) = open(stream, peer, &door).await {
                        answer(opened, door, handler, &drain).await;
                    }
                    drop(entered);
                });
            }
            Err(error) => {
                // Out of descriptors or memory: accepting again at once would spin.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The bytes of a client's connection.
pub(crate) type Stream = stream::Stream<TlsStream<TcpStream>>;

/// A connection that is ready for requests.
struct Opened {
    stream: Stream,
    connection: Connection,
    is_http2: bool,
}

/// Shakes hands, if the listener encrypts. None when that came to nothing.
async fn open(stream: TcpStream, peer: SocketAddr, door: &Door) -> Option<Opened> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let connection = Connection {
        roles: door.roles,
        ..Connection::plain(peer)
    };
    let limit = door.limits.header_time();
    if let Some(terminator) = door.tls.as_ref().filter(|tls| tls.is_on()) {
        let opened = timeout(limit, encrypt(stream, connection, terminator)).await;
        if !matches!(opened, Ok(Some(_))) {
            door.not_secured();
        }
        if opened.is_err() {
            tracing::debug!(%peer, listener = door.name, "the TLS handshake took too long");
        }
        return opened.ok().flatten();
    }
    let is_http2 =
        door.http2 == Http2::Always && timeout(limit, begins_with_preface(&stream)).await.ok()?;
    Some(Opened {
        stream: Stream::Plain(stream),
        connection,
        is_http2,
    })
}

async fn encrypt(
    stream: TcpStream,
    mut connection: Connection,
    terminator: &Terminator,
) -> Option<Opened> {
    match terminator.accept(stream).await {
        Ok((stream, shown)) => {
            connection.is_secure = true;
            connection.certificates = shown.certificates;
            connection.is_anchored = shown.is_anchored;
            Some(Opened {
                stream: Stream::Tls(Box::new(stream)),
                connection,
                is_http2: shown.is_http2,
            })
        }
        Err(error) => {
            let (peer, listener) = (connection.peer, terminator.name());
            tracing::debug!(%error, %peer, listener, "no TLS connection");
            None
        }
    }
}

/// Looks at the first bytes and leaves them where they are.
async fn begins_with_preface(stream: &TcpStream) -> bool {
    let mut first = [0; PREFACE.len()];
    loop {
        let Ok(read) = stream.peek(&mut first).await else {
            return false;
        };
        let seen = first.get(..read).unwrap_or_default();
        if seen.is_empty() || !PREFACE.starts_with(seen) {
            return false;
        }
        if read == PREFACE.len() {
            return true;
        }
        // What was seen stays there, so that waiting for more would not wait.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What all requests of a connection share.
pub(super) struct Shared<H> {
    handler: Arc<H>,
    pub(super) door: Arc<Door>,
    connection: Connection,
    is_hop: bool,
}

impl<H: Handler> Shared<H> {
    pub(super) async fn answer(&self, request: &mut Request<Incoming>) -> Response<Body> {
        if let Err(flaw) = message::prepare(request, self.door.limits.header_count) {
            self.door.refused(flaw.name());
            return self.refuse(&flaw);
        }
        let believed = hops::believe(request, &self.connection, &self.door, self.is_hop);
        match believed {
            Ok(None) => self.handler.handle(request, &self.connection).await,
            Ok(Some(connection)) => self.handler.handle(request, &connection).await,
            Err(error) => {
                let flaw = Flaw::Hop(error.to_string());
                self.door.refused(flaw.name());
                self.refuse(&flaw)
            }
        }
    }

    pub(super) fn refuse(&self, flaw: &Flaw) -> Response<Body> {
        flaw.response(&self.connection)
    }
}

async fn answer<H: Handler>(opened: Opened, door: Arc<Door>, handler: Arc<H>, drain: &Drain) {
    let peer = opened.connection.peer;
    let shared = Arc::new(Shared {
        handler,
        is_hop: hops::is_trusted(&door.hops, peer.ip()),
        connection: opened.connection,
        door: Arc::clone(&door),
    });
    let outcome = if opened.is_http2 {
        let limit = Duration::from_secs(door.limits.send_idle_seconds);
        let patient = Patient::new(opened.stream, limit);
        let outcome = answer_http2(patient, shared, &door, drain).await;
        outcome.map_err(io::Error::other)
    } else {
        http1::answer(opened.stream, shared, drain).await
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

async fn answer_http2<H: Handler>(
    stream: Patient<Stream>,
    shared: Arc<Shared<H>>,
    door: &Door,
    drain: &Drain,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        // hyper moves it from place to place.
        Box::pin(async move {
            let mut request = request.map(Incoming::Http2);
            Ok::<_, Infallible>(shared.answer(&mut request).await)
        })
    });
    let limits = &door.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(limits.http2_resets)
        .max_local_error_reset_streams(limits.http2_resets);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = drain.begun() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    }
}
