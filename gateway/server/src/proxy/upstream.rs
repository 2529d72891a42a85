//! Connections to upstreams: opened, lent to one request at a time, and taken back.

mod pool;
mod stream;

use std::{io, sync::Arc, time::Duration};

use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::HeaderValue,
};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use self::pool::Pool;
pub(super) use self::stream::Outgoing;
pub use self::stream::ResponseStream;
use self::stream::{Patience, RequestStream};

/// Longest time to resolve, connect and shake hands.
const CONNECT: Duration = Duration::from_secs(5);

type Sender = SendRequest<RequestStream>;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// It cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// It broke off, or what it said is not HTTP.
    #[error("no valid response: {0}")]
    Http(#[source] hyper::Error),
    /// It switched protocols without being asked (PX-10).
    #[error("switched protocols without being asked")]
    Switched,
    /// It did not answer in time.
    #[error("no answer in time")]
    TooSlow,
}

/// Where a route's requests go.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Scheme and authority: two routes with the same share connections.
    key: Arc<str>,
    host: Box<str>,
    port: u16,
    /// The name its certificate must have; none for plain text.
    tls: Option<ServerName<'static>>,
    /// What it receives as `Host`.
    pub(super) authority: HeaderValue,
}

impl Origin {
    /// Reads scheme, host and port; none if there is anything else before the path, or not these.
    pub(super) fn parse(uri: &Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        if !super::hygiene::is_host(authority.as_str()) {
            return None;
        }
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let (tls, default_port) = match scheme {
            "http" => (None, 80),
            "https" => (Some(ServerName::try_from(host.to_owned()).ok()?), 443),
            _ => return None,
        };
        let authority = authority.as_str().to_ascii_lowercase();
        Some(Self {
            key: format!("{scheme}://{authority}").into(),
            host: host.into(),
            port: uri.port_u16().unwrap_or(default_port),
            tls,
            authority: HeaderValue::try_from(authority).ok()?,
        })
    }
}

/// One core's connections to all upstreams. A connection stays with the runtime that opened it.
pub struct Upstreams {
    pool: Arc<Pool>,
    tls: TlsConnector,
}

impl Upstreams {
    /// No connections yet. `tls` is used for `https` upstreams; the platform's certificate authorities and configured ones are trusted.
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            pool: Arc::default(),
            tls: TlsConnector::from(tls),
        }
    }

    /// Sends a request and waits for the head of the response. Both bodies stream.
    ///
    /// A pooled connection may turn out to be dead. Then, and only if hyper hands the request back, which
    /// it does only when it had not begun to send it, a fresh connection is tried once (PX-17).
    pub(super) async fn send(
        &self,
        request: Request<Outgoing>,
        origin: &Origin,
        limits: Limits,
    ) -> Result<Response<ResponseStream>, UpstreamError> {
        let mut patience = Patience::new(limits.head);
        let (progress, mut request) = RequestStream::wrap(request);
        if let Some(mut sender) = self.pool.take(&origin.key) {
            let sent = patience
                .wait_for_head(sender.try_send_request(request), &progress)
                .await?;
            match sent {
                Ok(response) => {
                    return self.receive(
                        response,
                        sender,
                        origin,
                        progress,
                        patience.within(limits.idle),
                    );
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(UpstreamError::Http(error.into_error())),
                },
            }
        }
        let mut sender = self.connect(origin, limits.head.min(CONNECT)).await?;
        let sent = patience
            .wait_for_head(sender.try_send_request(request), &progress)
            .await?;
        let response = sent.map_err(|error| UpstreamError::Http(error.into_error()))?;
        self.receive(
            response,
            sender,
            origin,
            progress,
            patience.within(limits.idle),
        )
    }

    fn receive(
        &self,
        response: Response<Incoming>,
        sender: Sender,
        origin: &Origin,
        progress: stream::Progress,
        patience: Patience,
    ) -> Result<Response<ResponseStream>, UpstreamError> {
        if response.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::Switched);
        }
        let loan = pool::Loan::new(Arc::clone(&self.pool), Arc::clone(&origin.key), sender);
        Ok(response.map(|body| ResponseStream::new(body, loan, progress, patience)))
    }

    async fn connect(&self, origin: &Origin, limit: Duration) -> Result<Sender, UpstreamError> {
        self.pool.sweep();
        match timeout(limit, self.open(origin)).await {
            Ok(opened) => opened,
            Err(_) => Err(UpstreamError::Connect(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn open(&self, origin: &Origin) -> Result<Sender, UpstreamError> {
        let tcp = TcpStream::connect((&*origin.host, origin.port))
            .await
            .map_err(UpstreamError::Connect)?;
        tcp.set_nodelay(true).map_err(UpstreamError::Connect)?;
        match &origin.tls {
            None => start(tcp).await,
            Some(name) => {
                start(
                    self.tls
                        .connect(name.clone(), tcp)
                        .await
                        .map_err(UpstreamError::Connect)?,
                )
                .await
            }
        }
    }
}

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For the head of the response, since the request's body last moved.
    pub(super) head: Duration,
    /// For the next piece of the response's body.
    pub(super) idle: Duration,
}

async fn start(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Sender, UpstreamError> {
    let (sender, connection) = http1::handshake(TokioIo::new(io))
        .await
        .map_err(UpstreamError::Http)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(cause = %error, "upstream connection ended");
        }
    });
    Ok(sender)
}

#[cfg(test)]
mod tests;
