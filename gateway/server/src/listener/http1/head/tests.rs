use proptest::prelude::*;

use super::*;
use crate::http1::{Peer, Taken};

const LONGEST: usize = 1024;

/// How far messages were read.
#[derive(Debug, PartialEq, Eq)]
enum At {
    /// So many messages have ended, and nothing else came.
    End(usize),
    Head,
    Body(Left),
}

const ONE: Result<At, Reason> = Ok(At::End(1));

/// Reads one message after the other, however they are cut.
fn read_in(pieces: impl Iterator<Item = Vec<u8>>) -> Result<At, Reason> {
    let mut reader = Reader::new(LONGEST, 100);
    let mut input = BytesMut::new();
    let (mut left, mut messages) = (Left::Nothing, 0);
    for piece in pieces {
        input.extend_from_slice(&piece);
        loop {
            if left == Left::Nothing {
                let Some(head) = reader.read(&mut input)? else {
                    break;
                };
                left = head.left;
            } else if let Taken::More(_) = left.take(&mut input, Peer::Client(LONGEST))? {
                break;
            }
            messages += usize::from(left == Left::Nothing);
        }
    }
    Ok(match left {
        Left::Nothing if input.is_empty() => At::End(messages),
        Left::Nothing => At::Head,
        left => At::Body(left),
    })
}

fn read(text: &str) -> Result<At, Reason> {
    read_in(std::iter::once(text.as_bytes().to_vec()))
}

