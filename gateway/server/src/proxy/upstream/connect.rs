//! Opening a connection.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    UpstreamError,
    broken::Broken,
    endpoint::Endpoint,
    http1::{Single, UpstreamBytes},
    origin::{Origin, Protocol},
    pool::Multiplexed,
};
use crate::stream::Stream;

/// A connection that is ready for its first request.
pub(super) enum Opened {
    One(Box<Single>),
    Many(Multiplexed),
}

/// Resolves, connects and shakes hands.
pub(super) async fn open(
    origin: &Origin,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<Opened, UpstreamError> {
    let stream = reach(origin, endpoint, tls).await?;
    match origin.protocol {
        Protocol::Http1 => Ok(Opened::One(Box::new(Single::new(stream)))),
        Protocol::Http2 => multiplex(stream).await.map(Opened::Many),
    }
}

/// The same for a connection that will switch protocols.
pub(super) async fn open_for_switch(
    origin: &Origin,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<Single, UpstreamError> {
    reach(origin, endpoint, tls).await.map(Single::new)
}

async fn reach(
    origin: &Origin,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<UpstreamBytes, UpstreamError> {
    let tcp = dial(endpoint, origin.settings.connect).await?;
    if origin.tls.is_none() {
        return Ok(Stream::Plain(tcp));
    }
    encrypt(tcp, origin, tls).await
}

/// Every connection resolves the name, and begins with the next of its addresses.
async fn dial(endpoint: &Endpoint, patience: Duration) -> Result<TcpStream, UpstreamError> {
    let addresses: Vec<SocketAddr> = lookup_host((&*endpoint.host, endpoint.port))
        .await
        .map_err(UpstreamError::Connect)?
        .collect();
    let tcp = first_of(&addresses, endpoint.next_turn(), patience)
        .await
        .map_err(UpstreamError::Connect)?;
    tcp.set_nodelay(true).map_err(UpstreamError::Connect)?;
    Ok(tcp)
}

/// A connection to the first of these that can be reached, from `turn` on. One that says nothing leaves time for
/// the others.
async fn first_of(
    addresses: &[SocketAddr],
    turn: usize,
    patience: Duration,
) -> io::Result<TcpStream> {
    let count = addresses.len().max(1);
    let each = patience / u32::try_from(count).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses
        .iter()
        .cycle()
        .skip(turn % count)
        .take(addresses.len())
    {
        match timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn encrypt(
    tcp: TcpStream,
    origin: &Origin,
    usual: &Arc<ClientConfig>,
) -> Result<UpstreamBytes, UpstreamError> {
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
    Ok(Stream::Tls(Box::new(stream)))
}

async fn multiplex(stream: UpstreamBytes) -> Result<Multiplexed, UpstreamError> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| UpstreamError::Http(Broken::Http2(error)))?;
    tokio::spawn(async move { ended(connection.await) });
    Ok(sender)
}

fn ended(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(cause = %error, "upstream connection ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connections_take_turns_at_the_addresses_and_pass_over_dead_ones() {
        let patience = Duration::from_secs(4);
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            listeners.push(listener);
        }
        let mut reached = Vec::new();
        for turn in 0..6 {
            let tcp = first_of(&addresses, turn, patience).await.unwrap();
            reached.push(tcp.peer_addr().unwrap());
        }
        assert_eq!(reached, [&addresses[..], &addresses[..]].concat());
        listeners.remove(1);
        let tcp = first_of(&addresses, 1, patience).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), addresses[2], "the next one");
        listeners.clear();
        assert!(first_of(&addresses, 0, patience).await.is_err());
        assert!(first_of(&[], 5, patience).await.is_err());
    }
}
