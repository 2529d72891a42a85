//! Heads of requests (RFC 9112 §3 and §5).
//!
//! Some messages can be read in two ways, and another server's way may not be the gateway's. So each line is
//! looked at as it comes, and the first one in doubt ends the connection; only then is the head parsed.

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes, BytesMut};
use httparse::ParserConfig;
use hyper::{
    Method, Request, Uri, Version,
    header::{EXPECT, TE},
};

use crate::http1::{
    Left, Misframed, decimal, headers, is_persistent,
    lines::{self, BadLine},
    lists,
};

/// Headers that are parsed without asking for memory.
const USUAL: usize = 32;

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::listener) enum Reason {
    /// RFC 9112 §2.2.
    #[error("a line ends without CR, or CR stands elsewhere")]
    LineEnd,
    /// Anything below a space but a tab, and DEL.
    #[error("a line holds a control character")]
    Control,
    /// RFC 9112 §3.
    #[error("the first line is not a method, a target and a known version")]
    RequestLine,
    /// RFC 9112 §5.2.
    #[error("a header goes on in the next line")]
    Folded,
    /// RFC 9112 §5.1.
    #[error("a header has no colon or no proper name")]
    Field,
    /// RFC 9112 §6.
    #[error("the length of the body is said twice, in two ways, or not plainly")]
    Length,
    /// RFC 9112 §7.1.
    #[error("a chunk is not written as it should be")]
    Chunk,
    /// RFC 9110 §6.5.1.
    #[error("a trailer frames or routes the message")]
    Trailer,
    /// More bytes than allowed.
    #[error("the head or the trailers are too long")]
    Long,
    /// More headers than allowed.
    #[error("there are too many header fields")]
    Many,
}

impl Reason {
    /// A stable name for logs and metrics.
    pub(in crate::listener) const fn name(self) -> &'static str {
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
            Self::Many => "header_count",
        }
    }
}

impl From<BadLine> for Reason {
    fn from(line: BadLine) -> Self {
        match line {
            BadLine::End => Self::LineEnd,
            BadLine::Control => Self::Control,
            BadLine::Folded => Self::Folded,
            BadLine::Field => Self::Field,
        }
    }
}

impl From<Misframed> for Reason {
    fn from(misframed: Misframed) -> Self {
        match misframed {
            Misframed::Field => Self::Field,
            Misframed::Chunk => Self::Chunk,
            Misframed::Trailer => Self::Trailer,
            Misframed::Long => Self::Long,
        }
    }
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    /// What follows of its body.
    pub(super) left: Left,
    /// What it says of how it may be answered.
    pub(super) asked: Asked,
    /// Whether the client waits with the body until it is asked for it (RFC 9110 §10.1.1).
    pub(super) waits: bool,
    /// Whether it wishes to switch protocols, and may.
    pub(super) is_upgrade: bool,
}

/// How a request may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// In this version.
    pub(super) version: Version,
    /// Without a body.
    pub(super) is_head: bool,
    /// With trailers.
    pub(super) takes_trailers: bool,
    /// Whether another request may follow.
    pub(super) keeps: bool,
}

impl Asked {
    /// Of what was no request.
    pub(super) const LAST: Self = Self {
        version: Version::HTTP_11,
        is_head: false,
        takes_trailers: false,
        keeps: false,
    };

    /// Whether it is to be answered in HTTP/1.0.
    pub(super) fn is_old(self) -> bool {
        self.version == Version::HTTP_10
    }
}

/// What the next line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// The first of a request. One empty line may stand before it (RFC 9112 §2.2).
    #[default]
    First,
    Request,
    Field,
}

/// What lines have said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    next: Next,
    is_old: bool,
    length: Option<u64>,
    is_chunked: bool,
    is_upgrade: bool,
    fields: usize,
}

/// Reads one head after the other.
#[derive(Debug)]
pub(super) struct Reader {
    longest: usize,
    most: usize,
    /// Where the line begins that has not ended yet, and up to where its end was looked for.
    line: usize,
    looked: usize,
    said: Said,
}

impl Reader {
    /// For heads of at most `longest` bytes and `most` fields.
    pub(super) fn new(longest: usize, most: usize) -> Self {
        Self {
            longest,
            most,
            line: 0,
            looked: 0,
            said: Said::default(),
        }
    }

