//! What is left of a body that comes in (RFC 9112 §6 and §7).

use bytes::{Bytes, BytesMut};
use hyper::{HeaderMap, body::SizeHint};

use super::{Misframed, headers, lines};

/// Most bytes of the line with the size of a chunk.
const LONGEST_LINE: usize = 4 * 1024;
/// Most trailers.
const MOST_TRAILERS: usize = 128;
/// Most digits of a chunk's size: no body has more than 2⁶⁰ bytes.
const SIZE_DIGITS: usize = 15;
/// A chunk's line without extensions.
const SHORT_LINE: usize = 32;

/// Who sends, and so how strictly is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// Whatever another server could read differently is refused (PX-02, PX-05), and so is more than this
    /// many bytes of trailers.
    Client(usize),
    /// Spaces behind the size of a chunk are let pass.
    Upstream,
}

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
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
pub(crate) enum Taken {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    /// More must come first. So many bytes may be of use.
    More(usize),
}

impl Left {
    pub(crate) const fn ends_with_connection(self) -> bool {
        matches!(self, Self::UntilEnd)
    }

    pub(crate) fn size_hint(self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Length(length) => SizeHint::with_exact(length),
            _ => SizeHint::default(),
        }
    }

    /// Takes what there is of the next part.
    pub(crate) fn take(&mut self, input: &mut BytesMut, peer: Peer) -> Result<Taken, Misframed> {
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
                        _ => return Err(Misframed::Chunk),
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
                            Err(Misframed::Chunk)
                        } else {
                            Ok(Taken::More(SHORT_LINE))
                        };
                    };
                    let line = input.split_to(end + 1);
                    *self = match size(&line, peer).ok_or(Misframed::Chunk)? {
                        0 => Self::Trailers,
                        size => Self::Chunk(size),
                    };
                }
                Self::Trailers => {
                    let Some(trailers) = trailers(input, peer)? else {
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
fn size(line: &[u8], peer: Peer) -> Option<u64> {
    let line = lines::text(line.strip_suffix(b"\n")?).ok()?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (digits, extensions) = line.split_at(digits.count());
    let is_sound = match (peer, extensions.first()) {
        (_, None) | (Peer::Upstream, Some(b';' | b' ' | b'\t')) => true,
        (Peer::Client(_), Some(b';')) => is_quoted_well(extensions),
        _ => false,
    };
    if !is_sound || digits.is_empty() || digits.len() > SIZE_DIGITS {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether every quote is closed and nothing beyond ASCII stands outside.
fn is_quoted_well(extensions: &[u8]) -> bool {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for byte in extensions {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            0x80.. if !is_quoted => return false,
            _ => {}
        }
    }
    !is_quoted && !is_escaped
}

/// Trailers and the empty line behind them, once they are complete.
fn trailers(input: &mut BytesMut, peer: Peer) -> Result<Option<HeaderMap>, Misframed> {
    if input.starts_with(b"\r\n") {
        drop(input.split_to(2));
        return Ok(Some(HeaderMap::new()));
    }
    let longest = match peer {
        Peer::Client(longest) => longest,
        Peer::Upstream => 64 * 1024,
    };
    let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else {
        return if input.len() > longest {
            Err(Misframed::Long)
        } else {
            Ok(None)
        };
    };
    let bytes = input.split_to(end + 4).freeze();
    if matches!(peer, Peer::Client(_)) {
        let fields = bytes.get(..end + 1).unwrap_or_default();
        for line in fields.split(|byte| *byte == b'\n') {
            trailer(line)?;
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
    match httparse::parse_headers(&bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => {
            let fields = fields.iter().map(|field| (field.name, field.value));
            headers(&bytes, fields).map(Some)
        }
        Ok(httparse::Status::Partial) | Err(_) => Err(Misframed::Chunk),
    }
}

/// Looks at a trailer line of a client.
fn trailer(line: &[u8]) -> Result<(), Misframed> {
    let line = lines::text(line).map_err(|_| Misframed::Chunk)?;
    let (name, _) = lines::field(line).map_err(|_| Misframed::Field)?;
    let framing: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
    if framing.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(Misframed::Trailer);
    }
    Ok(())
}
