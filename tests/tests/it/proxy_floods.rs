//! Floods of HTTP/2 frames over TLS: each ends its connection or is borne, and costs nobody else anything.

use std::{net::SocketAddr, time::Duration};

use tests::{
    gateway::TestGateway,
    http::Failure,
    mirror::Files,
    raw::{
        self,
        http2::{
            CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, PING, RST_STREAM,
            SETTINGS, fields, frame, get, outcome,
        },
    },
    tls::Client,
};
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::Outcome as Done;

/// Frames that are sent at most.
const FRAMES: u32 = 20_000;

async fn encrypting() -> Result<(TestGateway, Files, SocketAddr), Failure> {
    let files = Files::new()?;
    let tls = files.tls();
    let gateway = TestGateway::start_with(|config| config.public.tls = tls).await?;
    let address = raw::address(&gateway.public)?;
    Ok((gateway, files, address))
}

/// Sends `first` and then as many of `piece` as the gateway takes; says how that ended.
async fn flood(
    files: &Files,
    address: SocketAddr,
    first: &[u8],
    piece: impl Fn(u32) -> Vec<u8>,
) -> Result<Outcome, Failure> {
    let client = Client {
        protocols: &[b"h2"],
        ..Client::trusting(&files.authority)
    };
    let mut stream = client.connect(address).await?;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(first);
    for index in 0..FRAMES {
        bytes.extend(piece(index));
        if bytes.len() > 16 * 1024 {
            // The gateway may have had enough, or not take more while its answers are not read.
            let sent = timeout(Duration::from_secs(2), stream.write_all(&bytes)).await;
            bytes.clear();
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
    }
    let _ = timeout(Duration::from_secs(2), async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    })
    .await;
    let ended = timeout(Duration::from_secs(5), outcome(&mut stream, u32::MAX)).await;
    Ok(ended
        .unwrap_or(Ok(Outcome::Answered(0)))
        .unwrap_or(Outcome::Closed))
}

/// That somebody else is served, and soon.
async fn is_well(files: &Files, address: SocketAddr) -> Done {
    let client = Client::trusting(&files.authority);
    let answer = timeout(Duration::from_secs(5), client.get(address, "/nowhere")).await??;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    Ok(())
}

/// Memory of this process, which the gateway is a part of, in KiB.
fn memory() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no VmRSS")?.parse()?)
}

fn has_ended(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::GoAway(_) | Outcome::Closed)
}

#[tokio::test]
async fn h2_02_rapid_resets_over_tls_end_the_connection() -> Done {
    let (_gateway, files, address) = encrypting().await?;
    let block = get("/nowhere", &[]);
    let before = memory()?;
    let ended = flood(&files, address, &[], |index| {
        let id = index * 2 + 1;
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, id, &block);
        bytes.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        bytes
    })
    .await?;
    assert!(has_ended(ended), "{ended:?}");
    assert!(memory()? < before + 128 * 1024, "from {before} KiB");
    is_well(&files, address).await
}

#[tokio::test]
async fn h2_02_headers_without_end_over_tls_end_the_connection() -> Done {
    let (_gateway, files, address) = encrypting().await?;
    let first = frame(HEADERS, END_STREAM, 1, &get("/nowhere", &[]));
    let more = fields(&[("x-filler", "a".repeat(100).as_str()); 100]);
    let before = memory()?;
    let ended = flood(&files, address, &first, |_| {
        frame(CONTINUATION, 0, 1, &more)
    })
    .await?;
    assert!(has_ended(ended), "{ended:?}");
    assert!(memory()? < before + 128 * 1024, "from {before} KiB");
    is_well(&files, address).await
}

#[tokio::test]
async fn h2_02_pings_settings_and_empty_data_over_tls_are_borne() -> Done {
    let (_gateway, files, address) = encrypting().await?;
    let post = frame(
        HEADERS,
        END_HEADERS,
        1,
        &fields(&[
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/oauth2/alpha/orders/token"),
            (":authority", "localhost"),
        ]),
    );
    let before = memory()?;
    for (first, piece) in [
        (&[][..], frame(PING, 0, 0, &[7; 8])),
        (&[], frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        (&post, frame(DATA, 0, 1, &[])),
    ] {
        flood(&files, address, first, |_| piece.clone()).await?;
        is_well(&files, address).await?;
    }
    assert!(memory()? < before + 128 * 1024, "from {before} KiB");
    Ok(())
}

/// A header list that is small on the wire and large in memory: one field in the table, named again and again
/// (CVE-2016-6581).
#[tokio::test]
async fn h2_03_a_header_bomb_over_tls_is_refused_at_its_size() -> Done {
    let (_gateway, files, address) = encrypting().await?;
    // A literal that is indexed, of 4,000 bytes; its index is then the first of the dynamic table.
    let mut block = get("/nowhere", &[]);
    block.extend([0x40, 1, b'x']);
    // 4,000 in HPACK's integers with a prefix of seven bits.
    block.extend([0x7f, 0xa1, 0x1e]);
    block.extend(std::iter::repeat_n(b'a', 4_000));
    block.extend(std::iter::repeat_n(0xbe, 12_000));
    let before = memory()?;
    let client = Client {
        protocols: &[b"h2"],
        ..Client::trusting(&files.authority)
    };
    for _ in 0..5 {
        let mut stream = client.connect(address).await?;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, &[]));
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block));
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        let ended = timeout(Duration::from_secs(5), outcome(&mut stream, 1)).await??;
        assert!(
            !matches!(ended, Outcome::Answered(0x8d | 0x88)),
            "neither 404 nor 200: {ended:?}"
        );
    }
    assert!(memory()? < before + 128 * 1024, "from {before} KiB");
    is_well(&files, address).await
}
