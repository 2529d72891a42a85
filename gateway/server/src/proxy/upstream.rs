//! Connections to upstreams: opened, lent to requests, and taken back.

mod broken;
mod connect;
mod endpoint;
mod failures;
pub(super) mod health;
mod http1;
mod origin;
mod pool;
mod stream;
pub(super) mod tunnel;

use std::{
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use hyper::{Request, Response, StatusCode, Version, header::HOST};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout};

pub(super) use self::origin::{Health, MOST_ENDPOINTS, Origin, Protocol, Settings, TlsFiles};
pub use self::{broken::Broken, stream::ResponseStream};
use self::{
    connect::Opened,
    endpoint::Lease,
    failures::Failure,
    origin::Tried,
    pool::{Connection, Loan, Pool},
    stream::{Arriving, Patience, RequestStream},
};
use crate::body::Incoming;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// It cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// What was said about TLS does not make a configuration.
    #[error("cannot connect: {0}")]
    Tls(String),
    /// It broke off, or what it said is not HTTP.
    #[error("no valid response: {0}")]
    Http(#[source] Broken),
    /// It switched protocols without being asked, or to another than was asked (PX-10).
    #[error("switched protocols without being asked")]
    Switched,
    /// It did not answer in time.
    #[error("no answer in time")]
    TooSlow,
    /// It failed too often, or its checks say that it is down.
    #[error("no endpoint is in use")]
    OutOfUse,
    /// As many requests as may be are under way.
    #[error("too many requests are under way")]
    Full,
}

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For the head of the response, since the request's body last moved.
    pub(super) head: Duration,
    /// For the next piece of the response's body.
    pub(super) idle: Duration,
    /// For all of it.
    pub(super) total: Option<Duration>,
}

/// One core's connections to all upstreams. A connection stays with the runtime that opened it.
pub struct Upstreams {
    pool: Arc<Pool>,
    tls: Arc<ClientConfig>,
}

/// An attempt that came to nothing, and the request's body if nothing of the request was sent.
struct Missed {
    error: UpstreamError,
    unsent: Option<RequestStream>,
}

impl From<UpstreamError> for Missed {
    fn from(error: UpstreamError) -> Self {
        Self {
            error,
            unsent: None,
        }
    }
}

