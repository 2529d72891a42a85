#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "the same signatures as those that ask the gateway"
)]

use std::{fmt, rc::Rc};

use crate::{
    crypto, http, kv,
    log::Level,
    secrets,
    testing::{bench, key::BenchKey, store},
};

pub(crate) fn log(level: Level, message: &str) {
    bench::current()
        .lines
        .borrow_mut()
        .push((level, message.to_owned()));
}

pub(crate) struct Secret {
    pub(crate) bytes: Rc<[u8]>,
    pub(crate) revealed: bool,
}

impl Secret {
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        *self.bytes == *candidate
    }

    pub(crate) fn reveal(&self) -> Result<Vec<u8>, secrets::Error> {
        if self.revealed {
            Ok(self.bytes.to_vec())
        } else {
            Err(secrets::Error::Denied)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

pub(crate) fn open_secret(name: &str) -> Result<Secret, secrets::Error> {
    let bench = bench::current();
    let (bytes, revealed) = bench
        .secrets
        .get(name)
        .ok_or_else(|| secrets::Error::Unknown(name.to_owned()))?;
    Ok(Secret {
        bytes: Rc::clone(bytes),
        revealed: *revealed,
    })
}

pub(crate) fn send(request: http::Request) -> Result<http::Response, http::Error> {
    bench::current().http.as_ref().map_or_else(
        || Err(http::Error::Denied(request.url.clone())),
        |answer| answer(&request),
    )
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
    let bench = bench::current();
    let store = bench.store()?;
    Ok(store.get(key, bench.now_ms.get()))
}

pub(crate) fn kv_set(key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), kv::Error> {
    store::check(key, value, ttl_seconds)?;
    let bench = bench::current();
    bench
        .store()?
        .set(key, value, ttl_seconds, bench.now_ms.get());
    Ok(())
}

pub(crate) fn kv_add(key: &str, value: &[u8], ttl_seconds: u32) -> Result<bool, kv::Error> {
    if kv_get(key)?.is_some() {
        return Ok(false);
    }
    kv_set(key, value, ttl_seconds)?;
    Ok(true)
}

pub(crate) fn kv_remove(key: &str) -> Result<(), kv::Error> {
    bench::current().store()?.remove(key);
    Ok(())
}

pub(crate) fn now_ms() -> u64 {
    bench::current().now_ms.get()
}

pub(crate) fn random_bytes(count: u32) -> Vec<u8> {
    bench::current().random(count)
}

pub(crate) struct Key(Rc<BenchKey>);

impl Key {
    pub(crate) fn algorithm(&self) -> String {
        self.0.algorithm.clone()
    }

    pub(crate) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, crypto::Error> {
        Ok((self.0.sign)(data))
    }

    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<bool, crypto::Error> {
        Ok((self.0.verify)(data, signature))
    }

    pub(crate) fn public_jwk(&self) -> Option<String> {
        self.0.public_jwk.clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.0.algorithm).finish()
    }
}

pub(crate) fn open_key(name: &str) -> Result<Key, crypto::Error> {
    bench::current()
        .keys
        .get(name)
        .map(|key| Key(Rc::clone(key)))
        .ok_or_else(|| crypto::Error::Unknown(name.to_owned()))
}
