//! Bodies of responses (RFC 9112 §6 and §7).

use bytes::{Bytes, BytesMut};
use hyper::{HeaderMap, body::SizeHint};

use super::head::{self, MOST_FIELDS};
use crate::proxy::upstream::broken::Broken;

/// Most bytes of the line with the size of a chunk, and of all trailers.
const LONGEST_LINE: usize = 4 * 1024;
const LONGEST_TRAILERS: usize = 64 * 1024;
/// Most digits of a chunk's size: no body has more than 2⁶⁰ bytes.
const SIZE_DIGITS: usize = 15;
/// A chunk's line without extensions.
const SHORT_LINE: usize = 32;

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Length(u64),
    /// Everything until the connection ends.
    UntilEnd,
    /// The size of a chunk comes next.
    Size,
    /// So many bytes of a chunk, and its end.
    Chunk(u64),
    Trailers,
}

/// What was taken of a body.
#[derive(Debug)]
pub(super) enum Taken {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    /// More must come first. So many bytes may be of use.
    More(usize),
}

impl Left {
    pub(super) const fn ends_with_connection(self) -> bool {
        matches!(self, Self::UntilEnd)
    }

    pub(super) fn size_hint(self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Length(length) => SizeHint::with_exact(length),
            _ => SizeHint::default(),
        }
    }

    /// Takes what there is of the next part.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Taken, Broken> {
        loop {
            match *self {
                Self::Nothing => return Ok(Taken::End),
                Self::UntilEnd if input.is_empty() => return Ok(Taken::More(usize::MAX)),
                Self::UntilEnd => return Ok(Taken::Data(input.split().freeze())),
                Self::Length(length) => {
                    let Some((data, left)) = part(input, length) else {
                        return Ok(Taken::More(room(length)));
                    };
                    *self = match left {
                        0 => Self::Nothing,
                        left => Self::Length(left),
                    };
                    return Ok(Taken::Data(data));
                }
                Self::Chunk(0) => {
                    match input.get(..2) {
                        None if b"\r\n".starts_with(input) => return Ok(Taken::More(SHORT_LINE)),
                        Some(b"\r\n") => drop(input.split_to(2)),
                        _ => return Err(Broken::Chunk),
                    }
                    *self = Self::Size;
                }
                Self::Chunk(length) => {
                    let Some((data, left)) = part(input, length) else {
                        return Ok(Taken::More(room(length)));
                    };
                    *self = Self::Chunk(left);
                    return Ok(Taken::Data(data));
                }
                Self::Size => {
                    let Some(end) = memchr::memchr(b'\n', input) else {
                        return if input.len() > LONGEST_LINE {
                            Err(Broken::Chunk)
                        } else {
                            Ok(Taken::More(SHORT_LINE))
                        };
                    };
                    let line = input.split_to(end + 1);
                    *self = match size(&line).ok_or(Broken::Chunk)? {
                        0 => Self::Trailers,
                        size => Self::Chunk(size),
                    };
                }
                Self::Trailers => {
                    let Some(trailers) = trailers(input)? else {
                        return Ok(Taken::More(SHORT_LINE));
                    };
                    *self = Self::Nothing;
                    if !trailers.is_empty() {
                        return Ok(Taken::Trailers(trailers));
                    }
                }
            }
        }
    }
}

/// Up to `length` bytes, if there are any, and how many are still to come.
fn part(input: &mut BytesMut, length: u64) -> Option<(Bytes, u64)> {
    if input.is_empty() {
        return None;
    }
    let there = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
    let left = length.saturating_sub(u64::try_from(there).unwrap_or(u64::MAX));
    Some((input.split_to(there).freeze(), left))
}

/// Room for so many bytes, and for what frames them.
fn room(length: u64) -> usize {
    usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(SHORT_LINE))
}

/// The size that a line says. Extensions mean nothing here, and must only be text.
fn size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (digits, extensions) = line.split_at(digits.count());
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
    let is_extended =
        extensions.is_empty() || matches!(extensions.first(), Some(b';' | b' ' | b'\t'));
    if digits.is_empty()
        || digits.len() > SIZE_DIGITS
        || !is_extended
        || !extensions.iter().all(is_text)
    {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Trailers and the empty line behind them, once they are complete.
fn trailers(input: &mut BytesMut) -> Result<Option<HeaderMap>, Broken> {
    if input.starts_with(b"\r\n") {
        drop(input.split_to(2));
        return Ok(Some(HeaderMap::new()));
    }
    let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else {
        return if input.len() > LONGEST_TRAILERS {
            Err(Broken::Long)
        } else {
            Ok(None)
        };
    };
    let bytes = input.split_to(end + 4).freeze();
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    match httparse::parse_headers(&bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => {
            let fields = fields.iter().map(|field| (field.name, field.value));
            head::headers(&bytes, fields).map(Some)
        }
        Ok(httparse::Status::Partial) | Err(_) => Err(Broken::Chunk),
    }
}
