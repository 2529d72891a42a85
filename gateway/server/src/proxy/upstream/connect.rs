//! Opening a connection.

use std::{io, sync::Arc};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    UpstreamError,
    endpoint::Endpoint,
    origin::{Origin, Protocol},
    pool::{Multiplexed, Single},
};

/// A connection that is ready for its first request.
pub(super) enum Opened {
    One(Single),
    Many(Multiplexed),
}

/// Resolves, connects and shakes hands.
pub(super) async fn open(
    origin: &Origin,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<Opened, UpstreamError> {
    let tcp = reach(endpoint).await?;
    match &origin.tls {
        None => start(tcp, origin.protocol, false).await,
        Some(_) => start(encrypt(tcp, origin, tls).await?, origin.protocol, false).await,
    }
}

/// The same for a connection that will switch protocols.
pub(super) async fn open_for_switch(
    origin: &Origin,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<Single, UpstreamError> {
    let tcp = reach(endpoint).await?;
    let opened = match &origin.tls {
        None => start(tcp, Protocol::Http1, true).await?,
        Some(_) => start(encrypt(tcp, origin, tls).await?, Protocol::Http1, true).await?,
    };
    match opened {
        Opened::One(sender) => Ok(sender),
        Opened::Many(_) => Err(UpstreamError::Switched),
    }
}

async fn reach(endpoint: &Endpoint) -> Result<TcpStream, UpstreamError> {
    let tcp = TcpStream::connect((&*endpoint.host, endpoint.port))
        .await
        .map_err(UpstreamError::Connect)?;
    tcp.set_nodelay(true).map_err(UpstreamError::Connect)?;
    Ok(tcp)
}

async fn encrypt(
    tcp: TcpStream,
    origin: &Origin,
    usual: &Arc<ClientConfig>,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, UpstreamError> {
    let Some(tls) = &origin.tls else {
        return Err(UpstreamError::Tls("nothing is said about it".to_owned()));
    };
    let stream = TlsConnector::from(tls.config(usual, origin.protocol)?)
        .connect(tls.name.clone(), tcp)
        .await
        .map_err(UpstreamError::Connect)?;
    let agreed = stream.get_ref().1.alpn_protocol();
    if origin.protocol == Protocol::Http2 && agreed != Some(b"h2") {
        let error = io::Error::other("the upstream does not speak HTTP/2");
        return Err(UpstreamError::Connect(error));
    }
    Ok(stream)
}

pub(super) async fn start(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    protocol: Protocol,
    may_switch: bool,
) -> Result<Opened, UpstreamError> {
    match protocol {
        Protocol::Http1 => {
            let (sender, connection) = http1::handshake(TokioIo::new(io))
                .await
                .map_err(UpstreamError::Http)?;
            if may_switch {
                tokio::spawn(async move { ended(connection.with_upgrades().await) });
            } else {
                tokio::spawn(async move { ended(connection.await) });
            }
            Ok(Opened::One(sender))
        }
        Protocol::Http2 => {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(std::time::Duration::from_secs(30))
                .keep_alive_timeout(std::time::Duration::from_secs(10))
                .initial_stream_window_size(1 << 20)
                .initial_connection_window_size(4 << 20)
                .handshake(TokioIo::new(io))
                .await
                .map_err(UpstreamError::Http)?;
            tokio::spawn(async move { ended(connection.await) });
            Ok(Opened::Many(sender))
        }
    }
}

fn ended(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(cause = %error, "upstream connection ended");
    }
}
