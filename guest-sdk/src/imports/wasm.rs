use crate::{
    bindings::shared::cambist::sts::{
        clock, crypto as wit_crypto, http as wit_http, kv as wit_kv, log as wit_log, random,
        secrets as wit_secrets,
    },
    crypto, http, kv,
    log::Level,
    secrets,
};

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit_log::Level::Debug,
        Level::Info => wit_log::Level::Info,
        Level::Warn => wit_log::Level::Warn,
        Level::Error => wit_log::Level::Error,
    };
    wit_log::write(level, message);
}

#[derive(Debug)]
pub(crate) struct Secret(wit_secrets::Secret);

impl Secret {
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        self.0.matches(candidate)
    }

    pub(crate) fn reveal(&self) -> Result<Vec<u8>, secrets::Error> {
        self.0.reveal().map_err(|error| secret_error(error, ""))
    }
}

pub(crate) fn open_secret(name: &str) -> Result<Secret, secrets::Error> {
    wit_secrets::open(name)
        .map(Secret)
        .map_err(|error| secret_error(error, name))
}

fn secret_error(error: wit_secrets::SecretError, name: &str) -> secrets::Error {
    match error {
        wit_secrets::SecretError::Denied => secrets::Error::Denied,
        wit_secrets::SecretError::Unknown => secrets::Error::Unknown(name.to_owned()),
    }
}

pub(crate) fn send(request: http::Request) -> Result<http::Response, http::Error> {
    let credential = request
        .credential
        .as_ref()
        .map(|credential| match credential {
            http::Credential::Bearer(secret) => wit_http::Credential::Bearer(&secret.0.0),
            http::Credential::Basic(user, secret) => {
                wit_http::Credential::Basic((user.clone(), &secret.0.0))
            }
            http::Credential::Header(name, secret) => {
                wit_http::Credential::Header((name.clone(), &secret.0.0))
            }
        });
    let request = wit_http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout_ms: request.timeout_ms,
    };
    let response = wit_http::send(&request, credential.as_ref())?;
    Ok(http::Response {
        status: response.status,
        headers: response.headers,
        body: response.body,
    })
}

impl From<wit_http::HttpError> for http::Error {
    fn from(error: wit_http::HttpError) -> Self {
        match error {
            wit_http::HttpError::Denied(what) => Self::Denied(what),
            wit_http::HttpError::TooLarge => Self::TooLarge,
            wit_http::HttpError::TimedOut => Self::TimedOut,
            wit_http::HttpError::Unreachable(why) => Self::Unreachable(why),
        }
    }
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
    Ok(wit_kv::get(key)?)
}

pub(crate) fn kv_set(key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), kv::Error> {
    Ok(wit_kv::set(key, value, ttl_seconds)?)
}

pub(crate) fn kv_add(key: &str, value: &[u8], ttl_seconds: u32) -> Result<bool, kv::Error> {
    Ok(wit_kv::add(key, value, ttl_seconds)?)
}

pub(crate) fn kv_remove(key: &str) -> Result<(), kv::Error> {
    Ok(wit_kv::remove(key)?)
}

impl From<wit_kv::KvError> for kv::Error {
    fn from(error: wit_kv::KvError) -> Self {
        match error {
            wit_kv::KvError::OutOfBounds => Self::OutOfBounds,
            wit_kv::KvError::Quota => Self::Quota,
            wit_kv::KvError::Unavailable => Self::Unavailable,
        }
    }
}

pub(crate) fn now_ms() -> u64 {
    clock::now_ms()
}

pub(crate) fn random_bytes(count: u32) -> Vec<u8> {
    random::bytes(count)
}

#[derive(Debug)]
pub(crate) struct Key(wit_crypto::Key);

impl Key {
    pub(crate) fn algorithm(&self) -> String {
        self.0.algorithm()
    }

    pub(crate) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, crypto::Error> {
        self.0.sign(data).map_err(|error| key_error(error, ""))
    }

    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<bool, crypto::Error> {
        self.0
            .verify(data, signature)
            .map_err(|error| key_error(error, ""))
    }

    pub(crate) fn public_jwk(&self) -> Option<String> {
        self.0.public_jwk()
    }
}

pub(crate) fn open_key(name: &str) -> Result<Key, crypto::Error> {
    wit_crypto::open(name)
        .map(Key)
        .map_err(|error| key_error(error, name))
}

fn key_error(error: wit_crypto::KeyError, name: &str) -> crypto::Error {
    match error {
        wit_crypto::KeyError::Refused => crypto::Error::Refused,
        wit_crypto::KeyError::Unknown => crypto::Error::Unknown(name.to_owned()),
        wit_crypto::KeyError::Unsupported => crypto::Error::Unsupported,
    }
}
