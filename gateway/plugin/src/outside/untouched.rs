//! The world as it is, for calls that shall leave it so.

use std::sync::Arc;

use cambist_core::BoxFuture;

use super::{HttpError, HttpRequest, HttpResponse, KvError, LogLine, Outside};
use crate::KvSpace;

/// Shows what is kept and keeps nothing new. Requests are sent: what they bring decides.
pub(crate) struct Untouched(pub(crate) Arc<dyn Outside>);

impl Outside for Untouched {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn random(&self, bytes: &mut [u8]) -> bool {
        self.0.random(bytes)
    }

    fn log(&self, line: &LogLine<'_>) {
        self.0.log(line);
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.0.send(request)
    }

    fn kv_get<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        self.0.kv_get(space, key)
    }

    fn kv_put<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
        _value: Vec<u8>,
        _seconds: u32,
        only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        Box::pin(async move {
            if only_if_absent {
                self.0.kv_get(space, key).await.map(|kept| kept.is_none())
            } else {
                Ok(true)
            }
        })
    }

    fn kv_remove<'a>(
        &'a self,
        _space: &'a KvSpace,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
