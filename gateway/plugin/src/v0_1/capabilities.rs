//! The host's end of every capability.

use std::time::{Duration, Instant};

use ::http as http_crate;
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use super::imports::{clock, crypto, http, kv, log, random, secrets};
use crate::{
    HttpError, HttpRequest, KvError, KvSpace, LogLevel, Origin,
    sandbox::{KeyHandle, Sandbox, SecretHandle},
};

/// Bytes of a random draw.
const RANDOM_BYTES: u32 = 1024;
/// Bytes of a key in the store.
const KEY_BYTES: usize = 256;
/// Bytes of a value in the store.
const VALUE_BYTES: usize = 64 << 10;
/// Life of a value in the store, in seconds.
const LIFE: u32 = 400 * 24 * 3600;
/// Headers of one request.
const HEADERS: usize = 64;
/// Bytes of one header value.
const HEADER_BYTES: usize = 8 << 10;
/// Bytes of a request's body.
const BODY_BYTES: usize = 256 << 10;
/// Bytes of a URL.
const URL_BYTES: usize = 8 << 10;

/// Headers that are the host's own, besides everything that begins with `proxy-`.
const OWN_HEADERS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

const METHODS: [http_crate::Method; 6] = [
    http_crate::Method::GET,
    http_crate::Method::HEAD,
    http_crate::Method::POST,
    http_crate::Method::PUT,
    http_crate::Method::PATCH,
    http_crate::Method::DELETE,
];

impl log::Host for Sandbox {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.visitor()?;
        self.log(level, &message);
        Ok(())
    }
}

impl clock::Host for Sandbox {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.visitor()?.outside.now_ms())
    }
}

impl random::Host for Sandbox {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if count > RANDOM_BYTES {
            return Err(wasmtime::format_err!(
                "more than {RANDOM_BYTES} random bytes at once"
            ));
        }
        let mut bytes = vec![0; count as usize];
        if self.visitor()?.outside.random(&mut bytes) {
            Ok(bytes)
        } else {
            Err(wasmtime::Error::msg("no randomness"))
        }
    }
}

impl secrets::Host for Sandbox {
    fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, secrets::SecretError>> {
        let Some(secret) = self.visitor()?.terms.grants.secrets.get(&name).cloned() else {
            return Ok(Err(secrets::SecretError::Unknown));
        };
        Ok(Ok(self.table.push(SecretHandle(Some(secret)))?))
    }
}

impl secrets::HostSecret for Sandbox {
    fn matches(
        &mut self,
        secret: Resource<SecretHandle>,
        candidate: Vec<u8>,
    ) -> wasmtime::Result<bool> {
        let secret = self.table.get(&secret)?.granted()?;
        Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&secret.bytes, &candidate).is_ok())
    }

    fn reveal(
        &mut self,
        secret: Resource<SecretHandle>,
    ) -> wasmtime::Result<Result<Vec<u8>, secrets::SecretError>> {
        let secret = self.table.get(&secret)?.granted()?;
        Ok(if secret.reveal {
            Ok(secret.bytes.to_vec())
        } else {
            Err(secrets::SecretError::Denied)
        })
    }

    fn drop(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl crypto::Host for Sandbox {
    fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<KeyHandle>, crypto::KeyError>> {
        let Some(key) = self.visitor()?.terms.grants.keys.get(&name).cloned() else {
            return Ok(Err(crypto::KeyError::Unknown));
        };
        Ok(Ok(self.table.push(KeyHandle(Some(key)))?))
    }
}

impl crypto::HostKey for Sandbox {
    fn algorithm(&mut self, key: Resource<KeyHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&key)?.granted()?.algorithm().to_owned())
    }

    fn sign(
        &mut self,
        key: Resource<KeyHandle>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, crypto::KeyError>> {
        Ok(self
            .table
            .get(&key)?
            .granted()?
            .sign(&data)
            .ok_or(crypto::KeyError::Refused))
    }

    fn verify(
        &mut self,
        key: Resource<KeyHandle>,
        data: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, crypto::KeyError>> {
        Ok(Ok(self
            .table
            .get(&key)?
            .granted()?
            .verify(&data, &signature)))
    }

    fn public_jwk(&mut self, key: Resource<KeyHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&key)?.granted()?.public_jwk())
    }

    fn drop(&mut self, key: Resource<KeyHandle>) -> wasmtime::Result<()> {
        self.table.delete(key)?;
        Ok(())
    }
}

