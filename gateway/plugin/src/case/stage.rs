//! What lies outside a plugin in a case: only what the case provides.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{
    hmac, rand,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, UnparsedPublicKey,
    },
};
use cambist_core::BoxFuture;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Case, CaseAnswer, CaseKey};
use crate::{
    Capability, GrantedSecret, Grants, HttpError, HttpRequest, HttpResponse, KvError, KvSpace,
    LogLine, Manifest, Origin, Outside, PluginKey,
};

pub(super) struct Stage {
    now_ms: u64,
    answers: Vec<CaseAnswer>,
    kv: Mutex<HashMap<String, Vec<u8>>>,
    log: Mutex<Vec<String>>,
}

impl Stage {
    pub(super) fn new(case: &Case) -> Result<Self, String> {
        if let Some(answer) = case
            .http
            .iter()
            .find(|answer| origin(&answer.url).is_none())
        {
            return Err(format!(
                "`http` has the URL `{}`, which is none",
                answer.url
            ));
        }
        let kv = case
            .kv
            .iter()
            .map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        Ok(Self {
            now_ms: case.now.saturating_mul(1000),
            answers: case.http.clone(),
            kv: Mutex::new(kv.collect()),
            log: Mutex::default(),
        })
    }

    /// Everything the manifest asks for, with what the case puts behind it.
    pub(super) fn grants(&self, case: &Case, manifest: &Manifest) -> Result<Grants, String> {
        let wants = |capability| manifest.capabilities.contains_key(&capability);
        let mut keys = std::collections::BTreeMap::new();
        for (name, key) in &case.keys {
            let key = key
                .made()
                .ok_or_else(|| format!("`keys.{name}` is not a key that a case can have"))?;
            keys.insert(name.clone(), key);
        }
        let secret = |text: &String| GrantedSecret {
            bytes: Arc::new(Zeroizing::new(text.clone().into_bytes())),
            reveal: true,
        };
        let mut secrets: std::collections::BTreeMap<_, _> = case
            .secrets
            .iter()
            .map(|(name, text)| (name.clone(), secret(text)))
            .collect();
        for (name, granted) in &mut secrets {
            granted.reveal = manifest
                .secrets
                .get(name)
                .is_some_and(|wanted| wanted.reveal);
        }
        Ok(Grants {
            log: wants(Capability::Log),
            clock: wants(Capability::Clock),
            random: wants(Capability::Random),
            origins: self.answers.iter().filter_map(|a| origin(&a.url)).collect(),
            kv: wants(Capability::Kv).then(|| KvSpace {
                name: "case".to_owned(),
                bytes: 1 << 20,
            }),
            secrets,
            keys,
            reuse: false,
        })
    }

    pub(super) fn logged(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn origin(url: &str) -> Option<Origin> {
    Origin::of(&url.parse().ok()?)
}

impl Outside for Stage {
    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn random(&self, bytes: &mut [u8]) -> bool {
        rand::fill(bytes).is_ok()
    }

    fn log(&self, line: &LogLine<'_>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(format!("{:?}: {}", line.level, line.message));
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let url = request.url.to_string();
        let found = self.answers.iter().find(|answer| {
            answer.url == url
                && answer
                    .method
                    .as_ref()
                    .is_none_or(|method| *method == request.method.as_str())
        });
        let answer = match found {
            None => Err(HttpError::Unreachable(format!(
                "no answer to {} {url} in this case",
                request.method
            ))),
            Some(answer) => Ok(HttpResponse {
                status: answer.status,
                headers: answer
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect(),
                body: answer.body.clone().into_bytes(),
            }),
        };
        Box::pin(std::future::ready(answer))
    }

    fn kv_get<'a>(
        &'a self,
        _space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        let kv = self.kv.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(kv.get(key).cloned())))
    }

    fn kv_put<'a>(
        &'a self,
        _space: &'a KvSpace,
        key: &'a str,
        value: Vec<u8>,
        _seconds: u32,
        only_if_absent: bool,
    ) -> BoxFuture<'a, Result<bool, KvError>> {
        let mut kv = self.kv.lock().unwrap_or_else(PoisonError::into_inner);
        let is_set = !(only_if_absent && kv.contains_key(key));
        if is_set {
            kv.insert(key.to_owned(), value);
        }
        Box::pin(std::future::ready(Ok(is_set)))
    }

    fn kv_remove<'a>(
        &'a self,
        _space: &'a KvSpace,
        key: &'a str,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        self.kv
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl CaseKey {
    fn made(&self) -> Option<Arc<dyn PluginKey>> {
        let mac = |algorithm| {
            let secret = self.secret.as_ref()?;
            Some(Material::Mac(Box::new(hmac::Key::new(
                algorithm,
                secret.as_bytes(),
            ))))
        };
        let material = match self.algorithm.as_str() {
            "HS256" => mac(hmac::HMAC_SHA256)?,
            "HS384" => mac(hmac::HMAC_SHA384)?,
            "HS512" => mac(hmac::HMAC_SHA512)?,
            "EdDSA" if self.generate => Material::Ed25519(Ed25519KeyPair::generate().ok()?),
            "ES256" if self.generate => {
                Material::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?)
            }
            _ => return None,
        };
        Some(Arc::new(MadeKey {
            algorithm: self.algorithm.clone(),
            material,
        }))
    }
}

/// A key of a case.
struct MadeKey {
    algorithm: String,
    material: Material,
}

enum Material {
    Mac(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl PluginKey for MadeKey {
    fn algorithm(&self) -> &str {
        &self.algorithm
    }

    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        match &self.material {
            Material::Mac(key) => Some(hmac::sign(key, data).as_ref().to_vec()),
            Material::Ed25519(pair) => Some(pair.sign(data).as_ref().to_vec()),
            Material::P256(pair) => pair
                .sign(&rand::SystemRandom::new(), data)
                .ok()
                .map(|signature| signature.as_ref().to_vec()),
        }
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Mac(key) => hmac::verify(key, data, signature).is_ok(),
            Material::Ed25519(pair) => UnparsedPublicKey::new(&ED25519, pair.public_key())
                .verify(data, signature)
                .is_ok(),
            Material::P256(pair) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
                    .verify(data, signature)
                    .is_ok()
            }
        }
    }

    fn public_jwk(&self) -> Option<String> {
        let encoded = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        let jwk = match &self.material {
            Material::Mac(_) => return None,
            Material::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())})
            }
            Material::P256(pair) => {
                // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)})
            }
        };
        Some(jwk.to_string())
    }
}
