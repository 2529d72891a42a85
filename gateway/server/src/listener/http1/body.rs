//! The body of a request, as its client sends it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::wire::Wire;
use crate::{body::Cut, http1::Left};

/// A connection that a body and the answers share. Nobody holds it across a wait, or while asking somebody
/// else for something.
#[derive(Clone)]
pub(super) struct SharedWire(Arc<Mutex<Wire>>);

impl SharedWire {
    pub(super) fn new(wire: Wire) -> Self {
        Self(Arc::new(Mutex::new(wire)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of the request that has begun.
    pub(super) fn body(&self) -> Streamed {
        self.lock().hold();
        Streamed {
            wire: self.clone(),
            is_done: false,
        }
    }
}

/// A request's body on an HTTP/1 connection.
pub struct Streamed {
    wire: SharedWire,
    /// The connection may have gone on to another request.
    is_done: bool,
}

impl Streamed {
    /// The next piece, or the trailers.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let mut wire = self.wire.lock();
        let frame = ready!(wire.poll_body(cx));
        if wire.left() == Left::Nothing {
            self.is_done = true;
            wire.release();
        }
        Poll::Ready(frame)
    }

    /// Whether all of it was taken.
    pub(crate) const fn is_end_stream(&self) -> bool {
        self.is_done
    }

    /// How much is to come, if that was said.
    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.is_done {
            SizeHint::with_exact(0)
        } else {
            self.wire.lock().left().size_hint()
        }
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        if !self.is_done {
            self.wire.lock().release();
        }
    }
}