impl kv::Host for Sandbox {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, kv::KvError>> {
        if key.is_empty() || key.len() > KEY_BYTES {
            return Ok(Err(kv::KvError::OutOfBounds));
        }
        let visitor = self.visitor()?;
        let space = space(visitor.terms.grants.kv.as_ref())?;
        Ok(visitor.outside.kv_get(space, &key).await.map_err(kv_error))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_seconds: u32,
    ) -> wasmtime::Result<Result<(), kv::KvError>> {
        Ok(self.put(&key, value, ttl_seconds, false).await?.map(|_| ()))
    }

    async fn add(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_seconds: u32,
    ) -> wasmtime::Result<Result<bool, kv::KvError>> {
        self.put(&key, value, ttl_seconds, true).await
    }

    async fn remove(&mut self, key: String) -> wasmtime::Result<Result<(), kv::KvError>> {
        if key.is_empty() || key.len() > KEY_BYTES {
            return Ok(Err(kv::KvError::OutOfBounds));
        }
        let visitor = self.visitor()?;
        let space = space(visitor.terms.grants.kv.as_ref())?;
        Ok(visitor
            .outside
            .kv_remove(space, &key)
            .await
            .map_err(kv_error))
    }
}

impl Sandbox {
    async fn put(
        &mut self,
        key: &str,
        value: Vec<u8>,
        seconds: u32,
        only_if_absent: bool,
    ) -> wasmtime::Result<Result<bool, kv::KvError>> {
        let is_bounded = (1..=KEY_BYTES).contains(&key.len())
            && value.len() <= VALUE_BYTES
            && (1..=LIFE).contains(&seconds);
        if !is_bounded {
            return Ok(Err(kv::KvError::OutOfBounds));
        }
        let visitor = self.visitor()?;
        let space = space(visitor.terms.grants.kv.as_ref())?;
        Ok(visitor
            .outside
            .kv_put(space, key, value, seconds, only_if_absent)
            .await
            .map_err(kv_error))
    }
}

fn space(space: Option<&KvSpace>) -> wasmtime::Result<&KvSpace> {
    space.ok_or_else(|| wasmtime::Error::msg("`kv` is not granted"))
}

const fn kv_error(error: KvError) -> kv::KvError {
    match error {
        KvError::Quota => kv::KvError::Quota,
        KvError::Unavailable => kv::KvError::Unavailable,
    }
}

impl http::Host for Sandbox {
    async fn send(
        &mut self,
        request: http::Request,
        credential: Option<http::Credential>,
    ) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        let credential = credential
            .map(|credential| self.header(&credential))
            .transpose()?;
        let visitor = self.visitor()?;
        let left = visitor.deadline.saturating_duration_since(Instant::now());
        let request = match checked(request, credential, left, &visitor.terms.grants.origins) {
            Ok(request) => request,
            Err(reason) => return Ok(Err(http::HttpError::Denied(reason))),
        };
        Ok(match visitor.outside.send(request).await {
            Ok(response) => Ok(http::Response {
                status: response.status,
                headers: response.headers,
                body: response.body,
            }),
            Err(HttpError::Denied(reason)) => Err(http::HttpError::Denied(reason)),
            Err(HttpError::TooLarge) => Err(http::HttpError::TooLarge),
            Err(HttpError::TimedOut) => Err(http::HttpError::TimedOut),
            Err(HttpError::Unreachable(reason)) => Err(http::HttpError::Unreachable(reason)),
        })
    }
}

