use http_body_util::BodyExt as _;
use hyper::{HeaderMap, body::Body};
use proptest::prelude::*;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::proxy::upstream::stream::{Progress, RequestStream};

async fn connection() -> (Single, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (Single::new(Stream::Plain(near)), far)
}

fn request(method: &str, body: &'static str) -> (Progress, Request<RequestStream>) {
    let request = Request::builder()
        .method(method)
        .uri("/a?b=c")
        .header("host", "a.example")
        .body(crate::body::Incoming::Whole(Bytes::from(body)))
        .unwrap();
    let (head, body) = request.into_parts();
    let (progress, body) = RequestStream::wrap(body, &std::sync::Arc::default());
    (progress, Request::from_parts(head, body))
}

impl Single {
    /// Sends the first of a request, without waiting for an answer.
    pub(in crate::proxy::upstream) async fn begin(
        &mut self,
        request: Request<RequestStream>,
    ) -> Result<(), Unsent> {
        let (head, body) = request.into_parts();
        self.prepare(&Request::from_parts(head, ()), body);
        poll_fn(|cx| self.poll_begin(cx)).await
    }

    async fn head(&mut self) -> Result<Response<()>, Broken> {
        let exchanged = poll_fn(|cx| self.poll_exchange(cx)).await;
        exchanged.map_err(|unsent| unsent.broken)
    }
}

/// All that the other end of a closed connection received.
async fn received(single: Single, mut far: TcpStream) -> String {
    drop(single);
    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What the rest of a response brings.
async fn rest(single: &mut Single) -> Result<(Vec<u8>, Option<HeaderMap>), Broken> {
    let (mut body, mut trailers) = (Vec::new(), None);
    while let Some(frame) = poll_fn(|cx| single.poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((body, trailers))
}

/// The answer to a request of this method, when the upstream says this and then ends the connection.
async fn answered(
    method: &str,
    says: &[u8],
) -> Result<(Response<()>, Vec<u8>, Option<HeaderMap>, bool), Broken> {
    let (mut single, mut far) = connection().await;
    assert!(single.begin(request(method, "").1).await.is_ok());
    far.write_all(says).await.unwrap();
    far.shutdown().await.unwrap();
    let response = single.head().await?;
    let (body, trailers) = rest(&mut single).await?;
    Ok((response, body, trailers, single.is_free()))
}

#[tokio::test]
async fn a_head_says_what_the_request_says_and_how_long_the_body_is() {
    for (method, body, length) in [
        ("GET", "", ""),
        ("DELETE", "", ""),
        ("POST", "four", "content-length: 4\r\n"),
    ] {
        let (mut single, far) = connection().await;
        assert!(single.begin(request(method, body).1).await.is_ok());
        assert_eq!(
            received(single, far).await,
            format!("{method} /a?b=c HTTP/1.1\r\nhost: a.example\r\n{length}\r\n{body}")
        );
    }
}

#[tokio::test]
async fn a_length_of_zero_that_the_client_said_stays() {
    let (mut single, far) = connection().await;
    let (_, mut request) = request("POST", "");
    let zero = hyper::header::HeaderValue::from_static("0");
    request.headers_mut().insert("content-length", zero);
    assert!(single.begin(request).await.is_ok());
    assert!(
        received(single, far)
            .await
            .ends_with("\r\ncontent-length: 0\r\n\r\n")
    );
}

#[tokio::test]
async fn px_16_a_response_is_as_long_as_it_says() {
    let ok = b"HTTP/1.1 200 OK\r\n";
    let sound: [(&str, &[u8], &[u8], bool); 10] = [
        ("GET", b"content-length: 2\r\n\r\nok", b"ok", true),
        ("GET", b"content-length: 0\r\n\r\n", b"", true),
        ("HEAD", b"content-length: 2\r\n\r\n", b"", true),
        (
            "GET",
            b"transfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=\"y\"\r\nk\r\n0\r\n\r\n",
            b"ok",
            true,
        ),
        (
            "GET",
            b"Transfer-Encoding: Chunked\r\n\r\n00a\r\n0123456789\r\n0\r\n\r\n",
            b"0123456789",
            true,
        ),
        ("GET", b"\r\nall of it", b"all of it", false),
        (
            "GET",
            b"connection: close\r\ncontent-length: 2\r\n\r\nok",
            b"ok",
            false,
        ),
        (
            "GET",
            b"connection: x, Close\r\ncontent-length: 2\r\n\r\nok",
            b"ok",
            false,
        ),
        ("GET", b"content-length: 2\r\n\r\nok too much", b"ok", false),
        ("GET", b"content-length: 2\n\nok", b"ok", true),
    ];
    for (method, says, expected, is_free) in sound {
        let (response, body, trailers, free) =
            answered(method, &[&ok[..], says].concat()).await.unwrap();
        let says = String::from_utf8_lossy(says);
        assert_eq!(
            (response.status(), body, free),
            (StatusCode::OK, expected.to_vec(), is_free),
            "{says}"
        );
        assert!(trailers.is_none());
    }
    let unsound: [&[u8]; 14] = [
        b"content-length: 2\r\ncontent-length: 2\r\n\r\nok",
        b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"content-length: 2, 2\r\n\r\nok",
        b"content-length: +2\r\n\r\nok",
        b"content-length: -1\r\n\r\nok",
        b"content-length: 99999999999999999999\r\n\r\nok",
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: identity\r\n\r\nok",
        b"transfer-encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n1000000000000000\r\nok",
    ];
    for says in unsound {
        let answer = answered("GET", &[&ok[..], says].concat()).await;
        assert!(answer.is_err(), "{}", String::from_utf8_lossy(says));
    }
    let old = b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(matches!(answered("GET", old).await, Err(Broken::Length)));
}

#[tokio::test]
async fn px_16_what_ends_too_early_is_not_whole() {
    for says in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n",
    ] {
        let answer = answered("GET", says.as_bytes()).await;
        assert!(matches!(answer, Err(Broken::Ended)), "{says:?}");
    }
}

#[tokio::test]
async fn heads_that_are_none_are_refused() {
    for says in [
        "GARBAGE\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 99 No\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
        "\n\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let answer = answered("GET", says.as_bytes()).await;
        assert!(matches!(answer, Err(Broken::Head)), "{says:?}");
    }
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "a: b\r\n".repeat(head::MOST_FIELDS + 1)
    );
    assert!(matches!(
        answered("GET", many.as_bytes()).await,
        Err(Broken::Long)
    ));
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(200 * 1024));
    assert!(matches!(
        answered("GET", long.as_bytes()).await,
        Err(Broken::Long)
    ));
}

