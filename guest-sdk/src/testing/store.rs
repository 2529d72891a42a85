use std::collections::BTreeMap;

use crate::kv::Error;

/// The bounds of the gateway's store.
const KEY_BYTES: usize = 256;
const VALUE_BYTES: usize = 64 * 1024;
const TTL_SECONDS: u32 = 400 * 24 * 60 * 60;

pub(crate) fn check(key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), Error> {
    if key.len() > KEY_BYTES
        || value.len() > VALUE_BYTES
        || !(1..=TTL_SECONDS).contains(&ttl_seconds)
    {
        return Err(Error::OutOfBounds);
    }
    Ok(())
}

/// Values, each with the millisecond at which it ends.
#[derive(Default)]
pub(crate) struct Store(BTreeMap<String, (Vec<u8>, u64)>);

impl Store {
    pub(crate) fn get(&self, key: &str, now_ms: u64) -> Option<Vec<u8>> {
        self.0
            .get(key)
            .filter(|(_, end)| *end > now_ms)
            .map(|(value, _)| value.clone())
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8], ttl_seconds: u32, now_ms: u64) {
        let end = now_ms.saturating_add(u64::from(ttl_seconds) * 1_000);
        self.0.insert(key.to_owned(), (value.to_vec(), end));
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
}