fn head(lines: &str) -> Result<At, Reason> {
    read(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

fn chunked(body: &str) -> Result<At, Reason> {
    read(&format!(
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    ))
}

fn whole(text: &str) -> Head {
    let mut reader = Reader::new(LONGEST, 100);
    let head = reader.read(&mut BytesMut::from(text));
    head.unwrap().unwrap()
}

#[test]
fn a_head_says_what_it_says() {
    let head = whole(
        "PUT /a?b HTTP/1.1\r\nHost: a\r\nX-A:  1 \r\nx-a: 2\r\nTE: gzip, Trailers\r\n\
         Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n",
    );
    assert_eq!(head.request.method(), Method::PUT);
    assert_eq!(head.request.uri(), "/a?b");
    let values: Vec<_> = head.request.headers().get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(head.left, Left::Length(3));
    assert!(head.waits && head.asked.takes_trailers && head.asked.keeps && !head.is_upgrade);
    assert!(!head.asked.is_old() && !head.asked.is_head);
}

#[test]
fn what_may_follow_depends_on_version_and_connection() {
    for (text, keeps) in [
        ("GET / HTTP/1.1\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
    ] {
        assert_eq!(whole(text).asked.keeps, keeps, "{text}");
    }
}

#[test]
fn px_10_only_a_request_without_a_body_may_switch() {
    for (text, may) in [
        ("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nUpgrade: x\r\n\r\n", false),
        (
            "GET / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n",
            false,
        ),
    ] {
        assert_eq!(whole(text).is_upgrade, may, "{text}");
    }
}

#[test]
fn messages_follow_each_other() {
    assert_eq!(
        read("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        Ok(At::End(2))
    );
    assert_eq!(head("Content-Length: 3\r\n"), Ok(At::Body(Left::Length(3))));
    assert_eq!(
        read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nbGET / HTTP/1.1\r\n\r\n"),
        Ok(At::End(2))
    );
    assert_eq!(read("\r\nGET / HTTP/1.1\r\n\r\n"), ONE);
    assert_eq!(
        read("\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        Err(Reason::RequestLine)
    );
    assert_eq!(read("GET / HTTP/1.1\r\nHost"), Ok(At::Head));
}

#[test]
fn px_01_two_lengths_in_any_form_are_refused() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\ncontent-length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
    ] {
        assert_eq!(head(lines), Err(Reason::Length), "{lines}");
    }
}

#[test]
fn px_02_one_plain_chunked_only() {
    assert_eq!(
        head("Transfer-Encoding: Chunked\r\n"),
        Ok(At::Body(Left::Size))
    );
    for lines in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
    ] {
        assert!(head(lines).is_err(), "{lines}");
    }
    assert_eq!(
        read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Err(Reason::Length)
    );
}

#[test]
fn px_04_lines_end_with_both_and_hold_no_controls() {
    assert_eq!(head("X: 1\n"), Err(Reason::LineEnd));
    assert_eq!(head("X: 1\rY: 2\r\n"), Err(Reason::Control));
    assert_eq!(head("X: a\0b\r\n"), Err(Reason::Control));
    assert_eq!(head("X: a\x7fb\r\n"), Err(Reason::Control));
    assert_eq!(head("X: a\r\n b\r\n"), Err(Reason::Folded));
    assert_eq!(head("X : a\r\n"), Err(Reason::Field));
    assert_eq!(head("X\t: a\r\n"), Err(Reason::Field));
    assert_eq!(head(": a\r\n"), Err(Reason::Field));
    assert_eq!(head("X\r\n"), Err(Reason::Field));
    assert_eq!(head("X y: 1\r\n"), Err(Reason::Field));
    assert_eq!(head("X: a\tb \u{e4}\r\n"), ONE);
    // A line is refused before the rest has come.
    assert_eq!(read("GET / HTTP/1.1\n"), Err(Reason::LineEnd));
    assert_eq!(read("GET / HTTP/1.1\r\nX: 1\n"), Err(Reason::LineEnd));
}

#[test]
fn px_09_request_lines_are_plain() {
    for line in [
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /\u{e4} HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
    ] {
        assert_eq!(
            read(&format!("{line}\r\n")),
            Err(Reason::RequestLine),
            "{line}"
        );
    }
    for line in ["G\u{e4}T / HTTP/1.1", "GET [ HTTP/1.1"] {
        assert!(read(&format!("{line}\r\n\r\n")).is_err(), "{line}");
    }
}

#[test]
fn px_05_chunks_are_written_as_they_should() {
    assert_eq!(chunked("3\r\nabc\r\n0\r\n\r\n"), ONE);
    assert_eq!(
        chunked("A;x=\"a;\\\"b\";y\r\n0123456789\r\n0\r\nX: 1\r\n\r\n"),
        ONE
    );
    assert_eq!(chunked("3\r\nab"), Ok(At::Body(Left::Chunk(1))));
    for (body, reason) in [
        ("3;x=\"a\r\n", Reason::Chunk),
        ("3;x\n", Reason::Chunk),
        ("3;\u{e4}\r\n", Reason::Chunk),
        ("3\nabc\r\n", Reason::Chunk),
        ("0x3\r\n", Reason::Chunk),
        ("-3\r\n", Reason::Chunk),
        ("+3\r\n", Reason::Chunk),
        ("3 \r\n", Reason::Chunk),
        (" 3\r\n", Reason::Chunk),
        ("\r\n", Reason::Chunk),
        ("FFFFFFFFFFFFFFFF\r\n", Reason::Chunk),
        ("10000000000000003\r\n", Reason::Chunk),
        ("3\r\nabcd\r\n", Reason::Chunk),
        ("3\r\nabc\n", Reason::Chunk),
        ("0\r\nContent-Length: 3\r\n\r\n", Reason::Trailer),
        ("0\r\nTransfer-Encoding: chunked\r\n\r\n", Reason::Trailer),
        ("0\r\nHost: b\r\n\r\n", Reason::Trailer),
        ("0\r\nX : b\r\n\r\n", Reason::Field),
        ("0\r\nX: b\nY: c\r\n\r\n", Reason::Chunk),
        ("0\r\n X: b\r\n\r\n", Reason::Field),
    ] {
        assert_eq!(chunked(body), Err(reason), "{body:?}");
    }
    let long = format!("0\r\nX: {}", "x".repeat(LONGEST));
    assert_eq!(chunked(&long), Err(Reason::Long));
    let long = format!("1;{}", "x".repeat(5000));
    assert_eq!(chunked(&long), Err(Reason::Chunk));
}

#[test]
fn h2_01_heads_have_a_limit() {
    let lines = "X: 1\r\n".repeat(LONGEST / 6 + 1);
    assert_eq!(head(&lines), Err(Reason::Many));
    let lines = "X: 12345678901234567890\r\n".repeat(LONGEST / 25 + 1);
    assert_eq!(head(&lines), Err(Reason::Long));
    assert_eq!(head(&"X: 1\r\n".repeat(99)), ONE);
    assert_eq!(head(&"X: 1\r\n".repeat(100)), Err(Reason::Many));
    assert_eq!(read(&"x".repeat(LONGEST + 1)), Err(Reason::Long));
    // Of each head by itself.
    let half = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(LONGEST - 30));
    assert_eq!(read(&half.repeat(10)), Ok(At::End(10)));
}

proptest! {
    /// However the bytes are cut, they are read alike.
    #[test]
    fn cuts_change_nothing(
        cuts in prop::collection::vec(1_usize..20, 1..80),
        choice in 0_usize..6,
    ) {
        let text = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcdGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;a=\"b\"\r\na\nbc\r\n0\r\nX: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nX: 1\nY: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nX: 1\r\n Y\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4 \r\nabcd\r\n0\r\n\r\n",
        ][choice];
        let mut rest = text.as_bytes();
        let mut cuts = cuts.iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let cut = (*cuts.next()?).min(rest.len());
            let (now, later) = rest.split_at(cut);
            rest = later;
            (!now.is_empty()).then(|| now.to_vec())
        });
        prop_assert_eq!(read_in(pieces), read(text));
    }

    /// Whatever comes, there is an answer.
    #[test]
    fn anything_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), is_head: bool) {
        let first: &[u8] = if is_head { b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" } else { b"" };
        let _ = read_in(std::iter::once([first, &bytes].concat()));
    }
}
