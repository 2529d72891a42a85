use std::future::poll_fn;

use hyper::{HeaderMap, Version, body::Frame, header::HeaderValue};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};

use super::{super::wire::Wire, *};
use crate::{config::Limits, stream::Stream};

const ASKED: Asked = Asked {
    version: Version::HTTP_11,
    is_head: false,
    takes_trailers: false,
    keeps: true,
};

async fn connection() -> (SharedWire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (near, _) = listener.accept().await.unwrap();
    let wire = Wire::new(Stream::Plain(near), &Limits::default());
    (SharedWire::new(wire), far)
}

/// What the client gets, but for the date, and whether the connection goes on.
async fn sent(response: Response<Body>, asked: Asked) -> (String, bool) {
    let (wire, mut far) = connection().await;
    let mut sending = Sending::begin(response, asked);
    poll_fn(|cx| sending.poll(&wire, cx)).await.unwrap();
    let keeps = sending.keeps;
    drop((sending, wire));
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    let lines = text.split_inclusive("\r\n");
    let (dates, rest): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("date: "));
    assert_eq!(dates.len(), 1);
    assert!(
        dates
            .iter()
            .all(|date| date.ends_with(" GMT\r\n") && date.len() == 37)
    );
    (rest.concat(), keeps)
}

fn response(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test]
async fn an_answer_says_how_long_it_is() {
    for (status, body, text) in [
        (200, "ok", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        (
            404,
            "",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        ),
        (204, "", "HTTP/1.1 204 No Content\r\n\r\n"),
        (304, "", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        (299, "", "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"),
    ] {
        let response = response(status, Body::full(body));
        assert_eq!(sent(response, ASKED).await, (text.to_owned(), true));
    }
}

#[tokio::test]
async fn an_answer_to_head_says_what_it_would_be() {
    let asked = Asked {
        is_head: true,
        ..ASKED
    };
    let (text, _) = sent(response(200, Body::full("ok")), asked).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    let mut said = response(200, Body::empty());
    let length = HeaderValue::from_static("77");
    said.headers_mut().insert(CONTENT_LENGTH, length);
    let (text, _) = sent(said, asked).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n");
}

#[tokio::test]
async fn it_says_whether_the_connection_goes_on() {
    let with = |version, keeps| Asked {
        version,
        keeps,
        ..ASKED
    };
    for (asked, line, connection) in [
        (with(Version::HTTP_11, true), "HTTP/1.1", ""),
        (
            with(Version::HTTP_11, false),
            "HTTP/1.1",
            "connection: close\r\n",
        ),
        (
            with(Version::HTTP_10, true),
            "HTTP/1.0",
            "connection: keep-alive\r\n",
        ),
        (
            with(Version::HTTP_10, false),
            "HTTP/1.0",
            "connection: close\r\n",
        ),
    ] {
        let (text, keeps) = sent(response(200, Body::empty()), asked).await;
        let wanted = format!("{line} 200 OK\r\n{connection}content-length: 0\r\n\r\n");
        assert_eq!((text, keeps), (wanted, asked.keeps));
    }
    let mut closing = response(400, Body::empty());
    let close = HeaderValue::from_static("close");
    closing.headers_mut().insert(CONNECTION, close);
    let (text, keeps) = sent(closing, ASKED).await;
    assert_eq!(
        (text.as_str(), keeps),
        (
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            false
        )
    );
}

#[tokio::test]
async fn pieces_are_framed_as_was_said() {
    let mut output = Output::default();
    let mut framing = Framing::Length(3);
    let piece = |text: &'static str| Some(Frame::data(text.into()));
    assert!(framing.queue(piece("ab"), &mut output).is_ok());
    assert!(framing.queue(piece("cd"), &mut output).is_err());
    let mut framing = Framing::Length(3);
    assert!(framing.queue(None, &mut output).is_err());

    let mut output = Output::default();
    let mut framing = Framing::Chunked;
    let mut trailers = HeaderMap::new();
    trailers.insert("x", HeaderValue::from_static("1"));
    for frame in [piece("ab"), piece(""), Some(Frame::trailers(trailers))] {
        framing.queue(frame, &mut output).unwrap();
    }
    assert_eq!(framing, Framing::Nothing);
    assert_eq!(*output.head(), b"2\r\nab\r\n0\r\nx: 1\r\n\r\n");
}
