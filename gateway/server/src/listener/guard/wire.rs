//! The framing of HTTP/1 requests (RFC 9112), read as strictly as it is written.

use crate::proxy::hygiene::decimal;

/// Most digits of a chunk's size: no body has more than 2⁶⁰ bytes.
const SIZE_DIGITS: usize = 15;

/// Why a byte may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A line ends without CR, or CR stands elsewhere (RFC 9112 §2.2).
    LineEnd,
    /// A control character.
    Control,
    /// Not a method, a target and a version known here.
    RequestLine,
    /// A line that goes on with the one before (RFC 9112 §5.2).
    Folded,
    /// A header without colon or name, or with a space between them (RFC 9112 §5.1).
    Field,
    /// The length of the body is said twice, in two ways, or not plainly (RFC 9112 §6).
    Length,
    /// A chunk that is not written as RFC 9112 §7.1 says.
    Chunk,
    /// A header that frames or routes the message, behind its body.
    Trailer,
    /// More bytes than a head may have, or a line elsewhere.
    Long,
}

impl Reason {
    /// A stable name for logs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "line_end",
            Self::Control => "control_character",
            Self::RequestLine => "request_line",
            Self::Folded => "folded_line",
            Self::Field => "header_name",
            Self::Length => "length",
            Self::Chunk => "chunk",
            Self::Trailer => "trailer",
            Self::Long => "long_line",
        }
    }
}

/// The first byte that may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Its place among the bytes that were given; the beginning of its line, if that is among them.
    pub(super) at: usize,
    pub(super) reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a request. One empty line may stand there (RFC 9112 §2.2).
    Start {
        is_after_blank: bool,
    },
    Fields,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    /// Behind a request to switch protocols: what follows belongs to one or the other.
    Held,
    Raw,
}

/// What a head says about its body.
#[derive(Clone, Copy, Debug, Default)]
struct Framing {
    is_old: bool,
    length: Option<u64>,
    is_chunked: bool,
    is_upgrade: bool,
}

/// Follows the messages of one connection.
#[derive(Debug)]
pub(super) struct Wire {
    state: State,
    framing: Framing,
    /// The beginning of a line that has not ended yet.
    line: Vec<u8>,
    /// Bytes of the head, of the trailers or of the size of a chunk so far.
    section: usize,
    longest_section: usize,
}

impl Wire {
    pub(super) const fn new(longest_section: usize) -> Self {
        Self {
            state: State::Start {
                is_after_blank: false,
            },
            framing: Framing {
                is_old: false,
                length: None,
                is_chunked: false,
                is_upgrade: false,
            },
            line: Vec::new(),
            section: 0,
            longest_section,
        }
    }

    /// For what is not HTTP/1.
    pub(super) const fn raw() -> Self {
        let mut wire = Self::new(0);
        wire.state = State::Raw;
        wire
    }

    /// Whether bytes wait for the answer to a request to switch protocols.
    pub(super) fn is_held(&self) -> bool {
        self.state == State::Held
    }

    /// The answer is there.
    pub(super) const fn release(&mut self, is_switched: bool) {
        self.state = if is_switched {
            State::Raw
        } else {
            State::Start {
                is_after_blank: false,
            }
        };
    }

    /// Whether the next bytes belong to a head that has begun.
    pub(super) const fn is_within_head(&self) -> bool {
        matches!(self.state, State::Fields)
    }

