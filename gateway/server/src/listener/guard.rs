//! Looks at the bytes of HTTP/1 before hyper does.
//!
//! hyper reads some messages leniently: it drops a `Content-Length` beside `Transfer-Encoding`, takes bare
//! line feeds for line ends, and tolerates odd chunk extensions. What it makes of them is well-defined, but
//! another server's opinion on the same bytes may differ. So every byte passes a [`Wire`], and from the
//! first doubtful one on hyper gets something that it certainly refuses: it then answers 400, behind all
//! answers that are still due, and closes.

mod stall;
mod wire;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::{
    stall::Stall,
    wire::{Reason, Wire},
};
use crate::config::Limits;

/// No method, no header name, no chunk size.
const POISON: &[u8] = b"\0\r\n\r\n";

/// A header. More of them than allowed are answered with 431.
const FILLER: &[u8] = b"a: a\r\n";

/// What the two sides of a connection tell each other: the bytes, and the requests they hold.
#[derive(Default)]
pub(super) struct Gate {
    /// Whether the bytes behind a request to switch protocols may go on (PX-10).
    waiting: Mutex<Waiting>,
    /// Requests whose response has not ended.
    under_way: AtomicUsize,
    /// Requests so far.
    begun: AtomicUsize,
    /// Whether everything that came was a whole message, and everything that went was taken.
    is_between: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// What the answer was, once there is one.
    is_switched: Option<bool>,
    waker: Option<Waker>,
    doubt: Option<&'static str>,
}

impl Gate {
    /// A request is answered from now until [`Self::end`].
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
    }

    /// The response to a request has ended.
    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Relaxed);
    }

    /// How many requests there were, if nothing is under way in either direction.
    pub(super) fn idle_after(&self) -> Option<usize> {
        let is_idle = self.under_way.load(Relaxed) == 0 && self.is_between.load(Relaxed);
        is_idle.then(|| self.begun.load(Relaxed))
    }

    /// Says how a request with `Upgrade` was answered.
    pub(super) fn answered(&self, is_switched: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_switched = Some(is_switched);
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
    }

    /// Why the connection's last message was refused, if one was.
    pub(super) fn doubt(&self) -> Option<&'static str> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .doubt
    }

    fn doubted(&self, reason: &'static str) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .doubt = Some(reason);
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(is_switched) = waiting.is_switched.take() {
            return Poll::Ready(is_switched);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// How much of what a client still sends is taken after the last answer, and how long it may pause: a
/// connection that is closed over unread bytes is reset, and the answer lost with it.
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// A stream whose bytes are looked at.
pub(super) struct Guarded<S> {
    inner: S,
    wire: Wire,
    gate: Arc<Gate>,
    /// To be read before anything else of the stream.
    first: Vec<u8>,
    is_poisoned: bool,
    /// Headers that are certainly refused.
    too_many: usize,
    reading: Stall,
    writing: Stall,
    is_shut: bool,
    lingered: usize,
    lingering: Stall,
}

impl<S> Guarded<S> {
    /// The stream below.
    pub(super) const fn inner(&self) -> &S {
        &self.inner
    }

    /// Looks at HTTP/1.
    pub(super) fn http1(inner: S, gate: Arc<Gate>, limits: &Limits) -> Self {
        Self::new(inner, Wire::new(limits.header_bytes), gate, limits)
    }

    /// Lets every byte pass, and looks only for a peer that does not read.
    pub(super) fn transparent(inner: S, limits: &Limits) -> Self {
        Self::new(inner, Wire::raw(), Arc::default(), limits)
    }

    fn new(inner: S, wire: Wire, gate: Arc<Gate>, limits: &Limits) -> Self {
        Self {
            inner,
            wire,
            gate,
            first: Vec::new(),
            is_poisoned: false,
            too_many: limits.header_count + 1,
            reading: Stall::new(Duration::from_secs(limits.body_idle_seconds)),
            writing: Stall::new(Duration::from_secs(limits.send_idle_seconds)),
            is_shut: false,
            lingered: 0,
            lingering: Stall::new(LINGER),
        }
    }

    /// Looks at what `buffer` holds behind `start` and cuts off what may not go on.
    fn inspect(&mut self, buffer: &mut ReadBuf<'_>, start: usize) {
        let fresh = buffer.filled().get(start..).unwrap_or_default();
        match self.wire.inspect(fresh) {
            Ok(passed) => {
                let held = fresh.get(passed..).unwrap_or_default();
                if !held.is_empty() {
                    self.first = held.to_vec();
                    buffer.set_filled(start + passed);
                }
            }
            Err(doubt) => {
                tracing::info!(reason = doubt.reason.name(), "a message was refused");
                self.gate.doubted(doubt.reason.name());
                buffer.set_filled(start + doubt.at);
                self.is_poisoned = true;
                self.first = match doubt.reason {
                    Reason::Long if self.wire.is_within_head() => {
                        // hyper looks again only when the head is complete.
                        [&FILLER.repeat(self.too_many), &b"\r\n"[..]].concat()
                    }
                    _ => POISON.to_vec(),
                };
                self.hand_out(buffer);
            }
        }
    }

    /// Moves what is to be read first into `buffer`.
    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.first.len().min(buffer.remaining());
        buffer.put_slice(self.first.get(..length).unwrap_or_default());
        self.first.drain(..length);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.is_poisoned {
            // Behind the poison there is nothing.
            guard.hand_out(buffer);
            return Poll::Ready(Ok(()));
        }
        if guard.wire.is_held() {
            match guard.gate.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(is_switched) => guard.wire.release(is_switched),
            }
        }
        let start = buffer.filled().len();
        if !guard.first.is_empty() {
            guard.hand_out(buffer);
            let rest = std::mem::take(&mut guard.first);
            guard.inspect(buffer, start);
            if !guard.is_poisoned {
                guard.first.extend(rest);
            }
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut guard.inner).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                guard.reading.clear();
                guard.inspect(buffer, start);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if guard.wire.is_within_body() => guard.reading.poll(cx),
            Poll::Pending => {
                let is_between = guard.wire.is_between() && !guard.writing.is_waiting();
                guard.gate.is_between.store(is_between, Relaxed);
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    fn written<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => match self.writing.poll(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            },
            ready @ Poll::Ready(_) => {
                self.writing.clear();
                ready
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Takes what the client still sends of a message that nobody reads.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        while self.lingered < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.lingered += buffer.filled().len();
                    self.lingering.clear();
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.lingering.poll(cx).map(|_| Ok(())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_write(cx, bytes);
        guard.written(outcome, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_write_vectored(cx, slices);
        guard.written(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_flush(cx);
        guard.written(outcome, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if !guard.is_shut {
            let outcome = Pin::new(&mut guard.inner).poll_shutdown(cx);
            match guard.written(outcome, cx) {
                Poll::Ready(Ok(())) => guard.is_shut = true,
                other => return other,
            }
        }
        if guard.is_poisoned || guard.wire.is_within_body() {
            guard.poll_linger(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests;
