//! What may be used once only, in the store: for every instance, and over restarts (SC-02).

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::{Fault, Timestamp};
use tokio::runtime::Handle;

use crate::store::{KvPut, Store, StoreError};

/// The parts of the store they are in. No plugin has one without `@`.
const CLIENTS: &str = "client-assertions";
const GRANTS: &str = "grant-assertions";
/// Most bytes that may be remembered in each, about 1.5 million uses. Then nothing more is accepted until some
/// have ended.
const QUOTA: u64 = 64 << 20;

/// The memory of used assertions: of clients, or of those that are grants.
#[derive(Clone)]
pub struct UsedAssertions {
    store: Store,
    handle: Handle,
    space: &'static str,
}

impl UsedAssertions {
    /// Remembers those that clients authenticate with, in `store`, whose work runs on the runtime of `handle`.
    pub const fn of_clients(store: Store, handle: Handle) -> Self {
        Self {
            store,
            handle,
            space: CLIENTS,
        }
    }

    /// The same for authorization grants. However many of these are remembered, clients can authenticate.
    pub const fn of_grants(store: Store, handle: Handle) -> Self {
        Self {
            store,
            handle,
            space: GRANTS,
        }
    }

    /// Whether `id` of `issuer` is used for the first time, at the place called `instance`. It is remembered
    /// until `until`; of two that come at once, one is told so. An error means that nobody knows, and
    /// nothing may be accepted.
    pub async fn is_first(
        &self,
        instance: &str,
        issuer: &str,
        id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let put = KvPut {
            space: self.space.to_owned(),
            quota: QUOTA,
            key: key([instance, issuer, id]),
            value: Vec::new(),
            seconds: u32::try_from(until.since(now).max(1)).unwrap_or(u32::MAX),
            only_if_absent: true,
        };
        let store = self.store.clone();
        self.run(async move { store.kv_put(&put, now).await }).await
    }

    /// What [`is_first`](Self::is_first) would say. Nothing is remembered.
    pub async fn would_be_first(
        &self,
        instance: &str,
        issuer: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (store, space) = (self.store.clone(), self.space);
        let key = key([instance, issuer, id]);
        self.run(async move {
            let known = store.kv_get(space, &key, now).await?;
            Ok(known.is_none())
        })
        .await
    }

    /// A request that ends midway must not cost the store its connection.
    async fn run(
        &self,
        work: impl Future<Output = Result<bool, StoreError>> + Send + 'static,
    ) -> Result<bool, Fault> {
        match self.handle.spawn(work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_) => Err(Fault::Internal(
                "the memory of used assertions failed".to_owned(),
            )),
        }
    }
}

fn fault(error: &StoreError) -> Fault {
    tracing::error!(%error, "the use of an assertion could not be remembered");
    match error {
        StoreError::Quota { .. } => {
            Fault::Overloaded("too many used assertions to remember".to_owned())
        }
        _ => Fault::Unavailable("the memory of used assertions".to_owned()),
    }
}

/// Of one length whatever the names are; the lengths keep them apart.
fn key(parts: [&str; 3]) -> String {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sx_15_parts_are_kept_apart() {
        let mut keys = vec![
            key(["a", "b", "c"]),
            key(["ab", "", "c"]),
            key(["a", "bc", ""]),
            key(["", "ab", "c"]),
        ];
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4);
        assert!(keys.iter().all(|key| key.len() == 43));
    }

    #[tokio::test]
    async fn sc_02_a_use_is_remembered_over_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let now = Timestamp(1_000_000);
        for expected in [true, false] {
            let store = Store::open(&path).await.unwrap();
            let used = UsedAssertions::of_clients(store.clone(), Handle::current());
            let first = used
                .is_first("orders", "web", "1", now.plus(300), now)
                .await;
            assert_eq!(first, Ok(expected));
            store.close().await;
        }
        let store = Store::open(&path).await.unwrap();
        let used = UsedAssertions::of_clients(store, Handle::current());
        for (instance, issuer, at) in [
            ("stock", "web", now),
            ("orders", "app", now),
            ("orders", "web", now.plus(300)),
        ] {
            let first = used.is_first(instance, issuer, "1", at.plus(300), at).await;
            assert_eq!(first, Ok(true), "{instance} {issuer}");
        }
        let grants = UsedAssertions::of_grants(used.store.clone(), used.handle.clone());
        let first = grants.is_first("orders", "web", "1", now.plus(300), now);
        assert_eq!(first.await, Ok(true), "another kind of assertion");
    }

    #[tokio::test]
    async fn ab_13_of_many_at_once_one_is_first() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).await.unwrap();
        let used = UsedAssertions::of_clients(store, Handle::current());
        let now = Timestamp(1_000_000);
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let used = used.clone();
                tokio::spawn(async move { used.is_first("i", "c", "1", now.plus(9), now).await })
            })
            .collect();
        let mut first = 0;
        for task in tasks {
            first += usize::from(task.await.unwrap().unwrap());
        }
        assert_eq!(first, 1);
    }
}
