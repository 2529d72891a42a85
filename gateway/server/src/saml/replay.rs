//! Which assertions were used, in the store: for every instance, and over restarts (SM-06).

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::{BoxFuture, Fault, Purpose, Timestamp};
use cambist_saml::accept::Replay;
use tokio::runtime::Handle;

use crate::store::{KvPut, Store, StoreError};

/// The part of the store they are in. No plugin has one without `@`.
const SPACE: &str = "saml-replay";
/// Most bytes that may be remembered, about 1.5 million assertions. Then nothing more is accepted until some
/// have ended.
const QUOTA: u64 = 64 << 20;

/// The memory of all instances.
#[derive(Clone)]
pub(super) struct UsedAssertions {
    store: Store,
    handle: Handle,
}

impl UsedAssertions {
    pub(super) const fn new(store: Store, handle: Handle) -> Self {
        Self { store, handle }
    }

    /// As of one moment.
    pub(super) const fn at(&self, now: Timestamp) -> UsedAt<'_> {
        UsedAt {
            used: self,
            now,
            purpose: Purpose::Issue,
        }
    }
}

impl UsedAt<'_> {
    /// For a call of this purpose: one that only explains is not remembered.
    pub(super) const fn during(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}

/// The memory as of one moment.
pub(super) struct UsedAt<'a> {
    used: &'a UsedAssertions,
    now: Timestamp,
    purpose: Purpose,
}

impl Replay for UsedAt<'_> {
    fn is_first_use<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        let now = self.now;
        let put = KvPut {
            space: SPACE.to_owned(),
            quota: QUOTA,
            key: key(issuer, id),
            value: Vec::new(),
            seconds: u32::try_from(until.since(now).max(1)).unwrap_or(u32::MAX),
            only_if_absent: true,
        };
        let store = self.used.store.clone();
        // A request that ends midway must not cost the store its connection.
        let purpose = self.purpose;
        let task = self.used.handle.spawn(async move {
            match purpose {
                Purpose::Issue => store.kv_put(&put, now).await,
                Purpose::Explain => {
                    let known = store.kv_get(&put.space, &put.key, now).await;
                    known.map(|known| known.is_none())
                }
            }
        });
        Box::pin(async move {
            match task.await {
                Ok(Ok(is_first)) => Ok(is_first),
                Ok(Err(error)) => Err(fault(&error)),
                Err(_) => Err(Fault::Internal(
                    "the memory of used assertions failed".to_owned(),
                )),
            }
        })
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

/// Of one length whatever the names are; the length of the first keeps two pairs apart.
fn key(issuer: &str, id: &str) -> String {
    let mut digest = Context::new(&SHA256);
    digest.update(&(issuer.len() as u64).to_be_bytes());
    digest.update(issuer.as_bytes());
    digest.update(id.as_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest.finish().as_ref())
}
