//! Serving one connection.

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::Drain;
use crate::{body::Body, config::Limits};

/// Answers requests. Two listeners, two of these.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; failures are responses too.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Accepts and serves until draining begins. Connections go on in tasks of the current runtime.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: std::sync::Arc<H>,
    limits: Limits,
    drain: Drain,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.begun() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(entered) = drain.enter(limits.connections) else {
                    continue;
                };
                let (handler, limits, drain) = (
                    std::sync::Arc::clone(&handler),
                    limits.clone(),
                    drain.clone(),
                );
                tokio::spawn(async move {
                    connection(stream, peer, &*handler, &limits, &drain).await;
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

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: &H,
    limits: &Limits,
    drain: &Drain,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service =
        service_fn(
            |request| async move { Ok::<_, Infallible>(handler.handle(request, peer).await) },
        );
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_seconds))
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        .max_headers(limits.header_count)
        .half_close(false);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = drain.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
