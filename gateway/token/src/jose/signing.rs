//! Keys to sign with.

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    error::{KeyRejected, Unspecified},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding, RsaKeyPair,
    },
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    Algorithm, KeySet, base64url, der,
    jwk::{self, Key, Verifier},
};

/// Header types whose encoding is kept beside every key.
const USUAL_TYPES: [&str; 2] = ["at+jwt", "JWT"];

/// A private or secret key with the one algorithm it signs with, parsed once.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    verifier: Verifier,
    id: Option<String>,
    jwk: Option<Map<String, Value>>,
    headers: [(&'static str, String); USUAL_TYPES.len()],
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Mac(hmac::Key),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

enum Signature {
    Fixed(signature::Signature),
    Mac(hmac::Tag),
    Rsa(Vec<u8>),
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Fixed(signature) => signature.as_ref(),
            Self::Mac(tag) => tag.as_ref(),
            Self::Rsa(signature) => signature,
        }
    }
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Result<Signature, Unspecified> {
        Ok(match self {
            Self::Ecdsa(pair) => Signature::Fixed(pair.sign(&SystemRandom::new(), message)?),
            Self::Ed25519(pair) => Signature::Fixed(pair.try_sign(message)?),
            Self::Mac(key) => Signature::Mac(hmac::sign(key, message)),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Signature::Rsa(signature)
            }
        })
    }
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
    /// The key is of another kind than the algorithm needs, or is not acceptable.
    #[error("not a key for {algorithm}: {reason}")]
    Unfit {
        /// The algorithm it was meant for.
        algorithm: Algorithm,
        /// What is wrong.
        reason: String,
    },
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
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

