//! What is on its way to the other side.

use std::{
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use hyper::HeaderMap;
use tokio::io::AsyncWrite;

use super::{keeps_back, write_fields};
use crate::stream::Stream;

/// Data up to this size is copied behind what is before it, instead of being written beside it.
const SMALL: usize = 1024;
/// Small pieces are gathered up to so many bytes.
const MOST: usize = 16 * 1024;

/// Bytes in the order in which they are written: the head and the frame of a piece, the piece, its end.
#[derive(Default)]
pub(crate) struct Output {
    head: Vec<u8>,
    /// How much of `head` was written.
    written: usize,
    data: Bytes,
    end: &'static [u8],
    /// Whether the stream may hold what was written to it.
    is_unflushed: bool,
}

impl Output {
    /// Room for a head.
    pub(crate) const fn head(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_unflushed && self.is_written()
    }

    /// Bytes that were not written yet.
    pub(crate) fn len(&self) -> usize {
        self.head.len() - self.written + self.data.len() + self.end.len()
    }

    /// Whether another piece may be added to what was not written yet.
    pub(crate) fn takes_more(&self) -> bool {
        self.data.is_empty() && self.end.is_empty() && self.head.len() < MOST
    }

    fn is_written(&self) -> bool {
        self.head.is_empty() && self.data.is_empty() && self.end.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A piece of a body whose length was said before.
    pub(crate) fn data(&mut self, data: Bytes) {
        if data.len() <= SMALL {
            self.head.extend_from_slice(&data);
        } else {
            self.data = data;
        }
    }

    /// A piece of a body in chunks. An empty one would be the last.
    pub(crate) fn chunk(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        // Writing into memory does not fail.
        let _ = write!(self.head, "{:x}\r\n", data.len());
        if data.len() <= SMALL {
            self.head.extend_from_slice(&data);
            self.head.extend_from_slice(b"\r\n");
        } else {
            self.data = data;
            self.end = b"\r\n";
        }
    }

    /// The end of a body in chunks.
    pub(crate) fn last_chunk(&mut self, trailers: Option<&HeaderMap>) {
        self.head.extend_from_slice(b"0\r\n");
        if let Some(trailers) = trailers {
            write_fields(trailers, &mut self.head);
        }
        self.head.extend_from_slice(b"\r\n");
    }

    /// Writes what the connection takes at once. An error says that nothing was written.
    pub(crate) fn poll_begin<T: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut Stream<T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.head))?;
        self.is_unflushed = keeps_back(stream);
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(()))
    }

    /// Writes all of it.
    pub(crate) fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut Stream<T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_written() {
            let head = self.head.get(self.written..).unwrap_or_default();
            let written = if self.data.is_empty() && self.end.is_empty() {
                ready!(Pin::new(&mut *stream).poll_write(cx, head))?
            } else {
                let slices = [
                    IoSlice::new(head),
                    IoSlice::new(&self.data),
                    IoSlice::new(self.end),
                ];
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.is_unflushed = keeps_back(stream);
            self.advance(written);
        }
        if self.is_unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        let of_head = written.min(self.head.len() - self.written);
        self.written += of_head;
        if self.written == self.head.len() {
            self.head.clear();
            self.written = 0;
        }
        let of_data = (written - of_head).min(self.data.len());
        self.data.advance(of_data);
        let rest = written - of_head - of_data;
        self.end = self.end.get(rest..).unwrap_or_default();
    }
}
