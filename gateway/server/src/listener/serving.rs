//! Serving connections.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc};

use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{Connection, Door, Drain, hops, stream::Stream};
use crate::body::Body;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; failures are responses too.
    fn handle(
        &self,
        request: Request<Incoming>,
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
                    if let Some((stream, connection)) = open(stream, peer, &door).await {
                        answer(stream, &connection, &door, &*handler, &drain).await;
                    }
                    drop(entered);
                });
            }
            Err(error) => {
                // Out of descriptors or memory: accepting again at once would spin.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// Shakes hands, if the listener encrypts. None when that came to nothing.
async fn open(stream: TcpStream, peer: SocketAddr, door: &Door) -> Option<(Stream, Connection)> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut connection = Connection {
        roles: door.roles,
        ..Connection::plain(peer)
    };
    let Some(terminator) = door.tls.as_ref().filter(|tls| tls.is_on()) else {
        return Some((Stream::Plain(stream), connection));
    };
    match timeout(door.limits.header_time(), terminator.accept(stream)).await {
        Ok(Ok((stream, shown))) => {
            connection.is_secure = true;
            connection.certificates = shown.certificates;
            connection.is_anchored = shown.is_anchored;
            Some((Stream::Tls(Box::new(stream)), connection))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, listener = door.name, "no TLS connection");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, listener = door.name, "the TLS handshake took too long");
            None
        }
    }
}

async fn answer<H: Handler>(
    stream: Stream,
    connection: &Connection,
    door: &Door,
    handler: &H,
    drain: &Drain,
) {
    let is_hop = hops::is_trusted(&door.hops, connection.peer.ip());
    let service = service_fn(|mut request: Request<Incoming>| async move {
        let believed = hops::believe(&mut request, connection, door, is_hop);
        Ok::<_, Infallible>(match believed {
            Ok(None) => handler.handle(request, connection).await,
            Ok(Some(connection)) => handler.handle(request, &connection).await,
            Err(error) => {
                tracing::warn!(%error, peer = %connection.peer, "a trusted hop sent what cannot be read");
                refused()
            }
        })
    });
    let limits = &door.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time())
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        .max_headers(limits.header_count)
        .half_close(false);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // A route may let clients switch protocols.
    let mut serving = pin!(serving.with_upgrades());
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = drain.begun() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, peer = %connection.peer, "connection ended");
    }
}

fn refused() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