    /// Whether all messages so far have ended and the next has not begun.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Start { .. }) && self.line.is_empty()
    }

    /// Whether the next bytes belong to a body.
    pub(super) const fn is_within_body(&self) -> bool {
        matches!(
            self.state,
            State::Body(_)
                | State::ChunkSize
                | State::ChunkData(_)
                | State::ChunkEnd
                | State::Trailers
        )
    }

    /// How many of `bytes` may go on: all, unless a request to switch protocols is among them.
    pub(super) fn inspect(&mut self, bytes: &[u8]) -> Result<usize, Doubt> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::Raw => return Ok(bytes.len()),
                State::Held => return Ok(at),
                State::Body(left) => at += self.skip(left, rest, State::Body),
                State::ChunkData(left) => at += self.skip(left, rest, State::ChunkData),
                _ => {
                    let end = memchr::memchr(b'\n', rest);
                    self.section += end.map_or(rest.len(), |end| end + 1);
                    if self.section > self.longest_section {
                        let reason = Reason::Long;
                        return Err(Doubt { at, reason });
                    }
                    let Some(end) = end else {
                        self.line.extend_from_slice(rest);
                        return Ok(bytes.len());
                    };
                    let ended = rest.get(..end).unwrap_or_default();
                    self.ended(ended).map_err(|reason| Doubt { at, reason })?;
                    at += end + 1;
                }
            }
        }
        Ok(bytes.len())
    }

    /// Passes over `left` bytes, or as many of them as there are.
    fn skip(&mut self, left: u64, rest: &[u8], within: fn(u64) -> State) -> usize {
        let there = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        let taken = left.min(there);
        self.state = match left - taken {
            0 if matches!(self.state, State::ChunkData(_)) => State::ChunkEnd,
            0 => State::Start {
                is_after_blank: false,
            },
            still => within(still),
        };
        usize::try_from(taken).unwrap_or(rest.len())
    }

    /// A line has ended: `tail` is what came of it just now, without the LF.
    fn ended(&mut self, tail: &[u8]) -> Result<(), Reason> {
        if self.line.is_empty() {
            return self.line(tail);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(tail);
        self.line(&line)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Reason> {
        if !matches!(self.state, State::Fields | State::Trailers) {
            self.section = line.len() + 1;
        }
        let line = line.strip_suffix(b"\r").ok_or(Reason::LineEnd)?;
        // Looks at every byte, so that the compiler can look at many at a time.
        let is_bad = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
        if line.iter().fold(false, |bad, byte| bad | is_bad(byte)) {
            return Err(Reason::Control);
        }
        match self.state {
            State::Start { is_after_blank } => self.request_line(line, is_after_blank),
            State::Fields if line.is_empty() => self.head_ended(),
            State::Fields => self.field(line),
            State::ChunkSize => self.chunk_size(line),
            State::ChunkEnd if line.is_empty() => {
                self.state = State::ChunkSize;
                Ok(())
            }
            State::ChunkEnd => Err(Reason::Chunk),
            State::Trailers if line.is_empty() => {
                self.section = 0;
                self.state = State::Start {
                    is_after_blank: false,
                };
                Ok(())
            }
            State::Trailers => trailer(line),
            State::Body(_) | State::ChunkData(_) | State::Held | State::Raw => Ok(()),
        }
    }

    fn request_line(&mut self, line: &[u8], is_after_blank: bool) -> Result<(), Reason> {
        if line.is_empty() && !is_after_blank {
            self.state = State::Start {
                is_after_blank: true,
            };
            return Ok(());
        }
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::RequestLine);
        };
        // The URI parser drops a fragment silently, and lets bytes beyond ASCII pass (PX-09).
        let is_plain = target
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'#');
        if method.is_empty() || target.is_empty() || !is_plain {
            return Err(Reason::RequestLine);
        }
        self.framing = Framing {
            is_old: match version {
                b"HTTP/1.1" => false,
                b"HTTP/1.0" => true,
                _ => return Err(Reason::RequestLine),
            },
            ..Framing::default()
        };
        self.state = State::Fields;
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Reason> {
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Reason::Length)?;
            if self.framing.length.replace(length).is_some() {
                return Err(Reason::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = !std::mem::replace(&mut self.framing.is_chunked, true);
            if !is_first || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Reason::Length);
            }
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.framing.is_upgrade = true;
        }
        Ok(())
    }

    fn head_ended(&mut self) -> Result<(), Reason> {
        self.section = 0;
        let framing = self.framing;
        if framing.is_chunked && (framing.length.is_some() || framing.is_old) {
            return Err(Reason::Length);
        }
        self.state = match framing.length {
            _ if framing.is_chunked => State::ChunkSize,
            Some(length) if length > 0 => State::Body(length),
            _ if framing.is_upgrade && !framing.is_old => State::Held,
            _ => State::Start {
                is_after_blank: false,
            },
        };
        Ok(())
    }

    /// PX-05.
    fn chunk_size(&mut self, line: &[u8]) -> Result<(), Reason> {
        let end = line
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(line.len());
        let (digits, extensions) = line.split_at(end);
        if digits.is_empty() || digits.len() > SIZE_DIGITS || !is_quoted_well(extensions) {
            return Err(Reason::Chunk);
        }
        let mut size = 0_u64;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or(Reason::Chunk)?;
            size = size << 4 | u64::from(digit);
        }
        self.state = match size {
            0 => State::Trailers,
            size => State::ChunkData(size),
        };
        Ok(())
    }
}

/// Name and value of a header line.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    if line
        .first()
        .is_some_and(|first| matches!(first, b' ' | b'\t'))
    {
        return Err(Reason::Folded);
    }
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Reason::Field)?;
    let (name, value) = line.split_at(colon);
    if name.last().is_none_or(|last| matches!(last, b' ' | b'\t')) {
        return Err(Reason::Field);
    }
    Ok((name, value.get(1..).unwrap_or_default().trim_ascii()))
}

fn trailer(line: &[u8]) -> Result<(), Reason> {
    let (name, _) = field(line)?;
    let framing: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
    if framing.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(Reason::Trailer);
    }
    Ok(())
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

#[cfg(test)]
mod tests;
