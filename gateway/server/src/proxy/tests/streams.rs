//! Bodies: passed on as they come, in both directions, and not for ever.

use hyper::body::Incoming;
use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, channel::Channel};
use hyper::body::{Body as HttpBody, Frame};
use serde_json::json;
use tokio::time::timeout;

use super::{
    super::*,
    support::{Gateway, Upstream, route, whole},
};

#[tokio::test]
async fn eight_mebibytes_pass_both_ways() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let body: Bytes = (0..8_u32 << 20)
        .map(|index| u8::try_from(index % 251).unwrap())
        .collect();
    let request = gateway
        .request("POST", "/")
        .body(Full::new(body.clone()))
        .unwrap();
    let response = gateway.send(request).await;
    assert_eq!(response.headers()["content-length"], body.len().to_string());
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        body
    );
    assert_eq!(upstream.latest("content-length"), [body.len().to_string()]);
}

#[tokio::test]
async fn a_piece_passes_before_the_next_is_there() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let mut echoed = gateway
        .send(gateway.request("POST", "/").body(body).unwrap())
        .await
        .into_body();
    for piece in ["one", "two", "three"] {
        sender.send_data(Bytes::from(piece)).await.unwrap();
        assert_eq!(
            echoed.frame().await.unwrap().unwrap().into_data().unwrap(),
            piece
        );
    }
    drop(sender);
    assert!(echoed.frame().await.is_none());
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let upstream = Upstream::echo().await;
    let gateway = Gateway::to(&upstream.url()).await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let request = gateway
        .request("GET", "/")
        .header("transfer-encoding", "chunked")
        .body(body)
        .unwrap();
    let (response, sent) = tokio::join!(gateway.send(request), async {
        sender.send_data(Bytes::from("body")).await.unwrap();
        drop(sender);
    });
    let () = sent;
    assert_eq!(whole(response).await, (200, "body".to_owned()));
}

#[tokio::test]
async fn head_keeps_the_length() {
    let upstream = Upstream::start(|_| async {
        Response::builder()
            .header("content-length", "7")
            .body(Full::<Bytes>::default())
            .unwrap()
    })
    .await;
    let gateway = Gateway::to(&upstream.url()).await;
    for _ in 0..2 {
        let response = gateway
            .send(
                gateway
                    .request("HEAD", "/")
                    .body(Full::<Bytes>::default())
                    .unwrap(),
            )
            .await;
        assert_eq!(response.headers()["content-length"], "7");
        assert_eq!(whole(response).await, (200, String::new()));
    }
    assert_eq!(upstream.connections(), 1);
}

static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

/// As many pieces as are asked for, counting them.
struct Endless(Arc<AtomicUsize>);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }
}

/// Waits until the count no longer moves and returns it in MiB.
async fn settled(pieces: &AtomicUsize) -> usize {
    let mut last = usize::MAX;
    loop {
        let now = pieces.load(Ordering::Relaxed);
        if now == last {
            return now / 16;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_upstream_back() {
    let pieces = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pieces);
    let upstream =
        Upstream::start(move |_| std::future::ready(Response::new(Endless(Arc::clone(&counted)))))
            .await;
    let gateway = Gateway::to(&upstream.url()).await;
    let response = gateway
        .send(
            gateway
                .request("GET", "/")
                .body(Full::<Bytes>::default())
                .unwrap(),
        )
        .await;
    let mebibytes = settled(&pieces).await;
    assert!(
        (1..64).contains(&mebibytes),
        "{mebibytes} MiB are on their way"
    );
    drop(response);
}

#[tokio::test]
async fn an_upstream_that_does_not_read_holds_the_client_back_and_times_out() {
    let pieces = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(|request| async {
        std::future::pending::<()>().await;
        drop(request);
        Response::new(Full::<Bytes>::default())
    })
    .await;
    let mut slow = route(&upstream.url(), &json!({}));
    slow.timeout = Duration::from_secs(1);
    let gateway = Gateway::start(slow, Duration::ZERO).await;
    let request = gateway
        .request("POST", "/")
        .body(Endless(Arc::clone(&pieces)))
        .unwrap();
    let response = timeout(Duration::from_secs(10), gateway.send(request))
        .await
        .unwrap();
    assert_eq!(response.status(), 504);
    let mebibytes = pieces.load(Ordering::Relaxed) / 16;
    assert!((1..64).contains(&mebibytes), "{mebibytes} MiB were taken");
}

#[tokio::test]
async fn an_upload_may_take_longer_than_the_answer() {
    let upstream = Upstream::start(|request: Request<Incoming>| async {
        let size = request
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .len();
        Response::new(Full::<Bytes>::from(size.to_string()))
    })
    .await;
    let mut patient = route(&upstream.url(), &json!({}));
    patient.timeout = Duration::from_millis(250);
    let gateway = Gateway::start(patient, Duration::ZERO).await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let (response, ()) = tokio::join!(
        gateway.send(gateway.request("POST", "/").body(body).unwrap()),
        async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                sender.send_data(Bytes::from("x")).await.unwrap();
            }
            drop(sender);
        }
    );
    assert_eq!(whole(response).await, (200, "10".to_owned()));
}

#[tokio::test]
async fn silence_within_a_response_ends_it_as_broken() {
    let upstream = Upstream::start(|_| async {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        tokio::spawn(async move {
            sender.send_data(Bytes::from("half")).await.unwrap();
            std::future::pending::<()>().await;
        });
        Response::new(body)
    })
    .await;
    let mut silent = route(&upstream.url(), &json!({}));
    silent.idle = Duration::from_millis(100);
    let gateway = Gateway::start(silent, Duration::ZERO).await;
    let response = gateway
        .send(
            gateway
                .request("GET", "/")
                .body(Full::<Bytes>::default())
                .unwrap(),
        )
        .await;
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "half"
    );
    let end = timeout(Duration::from_secs(5), body.frame()).await.unwrap();
    assert!(
        end.unwrap().is_err(),
        "the client can tell that it is not whole"
    );
}
