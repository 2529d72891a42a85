use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

fn limits() -> Limits {
    Limits {
        body_idle_seconds: 1,
        send_idle_seconds: 1,
        ..Limits::default()
    }
}

#[tokio::test]
async fn from_the_first_doubtful_line_on_there_is_poison_and_an_end() {
    let (mut client, server) = duplex(1024);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n")
        .await
        .unwrap();
    let mut guarded = Guarded::http1(server, Arc::default(), &limits());
    let mut read = Vec::new();
    guarded.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"GET / HTTP/1.1\r\nHost: a\r\n\0\r\n\r\n");
}

#[tokio::test]
async fn px_10_bytes_behind_an_upgrade_wait_for_its_answer() {
    let gate = Arc::new(Gate::default());
    let (mut client, server) = duplex(1024);
    client
        .write_all(b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n\0raw")
        .await
        .unwrap();
    let mut guarded = Guarded::http1(server, Arc::clone(&gate), &limits());
    let mut buffer = [0; 256];
    let read = guarded.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..read], b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n");
    let waiting = tokio::time::timeout(Duration::from_millis(50), guarded.read(&mut buffer));
    assert!(waiting.await.is_err());
    gate.answered(true);
    let read = guarded.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..read], b"\0raw");
}

#[tokio::test]
async fn px_10_without_a_switch_they_are_a_request() {
    let gate = Arc::new(Gate::default());
    let (mut client, server) = duplex(1024);
    client
        .write_all(b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n\0raw\r\n")
        .await
        .unwrap();
    let mut guarded = Guarded::http1(server, Arc::clone(&gate), &limits());
    gate.answered(false);
    let mut read = Vec::new();
    guarded.read_to_end(&mut read).await.unwrap();
    // The beginning of the line may have gone on already; its end never does.
    assert!(read.ends_with(b"\0\r\n\r\n"), "{read:?}");
    assert!(!read.windows(3).any(|part| part == b"raw"), "{read:?}");
}

#[tokio::test]
async fn px_14_a_body_that_does_not_go_on_is_given_up() {
    let (mut client, server) = duplex(1024);
    client
        .write_all(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        .await
        .unwrap();
    let mut guarded = Guarded::http1(server, Arc::default(), &limits());
    let mut read = Vec::new();
    let error = guarded.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn px_14_a_client_that_does_not_read_is_given_up() {
    let (_client, server) = duplex(16);
    let mut guarded = Guarded::transparent(server, &limits());
    let error = guarded.write_all(&[0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}
