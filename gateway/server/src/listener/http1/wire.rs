//! The bytes of a connection, which the requests' bodies and the answers share.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;
use tokio::io::{AsyncBufRead as _, AsyncWrite as _};

use super::{
    super::{serving::Stream, stall::Stall},
    head::{Head, Reader, Reason},
};
use crate::{
    body::Cut,
    config::Limits,
    http1::{Left, Output, Peer, ROOM, Taken, leave_room, make_room, poll_read},
    stream,
};

/// How much of what a client still sends is taken after the last answer, and how long it may pause: a
/// connection that is closed over unread bytes is reset, and the answer lost with it.
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// What asks for a body that waits (RFC 9110 §15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What comes next on a connection: nothing when the client has ended it.
pub(super) type Next = Option<Result<Head, Reason>>;

/// One end of a connection.
pub(super) struct Wire {
    /// None after a switch of protocols.
    stream: Option<Stream>,
    /// What came and was not taken yet.
    input: BytesMut,
    /// What is left of the body of the request that is answered.
    left: Left,
    longest_trailers: usize,
    /// What must be written before the body comes, unless an answer was begun.
    interim: &'static [u8],
    is_answered: bool,
    /// Why what came of the body was refused.
    doubt: Option<Reason>,
    /// Whether nothing more can come.
    is_over: bool,
    /// Whether somebody has the body, and who waits for its end.
    is_held: bool,
    waiter: Option<Waker>,
    reading: Stall,
    writing: Stall,
    lingering: Stall,
    lingered: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream, limits: &Limits) -> Self {
        Self {
            stream: Some(stream),
            input: BytesMut::new(),
            left: Left::Nothing,
            longest_trailers: limits.header_bytes,
            interim: b"",
            is_answered: false,
            doubt: None,
            is_over: false,
            is_held: false,
            waiter: None,
            reading: Stall::new(Duration::from_secs(limits.body_idle_seconds)),
            writing: Stall::new(Duration::from_secs(limits.send_idle_seconds)),
            lingering: Stall::new(LINGER),
            lingered: 0,
        }
    }

    /// Whether nothing of a next request is there.
    pub(super) fn is_silent(&self) -> bool {
        self.input.is_empty()
    }

    /// Whether the client still waits to be asked for the body of its request.
    pub(super) fn waits(&self) -> bool {
        !self.interim.is_empty() && self.left != Left::Nothing && self.input.is_empty()
    }

    pub(super) const fn doubt(&self) -> Option<Reason> {
        self.doubt
    }

    pub(super) fn poll_head(
        &mut self,
        heads: &mut Reader,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        loop {
            if !self.input.is_empty() {
                match heads.read(&mut self.input) {
                    Ok(Some(head)) => return Poll::Ready(Ok(Some(Ok(head)))),
                    Ok(None) => {}
                    Err(reason) => {
                        self.doubt = Some(reason);
                        return Poll::Ready(Ok(Some(Err(reason))));
                    }
                }
            }
            if ready!(self.poll_fill(cx, ROOM))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// A request has begun, and this is left of it.
    pub(super) fn begin(&mut self, left: Left, waits: bool) {
        self.left = left;
        self.interim = if waits { CONTINUE } else { b"" };
        self.is_answered = false;
    }

    /// Ends when the client has gone. While a body comes, who reads it sees that; and a client that has sent
    /// another request waits for its answer.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.left != Left::Nothing || !self.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx, ROOM)) {
            // The next request, which has time.
            Ok(1..) => Poll::Pending,
            Ok(0) | Err(_) => Poll::Ready(()),
        }
    }

    /// The next piece of the request's body, or its trailers.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.is_over || self.doubt.is_some() || (self.is_answered && self.waits()) {
            return Poll::Ready(Some(Err(Cut::Ended)));
        }
        if !self.interim.is_empty()
            && let Err(error) = ready!(self.poll_interim(cx))
        {
            return Poll::Ready(Some(Err(Cut::Connection(error))));
        }
        loop {
            let peer = Peer::Client(self.longest_trailers);
            let room = match self.left.take(&mut self.input, peer) {
                Ok(Taken::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Taken::Trailers(trailers)) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::More(room)) => room,
                Err(misframed) => {
                    let reason = Reason::from(misframed);
                    self.doubt = Some(reason);
                    return Poll::Ready(Some(Err(Cut::Misframed(reason.name()))));
                }
            };
            let filled = self.poll_fill(cx, room);
            match ready!(self.reading.watch(filled, cx)) {
                Ok(0) => return Poll::Ready(Some(Err(Cut::Ended))),
                Ok(_) => {}
                Err(error) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(Cut::Connection(error))));
                }
            }
        }
    }

    /// Asks for the body.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Ok(()));
        };
        let mut stream = Pin::new(stream);
        // A client that sends without being asked need not be.
        let begun = self.interim.len() < CONTINUE.len();
        while (begun || self.input.is_empty()) && !self.interim.is_empty() {
            let written = ready!(stream.as_mut().poll_write(cx, self.interim))?;
            self.interim = self.interim.get(written.max(1)..).unwrap_or_default();
        }
        self.interim = b"";
        stream.poll_flush(cx)
    }

    /// What is left of the request is taken and thrown away, unless somebody has it. Whether all of it came.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.is_held {
            self.waiter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while self.left != Left::Nothing {
            if self.lingered > LINGER_BYTES || self.waits() {
                return Poll::Ready(false);
            }
            let outcome = self.poll_body(cx);
            match self.lingering.watch(outcome.map(Ok), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Some(Ok(frame)))) => {
                    self.lingered += frame.data_ref().map_or(0, Bytes::len);
                }
                Poll::Ready(Ok(None)) => break,
                Poll::Ready(Ok(Some(Err(_))) | Err(_)) => return Poll::Ready(false),
            }
        }
        self.lingered = 0;
        leave_room(&mut self.input);
        Poll::Ready(true)
    }

    /// Writes what there is to write.
    pub(super) fn poll_write(
        &mut self,
        output: &mut Output,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_answered = true;
        if self.interim.len() < CONTINUE.len() {
            // What was begun is finished.
            ready!(self.poll_interim(cx))?;
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let before = output.len();
        let outcome = output.poll_write(stream, cx);
        if output.len() < before {
            self.writing.clear();
        }
        self.writing.watch(outcome, cx)
    }

    /// Ends the connection, so that what was written arrives.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Ok(()));
        };
        let shut = Pin::new(stream).poll_shutdown(cx);
        ready!(self.writing.watch(shut, cx))?;
        if self.left == Left::Nothing && self.doubt.is_none() {
            return Poll::Ready(Ok(()));
        }
        while self.lingered <= LINGER_BYTES {
            self.input.clear();
            let filled = self.poll_fill(cx, ROOM);
            match ready!(self.lingering.watch(filled, cx)) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.lingered += read,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sees to it that the client cannot take what it got for whole.
    pub(super) fn reset(&self) {
        if let Some(stream) = &self.stream {
            let tcp = match stream {
                stream::Stream::Plain(tcp) => tcp,
                stream::Stream::Tls(tls) => tls.get_ref().0,
            };
            let tcp = socket2::SockRef::from(tcp);
            if let Err(error) = tcp.set_linger(Some(Duration::ZERO)) {
                tracing::debug!(%error, "a connection cannot be reset");
            }
        }
    }

    /// The connection after a switch of protocols, and what came already.
    pub(super) fn switched(&mut self) -> Option<(Stream, Bytes)> {
        let first = std::mem::take(&mut self.input).freeze();
        Some((self.stream.take()?, first))
    }

    /// What is left of the body.
    pub(super) const fn left(&self) -> Left {
        self.left
    }

    /// Somebody has the body now.
    pub(super) const fn hold(&mut self) {
        self.is_held = true;
    }

    /// Nobody has the body any more.
    pub(super) fn release(&mut self) {
        self.is_held = false;
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    /// Takes what the connection has. Nothing says that the client has ended it.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        let filled = match &mut self.stream {
            None => return Poll::Ready(Ok(0)),
            Some(stream::Stream::Plain(tcp)) => poll_read(tcp, &mut self.input, room, cx),
            Some(stream::Stream::Tls(tls)) => {
                let mut tls = Pin::new(&mut **tls);
                match ready!(tls.as_mut().poll_fill_buf(cx)) {
                    Ok(plain) => {
                        let read = plain.len();
                        make_room(&mut self.input, read);
                        self.input.extend_from_slice(plain);
                        tls.consume(read);
                        Poll::Ready(Ok(read))
                    }
                    // Clients that end without saying so are many.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        Poll::Ready(Ok(0))
                    }
                    Err(error) => Poll::Ready(Err(error)),
                }
            }
        };
        if matches!(filled, Poll::Ready(Ok(0) | Err(_))) {
            self.is_over = true;
        }
        filled
    }
}