impl Upstreams {
    /// No connections yet. `tls` is used for `https` upstreams; the platform's certificate authorities and configured ones are trusted.
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            pool: Arc::default(),
            tls,
        }
    }

    /// Sends a request and waits for the head of the response. Both bodies stream.
    ///
    /// An endpoint that cannot be reached is passed over for another. A pooled connection may turn out to
    /// be dead: then, and only if nothing of the request was sent, a fresh connection is tried (PX-17). The
    /// head can be sent again afterwards.
    pub(super) async fn send<B>(
        &self,
        head: &mut Request<B>,
        body: Incoming,
        origin: &Origin,
        limits: Limits,
    ) -> Result<Response<ResponseStream>, UpstreamError> {
        let (progress, mut body) = RequestStream::wrap(body, &origin.settings.trailers);
        let mut patience = Patience::new(limits, progress);
        if origin.protocol == Protocol::Http2 {
            *head.version_mut() = Version::HTTP_2;
            head.headers_mut().remove(HOST);
            if let Some(target) = origin.absolute(head.uri()) {
                *head.uri_mut() = target;
            }
        }
        let mut tried = Tried::default();
        let mut last = None;
        loop {
            let lease = match origin.lease(&mut tried) {
                Ok(lease) => lease,
                Err(error) => return Err(last.unwrap_or(error)),
            };
            let attempt = self.attempt(head, body, &lease, origin, &mut patience);
            match attempt.await {
                Ok((response, arriving, connection)) => {
                    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        lease.failed(Failure::Switched);
                        return Err(UpstreamError::Switched);
                    }
                    lease.succeeded();
                    let loan = Loan::new(&self.pool, lease, connection);
                    let patience = patience.within(limits.idle);
                    let trailers = &origin.settings.trailers;
                    return Ok(
                        response.map(|()| ResponseStream::new(arriving, loan, patience, trailers))
                    );
                }
                Err(Missed { error, unsent }) => {
                    if let Some(failure) = Failure::of(&error) {
                        lease.failed(failure);
                    }
                    match unsent {
                        Some(unsent) => body = unsent,
                        None => return Err(error),
                    }
                    last = Some(error);
                }
            }
        }
    }

    /// Sends a request over a pooled connection or a fresh one.
    async fn attempt<B>(
        &self,
        head: &Request<B>,
        mut body: RequestStream,
        lease: &Lease,
        origin: &Origin,
        patience: &mut Patience,
    ) -> Result<(Response<()>, Arriving, Connection), Missed> {
        if let Some(mut connection) = self.pool.take(&lease.endpoint().key, patience.began()) {
            if let Connection::One { single, .. } = &mut connection {
                patience.take_over(single.timer.take());
            }
            match send_over(&mut connection, head, body, patience).await {
                Ok((response, arriving)) => return Ok((response, arriving, connection)),
                Err(Missed {
                    unsent: Some(unsent),
                    ..
                }) => body = unsent,
                Err(missed) => return Err(missed),
            }
        }
        // Rare and large: every request would carry room for it.
        let mut connection = match Box::pin(self.connect(origin, lease)).await {
            Ok(connection) => connection,
            Err(error) => {
                return Err(Missed {
                    error,
                    unsent: Some(body),
                });
            }
        };
        // A fresh connection that breaks at once is not tried again.
        match send_over(&mut connection, head, body, patience).await {
            Ok((response, arriving)) => Ok((response, arriving, connection)),
            Err(missed) => Err(missed.error.into()),
        }
    }

    async fn connect(&self, origin: &Origin, lease: &Lease) -> Result<Connection, UpstreamError> {
        let until = Instant::now() + origin.settings.age;
        let opened = connect::open(origin, lease.endpoint(), &self.tls);
        match timeout(origin.settings.connect, opened).await {
            Err(_) => Err(UpstreamError::Connect(io::ErrorKind::TimedOut.into())),
            Ok(opened) => Ok(match opened? {
                Opened::One(single) => Connection::One { single, until },
                Opened::Many(sender) => {
                    let load = Arc::<AtomicUsize>::default();
                    self.pool
                        .share(&lease.endpoint().key, &sender, &load, until);
                    Connection::Many { sender, load }
                }
            }),
        }
    }
}

async fn send_over<B>(
    connection: &mut Connection,
    head: &Request<B>,
    body: RequestStream,
    patience: &mut Patience,
) -> Result<(Response<()>, Arriving), Missed> {
    match connection {
        Connection::One { single, .. } => {
            single.prepare(head, body);
            let sent = patience.wait_for_head(|cx| single.poll_exchange(cx));
            match sent.await? {
                Ok(response) => Ok((response, Arriving::Single)),
                Err(unsent) => Err(Missed {
                    error: UpstreamError::Http(unsent.broken),
                    unsent: unsent.body,
                }),
            }
        }
        Connection::Many { sender, .. } => {
            let mut request = Request::new(body);
            *request.method_mut() = head.method().clone();
            *request.uri_mut() = head.uri().clone();
            *request.version_mut() = head.version();
            request.headers_mut().clone_from(head.headers());
            let mut sent = Box::pin(sender.try_send_request(request));
            let sent = patience.wait_for_head(|cx| sent.as_mut().poll(cx));
            let response = sent.await?.map_err(|mut error| Missed {
                unsent: error.take_message().map(Request::into_body),
                error: UpstreamError::Http(Broken::Http2(error.into_error())),
            })?;
            let (parts, body) = response.into_parts();
            Ok((Response::from_parts(parts, ()), Arriving::Stream(body)))
        }
    }
}

#[cfg(test)]
mod tests;
