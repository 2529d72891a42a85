//! Heads of requests, written, and of responses, read (RFC 9112 §3 and §4).

use std::{io::Write as _, mem::MaybeUninit};

use bytes::BytesMut;
use httparse::ParserConfig;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Body as _,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::super::stream::RequestStream;
use crate::{
    http1::{Framing, Left, decimal, headers, is_persistent, write_fields},
    proxy::upstream::broken::Broken,
};

/// Most bytes of a response's head.
const LONGEST: usize = 128 * 1024;
/// Most headers of a response.
pub(super) const MOST_FIELDS: usize = 128;

/// Writes the head of a request. What it says of its body's length is what the body says.
pub(super) fn write<B>(
    request: &Request<B>,
    body: &RequestStream,
    output: &mut Vec<u8>,
) -> Framing {
    output.clear();
    let target = request.uri().path_and_query();
    for part in [
        request.method().as_str(),
        " ",
        target.map_or("/", |target| target.as_str()),
        " HTTP/1.1\r\n",
    ] {
        output.extend_from_slice(part.as_bytes());
    }
    write_fields(request.headers(), output);
    let framing = match body.size_hint().exact() {
        Some(0) => Framing::Nothing,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    match framing {
        // A client that says that there is no body may have to: RFC 9110 §8.6.
        Framing::Nothing if request.headers().contains_key(CONTENT_LENGTH) => {
            output.extend_from_slice(b"content-length: 0\r\n");
        }
        Framing::Nothing => {}
        Framing::Length(length) => {
            // Writing into memory does not fail.
            let _ = write!(output, "content-length: {length}\r\n");
        }
        Framing::Chunked | Framing::UntilEnd => {
            output.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
    }
    output.extend_from_slice(b"\r\n");
    framing
}

/// The head of a response.
pub(super) struct Head {
    pub(super) response: Response<()>,
    /// What follows of its body.
    pub(super) left: Left,
    /// Whether the upstream keeps the connection.
    pub(super) is_persistent: bool,
}

/// Takes the head of a response, once it is complete. `is_head` says that the request asked for no more.
pub(super) fn read(input: &mut BytesMut, is_head: bool) -> Result<Option<Head>, Broken> {
    let Some(length) = end(input) else {
        return if input.len() > LONGEST {
            Err(Broken::Long)
        } else {
            Ok(None)
        };
    };
    if length > LONGEST {
        return Err(Broken::Long);
    }
    let bytes = input.split_to(length).freeze();
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, &bytes, &mut fields)
        .map_err(|error| match error {
            httparse::Error::TooManyHeaders => Broken::Long,
            _ => Broken::Head,
        })?;
    if status.is_partial() {
        return Err(Broken::Head);
    }
    let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
        return Err(Broken::Head);
    };
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).map_err(|_| Broken::Head)?;
    let fields = parsed.headers.iter();
    let headers = headers(&bytes, fields.map(|field| (field.name, field.value)))?;
    let is_old = version == 0;
    let left = left(&headers, response.status(), is_head, is_old)?;
    let is_persistent = is_persistent(&headers, is_old);
    *response.headers_mut() = headers;
    Ok(Some(Head {
        response,
        left,
        is_persistent,
    }))
}

/// How many bytes there are up to and with the first empty line that is not the first line.
fn end(input: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', input).find_map(|at| match input.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// RFC 9112 §6.3. What two readers could read differently is refused.
fn left(
    headers: &HeaderMap,
    status: StatusCode,
    is_head: bool,
    is_old: bool,
) -> Result<Left, Broken> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(Broken::Length);
    }
    let length = length
        .map(|value| decimal(value.as_bytes()).ok_or(Broken::Length))
        .transpose()?;
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = match (encodings.next(), encodings.next()) {
        (None, _) => false,
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => true,
        _ => return Err(Broken::Length),
    };
    if is_chunked && (length.is_some() || is_old) {
        return Err(Broken::Length);
    }
    let is_bodiless = is_head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    Ok(match length {
        _ if is_bodiless => Left::Nothing,
        _ if is_chunked => Left::Size,
        Some(0) => Left::Nothing,
        Some(length) => Left::Length(length),
        None => Left::UntilEnd,
    })
}
