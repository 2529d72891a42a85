//! HTTP/1 connections. One that waits for its next request is parked: hyper and its buffers go, and come
//! back when the client says something.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    header::UPGRADE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep, timeout},
};

use super::{
    Drain, Handler,
    guard::{Gate, Guarded},
    head_timer::HeadTimer,
    serving::{Shared, Stream},
};
use crate::{
    body::{Body, BodyError},
    stream,
};

/// How long nothing must be under way before a connection is parked; up to twice that.
const PARK_AFTER: Duration = Duration::from_secs(2);

/// Serves a connection until it ends.
pub(super) async fn answer<H: Handler>(
    stream: Guarded<Stream>,
    shared: Arc<Shared<H>>,
    drain: &Drain,
) -> hyper::Result<()> {
    let mut stream = Box::new(stream);
    loop {
        match Box::pin(answer_until_idle(stream, &shared, drain)).await {
            Until::Ended(outcome) => return outcome,
            Until::Idle(idle) => stream = idle,
        }
        let limit = shared.door.limits.keep_alive_time();
        let spoken = tokio::select! {
            spoken = timeout(limit, readable(stream.inner())) => spoken,
            () = drain.begun() => return Ok(()),
        };
        if !matches!(spoken, Ok(Ok(()))) {
            return Ok(());
        }
    }
}

/// Waits until the client says something, or ends.
async fn readable(stream: &Stream) -> io::Result<()> {
    match stream {
        stream::Stream::Plain(tcp) => tcp.readable().await,
        stream::Stream::Tls(tls) => tls.get_ref().0.readable().await,
    }
}

/// Why hyper serves a connection no longer.
enum Until {
    Ended(hyper::Result<()>),
    /// Nothing is under way on it.
    Idle(Box<Guarded<Stream>>),
}

async fn answer_until_idle<H: Handler>(
    stream: Box<Guarded<Stream>>,
    shared: &Arc<Shared<H>>,
    drain: &Drain,
) -> Until {
    let home = Home::default();
    let serving = Arc::clone(shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&serving);
        async move { Ok::<_, Infallible>(shared.answer_http1(request).await) }
    });
    let limits = &shared.door.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer::default())
        .header_read_timeout(limits.header_time())
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        .max_headers(limits.header_count)
        .half_close(false);
    let lent = Lent {
        stream: Some(stream),
        home: Arc::clone(&home),
    };
    let connection = builder.serve_connection(TokioIo::new(lent), service);
    // A route may let clients switch protocols.
    let outcome = {
        let mut connection = pin!(connection.with_upgrades());
        let mut begun = pin!(drain.begun());
        let mut look = pin!(sleep(PARK_AFTER));
        let (mut is_watched, mut is_draining) = (false, false);
        let mut idle_after = None;
        poll_fn(|cx| {
            // Once it was asked, it wakes this task; until then there is no need to ask again.
            if !is_draining && (!is_watched || drain.has_begun()) {
                is_watched = true;
                is_draining = begun.as_mut().poll(cx).is_ready();
                if is_draining {
                    connection.as_mut().graceful_shutdown();
                }
            }
            if let Poll::Ready(outcome) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            if is_draining || (idle_after.is_some() && !look.is_elapsed()) {
                return Poll::Pending;
            }
            while look.as_mut().poll(cx).is_ready() {
                let now = shared.gate.idle_after();
                if now.is_some() && now == idle_after.flatten() {
                    return Poll::Ready(None);
                }
                idle_after = Some(now);
                look.as_mut().reset(Instant::now() + PARK_AFTER);
            }
            idle_after.get_or_insert(None);
            Poll::Pending
        })
        .await
    };
    if let Some(outcome) = outcome {
        return Until::Ended(outcome);
    }
    let stream = home.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream.map_or(Until::Ended(Ok(())), Until::Idle)
}

impl<H: Handler> Shared<H> {
    /// Answers a request, telling the guard how long it takes and whether the connection goes on as
    /// something else.
    async fn answer_http1(&self, request: Request<Incoming>) -> Response<Counted> {
        let is_upgrade = request.headers().contains_key(UPGRADE);
        let counted = Counted::begin(&self.gate);
        let response = self.answer(request).await;
        if is_upgrade {
            self.gate
                .answered(response.status() == StatusCode::SWITCHING_PROTOCOLS);
        }
        response.map(|body| counted.with(body))
    }
}

/// A response's body. The request counts as under way as long as this lives.
struct Counted {
    body: Body,
    gate: Arc<Gate>,
}

impl Counted {
    fn begin(gate: &Arc<Gate>) -> Self {
        gate.begin();
        Self {
            body: Body::Empty,
            gate: Arc::clone(gate),
        }
    }

    fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gate.end();
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where a stream goes when hyper is done with it.
type Home = Arc<Mutex<Option<Box<Guarded<Stream>>>>>;

/// A stream in hyper's hands.
struct Lent {
    stream: Option<Box<Guarded<Stream>>>,
    home: Home,
}

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut Guarded<Stream>>> {
        let stream = self.stream.as_deref_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_deref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}