#[tokio::test]
async fn chunks_and_trailers_have_bounds() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let line = format!("{chunked}2;{}", "x".repeat(8 * 1024));
    assert!(matches!(
        answered("GET", line.as_bytes()).await,
        Err(Broken::Chunk)
    ));
    let trailers = format!("{chunked}0\r\na: {}", "b".repeat(100 * 1024));
    assert!(matches!(
        answered("GET", trailers.as_bytes()).await,
        Err(Broken::Long)
    ));
}

#[tokio::test]
async fn interim_responses_are_passed_over_but_not_for_ever() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
    let last = "HTTP/1.1 204 No Content\r\n\r\n";
    let says = format!("{}{last}", interim.repeat(3));
    let (response, body, ..) = answered("GET", says.as_bytes()).await.unwrap();
    assert_eq!((response.status().as_u16(), body.len()), (204, 0));
    assert!(response.headers().is_empty());
    let says = format!("{}{last}", interim.repeat(17));
    assert!(matches!(
        answered("GET", says.as_bytes()).await,
        Err(Broken::Head)
    ));
}

#[tokio::test]
async fn trailers_come_behind_the_body() {
    let says = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n";
    let (_, body, trailers, is_free) = answered("GET", says.as_bytes()).await.unwrap();
    assert_eq!(body, b"ok");
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
    assert!(is_free);
}

#[tokio::test]
async fn an_upstream_that_stops_reading_may_still_answer() {
    let (mut single, mut far) = connection().await;
    let long: &'static str = "x".repeat(16 << 20).leak();
    assert!(single.begin(request("POST", long).1).await.is_ok());
    far.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        .await
        .unwrap();
    let response = single.head().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(rest(&mut single).await.unwrap().0, b"no");
    assert!(!single.is_free(), "the rest of the request is under way");
}

#[tokio::test]
async fn what_could_not_be_sent_comes_back_whole() {
    let (mut single, _far) = connection().await;
    single.end_writing().await;
    let Err(Unsent {
        body: Some(body), ..
    }) = single.begin(request("POST", "body").1).await
    else {
        panic!("it was sent");
    };
    assert_eq!(body.size_hint().exact(), Some(4));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "body");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// However a response is cut into pieces on its way, the same is read.
    #[test]
    fn pieces_do_not_matter(cuts in prop::collection::vec(1..40_usize, 1..30), chunked: bool, size in 0..200_usize) {
        let text: String = ('a'..='z').cycle().take(size).collect();
        let says = if chunked {
            let chunks = text.as_bytes().chunks(7).fold(String::new(), |chunks, piece| {
                let data = str::from_utf8(piece).unwrap();
                format!("{chunks}{:x}\r\n{data}\r\n", data.len())
            });
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\na: b\r\n\r\n")
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n{text}")
        };
        let mut input = BytesMut::new();
        let mut rest = says.as_bytes();
        let mut cuts = cuts.into_iter().cycle();
        let mut feed = |input: &mut BytesMut| {
            let (piece, left) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            input.extend_from_slice(piece);
            rest = left;
            !piece.is_empty()
        };
        let mut left = loop {
            if let Some(head) = head::read(&mut input, false).unwrap() {
                break head.left;
            }
            prop_assert!(feed(&mut input));
        };
        let mut body = Vec::new();
        let mut trailers = 0;
        loop {
            match left.take(&mut input, Peer::Upstream).unwrap() {
                Taken::Data(data) => body.extend_from_slice(&data),
                Taken::Trailers(found) => trailers += found.len(),
                Taken::End => break,
                Taken::More(_) => prop_assert!(feed(&mut input)),
            }
        }
        prop_assert_eq!(String::from_utf8(body).unwrap(), text);
        prop_assert_eq!(trailers, usize::from(chunked));
        prop_assert!(input.is_empty());
    }

    /// Whatever an upstream says, it is taken or refused, and never more than it said is taken.
    #[test]
    fn nothing_makes_it_panic(
        says in prop::collection::vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(b"\r\n\r\n\r\n:;0123456789abcdef ".to_vec()),
        ], 0..300),
        prefix in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
    ) {
        let says = [prefix.as_bytes(), &says].concat();
        let mut input = BytesMut::from(&says[..]);
        if let Ok(Some(head)) = head::read(&mut input, false) {
            let (mut left, mut taken) = (head.left, 0);
            while let Ok(Taken::Data(data)) = left.take(&mut input, Peer::Upstream) {
                taken += data.len();
            }
            prop_assert!(taken <= says.len());
        }
    }
}
