//! Bodies on their way through, and how long one waits for them.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap,
    body::{Body, Frame, SizeHint},
    header::HeaderName,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Broken, Limits, UpstreamError, failures::Failure, http1::Single, pool::Loan};
use crate::{
    access_log::{Ending, Entry},
    body::{BodyError, Cut, Incoming},
};

/// How far a request's body got: the number of its pieces, and all ones when it is through. None when
/// there is no body.
#[derive(Clone, Debug)]
pub(super) struct Progress(Option<Arc<AtomicU64>>);

impl Progress {
    const DONE: u64 = u64::MAX;

    fn of(body: &Incoming) -> Self {
        Self((!body.is_end_stream()).then(Arc::default))
    }

    fn pieces(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(Self::DONE, |pieces| pieces.load(Ordering::Relaxed))
    }

    fn is_done(&self) -> bool {
        self.pieces() == Self::DONE
    }

    fn advance(&self, is_done: bool) {
        if let Some(pieces) = &self.0 {
            if is_done {
                pieces.store(Self::DONE, Ordering::Relaxed);
            } else {
                pieces.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A body on its way to the upstream, with those trailers only that are listed (PX-12).
pub(super) struct RequestStream {
    /// Taken before, and given back since it could not be sent.
    returned: Option<Bytes>,
    body: Incoming,
    progress: Progress,
    trailers: Arc<[HeaderName]>,
}

impl RequestStream {
    /// A body, and how far it got.
    pub(super) fn wrap(body: Incoming, trailers: &Arc<[HeaderName]>) -> (Progress, Self) {
        let progress = Progress::of(&body);
        let body = Self {
            returned: None,
            body,
            progress: progress.clone(),
            trailers: Arc::clone(trailers),
        };
        (progress, body)
    }

    /// A request of the gateway's own, without a body.
    pub(super) fn empty() -> Self {
        Self {
            returned: None,
            body: Incoming::Whole(Bytes::new()),
            progress: Progress(None),
            trailers: Arc::default(),
        }
    }

    /// Takes back a piece that could not be sent.
    pub(super) fn give_back(&mut self, piece: Bytes) {
        self.returned = Some(piece);
    }
}

impl Body for RequestStream {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        if let Some(piece) = this.returned.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let next = Pin::new(&mut this.body).poll_frame(cx);
        let frame = ready!(next).and_then(|frame| allowed(frame, &this.trailers));
        let is_done = frame.is_none() || self.body.is_end_stream();
        self.progress.advance(is_done);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.returned.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let (Some(piece), Some(rest)) = (&self.returned, hint.exact()) {
            hint.set_exact(rest.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX)));
        }
        hint
    }
}

/// A timer that may run already.
pub(super) type Timer = Pin<Box<Sleep>>;

/// One timer for the whole of a request: first for the head of the response, then for its body.
pub(super) struct Patience {
    /// Made when something has to be waited for, or taken over from an earlier request.
    timer: Option<Timer>,
    /// When the timer ends.
    next: Instant,
    limit: Duration,
    /// When all of it must be over.
    end: Option<Instant>,
    waiting: bool,
    /// How far the request's body got.
    progress: Progress,
    began: Instant,
}

impl Patience {
    pub(super) fn new(limits: Limits, progress: Progress) -> Self {
        let now = Instant::now();
        let end = limits.total.map(|total| now + total);
        let first = now + limits.head;
        Self {
            timer: None,
            next: end.map_or(first, |end| end.min(first)),
            limit: limits.head,
            end,
            waiting: false,
            progress,
            began: now,
        }
    }

    /// When the request was about to be sent.
    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    /// The same timer with another limit, for what comes next.
    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.waiting = false;
        self
    }

    /// Whether all of it should be over.
    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Takes over a timer. Setting one that runs to a later time costs next to nothing.
    pub(super) fn take_over(&mut self, timer: Option<Timer>) {
        if let Some(mut timer) = timer {
            timer.as_mut().reset(self.next);
            self.timer = Some(timer);
        }
    }

    fn rest(&mut self) {
        let next = Instant::now() + self.limit;
        self.next = self.end.map_or(next, |end| end.min(next));
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(self.next);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.next;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(next)));
        timer.as_mut().poll(cx)
    }

    /// Waits for the head as long as the request's body moves, and then `limit` more; up to twice that,
    /// since movement is looked for only when the timer ends.
    pub(super) async fn wait_for_head<T>(
        &mut self,
        mut head: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, UpstreamError> {
        let mut pieces = self.progress.pieces();
        poll_fn(|cx| {
            if let Poll::Ready(head) = head(cx) {
                return Poll::Ready(Ok(head));
            }
            while self.poll_timer(cx).is_ready() {
                let moved_to = self.progress.pieces();
                if moved_to == pieces || self.is_over() {
                    return Poll::Ready(Err(UpstreamError::TooSlow));
                }
                pieces = moved_to;
                self.rest();
            }
            Poll::Pending
        })
        .await
    }

    /// To be asked whenever there is nothing to read. Counts from the first such moment: while the client
    /// takes its time to read, the upstream is not at fault.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            self.rest();
        }
        self.poll_timer(cx)
    }
}

