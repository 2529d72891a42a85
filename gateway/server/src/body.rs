//! The one response body type of the public listener.

mod incoming;
mod read;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

pub use self::{
    incoming::{Cut, Incoming, taken},
    read::{Unread, read},
};
use crate::proxy::{Broken, ResponseStream};

/// What a response carries: bytes made here, or an upstream's response passed through as it arrives.
#[derive(Debug)]
pub enum Body {
    /// Nothing, or everything was sent.
    Empty,
    /// Bytes made here, sent in one piece.
    Full(Bytes),
    /// An upstream's response body.
    Upstream(ResponseStream),
}

/// Why a body ended before its end. The connection to the client is aborted, so that the client can
/// tell a cut response from a whole one.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The upstream's connection broke.
    #[error("the upstream broke off its response")]
    Broken(#[source] Broken),
    /// The upstream fell silent for longer than the route allows.
    #[error("the upstream fell silent within its response")]
    Silent,
}

impl Body {
    /// A body of no bytes.
    pub const fn empty() -> Self {
        Self::Empty
    }

    /// A body of these bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(bytes.into())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Upstream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Upstream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Upstream(stream) => stream.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn full_is_sent_once_and_knows_its_size() {
        let mut body = Body::full("abc");
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "abc"
        );
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn empty_has_no_frame_even_when_made_of_no_bytes() {
        for mut body in [Body::empty(), Body::full(Bytes::new())] {
            assert!(body.is_end_stream());
            assert_eq!(body.size_hint().exact(), Some(0));
            assert!(body.frame().await.is_none());
        }
    }
}
