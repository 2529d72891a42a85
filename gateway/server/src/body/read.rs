//! Reading a request body that the gateway answers itself.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::Incoming;
use crate::config::Limits;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It broke off, or took too long.
    Broken,
    /// It is larger than allowed.
    TooLarge,
}

/// How much of a body that is too large is read all the same, so that a client that only listens after it
/// has sent everything gets the answer and not a reset connection.
const COURTESY: usize = 8 << 20;
/// For how long.
const COURTESY_TIME: Duration = Duration::from_secs(2);

/// Reads the whole body, within `limits.body_bytes` and `limits.request_seconds`.
pub async fn read(mut body: Incoming, limits: &Limits) -> Result<Bytes, Unread> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|announced| announced > limits.body_bytes) {
        discard(body).await;
        return Err(Unread::TooLarge);
    }
    let collected = Limited::new(&mut body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.request_time(), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(Unread::TooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(Unread::Broken),
    }
}

async fn discard(mut body: Incoming) {
    let reading = async {
        let mut read = 0;
        while read < COURTESY {
            let Some(Ok(frame)) = body.frame().await else {
                return;
            };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Whether it ended or the time did, the answer is the same.
    let _ = tokio::time::timeout(COURTESY_TIME, reading).await;
}
