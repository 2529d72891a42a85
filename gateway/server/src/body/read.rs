//! Reading a request body that the gateway answers itself.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use crate::config::Limits;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It broke off, or took too long.
    Broken,
    /// It is larger than allowed.
    TooLarge,
}

/// Reads the whole body, within `limits.body_bytes` and `limits.request_seconds`.
pub async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Unread> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|announced| announced > limits.body_bytes) {
        return Err(Unread::TooLarge);
    }
    let collected = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(Duration::from_secs(limits.request_seconds), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Unread::Broken),
    }
}