impl SigningKey {
    /// Makes a new key for ES256, ES384, EdDSA or an RSA algorithm (2048 bits), with its PKCS#8 PEM form.
    pub fn generate(algorithm: Algorithm) -> Result<(Self, Zeroizing<String>), KeyError> {
        let der = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)?
                    .to_pkcs8v1()?
                    .as_ref()
                    .to_vec()
            }
            Algorithm::Es384 => {
                EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)?
                    .to_pkcs8v1()?
                    .as_ref()
                    .to_vec()
            }
            Algorithm::EdDsa => AsDer::<Pkcs8V1Der<'_>>::as_der(&Ed25519KeyPair::generate()?)?
                .as_ref()
                .to_vec(),
            rsa if rsa.is_rsa() => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(&RsaKeyPair::generate(KeySize::Rsa2048)?)?
                    .as_ref()
                    .to_vec()
            }
            _ => {
                return Err(KeyError::Unfit {
                    algorithm,
                    reason: "a shared secret is configured, not generated".to_owned(),
                });
            }
        };
        let der = Zeroizing::new(der);
        Ok((Self::from_pkcs8(&der, algorithm)?, pem(&der)))
    }

    /// Reads an unencrypted PKCS#8 private key in PEM form.
    pub fn from_pkcs8_pem(text: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NotPem)?;
        Self::from_pkcs8(der.secret_pkcs8_der(), algorithm)
    }

    fn from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let unfit = |rejected: KeyRejected| KeyError::Unfit {
            algorithm,
            reason: rejected.to_string(),
        };
        match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                let is_256 = algorithm == Algorithm::Es256;
                let (signing, verifying, curve) = if is_256 {
                    (
                        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                        &signature::ECDSA_P256_SHA256_FIXED,
                        "P-256",
                    )
                } else {
                    (
                        &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                        &signature::ECDSA_P384_SHA384_FIXED,
                        "P-384",
                    )
                };
                let pair = EcdsaKeyPair::from_pkcs8(signing, der).map_err(unfit)?;
                let point = pair.public_key().as_ref();
                let (x, y) = point
                    .split_first()
                    .and_then(|(_, xy)| xy.split_at_checked(xy.len() / 2))
                    .ok_or(KeyError::Failed)?;
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                let id = thumbprint(&format!(
                    r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#
                ));
                let verifier =
                    Verifier::Signature(ParsedPublicKey::new(verifying, point).map_err(unfit)?);
                Ok(Self::asymmetric(
                    algorithm,
                    Pair::Ecdsa(pair),
                    verifier,
                    id,
                    json!({"kty": "EC", "crv": curve, "x": x, "y": y}),
                ))
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(unfit)?;
                let point = pair.public_key().as_ref();
                let x = base64url::encode(point);
                let id = thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
                let verifier = Verifier::Signature(
                    ParsedPublicKey::new(&signature::ED25519, point).map_err(unfit)?,
                );
                Ok(Self::asymmetric(
                    algorithm,
                    Pair::Ed25519(pair),
                    verifier,
                    id,
                    json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
                ))
            }
            _ => {
                let encoding = rsa_encoding(algorithm).ok_or_else(|| KeyError::Unfit {
                    algorithm,
                    reason: "a shared secret is needed, not a private key".to_owned(),
                })?;
                let pair = RsaKeyPair::from_pkcs8(der).map_err(unfit)?;
                let (n, e) =
                    der::rsa_public_key(pair.public_key().as_ref()).ok_or(KeyError::Failed)?;
                let weak = |_| KeyError::Unfit {
                    algorithm,
                    reason: "an RSA key needs 2048 to 8192 bits and an odd exponent".to_owned(),
                };
                jwk::check_rsa(n, e).map_err(weak)?;
                let parameters = jwk::rsa_parameters(algorithm).ok_or(KeyError::Failed)?;
                let verifier = jwk::rsa_verifier(n, e, parameters).map_err(weak)?;
                let (n, e) = (base64url::encode(n), base64url::encode(e));
                let id = thumbprint(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#));
                Ok(Self::asymmetric(
                    algorithm,
                    Pair::Rsa(pair, encoding),
                    verifier,
                    id,
                    json!({"kty": "RSA", "n": n, "e": e}),
                ))
            }
        }
    }

    fn asymmetric(
        algorithm: Algorithm,
        pair: Pair,
        verifier: Verifier,
        id: String,
        jwk: Value,
    ) -> Self {
        let jwk = match jwk {
            Value::Object(mut members) => {
                members.insert("kid".to_owned(), Value::String(id.clone()));
                members.insert("alg".to_owned(), Value::String(algorithm.name().to_owned()));
                members.insert("use".to_owned(), Value::String("sig".to_owned()));
                Some(members)
            }
            _ => None,
        };
        let headers = USUAL_TYPES.map(|typ| (typ, header(algorithm, Some(&id), typ)));
        Self {
            algorithm,
            pair,
            verifier,
            id: Some(id),
            jwk,
            headers,
        }
    }

    /// A shared secret for HS256, HS384 or HS512, at least as long as the hash (SJ-15) and not itself an
    /// encoded key (SJ-02).
    pub fn hmac(secret: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let (mac, needed) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            _ => {
                return Err(KeyError::Unfit {
                    algorithm,
                    reason: "a private key is needed, not a shared secret".to_owned(),
                });
            }
        };
        if secret.len() < needed {
            return Err(KeyError::SecretTooShort { algorithm, needed });
        }
        if is_encoded_key(secret) {
            return Err(KeyError::SecretIsKey);
        }
        let key = hmac::Key::new(mac, secret);
        let headers = USUAL_TYPES.map(|typ| (typ, header(algorithm, None, typ)));
        Ok(Self {
            algorithm,
            pair: Pair::Mac(key.clone()),
            verifier: Verifier::Mac(key),
            id: None,
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
        self.id.as_deref()
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
        Key {
            id: self.id.clone(),
            verifiers: vec![(self.algorithm, self.verifier.clone())],
        }
    }

    /// Signs `claims` as a JWT whose header has `alg`, `typ` and, except for shared secrets, `kid`.
    pub fn sign_jwt(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        match self.headers.iter().find(|(usual, _)| *usual == typ) {
            Some((_, header)) => self.sign(header, claims),
            None => self.sign(&header(self.algorithm, self.id.as_deref(), typ), claims),
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
        let mut token = String::with_capacity(header.len() + json.len() / 3 * 4 + 4 + 350);
        token.push_str(header);
        token.push('.');
        base64url::append(&json, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        base64url::append(signature.as_ref(), &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SigningKey({}, {})",
            self.algorithm,
            self.id.as_deref().unwrap_or("shared secret")
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

fn thumbprint(canonical: &str) -> String {
    base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        _ => return None,
    })
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
