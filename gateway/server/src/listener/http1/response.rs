//! Answers, written (RFC 9112 §4 and §6).

use std::{
    cell::Cell,
    fmt,
    io::{self, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{SystemTime, UNIX_EPOCH},
};

use httpdate::HttpDate;
use hyper::{
    Response, StatusCode,
    body::Body as _,
    header::{CONNECTION, CONTENT_LENGTH, DATE},
};

use super::{body::SharedWire, head::Asked};
use crate::{
    body::{Body, BodyError},
    http1::{Framing, Output, lists, write_fields},
};

/// Room for the head of an answer.
const HEAD: usize = 512;

/// Why an answer was not sent whole.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The client has gone, or takes nothing.
    Connection(io::Error),
    /// The body broke off.
    Body(BodyError),
    /// The body is not as long as was said.
    Length,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => write!(f, "the client did not take all: {error}"),
            Self::Body(error) => error.fmt(f),
            Self::Length => f.write_str("the body is not as long as was said"),
        }
    }
}

/// An answer on its way.
pub(super) struct Sending {
    output: Output,
    body: Body,
    framing: Framing,
    takes_trailers: bool,
    /// Whether another request may follow.
    pub(super) keeps: bool,
}

impl Sending {
    /// Begins with the head. `asked.keeps` says whether the gateway wants another request.
    pub(super) fn begin(response: Response<Body>, asked: Asked) -> Self {
        let (parts, body) = response.into_parts();
        let mut output = Output::default();
        let head = output.head();
        head.reserve(HEAD);
        head.extend_from_slice(if asked.is_old() {
            b"HTTP/1.0 "
        } else {
            b"HTTP/1.1 "
        });
        head.extend_from_slice(parts.status.as_str().as_bytes());
        head.push(b' ');
        let reason = parts.status.canonical_reason().unwrap_or_default();
        head.extend_from_slice(reason.as_bytes());
        head.extend_from_slice(b"\r\n");
        write_fields(&parts.headers, head);
        if !parts.headers.contains_key(DATE) {
            write_date(head);
        }
        let is_switch = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let length = body.size_hint().exact();
        let has_none = is_switch || parts.status == StatusCode::NO_CONTENT;
        let says_only = asked.is_head || parts.status == StatusCode::NOT_MODIFIED;
        let framing = match length {
            _ if has_none || says_only => Framing::Nothing,
            Some(0) => Framing::Nothing,
            Some(length) => Framing::Length(length),
            None if asked.is_old() => Framing::UntilEnd,
            None => Framing::Chunked,
        };
        let keeps = asked.keeps
            && framing != Framing::UntilEnd
            && !lists(&parts.headers, &CONNECTION, b"close");
        if !parts.headers.contains_key(CONNECTION) {
            match (keeps, asked.is_old()) {
                (false, _) => head.extend_from_slice(b"connection: close\r\n"),
                (true, true) => head.extend_from_slice(b"connection: keep-alive\r\n"),
                (true, false) => {}
            }
        }
        // Writing into memory does not fail.
        let _ = match (framing, length) {
            (Framing::Chunked, _) => head.write_all(b"transfer-encoding: chunked\r\n"),
            (Framing::UntilEnd, _) => Ok(()),
            _ if has_none => Ok(()),
            // What the body would be, which only its origin knows (RFC 9110 §8.6).
            _ if says_only => match parts.headers.get(CONTENT_LENGTH) {
                Some(said) => {
                    head.extend_from_slice(b"content-length: ");
                    head.extend_from_slice(said.as_bytes());
                    head.write_all(b"\r\n")
                }
                None => match length {
                    Some(length @ 1..) => write!(head, "content-length: {length}\r\n"),
                    _ => Ok(()),
                },
            },
            (_, length) => write!(head, "content-length: {}\r\n", length.unwrap_or_default()),
        };
        head.extend_from_slice(b"\r\n");
        Self {
            output,
            body,
            framing,
            takes_trailers: asked.takes_trailers,
            keeps,
        }
    }

    /// Sends all of it.
    pub(super) fn poll(
        &mut self,
        wire: &SharedWire,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Unsent>> {
        loop {
            let is_waiting = self.gather(cx)?;
            if !self.output.is_empty() {
                let written = ready!(wire.lock().poll_write(&mut self.output, cx));
                written.map_err(Unsent::Connection)?;
            }
            if self.framing == Framing::Nothing {
                return Poll::Ready(Ok(()));
            }
            if is_waiting {
                ready!(wire.lock().poll_gone(cx));
                let gone = io::ErrorKind::ConnectionReset.into();
                return Poll::Ready(Err(Unsent::Connection(gone)));
            }
        }
    }

    /// Takes of the body what is there, so that little of it is written by itself. Whether the rest has to be
    /// waited for.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, Unsent> {
        while self.framing != Framing::Nothing && self.output.takes_more() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return Ok(true);
            };
            let frame = frame.transpose().map_err(Unsent::Body)?;
            let frame = frame.filter(|frame| frame.is_data() || self.takes_trailers);
            let queued = self.framing.queue(frame, &mut self.output);
            queued.map_err(|_| Unsent::Length)?;
        }
        Ok(false)
    }

    /// Whether what was not sent would not be missed by the client.
    pub(super) fn looks_whole(&self) -> bool {
        self.framing == Framing::UntilEnd
    }
}

/// RFC 9110 §6.6.1.
fn write_date(head: &mut Vec<u8>) {
    /// As long as any (RFC 9110 §5.6.7).
    const LENGTH: usize = 29;
    thread_local! {
        static LAST: Cell<(u64, [u8; LENGTH])> = const { Cell::new((0, [b' '; LENGTH])) };
    }
    let now = SystemTime::now();
    let Ok(since) = now.duration_since(UNIX_EPOCH) else {
        return;
    };
    let (mut second, mut text) = LAST.get();
    if second != since.as_secs() {
        second = since.as_secs();
        // The text is as long as there is room.
        if write!(&mut text[..], "{}", HttpDate::from(now)).is_err() {
            return;
        }
        LAST.set((second, text));
    }
    head.extend_from_slice(b"date: ");
    head.extend_from_slice(&text);
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