impl Sandbox {
    /// A credential as a header. A secret that is not text cannot stand in one.
    fn header(
        &self,
        credential: &http::Credential,
    ) -> wasmtime::Result<(String, Zeroizing<String>)> {
        let text = |secret: &Resource<SecretHandle>| -> wasmtime::Result<Zeroizing<String>> {
            let secret = self.table.get(secret)?.granted()?;
            let text = std::str::from_utf8(&secret.bytes)
                .map_err(|_| wasmtime::Error::msg("the secret is not text"))?;
            Ok(Zeroizing::new(text.to_owned()))
        };
        Ok(match credential {
            http::Credential::Bearer(secret) => (
                "authorization".to_owned(),
                Zeroizing::new(format!("Bearer {}", *text(secret)?)),
            ),
            http::Credential::Basic((user, secret)) => {
                let pair = Zeroizing::new(format!("{user}:{}", *text(secret)?));
                let encoded = Zeroizing::new(base64(pair.as_bytes()));
                (
                    "authorization".to_owned(),
                    Zeroizing::new(format!("Basic {}", *encoded)),
                )
            }
            http::Credential::Header((name, secret)) => (name.clone(), text(secret)?),
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The request as the host sends it, or why it does not.
fn checked(
    request: http::Request,
    credential: Option<(String, Zeroizing<String>)>,
    left: Duration,
    origins: &[Origin],
) -> Result<HttpRequest, String> {
    let method = METHODS
        .into_iter()
        .find(|method| method.as_str() == request.method)
        .ok_or("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE")?;
    if request.url.len() > URL_BYTES || request.body.len() > BODY_BYTES {
        return Err("the URL or the body is too long".to_owned());
    }
    let url: http_crate::Uri = request
        .url
        .parse()
        .map_err(|_| "the URL cannot be read".to_owned())?;
    let origin = Origin::of(&url).ok_or("the URL is not an absolute http or https URL")?;
    if !origins.contains(&origin) {
        return Err(format!("{origin} is not granted"));
    }
    if request.headers.len() > HEADERS {
        return Err(format!("more than {HEADERS} headers"));
    }
    let given = request
        .headers
        .into_iter()
        .map(|(name, value)| (name, Zeroizing::new(value)));
    let mut headers = Vec::new();
    for (name, value) in given.chain(credential) {
        let name = http_crate::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "the name of a header cannot be read".to_owned())?;
        if OWN_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
            return Err(format!("the header `{name}` is the gateway's own"));
        }
        let is_text = value
            .bytes()
            .all(|b| b == b'\t' || (b >= b' ' && b != 0x7f));
        if value.len() > HEADER_BYTES || !is_text {
            return Err(format!("the value of the header `{name}` cannot be sent"));
        }
        headers.push((name, value));
    }
    let timeout = request
        .timeout_ms
        .map_or(left, |ms| left.min(Duration::from_millis(u64::from(ms))));
    Ok(HttpRequest {
        method,
        url,
        headers,
        body: request.body,
        timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> http::Request {
        http::Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Vec::new(),
            timeout_ms: Some(5000),
        }
    }

    fn outcome(request: http::Request) -> Result<HttpRequest, String> {
        let granted = [Origin::parse("https://as.example").unwrap()];
        checked(request, None, Duration::from_secs(1), &granted)
    }

    #[test]
    fn a_request_to_a_granted_origin_is_sent_within_what_is_left_of_the_call() {
        let sent = outcome(request(
            "POST",
            "https://as.example/introspect",
            &[("Accept", "application/json")],
        ))
        .unwrap();
        assert_eq!(sent.timeout, Duration::from_secs(1));
        assert_eq!(sent.method, http_crate::Method::POST);
    }

    #[test]
    fn wa_07_nothing_else_is_sent() {
        for (bad, reason) in [
            (request("TRACE", "https://as.example/", &[]), "method"),
            (request("get", "https://as.example/", &[]), "method"),
            (
                request("GET", "https://other.example/", &[]),
                "https://other.example is not granted",
            ),
            (
                request("GET", "http://as.example/", &[]),
                "http://as.example is not granted",
            ),
            (
                request("GET", "https://as.example:8443/", &[]),
                "https://as.example:8443 is not granted",
            ),
            (
                request("GET", "https://as.example@evil.example/", &[]),
                "not an absolute",
            ),
            (request("GET", "file:///etc/passwd", &[]), ""),
            (
                request("GET", "https://as.example/", &[("Host", "evil")]),
                "`host`",
            ),
            (
                request(
                    "GET",
                    "https://as.example/",
                    &[("Transfer-Encoding", "chunked")],
                ),
                "`transfer-encoding`",
            ),
            (
                request(
                    "GET",
                    "https://as.example/",
                    &[("Proxy-Authorization", "x")],
                ),
                "`proxy-authorization`",
            ),
            (
                request("GET", "https://as.example/", &[("X", "a\r\nHost: evil")]),
                "`x`",
            ),
            (
                request("GET", "https://as.example/", &[("X Y", "a")]),
                "name of a header",
            ),
        ] {
            let refused = outcome(bad).err().unwrap();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
