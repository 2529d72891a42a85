//! Switching protocols (PX-10): the request's `Upgrade` goes on only when the route allows that protocol,
//! nothing behind the request goes on before the upstream has switched, and what is no switch is none.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, HeaderValue, UPGRADE},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{
    Limits, ResponseStream, UpstreamError, Upstreams, connect,
    endpoint::Lease,
    failures::Failure,
    http1::UpstreamBytes,
    origin::{Origin, Tried},
    pool::{Connection, Loan},
    stream::{Arriving, Patience, RequestStream},
};
use crate::{
    body::Incoming,
    http1::lists,
    listener::{OnSwitch, Switched as Switch},
    proxy::hygiene::Malformed,
};

/// Bytes that are on their way in each direction.
const BUFFER: usize = 16 * 1024;

/// Longest time that a tunnel is open when its route does not say.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// A client's wish to switch.
pub(in crate::proxy) struct Wish {
    protocol: HeaderValue,
    client: oneshot::Receiver<Switch>,
}

impl Wish {
    /// Takes the wish out of a request, if there is one. Refused is what the route does not list, or what
    /// is not said in the one way there is (RFC 9110 §7.8).
    pub(in crate::proxy) fn take(
        request: &mut Request<Incoming>,
        allowed: &[HeaderValue],
    ) -> Result<Option<Self>, Malformed> {
        if allowed.is_empty() || !request.headers().contains_key(UPGRADE) {
            return Ok(None);
        }
        let mut values = request.headers().get_all(UPGRADE).iter();
        let protocol = match (values.next(), values.next()) {
            (Some(value), None) => allowed.iter().find(|known| {
                known
                    .as_bytes()
                    .eq_ignore_ascii_case(value.as_bytes().trim_ascii())
            }),
            _ => None,
        };
        let is_sound = request.version() == Version::HTTP_11
            && request.method() == Method::GET
            && lists(request.headers(), &CONNECTION, b"upgrade")
            && !request
                .headers()
                .contains_key(hyper::header::TRANSFER_ENCODING)
            && !request
                .headers()
                .contains_key(hyper::header::CONTENT_LENGTH);
        let client = request
            .extensions_mut()
            .remove::<OnSwitch>()
            .and_then(|switch| switch.take());
        match (protocol, client) {
            (Some(protocol), Some(client)) if is_sound => {
                let protocol = protocol.clone();
                request.headers_mut().remove(UPGRADE);
                Ok(Some(Self { protocol, client }))
            }
            _ => Err(Malformed::Upgrade),
        }
    }
}

/// What the upstream made of a wish.
pub(in crate::proxy) enum Switched {
    /// From now on both sides talk past HTTP. The response is to be sent as it is.
    Yes(Response<()>),
    /// It answered as to any other request.
    No(Box<Response<ResponseStream>>),
}

impl Upstreams {
    /// Sends a request with a wish over a connection of its own. After a switch a task passes bytes both
    /// ways until one side ends, or both are silent for too long.
    pub(in crate::proxy) async fn switch(
        &self,
        request: &mut Request<Incoming>,
        wish: Wish,
        origin: &Origin,
        limits: Limits,
    ) -> Result<Switched, UpstreamError> {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, wish.protocol.clone());
        let (progress, body) = RequestStream::wrap(Incoming::Empty, &origin.settings.trailers);
        let lease = origin.lease(&mut Tried::default())?;
        let opened = connect::open_for_switch(origin, lease.endpoint(), &self.tls);
        let opened = timeout(origin.settings.connect, opened)
            .await
            .unwrap_or_else(|_| Err(UpstreamError::Connect(io::ErrorKind::TimedOut.into())));
        let mut single = blame(opened, &lease)?;
        let mut patience = Patience::new(limits, progress);
        single.prepare(request, body);
        let sent = patience.wait_for_head(|cx| single.poll_exchange(cx));
        let response = blame(sent.await, &lease)?;
        let response = response.map_err(|unsent| UpstreamError::Http(unsent.broken));
        let response = blame(response, &lease)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            lease.succeeded();
            // It serves nobody else afterwards.
            let until = Instant::now();
            let single = Box::new(single);
            let loan = Loan::new(&self.pool, lease, Connection::One { single, until });
            let patience = patience.within(limits.idle);
            let trailers = &origin.settings.trailers;
            return Ok(Switched::No(Box::new(response.map(|()| {
                ResponseStream::new(Arriving::Single, loan, patience, trailers)
            }))));
        }
        let is_asked = response.headers().get(UPGRADE).is_some_and(|value| {
            value
                .as_bytes()
                .eq_ignore_ascii_case(wish.protocol.as_bytes())
        });
        if !is_asked {
            lease.failed(Failure::Switched);
            return Err(UpstreamError::Switched);
        }
        lease.succeeded();
        let (upstream, first) = single.switched();
        tokio::spawn(async move {
            match wish.client.await {
                Ok(client) => tunnel(client, upstream, first, limits).await,
                Err(error) => tracing::debug!(%error, "a switch came to nothing"),
            }
            drop(lease);
        });
        Ok(Switched::Yes(response))
    }
}

fn blame<T>(outcome: Result<T, UpstreamError>, lease: &Lease) -> Result<T, UpstreamError> {
    outcome.inspect_err(|error| {
        if let Some(failure) = Failure::of(error) {
            lease.failed(failure);
        }
    })
}

/// Passes bytes both ways, within the limits.
async fn tunnel(client: Switch, upstream: UpstreamBytes, first: Bytes, limits: Limits) {
    let moved = AtomicU64::new(0);
    let both = pass(client, upstream, &first, &moved);
    let end = timeout(limits.total.unwrap_or(LONGEST), both);
    tokio::select! {
        outcome = end => if let Ok(Err(error)) = outcome {
            tracing::debug!(%error, "a tunnel broke");
        },
        () = silence(limits.idle, &moved) => {}
    }
}

/// `first` came of the upstream before all else.
async fn pass(
    client: Switch,
    upstream: UpstreamBytes,
    first: &[u8],
    moved: &AtomicU64,
) -> io::Result<((), ())> {
    let (from_client, mut to_client) = split(client.stream);
    let (from_upstream, mut to_upstream) = split(upstream);
    tokio::try_join!(
        async {
            to_upstream.write_all(&client.first).await?;
            pump(from_client, to_upstream, moved).await
        },
        async {
            to_client.write_all(first).await?;
            pump(from_upstream, to_client, moved).await
        }
    )
}

/// Until nothing has moved for this long, or up to twice as long.
async fn silence(limit: Duration, moved: &AtomicU64) {
    let mut seen = 0;
    loop {
        sleep(limit).await;
        let now = moved.load(Relaxed);
        if now == seen {
            return;
        }
        seen = now;
    }
}

/// One direction, until its end, which is passed on.
async fn pump<R, W>(
    mut from: ReadHalf<R>,
    mut to: WriteHalf<W>,
    moved: &AtomicU64,
) -> io::Result<()>
where
    R: tokio::io::AsyncRead,
    W: tokio::io::AsyncWrite,
{
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        moved.fetch_add(1, Relaxed);
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(piece).await?;
    }
}
