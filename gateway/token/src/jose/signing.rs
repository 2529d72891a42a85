//! Keys to sign with.

use std::fmt;

use aws_lc_rs::{digest, error::Unspecified, hmac};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    Algorithm, KeySet, base64url, der,
    jwk::{self, Key, Unusable, Verifier},
    pair::{self, Pair, unfit},
};

/// Header types whose encoding is kept beside every key.
const USUAL_TYPES: [&str; 2] = ["at+jwt", "JWT"];

/// Bytes of an RSA signature of 2048 bits.
const LONG_SIGNATURE: usize = 256;

/// A private or secret key with the one algorithm it signs with, parsed once.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    verifying: Key,
    jwk: Option<Map<String, Value>>,
    headers: [(&'static str, String); USUAL_TYPES.len()],
}

/// Why a key is not one, or could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The claims cannot be written as JSON.
    #[error("the claims are not JSON: {0}")]
    Claims(String),
    /// The cryptographic library refused to work.
    #[error("the cryptographic operation failed")]
    Failed,
    /// Not a PEM file with an unencrypted `PRIVATE KEY` (PKCS#8) section.
    #[error("not an unencrypted PKCS#8 private key in PEM form")]
    NotPem,
    /// A secret that is encoded key material could be known to anybody (SJ-02).
    #[error("the secret looks like an encoded key")]
    SecretIsKey,
    /// The secret is shorter than the hash (RFC 7518 §3.2, SJ-15).
    #[error("a secret for {algorithm} must have at least {needed} bytes")]
    SecretTooShort {
        /// The algorithm it was meant for.
        algorithm: Algorithm,
        /// Bytes needed.
        needed: usize,
    },
    /// The key is of another kind than the algorithm needs, or is not acceptable.
    #[error("not a key for {algorithm}: {reason}")]
    Unfit {
        /// The algorithm it was meant for.
        algorithm: Algorithm,
        /// What is wrong.
        reason: String,
    },
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

impl SigningKey {
    /// Makes a new key for ES256, ES384, `EdDSA` or an RSA algorithm (2048 bits), with its PKCS#8 PEM form.
    pub fn generate(algorithm: Algorithm) -> Result<(Self, Zeroizing<String>), KeyError> {
        let der = pair::generate(algorithm)?;
        Ok((Self::from_pkcs8(&der, algorithm)?, pem(&der)))
    }

    /// Reads an unencrypted PKCS#8 private key in PEM form.
    pub fn from_pkcs8_pem(text: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NotPem)?;
        Self::from_pkcs8(der.secret_pkcs8_der(), algorithm)
    }

    fn from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let pair = Pair::from_pkcs8(der, algorithm)?;
        let public = pair.public().ok_or(KeyError::Failed)?;
        let id = base64url::encode(
            digest::digest(&digest::SHA256, public.to_string().as_bytes()).as_ref(),
        );
        let Value::Object(mut jwk) = public else {
            return Err(KeyError::Failed);
        };
        jwk.insert("alg".to_owned(), Value::String(algorithm.name().to_owned()));
        jwk.insert("kid".to_owned(), Value::String(id.clone()));
        jwk.insert("use".to_owned(), Value::String("sig".to_owned()));
        // Reading the public half back holds our own keys to the rules for everybody's.
        let verifying = jwk::parse(&jwk).map_err(|unusable| match unusable {
            Unusable::Foreign => KeyError::Failed,
            Unusable::Refused(reason) => unfit(algorithm, reason),
        })?;
        let headers = USUAL_TYPES.map(|typ| (typ, header(algorithm, Some(&id), typ)));
        Ok(Self {
            algorithm,
            pair,
            verifying,
            jwk: Some(jwk),
            headers,
        })
    }

    /// A shared secret for HS256, HS384 or HS512, at least as long as the hash (SJ-15) and not itself an
    /// encoded key (SJ-02).
    pub fn hmac(secret: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let (mac, needed) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            _ => {
                return Err(unfit(
                    algorithm,
                    "a private key is needed, not a shared secret",
                ));
            }
        };
        if secret.len() < needed {
            return Err(KeyError::SecretTooShort { algorithm, needed });
        }
        if is_encoded_key(secret) {
            return Err(KeyError::SecretIsKey);
        }
        let key = Box::new(hmac::Key::new(mac, secret));
        let verifying = Key {
            id: None,
            verifiers: vec![(algorithm, Verifier::Mac(key.clone()))],
        };
        let headers = USUAL_TYPES.map(|typ| (typ, header(algorithm, None, typ)));
        Ok(Self {
            algorithm,
            pair: Pair::Mac(key),
            verifying,
            jwk: None,
            headers,
        })
    }

    /// The algorithm it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` it signs under: its SHA-256 thumbprint (RFC 7638). A shared secret has none.
    pub fn key_id(&self) -> Option<&str> {
        self.verifying.id.as_deref()
    }

    /// The public key as a JWK with `kid`, `alg` and `use`. A shared secret has none.
    pub fn public_jwk(&self) -> Option<Value> {
        self.jwk.clone().map(Value::Object)
    }

    /// The keys that verify what this key signs.
    pub fn verification_keys(&self) -> KeySet {
        KeySet::of([self.verification_key()])
    }

    pub(super) fn verification_key(&self) -> Key {
        self.verifying.clone()
    }

    /// The signature or MAC of `message`, whatever it is, in the form JWA gives it (RFC 7518 §3, RFC 8037 §3.1).
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.pair.sign(message)?.as_ref().to_vec())
    }

    /// Whether `signature` is the signature or MAC of `message`; in constant time for a MAC.
    pub fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifying
            .verifier(self.algorithm)
            .is_some_and(|verifier| verifier.verify(message, signature))
    }

    /// Signs `claims` as a JWT whose header has `alg`, `typ` and, except for shared secrets, `kid`.
    pub fn sign_jwt(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        match self.headers.iter().find(|(usual, _)| *usual == typ) {
            Some((_, header)) => self.sign(header, claims),
            None => self.sign(&header(self.algorithm, self.key_id(), typ), claims),
        }
    }

    /// Signs `claims` as a JWT whose header carries the public key in `jwk` instead of `kid`, for
    /// consumers that know the key by its value. Shared secrets are never embedded.
    pub fn sign_jwt_embedding_key(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, KeyError> {
        let Some(jwk) = &self.jwk else {
            return self.sign_jwt(typ, claims);
        };
        let header = json!({"alg": self.algorithm.name(), "typ": typ, "jwk": jwk});
        self.sign(&base64url::encode(header.to_string().as_bytes()), claims)
    }

    /// Signs `claims` as a JWT whose header says nothing about the key, for consumers that know it.
    pub fn sign_jwt_naming_no_key(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, KeyError> {
        self.sign(&header(self.algorithm, None, typ), claims)
    }

    fn sign(&self, header: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, claims)
            .map_err(|error| KeyError::Claims(error.to_string()))?;
        let encoded = |bytes: usize| bytes.div_ceil(3) * 4;
        let signature = self.algorithm.signature_len().unwrap_or(LONG_SIGNATURE);
        let length = header.len() + encoded(json.len()) + encoded(signature) + 2;
        let mut token = String::with_capacity(length);
        token.push_str(header);
        token.push('.');
        base64url::append(&json, &mut token);
        self.pair.finish(&mut token)?;
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SigningKey({}, {})",
            self.algorithm,
            self.key_id().unwrap_or("shared secret")
        )
    }
}

fn header(algorithm: Algorithm, id: Option<&str>, typ: &str) -> String {
    let header = match id {
        Some(id) => json!({"alg": algorithm.name(), "kid": id, "typ": typ}),
        None => json!({"alg": algorithm.name(), "typ": typ}),
    };
    base64url::encode(header.to_string().as_bytes())
}

/// PEM, JWK or DER key material in place of a secret.
fn is_encoded_key(secret: &[u8]) -> bool {
    let trimmed = secret.trim_ascii();
    let is_jwk = || {
        serde_json::from_slice::<Map<String, Value>>(trimmed)
            .is_ok_and(|jwk| jwk.contains_key("kty"))
    };
    trimmed.starts_with(b"-----BEGIN")
        || der::is_one_sequence(secret)
        || (trimmed.first() == Some(&b'{') && is_jwk())
}

fn pem(der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(base64_simd::STANDARD.encode_to_string(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 64));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests;
