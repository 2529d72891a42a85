//! HTTP/1 connections, one request after the other (RFC 9112).
//!
//! Clients are read as strictly as RFC 9112 is written, by one reader: what another server could read
//! differently is refused. A connection that waits holds no buffer.

mod body;
mod deadline;
mod head;
mod response;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Response, StatusCode};
use tokio::{sync::oneshot, time::Instant};

pub use self::body::Streamed;
pub(super) use self::head::Reason;
use self::{
    body::SharedWire,
    deadline::Deadline,
    head::{Asked, Head, Reader},
    response::{Sending, Unsent},
    wire::{Next, Wire},
};
use super::{
    Drain, Handler,
    message::Flaw,
    serving::{Shared, Stream},
};
use crate::body::{Body, Incoming};

/// A client's connection after a switch of protocols.
pub(crate) struct Switched {
    /// The connection.
    pub(crate) stream: Stream,
    /// What came of it already.
    pub(crate) first: Bytes,
}

/// An extension of a request that wishes to switch protocols: gives the connection once the answer was that
/// it does.
#[derive(Clone)]
pub(crate) struct OnSwitch(Arc<Mutex<Option<oneshot::Receiver<Switched>>>>);

impl OnSwitch {
    fn new() -> (oneshot::Sender<Switched>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Arc::new(Mutex::new(Some(receiver)))))
    }

    /// None for anybody but the first who asks.
    pub(crate) fn take(&self) -> Option<oneshot::Receiver<Switched>> {
        let mut receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.take()
    }
}

/// Serves a connection until it ends.
pub(super) async fn answer<H: Handler>(
    stream: Stream,
    shared: Arc<Shared<H>>,
    drain: &Drain,
) -> io::Result<()> {
    let limits = &shared.door.limits;
    let wire = SharedWire::new(Wire::new(stream, limits));
    let mut heads = Reader::new(limits.header_bytes, limits.header_count);
    let mut waiting = Waiting {
        drain,
        limit: limits.header_time(),
        deadline: Deadline::new(Instant::now() + limits.header_time()),
        is_watched: false,
        has_begun: true,
    };
    let mut begun = pin!(drain.begun());
    loop {
        let next = poll_fn(|cx| waiting.poll(&wire, &mut heads, begun.as_mut(), cx));
        let head = match next.await? {
            Some(Ok(head)) => head,
            None => return Ok(()),
            Some(Err(reason)) => {
                let refused = refuse(reason, &shared);
                let mut sending = Sending::begin(refused, Asked::LAST);
                if poll_fn(|cx| sending.poll(&wire, cx)).await.is_err() {
                    return Ok(());
                }
                return poll_fn(|cx| wire.lock().poll_close(cx)).await;
            }
        };
        let Some((mut sending, switch)) = respond(head, &wire, &shared, drain).await else {
            return Ok(());
        };
        if let Err(unsent) = poll_fn(|cx| sending.poll(&wire, cx)).await {
            if !matches!(unsent, Unsent::Connection(_)) && sending.looks_whole() {
                wire.lock().reset();
            }
            tracing::debug!(%unsent, "an answer was not sent whole");
            return Ok(());
        }
        if let Some(switch) = switch {
            if let Some((stream, first)) = wire.lock().switched() {
                // Whoever was to go on may have gone.
                let _ = switch.send(Switched { stream, first });
            }
            return Ok(());
        }
        let keeps = sending.keeps;
        drop(sending);
        let is_through = poll_fn(|cx| wire.lock().poll_rest(cx)).await;
        if let Some(reason) = wire.lock().doubt() {
            note(reason, &shared);
        }
        if !keeps || !is_through {
            return poll_fn(|cx| wire.lock().poll_close(cx)).await;
        }
        waiting.has_begun = false;
        let limit = shared.door.limits.keep_alive_time();
        waiting.deadline.set(Instant::now() + limit);
    }
}

/// Answers a request. None when the client has gone meanwhile; what was under way for it ends then.
async fn respond<H: Handler>(
    head: Head,
    wire: &SharedWire,
    shared: &Arc<Shared<H>>,
    drain: &Drain,
) -> Option<(Sending, Option<oneshot::Sender<Switched>>)> {
    let Head {
        mut request,
        left,
        asked,
        waits,
        is_upgrade,
    } = head;
    wire.lock().begin(left, waits);
    let body = match left {
        crate::http1::Left::Nothing => Incoming::Empty,
        _ => Incoming::Http1(wire.body()),
    };
    let switch = is_upgrade.then(|| {
        let (sender, switch) = OnSwitch::new();
        request.extensions_mut().insert(switch);
        sender
    });
    // Large, and soon over: its memory serves the next request, whoever sends it.
    let mut request = request.map(|()| body);
    let mut answer = Box::pin(shared.answer(&mut request));
    let response = poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => wire.lock().poll_gone(cx).map(|()| None),
    });
    let response = response.await?;
    drop(answer);
    let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let asked = {
        let wire = wire.lock();
        Asked {
            keeps: asked.keeps && !drain.has_begun() && !wire.waits() && wire.doubt().is_none(),
            ..asked
        }
    };
    let sending = Sending::begin(response, asked);
    Some((sending, switch.filter(|_| is_switched)))
}

/// What is waited for between requests.
struct Waiting<'d> {
    drain: &'d Drain,
    /// How long a head may take.
    limit: Duration,
    deadline: Deadline,
    /// Whether the end of all serving wakes the task.
    is_watched: bool,
    /// Whether something of the next head must have come by the deadline, or all of it.
    has_begun: bool,
}

impl Waiting<'_> {
    fn poll(
        &mut self,
        wire: &SharedWire,
        heads: &mut Reader,
        begun: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        let mut wire = wire.lock();
        if let Poll::Ready(next) = wire.poll_head(heads, cx) {
            return Poll::Ready(next);
        }
        if wire.is_silent() {
            if self.drain.has_begun() {
                return Poll::Ready(Ok(None));
            }
            if !self.is_watched {
                self.is_watched = true;
                if begun.poll(cx).is_ready() {
                    return Poll::Ready(Ok(None));
                }
            }
        } else if !self.has_begun {
            self.has_begun = true;
            self.deadline.set(Instant::now() + self.limit);
        }
        self.deadline.poll(cx).map(|()| Ok(None))
    }
}

fn note<H>(reason: Reason, shared: &Shared<H>) {
    tracing::info!(reason = reason.name(), "a message was refused");
    shared.door.refused(reason.name());
}

fn refuse<H: Handler>(reason: Reason, shared: &Shared<H>) -> Response<Body> {
    note(reason, shared);
    shared.refuse(&Flaw::Unclear(reason))
}
