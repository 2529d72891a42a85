//! A foreign `OpenID` provider: discovery, keys, and tokens signed by them.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::server::{Received, Server, json as answer};

/// A running provider.
pub struct Issuer {
    server: Server,
    shared: Arc<Shared>,
    pem: String,
}

struct Shared {
    url: RwLock<String>,
    key: RwLock<Arc<SigningKey>>,
    key_requests: AtomicUsize,
}

impl Issuer {
    /// Starts a provider with one fresh key.
    pub async fn start(algorithm: Algorithm) -> Result<Self, crate::http::Failure> {
        let (key, pem) = SigningKey::generate(algorithm)?;
        let shared = Arc::new(Shared {
            url: RwLock::default(),
            key: RwLock::new(Arc::new(key)),
            key_requests: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| serving.answer(&request)).await?;
        if let Ok(mut url) = shared.url.write() {
            *url = server.url();
        }
        Ok(Self {
            server,
            shared,
            pem: pem.to_string(),
        })
    }

    /// The private key it began with, for whoever is to verify with both halves.
    pub fn first_pem(&self) -> &str {
        &self.pem
    }

    /// Its issuer identifier.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How often its keys were fetched.
    pub fn key_requests(&self) -> usize {
        self.shared.key_requests.load(Ordering::Relaxed)
    }

    /// Replaces its key.
    pub fn rotate(&self, algorithm: Algorithm) -> Result<(), crate::http::Failure> {
        let (key, _) = SigningKey::generate(algorithm)?;
        if let Ok(mut current) = self.shared.key.write() {
            *current = Arc::new(key);
        }
        Ok(())
    }

    /// A token with these claims; `iss` is filled in unless given.
    pub fn sign(&self, typ: &str, mut claims: Value) -> Result<String, crate::http::Failure> {
        if let Some(claims) = claims.as_object_mut() {
            claims
                .entry("iss")
                .or_insert_with(|| Value::String(self.url()));
        }
        let key = self
            .shared
            .key
            .read()
            .map(|key| Arc::clone(&key))
            .map_err(|_| "poisoned")?;
        Ok(key.sign_jwt(typ, &claims)?)
    }

    /// An ID token for `subject`, addressed to `audience`, for ten minutes.
    pub fn id_token(&self, subject: &str, audience: &str) -> Result<String, crate::http::Failure> {
        let now = now();
        self.sign("JWT", json!({"sub": subject, "aud": audience, "iat": now, "exp": now + 600, "email": format!("{subject}@partner.example")}))
    }
}

impl Shared {
    fn answer(&self, request: &Received) -> hyper::Response<http_body_util::Full<bytes::Bytes>> {
        let url = self.url.read().map(|url| url.clone()).unwrap_or_default();
        match request.head.uri.path() {
            "/.well-known/openid-configuration" => {
                answer(&json!({"issuer": url, "jwks_uri": format!("{url}/jwks")}))
            }
            "/jwks" => {
                self.key_requests.fetch_add(1, Ordering::Relaxed);
                let key = self.key.read().ok().and_then(|key| key.public_jwk());
                answer(&json!({"keys": key.into_iter().collect::<Vec<_>>()}))
            }
            _ => answer(&Value::Null),
        }
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
