//! HTTP/1.1 to upstreams, one request at a time (RFC 9112).
//!
//! A connection is driven by the task of the request that it serves. hyper's client has a task for each
//! connection, and requests, responses and bodies go through channels between the two: for one small
//! request at a time that costs more than all the rest of forwarding it.

mod head;
#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Frame, SizeHint},
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::client::TlsStream;

use super::{
    broken::Broken,
    stream::{RequestStream, Timer},
};
use crate::{
    http1::{Framing, Left, Output, Peer, ROOM, Taken, leave_room, make_room, poll_read},
    stream::Stream,
};

/// Most interim responses before the one that counts (RFC 9110 §15.2).
const MOST_INTERIM: usize = 16;
/// The bytes of a connection to an upstream.
pub(super) type UpstreamBytes = Stream<TlsStream<TcpStream>>;

/// A connection that takes one request at a time.
pub(super) struct Single {
    stream: UpstreamBytes,
    /// What came and was not taken yet.
    input: BytesMut,
    output: Output,
    /// What is still to be sent of the request's body, and where it comes from.
    missing: Framing,
    body: Option<RequestStream>,
    unsent: Option<Begun>,
    left: Left,
    /// Whether the response under way has no body whatever it says.
    is_head: bool,
    interim: usize,
    /// Whether another request may follow this one.
    is_reusable: bool,
    /// What the last request was waited for with.
    pub(super) timer: Option<Timer>,
}

/// A request of which nothing was sent.
struct Begun {
    /// Taken of the body already.
    first: Option<Bytes>,
    /// Whether a failure to write says that nothing was.
    is_returnable: bool,
    /// Whether the body was asked for what is there.
    is_gathered: bool,
}

/// Why a request could not be sent, and its body if nothing of the request was.
pub(super) struct Unsent {
    pub(super) broken: Broken,
    pub(super) body: Option<RequestStream>,
}

impl From<Broken> for Unsent {
    fn from(broken: Broken) -> Self {
        Self { broken, body: None }
    }
}

