//! What HTTP/1 is in both directions: bodies as they are framed, read and written (RFC 9112 §6 and §7).

mod left;
pub(crate) mod lines;
mod output;

use std::{
    cell::RefCell,
    io,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    HeaderMap,
    body::Frame,
    header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
};

pub(crate) use self::{
    left::{Left, Peer, Taken},
    output::Output,
};
use crate::stream::Stream;

/// Room for what comes next, if nothing is known of it.
pub(crate) const ROOM: usize = 8 * 1024;
/// Less room than this is not read into.
const LEAST_ROOM: usize = 2 * 1024;
/// Most room for one piece of a body.
const MOST_ROOM: usize = 64 * 1024;

/// Why what came is not what HTTP/1 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misframed {
    /// A header or a trailer that is none.
    Field,
    /// A chunk is not written as RFC 9112 §7.1 says.
    Chunk,
    /// A trailer that frames or routes the message.
    Trailer,
    /// More than there should ever be.
    Long,
}

/// The body that was to be sent is not as long as was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAsSaid;

/// How a body is sent, and what is missing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Nothing,
    Length(u64),
    Chunked,
    /// It ends with the connection.
    UntilEnd,
}

impl Framing {
    /// Makes the next piece of the body ready to be written, or its end.
    pub(crate) fn queue(
        &mut self,
        frame: Option<Frame<Bytes>>,
        output: &mut Output,
    ) -> Result<(), NotAsSaid> {
        *self = match (*self, frame.map(Frame::into_data)) {
            (Self::Length(missing), Some(Ok(data))) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                let missing = missing.checked_sub(length).ok_or(NotAsSaid)?;
                output.data(data);
                match missing {
                    0 => Self::Nothing,
                    missing => Self::Length(missing),
                }
            }
            (Self::Length(_), _) => return Err(NotAsSaid),
            (Self::Chunked, Some(Ok(data))) => {
                output.chunk(data);
                Self::Chunked
            }
            (Self::Chunked, end) => {
                let trailers = end.and_then(|end| end.err()?.into_trailers().ok());
                output.last_chunk(trailers.as_ref());
                Self::Nothing
            }
            (Self::UntilEnd, Some(Ok(data))) => {
                output.data(data);
                Self::UntilEnd
            }
            (Self::UntilEnd | Self::Nothing, _) => Self::Nothing,
        };
        Ok(())
    }
}

/// Writes headers, but for those that frame the message.
pub(crate) fn write_fields(fields: &HeaderMap, output: &mut Vec<u8>) {
    for (name, value) in fields {
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING {
            continue;
        }
        output.extend_from_slice(name.as_str().as_bytes());
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
}

/// Headers that share the memory of `bytes`, of which they are parts.
pub(crate) fn headers<'b>(
    bytes: &'b Bytes,
    fields: impl ExactSizeIterator<Item = (&'b str, &'b [u8])>,
) -> Result<HeaderMap, Misframed> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Misframed::Field)?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(value));
        headers.append(name, value.map_err(|_| Misframed::Field)?);
    }
    Ok(headers)
}

/// The elements of a list that headers of this name hold (RFC 9110 §5.6.1).
pub(crate) fn listed<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// Whether headers of this name list this element, in letters of any case.
pub(crate) fn lists(headers: &HeaderMap, name: &HeaderName, element: &[u8]) -> bool {
    listed(headers, name).any(|one| one.eq_ignore_ascii_case(element))
}

/// Whether the connection goes on after a message with these headers (RFC 9112 §9.3).
pub(crate) fn is_persistent(headers: &HeaderMap, is_old: bool) -> bool {
    !lists(headers, &CONNECTION, b"close")
        && (!is_old || lists(headers, &CONNECTION, b"keep-alive"))
}

/// A length as a header says it: one number, in digits only (RFC 9110 §8.6).
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

thread_local! {
    /// Buffers that nobody reads into, the warmest last.
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}
/// Most of them.
const SPARES: usize = 64;

/// Makes room for `wanted` bytes more, within reason.
pub(crate) fn make_room(input: &mut BytesMut, wanted: usize) {
    if input.capacity() == 0
        && let Some(spare) = SPARE.with_borrow_mut(Vec::pop)
    {
        *input = spare;
    }
    if input.capacity() - input.len() < LEAST_ROOM.min(wanted) {
        input.reserve(wanted.clamp(ROOM, MOST_ROOM));
    }
}

/// Leaves an empty buffer to whoever reads next. What was read into it may still be in use.
pub(crate) fn leave_room(input: &mut BytesMut) {
    if input.is_empty() && input.capacity() > 0 {
        let spare = std::mem::take(input);
        SPARE.with_borrow_mut(|spares| {
            if spare.capacity() <= ROOM && spares.len() < SPARES {
                spares.push(spare);
            }
        });
    }
}

/// Reads what has come. Nobody has a buffer before something has.
pub(crate) fn poll_read(
    tcp: &mut TcpStream,
    input: &mut BytesMut,
    room: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    ready!(tcp.poll_read_ready(cx))?;
    make_room(input, room);
    let read = pin!(tcp.read_buf(input));
    let read = read.poll(cx);
    if !matches!(read, Poll::Ready(Ok(1..))) {
        leave_room(input);
    }
    read
}

/// Whether a stream may hold what was written to it.
const fn keeps_back<T: AsyncWrite>(stream: &Stream<T>) -> bool {
    matches!(stream, Stream::Tls(_))
}
