//! Bodies of requests.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Request,
    body::{Body as HttpBody, Frame, SizeHint},
};

use crate::listener::Streamed;

/// A request's body: as its client sends it, or what was made of that.
pub enum Incoming {
    /// There is none.
    Empty,
    /// It is here, in one piece.
    Whole(Bytes),
    /// It comes over a connection of HTTP/1.
    Http1(Streamed),
    /// It comes over a stream of HTTP/2.
    Http2(hyper::body::Incoming),
}

/// A request of which nothing is left.
pub fn taken(request: &mut Request<Incoming>) -> Request<Incoming> {
    std::mem::replace(request, Request::new(Incoming::Empty))
}

/// Why a request's body did not come whole.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// The connection broke, or nothing came for too long.
    #[error("the connection broke: {0}")]
    Connection(#[source] io::Error),
    /// The client ended it.
    #[error("it ended too early")]
    Ended,
    /// It is not framed as RFC 9112 §7 says. The reason is a constant of the program.
    #[error("it is not framed as it should be ({0})")]
    Misframed(&'static str),
    /// Whatever hyper says of a stream.
    #[error(transparent)]
    Http2(hyper::Error),
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Http1(body) => body.poll_frame(cx),
            Self::Http2(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Cut::Http2))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Whole(_) => "Whole",
            Self::Http1(_) => "Http1",
            Self::Http2(_) => "Http2",
        })
    }
}
