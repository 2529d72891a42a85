use proptest::prelude::*;

use super::*;

const LONGEST: usize = 1024;

/// Reads `text` whole.
fn read(text: &str) -> Result<State, Reason> {
    let mut wire = Wire::new(LONGEST);
    let outcome = wire.inspect(text.as_bytes());
    outcome.map(|_| wire.state).map_err(|doubt| doubt.reason)
}

const START: State = State::Start {
    is_after_blank: false,
};

fn head(lines: &str) -> Result<State, Reason> {
    read(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

fn chunked(body: &str) -> Result<State, Reason> {
    read(&format!(
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    ))
}

#[test]
fn messages_follow_each_other() {
    assert_eq!(
        read("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        Ok(START)
    );
    assert_eq!(head("Content-Length: 3\r\n"), Ok(State::Body(3)));
    assert_eq!(
        read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nbGET / HTTP/1.1\r\n\r\n"),
        Ok(START)
    );
    assert_eq!(read("\r\nGET / HTTP/1.1\r\n\r\n"), Ok(START));
    assert_eq!(
        read("\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        Err(Reason::RequestLine)
    );
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
    assert_eq!(head("Transfer-Encoding: Chunked\r\n"), Ok(State::ChunkSize));
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
    assert_eq!(head("X: a\tb \u{e4}\r\n"), Ok(START));
    assert_eq!(read("GET / HTTP/1.1\n"), Err(Reason::LineEnd));
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
}

#[test]
fn px_05_chunks_are_written_as_they_should() {
    assert_eq!(chunked("3\r\nabc\r\n0\r\n\r\n"), Ok(START));
    assert_eq!(
        chunked("A;x=\"a;\\\"b\";y\r\n0123456789\r\n0\r\nX: 1\r\n\r\n"),
        Ok(START)
    );
    assert_eq!(chunked("3\r\nab"), Ok(State::ChunkData(1)));
    for (body, reason) in [
        ("3;x=\"a\r\n", Reason::Chunk),
        ("3;x\n", Reason::LineEnd),
        ("3\nabc\r\n", Reason::LineEnd),
        ("0x3\r\n", Reason::Chunk),
        ("-3\r\n", Reason::Chunk),
        ("+3\r\n", Reason::Chunk),
        ("3 \r\n", Reason::Chunk),
        (" 3\r\n", Reason::Chunk),
        ("\r\n", Reason::Chunk),
        ("FFFFFFFFFFFFFFFF\r\n", Reason::Chunk),
        ("10000000000000003\r\n", Reason::Chunk),
        ("3\r\nabcd\r\n", Reason::Chunk),
        ("3\r\nabc\n", Reason::LineEnd),
        ("0\r\nContent-Length: 3\r\n", Reason::Trailer),
        ("0\r\nTransfer-Encoding: chunked\r\n", Reason::Trailer),
        ("0\r\nHost: b\r\n", Reason::Trailer),
        ("0\r\nX : b\r\n", Reason::Field),
    ] {
        assert_eq!(chunked(body), Err(reason), "{body:?}");
    }
}

#[test]
fn px_10_what_follows_an_upgrade_is_held() {
    let head = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let mut wire = Wire::new(LONGEST);
    let text = format!("{head}GET /b HTTP/1.1\r\n\r\n");
    assert_eq!(wire.inspect(text.as_bytes()), Ok(head.len()));
    assert!(wire.is_held());
    wire.release(false);
    assert_eq!(
        wire.inspect(b"GET /b HTTP/1.1\n"),
        Err(Doubt {
            at: 0,
            reason: Reason::LineEnd
        })
    );
    let mut wire = Wire::new(LONGEST);
    assert_eq!(wire.inspect(head.as_bytes()), Ok(head.len()));
    wire.release(true);
    assert_eq!(wire.inspect(b"\0\x01anything\n"), Ok(11));
}

#[test]
fn doubt_points_at_the_line() {
    let mut wire = Wire::new(LONGEST);
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n";
    assert_eq!(
        wire.inspect(text.as_bytes()),
        Err(Doubt {
            at: 25,
            reason: Reason::LineEnd
        })
    );
    let lines = "X: 1\r\n".repeat(LONGEST / 6 + 1);
    assert_eq!(head(&lines), Err(Reason::Long));
    let mut wire = Wire::new(LONGEST);
    for _ in 0..10 {
        let half = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(LONGEST - 30));
        assert_eq!(wire.inspect(half.as_bytes()), Ok(half.len()));
    }
    let mut wire = Wire::new(LONGEST);
    let long = "x".repeat(LONGEST + 1);
    assert_eq!(
        wire.inspect(long.as_bytes()).map_err(|doubt| doubt.reason),
        Err(Reason::Long)
    );
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
            "GET / HTTP/1.1\r\nX: 1\nY: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nX: 1\r\n Y\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4 \r\nabcd\r\n0\r\n\r\n",
        ][choice];
        let mut wire = Wire::new(LONGEST);
        let mut rest = text.as_bytes();
        let mut outcome = Ok(());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() || outcome.is_err() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            outcome = wire.inspect(now).map(|_| ()).map_err(|doubt| doubt.reason);
            rest = later;
        }
        prop_assert_eq!(outcome.map(|()| wire.state), read(text));
    }

    /// Whatever comes, there is an answer, and what goes on is a prefix.
    #[test]
    fn anything_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut wire = Wire::new(LONGEST);
        match wire.inspect(&bytes) {
            Ok(passed) => prop_assert!(passed <= bytes.len()),
            Err(doubt) => prop_assert!(doubt.at < bytes.len()),
        }
    }
}