    /// Takes a head, once it is complete.
    pub(super) fn read(&mut self, input: &mut BytesMut) -> Result<Option<Head>, Reason> {
        loop {
            let rest = input.get(self.looked..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', rest) else {
                self.looked = input.len();
                return if self.looked > self.longest {
                    Err(Reason::Long)
                } else {
                    Ok(None)
                };
            };
            let end = self.looked + at;
            if end >= self.longest {
                return Err(Reason::Long);
            }
            let line = lines::text(input.get(self.line..end).unwrap_or_default())?;
            self.line = end + 1;
            self.looked = end + 1;
            match self.said.next {
                Next::Field if line.is_empty() => return self.whole(input).map(Some),
                Next::Field => self.field(line)?,
                Next::First if line.is_empty() => {
                    self.said.next = Next::Request;
                    input.advance(end + 1);
                    (self.line, self.looked) = (0, 0);
                }
                Next::First | Next::Request => self.request_line(line)?,
            }
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Reason> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::RequestLine);
        };
        // The URI parser drops a fragment silently, and lets bytes beyond ASCII pass (PX-09).
        let is_bad = |byte: &u8| !byte.is_ascii_graphic() || *byte == b'#';
        let is_bad = target.iter().fold(false, |bad, byte| bad | is_bad(byte));
        if method.is_empty() || target.is_empty() || is_bad {
            return Err(Reason::RequestLine);
        }
        self.said.is_old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Reason::RequestLine),
        };
        self.said.next = Next::Field;
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Reason> {
        let (name, value) = lines::field(line)?;
        let said = &mut self.said;
        said.fields += 1;
        if said.fields > self.most {
            return Err(Reason::Many);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Reason::Length)?;
            if said.length.replace(length).is_some() {
                return Err(Reason::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = !std::mem::replace(&mut said.is_chunked, true);
            if !is_first || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Reason::Length);
            }
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            said.is_upgrade = true;
        }
        Ok(())
    }

    /// All lines are there, and sound.
    fn whole(&mut self, input: &mut BytesMut) -> Result<Head, Reason> {
        let said = std::mem::take(&mut self.said);
        let bytes = input.split_to(self.line).freeze();
        (self.line, self.looked) = (0, 0);
        if said.is_chunked && (said.length.is_some() || said.is_old) {
            return Err(Reason::Length);
        }
        let request = if said.fields <= USUAL {
            parse(&bytes, &mut [const { MaybeUninit::uninit() }; USUAL])
        } else {
            parse(&bytes, &mut vec![MaybeUninit::uninit(); said.fields])
        }?;
        let left = match said.length {
            _ if said.is_chunked => Left::Size,
            Some(length) if length > 0 => Left::Length(length),
            _ => Left::Nothing,
        };
        let fields = request.headers();
        let is_new = !said.is_old;
        Ok(Head {
            left,
            asked: Asked {
                version: request.version(),
                is_head: *request.method() == Method::HEAD,
                takes_trailers: is_new && lists(fields, &TE, b"trailers"),
                keeps: is_persistent(fields, said.is_old),
            },
            waits: is_new && left != Left::Nothing && lists(fields, &EXPECT, b"100-continue"),
            is_upgrade: is_new && said.is_upgrade && left == Left::Nothing,
            request,
        })
    }
}

fn parse<'b>(
    bytes: &'b Bytes,
    fields: &mut [MaybeUninit<httparse::Header<'b>>],
) -> Result<Request<()>, Reason> {
    let mut parsed = httparse::Request::new(&mut []);
    let parser = ParserConfig::default();
    match parser.parse_request_with_uninit_headers(&mut parsed, bytes, fields) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        _ => return Err(Reason::Field),
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Reason::RequestLine);
    };
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| Reason::RequestLine)?;
    *request.uri_mut() = Uri::from_maybe_shared(bytes.slice_ref(target.as_bytes()))
        .map_err(|_| Reason::RequestLine)?;
    *request.version_mut() = if version == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    let fields = parsed.headers.iter();
    *request.headers_mut() = headers(bytes, fields.map(|field| (field.name, field.value)))?;
    Ok(request)
}

#[cfg(test)]
mod tests;
