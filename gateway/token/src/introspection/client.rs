//! The gateway as a client of an introspection endpoint (RFC 7662 §2.1).

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::Call;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Known, answer, signed};
use crate::{
    Bench, BuildError, TrustedIssuer,
    issuer::{Authentication, IntrospectionConfig},
    jose::{Algorithm, Keyring, base64url},
};

/// `client_assertion_type` of RFC 7523 §2.2.
pub const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What answers are, unless they are signed (RFC 7662 §2.2).
const JSON: &str = "application/json";
/// How long an assertion lives, in seconds.
const ASSERTION_LIFE: u64 = 60;

/// Asks one endpoint.
pub(super) struct Client {
    endpoint: String,
    id: String,
    issuer: Arc<TrustedIssuer>,
    proof: Proof,
    is_signed: bool,
}

enum Proof {
    /// The whole header.
    Basic(Zeroizing<String>),
    Post(Zeroizing<String>),
    Key(Arc<Keyring>, Algorithm),
}

impl Client {
    pub(super) fn build(
        config: &IntrospectionConfig,
        issuer: &Arc<TrustedIssuer>,
        bench: &Bench<'_>,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            endpoint: config.endpoint.clone(),
            id: config.client_id.clone(),
            issuer: Arc::clone(issuer),
            proof: proof(config, bench)?,
            is_signed: config.signed,
        })
    }

    /// What a 200 says. The reason of anything else is for operators.
    pub(super) async fn ask(&self, token: &str, call: &Call<'_>) -> Result<Known, String> {
        let mut form = Zeroizing::new(String::with_capacity(token.len() + 256));
        append(&mut form, "token", token);
        append(&mut form, "token_type_hint", "access_token");
        let mut authorization = None;
        match &self.proof {
            Proof::Basic(header) => authorization = Some(header.as_str()),
            Proof::Post(secret) => {
                append(&mut form, "client_id", &self.id);
                append(&mut form, "client_secret", secret);
            }
            Proof::Key(keys, algorithm) => {
                let assertion = self.assertion(keys, *algorithm, token, call)?;
                append(&mut form, "client_id", &self.id);
                append(&mut form, "client_assertion_type", JWT_ASSERTION);
                append(&mut form, "client_assertion", &assertion);
            }
        }
        let media = if self.is_signed { signed::MEDIA } else { JSON };
        let answer = self
            .issuer
            .post(&self.endpoint, authorization, &form, media)
            .await;
        let body = answer
            .map_err(|error| format!("introspection: {error}"))?
            .body;
        let known = if self.is_signed {
            answer::of(signed::open(&body, &self.issuer, &self.id, call.now).await?)
        } else {
            answer::read(&body)
        };
        known.ok_or_else(|| "its introspection answer makes no sense".to_owned())
    }

    /// What its assertions are verified with.
    #[cfg(test)]
    pub(super) fn keys(&self) -> Option<Arc<crate::jose::KeySet>> {
        match &self.proof {
            Proof::Key(keys, _) => Some(keys.verification_keys()),
            Proof::Basic(_) | Proof::Post(_) => None,
        }
    }

    /// AS-16: addressed to the issuer itself and to nobody else.
    fn assertion(
        &self,
        keys: &Keyring,
        algorithm: Algorithm,
        token: &str,
        call: &Call<'_>,
    ) -> Result<Zeroizing<String>, String> {
        let key = keys
            .signing_at(algorithm, call.now)
            .ok_or("no key may sign a client assertion at this time")?;
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": self.issuer.issuer(),
            "iat": call.now, "exp": call.now.plus(ASSERTION_LIFE), "jti": identifier(token, call),
        });
        key.sign_jwt("client-authentication+jwt", &claims)
            .map(Zeroizing::new)
            .map_err(|error| format!("a client assertion cannot be signed: {error}"))
    }
}

fn proof(config: &IntrospectionConfig, bench: &Bench<'_>) -> Result<Proof, BuildError> {
    if config.authentication == Authentication::PrivateKeyJwt {
        let algorithm = config.algorithm.unwrap_or(Algorithm::Es256);
        if !bench.keyring.algorithms().contains(&algorithm) {
            return Err(BuildError::new(
                "issuers[0]",
                format!("it is asked with a key for {algorithm}, and this instance has none"),
                "another `introspection.algorithm` on the issuer",
            ));
        }
        return Ok(Proof::Key(Arc::clone(bench.keyring), algorithm));
    }
    let name = config.secret.as_deref().unwrap_or_default();
    let secret = (bench.secret)(name).ok_or_else(|| {
        BuildError::new(
            "issuers[0]",
            format!("`{name}`, which it is asked with, is not a secret of the vault, or no text"),
            format!("put it there first: PUT /admin/v1/secrets/{name}"),
        )
    })?;
    if config.authentication == Authentication::ClientSecretPost {
        return Ok(Proof::Post(secret));
    }
    let mut pair = Zeroizing::new(String::new());
    escape(&mut pair, &config.client_id);
    pair.push(':');
    escape(&mut pair, &secret);
    let pair = Zeroizing::new(base64_simd::STANDARD.encode_to_string(pair.as_bytes()));
    Ok(Proof::Basic(Zeroizing::new(format!("Basic {}", *pair))))
}

/// Nothing that is drawn for the issued token can be learned from it.
fn identifier(token: &str, call: &Call<'_>) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"client assertion\0");
    context.update(&call.random);
    context.update(token.as_bytes());
    base64url(context.finish().as_ref())
}

fn append(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    escape(form, value);
}

/// Form encoding (RFC 6749 §B), of one value.
fn escape(out: &mut String, value: &str) {
    out.extend(form_urlencoded::byte_serialize(value.as_bytes()));
}