impl Single {
    pub(super) fn new(stream: UpstreamBytes) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: Output::default(),
            missing: Framing::Nothing,
            body: None,
            unsent: None,
            left: Left::Nothing,
            is_head: false,
            interim: 0,
            is_reusable: true,
            timer: None,
        }
    }

    /// Takes a request, which [`Single::poll_exchange`] sends.
    pub(super) fn prepare<B>(&mut self, head: &Request<B>, body: RequestStream) {
        self.missing = head::write(head, &body, self.output.head());
        self.is_head = *head.method() == Method::HEAD;
        self.interim = 0;
        self.body = Some(body);
        self.unsent = Some(Begun {
            first: None,
            is_returnable: matches!(self.stream, Stream::Plain(_)),
            is_gathered: self.missing == Framing::Nothing,
        });
    }

    /// Sends the request and waits for the head of its response, sending the rest meanwhile. The response's
    /// body follows by [`Single::poll_frame`].
    pub(super) fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, Unsent>> {
        if self.unsent.is_some() {
            ready!(self.poll_begin(cx))?;
        }
        self.poll_head(cx).map_err(Unsent::from)
    }

    /// Writes the first of a request.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        let (Some(unsent), Some(body)) = (&mut self.unsent, &mut self.body) else {
            return Poll::Ready(Ok(()));
        };
        if !unsent.is_gathered {
            unsent.is_gathered = true;
            // What is there of the body goes along in the first write.
            let frame = match Pin::new(body).poll_frame(cx) {
                Poll::Pending => None,
                Poll::Ready(frame) => Some(frame.transpose()),
            };
            if let Some(frame) = frame {
                let frame = frame.map_err(|cut| Broken::Request(Some(cut)))?;
                if let Some(frame) = &frame {
                    unsent.first = frame.data_ref().cloned();
                    unsent.is_returnable &= unsent.first.is_some();
                }
                self.queue(frame)?;
            }
        }
        let begun = ready!(self.output.poll_begin(&mut self.stream, cx));
        let unsent = self.unsent.take();
        let Err(error) = begun else {
            return Poll::Ready(Ok(()));
        };
        self.is_reusable = false;
        let mut body = self.body.take();
        if let (Some(body), Some(first)) =
            (&mut body, unsent.as_ref().and_then(|u| u.first.clone()))
        {
            body.give_back(first);
        }
        Poll::Ready(Err(Unsent {
            broken: error.into(),
            body: body.filter(|_| unsent.is_some_and(|unsent| unsent.is_returnable)),
        }))
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, Broken>> {
        if let Poll::Ready(Err(broken)) = self.poll_send(cx) {
            return Poll::Ready(Err(broken));
        }
        loop {
            if let Some(head) = head::read(&mut self.input, self.is_head)? {
                let status = head.response.status();
                if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                    self.interim += 1;
                    if self.interim > MOST_INTERIM {
                        return Poll::Ready(Err(Broken::Head));
                    }
                    continue;
                }
                self.left = head.left;
                self.is_reusable &= head.is_persistent && !self.left.ends_with_connection();
                return Poll::Ready(Ok(head.response));
            }
            if ready!(self.poll_fill(cx, ROOM))? == 0 {
                return Poll::Ready(Err(Broken::Ended));
            }
        }
    }

    /// Sends the rest of the request, whose response is there already.
    pub(super) async fn send_rest(&mut self) {
        let sent = poll_fn(|cx| self.poll_send(cx)).await;
        if let Err(broken) = sent {
            tracing::debug!(%broken, "the rest of an answered request did not come");
        }
    }

    /// The next piece of the response's body, or its trailers.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Poll::Ready(Err(broken)) = self.poll_send(cx) {
            return Poll::Ready(Some(Err(broken)));
        }
        loop {
            let room = match self.left.take(&mut self.input, Peer::Upstream) {
                Err(misframed) => return Poll::Ready(Some(Err(misframed.into()))),
                Ok(Taken::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Taken::Trailers(trailers)) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::More(room)) => room,
            };
            match ready!(self.poll_fill(cx, room)) {
                Ok(0) if self.left.ends_with_connection() => self.left = Left::Nothing,
                Ok(0) => return Poll::Ready(Some(Err(Broken::Ended))),
                Ok(_) => {}
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
        }
    }

    /// Whether all of the response's body was taken.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.left.size_hint()
    }

    /// Whether another request may follow: this one and its response are through, and both sides want to
    /// go on.
    pub(super) fn is_free(&self) -> bool {
        self.is_reusable
            && self.is_whole()
            && self.input.is_empty()
            && self.output.is_empty()
            && self.body.is_none()
    }

    /// Keeps nothing that others have use for, until the next request.
    pub(super) fn rest(&mut self) {
        leave_room(&mut self.input);
    }

    /// Whether the upstream has neither ended an idle connection nor said anything on it. Asks the system
    /// only when something has come.
    pub(super) fn is_quiet(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        };
        if tcp.poll_read_ready(cx).is_pending() {
            return true;
        }
        // TLS has messages of its own, such as tickets.
        let mut byte = [0];
        let mut byte = tokio::io::ReadBuf::new(&mut byte);
        tokio::io::AsyncRead::poll_read(Pin::new(&mut self.stream), cx, &mut byte).is_pending()
    }

    /// The connection after a switch of protocols, and what came behind the head of the response.
    pub(super) fn switched(self) -> (UpstreamBytes, Bytes) {
        (self.stream, self.input.freeze())
    }

    /// Ends the gateway's side, so that no request can be written.
    #[cfg(test)]
    pub(super) async fn end_writing(&mut self) {
        use tokio::io::AsyncWriteExt as _;
        self.stream.shutdown().await.unwrap();
    }

    /// Sends what is there to send. An upstream that reads no more may have answered, so that it counts as
    /// sent; only the client's part can fail.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if !self.output.is_empty()
                && let Err(error) = ready!(self.output.poll_write(&mut self.stream, cx))
            {
                tracing::debug!(%error, "an upstream reads no more of a request");
                self.is_reusable = false;
                self.output.clear();
                self.missing = Framing::Nothing;
            }
            if self.missing == Framing::Nothing {
                self.body = None;
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(()));
            };
            let frame = ready!(Pin::new(body).poll_frame(cx));
            let frame = frame
                .transpose()
                .map_err(|error| Broken::Request(Some(error)))?;
            self.queue(frame)?;
        }
    }

    /// Makes the next piece of the request's body ready to be written.
    fn queue(&mut self, frame: Option<Frame<Bytes>>) -> Result<(), Broken> {
        let queued = self.missing.queue(frame, &mut self.output);
        queued.map_err(|_| Broken::Request(None))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<Result<usize, Broken>> {
        let read = match &mut self.stream {
            Stream::Plain(tcp) => poll_read(tcp, &mut self.input, room, cx),
            Stream::Tls(tls) => {
                make_room(&mut self.input, room);
                pin!(tls.read_buf(&mut self.input)).poll(cx)
            }
        };
        read.map_err(Broken::Connection)
    }
}
