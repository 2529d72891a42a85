//! Bytes to and from a socket, as they are.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::http::Failure;

/// Longest time an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends `bytes` and returns everything that comes until the server closes.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes.as_ref()).await?;
    rest(&mut stream).await
}

/// Everything that comes until the server closes.
pub async fn rest(stream: &mut TcpStream) -> Result<String, Failure> {
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await? {
        Ok(_) => {}
        // A server that closes with unread bytes resets.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error.into()),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status of each answer in `text`.
pub fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|rest| rest.get(..3)?.parse().ok())
        .collect()
}

/// The address in a URL.
pub fn address(url: &str) -> Result<SocketAddr, Failure> {
    let (_, authority) = url.split_once("://").ok_or("no scheme")?;
    Ok(authority.parse()?)
}

/// Frames of HTTP/2 (RFC 9113 §4.1), written by hand.
pub mod http2 {
    use super::{Duration, Failure, SocketAddr, TcpStream, timeout};
    use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

    /// Types of frames.
    pub const DATA: u8 = 0;
    /// Types of frames.
    pub const HEADERS: u8 = 1;
    /// Types of frames.
    pub const RST_STREAM: u8 = 3;
    /// Types of frames.
    pub const SETTINGS: u8 = 4;
    /// Types of frames.
    pub const PING: u8 = 6;
    /// Types of frames.
    pub const GOAWAY: u8 = 7;
    /// Types of frames.
    pub const WINDOW_UPDATE: u8 = 8;
    /// Types of frames.
    pub const CONTINUATION: u8 = 9;

    /// Flags.
    pub const END_STREAM: u8 = 1;
    /// Flags.
    pub const END_HEADERS: u8 = 4;

    /// A frame.
    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// Header fields as literals that are not indexed (RFC 7541 §6.2.2), each part shorter than 127 bytes.
    pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for part in [name, value] {
                block.push(u8::try_from(part.len()).unwrap_or(0));
                block.extend(part.as_bytes());
            }
        }
        block
    }

    /// The fields of a GET, and more.
    pub fn get(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let mut all = vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
        ];
        all.extend_from_slice(more);
        fields(&all)
    }

    /// A connection with its preface and settings sent.
    pub async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
        let mut stream = TcpStream::connect(address).await?;
        let mut first = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        first.extend(frame(SETTINGS, 0, 0, &[]));
        stream.write_all(&first).await?;
        Ok(stream)
    }

    /// Kind, flags, stream and payload of the next frame; none at the end.
    pub async fn next(
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Option<(u8, u8, u32, Vec<u8>)>, Failure> {
        let mut head = [0; 9];
        let read = timeout(Duration::from_secs(20), stream.read_exact(&mut head)).await?;
        if read.is_err() {
            return Ok(None);
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length)?];
        if stream.read_exact(&mut payload).await.is_err() {
            return Ok(None);
        }
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Some((head[3], head[4], id & 0x7fff_ffff, payload)))
    }

    /// How a stream was answered: the first byte of its header block, or the code it was reset with, or that
    /// of the whole connection.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outcome {
        /// Headers came. The first byte is the status, where the static table has it: 0x88 is 200.
        Answered(u8),
        /// The stream was reset.
        Reset(u32),
        /// The connection ends.
        GoAway(u32),
        /// The connection ended without a word.
        Closed,
    }

    /// Waits for how `id` is answered.
    pub async fn outcome(
        stream: &mut (impl AsyncRead + Unpin),
        id: u32,
    ) -> Result<Outcome, Failure> {
        let code = |payload: &[u8], at: usize| {
            payload
                .get(at..at + 4)
                .and_then(|code| code.try_into().ok())
                .map_or(0, u32::from_be_bytes)
        };
        while let Some((kind, _, stream_id, payload)) = next(stream).await? {
            match kind {
                HEADERS if stream_id == id => {
                    return Ok(Outcome::Answered(payload.first().copied().unwrap_or(0)));
                }
                RST_STREAM if stream_id == id => return Ok(Outcome::Reset(code(&payload, 0))),
                GOAWAY if code(&payload, 4) != 0 => return Ok(Outcome::GoAway(code(&payload, 4))),
                _ => {}
            }
        }
        Ok(Outcome::Closed)
    }
}