/// Where a response's body comes from.
pub(super) enum Arriving {
    /// The connection itself, which takes one request at a time.
    Single,
    /// A stream of a connection that takes many.
    Stream(hyper::body::Incoming),
}

/// An upstream's response body on its way to the client, with those trailers only that are listed (PX-12).
/// It holds the connection, gives it back at its end, and closes it when it is dropped before.
pub struct ResponseStream {
    source: Arriving,
    loan: Option<Loan>,
    patience: Patience,
    trailers: Arc<[HeaderName]>,
    /// The request's line in the access log, if there is one. It is written when this is dropped.
    entry: Option<Box<Entry>>,
}

impl ResponseStream {
    pub(super) fn new(
        source: Arriving,
        loan: Loan,
        patience: Patience,
        trailers: &Arc<[HeaderName]>,
    ) -> Self {
        let mut stream = Self {
            source,
            loan: Some(loan),
            patience,
            trailers: Arc::clone(trailers),
            entry: None,
        };
        if stream.is_whole() {
            stream.finish();
        }
        stream
    }

    /// Whether nothing more comes.
    fn is_whole(&self) -> bool {
        match &self.source {
            Arriving::Single => self.single().is_none_or(Single::is_whole),
            Arriving::Stream(body) => body.is_end_stream(),
        }
    }

    fn single(&self) -> Option<&Single> {
        self.loan.as_ref().and_then(Loan::single)
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.source {
            Arriving::Single => match self.loan.as_mut().and_then(Loan::single_mut) {
                Some(single) => single.poll_frame(cx),
                None => Poll::Ready(None),
            },
            Arriving::Stream(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Broken::Http2))),
        }
    }

    /// Notes in the access log what becomes of the body.
    pub(in crate::proxy) fn log(&mut self, mut entry: Box<Entry>) {
        if self.is_whole() {
            entry.ended(Ending::Whole);
        }
        self.entry = Some(entry);
    }

    fn note(&mut self, ending: Ending) {
        if let Some(entry) = &mut self.entry {
            entry.ended(ending);
        }
    }

    /// Gives up what does not come. Its connection is closed.
    fn give_up(&mut self, failure: Failure, ending: Ending) {
        if let Some(loan) = self.loan.take() {
            loan.fell_short(failure);
        }
        self.note(ending);
    }

    /// An upstream may answer before it has read all: then the rest of the request is still under way on
    /// this connection, and nothing else may follow it (PX-15).
    fn finish(&mut self) {
        let Some(mut loan) = self.loan.take() else {
            return;
        };
        if !self.patience.progress.is_done() {
            if loan.single().is_some() {
                // The client goes on to send, and is read: it is not cut off within its message.
                tokio::spawn(async move {
                    if let Some(single) = loan.single_mut() {
                        single.send_rest().await;
                    }
                });
            }
            return;
        }
        if let Some(single) = loan.single_mut() {
            single.timer = self.patience.timer.take();
        }
        loan.end();
    }
}

impl Body for ResponseStream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = this.poll_source(cx) else {
            ready!(this.patience.poll_end(cx));
            this.give_up(Failure::Silent, Ending::Silent);
            return Poll::Ready(Some(Err(BodyError::Silent)));
        };
        if this.patience.is_over() && frame.is_some() {
            this.give_up(Failure::Silent, Ending::Silent);
            return Poll::Ready(Some(Err(BodyError::Silent)));
        }
        this.patience.waiting = false;
        match frame.and_then(|frame| allowed(frame, &this.trailers)) {
            Some(Err(broken)) => {
                this.give_up(Failure::Cut, Ending::Broken);
                Poll::Ready(Some(Err(BodyError::Broken(broken))))
            }
            Some(Ok(frame)) => {
                if let Some(entry) = &mut this.entry {
                    entry.sent(frame.data_ref().map_or(0, Bytes::len));
                }
                if this.is_whole() {
                    this.note(Ending::Whole);
                    this.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                this.note(Ending::Whole);
                this.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_whole()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Arriving::Single => self
                .single()
                .map_or_else(|| SizeHint::with_exact(0), Single::size_hint),
            Arriving::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for ResponseStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseStream").finish_non_exhaustive()
    }
}

/// The next piece, if it is data, or those trailers that are listed. Nothing follows trailers.
fn allowed<E>(
    frame: Result<Frame<Bytes>, E>,
    listed: &[HeaderName],
) -> Option<Result<Frame<Bytes>, E>> {
    let Ok(frame) = frame else {
        return Some(frame);
    };
    let trailers = match frame.into_data() {
        Ok(data) => return Some(Ok(Frame::data(data))),
        Err(frame) => frame.into_trailers().ok()?,
    };
    let mut kept = HeaderMap::new();
    for name in listed {
        for value in trailers.get_all(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    (!kept.is_empty()).then(|| Ok(Frame::trailers(kept)))
}
