//! What plugins may be let into: the gateway's clock, randomness, log, network and store.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use cambist_core::BoxFuture;
use cambist_plugin::{
    HttpError, HttpRequest, HttpResponse, KvError, KvSpace, LogLevel, LogLine, Outside,
};
use tokio::runtime::Handle;

use crate::{
    egress::Egress,
    gateway::now,
    store::{KvPut, Store, StoreError},
};

/// How long the sweeper rests.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Values removed in one transaction.
const SWEEP_BATCH: u32 = 500;
/// How long others may write between two batches.
const SWEEP_PAUSE: Duration = Duration::from_millis(50);

/// The gateway, as its plugins see it.
pub struct GatewayOutside {
    egress: Egress,
    store: Store,
    handle: Handle,
}

impl GatewayOutside {
    /// Requests go through `egress`, values into `store`; both run on the runtime of `handle`.
    pub const fn new(egress: Egress, store: Store, handle: Handle) -> Self {
        Self {
            egress,
            store,
            handle,
        }
    }

    /// Runs to its end what a plugin began: a call that ends midway must not cost the store its connection.
    fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, KvError>> {
        let task = self.handle.spawn(work);
        Box::pin(async move {
            match task.await {
                Ok(outcome) => outcome.map_err(|error| kv_error(&error)),
                Err(_) => Err(KvError::Unavailable),
            }
        })
    }
}

impl Outside for GatewayOutside {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
    }

    fn random(&self, bytes: &mut [u8]) -> bool {
        rand::fill(bytes).is_ok()
    }

    #[expect(
        clippy::cognitive_complexity,
        reason = "a level is part of the macro's name; nothing is decided here but which"
    )]
    fn log(&self, line: &LogLine<'_>) {
        let LogLine {
            plugin,
            instance,
            correlation,
            level,
            message,
        } = *line;
        match level {
            LogLevel::Debug => {
                tracing::debug!(target: "plugin", plugin, instance, correlation, message);
            }
            LogLevel::Info => {
                tracing::info!(target: "plugin", plugin, instance, correlation, message);
            }
            LogLevel::Warn => {
                tracing::warn!(target: "plugin", plugin, instance, correlation, message);
            }
            LogLevel::Error => {
                tracing::error!(target: "plugin", plugin, instance, correlation, message);
            }
        }
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.egress.send(request)
    }

    fn kv_get<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        Box::pin(async move {
            let now = now().ok_or(KvError::Unavailable)?;
            let found = self.store.kv_get(&space.name, key, now).await;
            found.map_err(|error| kv_error(&error))
        })
    }

    fn kv_put<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
        value: Vec<u8>,
        seconds: u32,
        only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        let put = KvPut {
            space: space.name.clone(),
            quota: space.bytes,
            key: key.to_owned(),
            value,
            seconds,
            only_if_absent,
        };
        let store = self.store.clone();
        Box::pin(async move {
            let now = now().ok_or(KvError::Unavailable)?;
            self.finish(async move { store.kv_put(&put, now).await })
                .await
        })
    }

    fn kv_remove<'a>(
        &'a self,
        space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        let (store, space, key) = (self.store.clone(), space.name.clone(), key.to_owned());
        self.finish(async move { store.kv_remove(&space, &key).await })
    }
}

fn kv_error(error: &StoreError) -> KvError {
    if let StoreError::Quota { .. } = error {
        return KvError::Quota;
    }
    tracing::error!(%error, "the store failed a plugin");
    KvError::Unavailable
}

/// Removes what has ended, now and then, for as long as it is polled.
pub async fn sweep(store: Store) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        while let Some(now) = now() {
            match store.kv_sweep(now, SWEEP_BATCH).await {
                Ok(swept) if swept >= u64::from(SWEEP_BATCH) => {
                    tokio::time::sleep(SWEEP_PAUSE).await;
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "what plugins kept was not swept");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
