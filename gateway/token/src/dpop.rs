//! `DPoP` proofs (RFC 9449): a JWT signed by the key that a token is, or will be, bound to.

mod target;

use aws_lc_rs::digest;
use cambist_core::{Rejection, Timestamp};
use serde_json::{Map, Value};

use crate::jose::{Algorithm, Unverified, base64url, moment};

/// Largest accepted proof, in bytes.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;
/// How long ago a proof may have been made, in seconds. It is remembered that long as well.
pub const MAX_AGE: u64 = 60;
/// How far ahead of ours the clock of its maker may be, in seconds (SC-09).
pub const MAX_AHEAD: u64 = 10;
/// Most bytes of its identifier.
const MAX_ID_BYTES: usize = 256;
/// Most bytes of its nonce.
const MAX_NONCE_BYTES: usize = 256;

/// The algorithms a proof may be signed with: every asymmetric one.
pub const ALGORITHMS: [Algorithm; 9] = Algorithm::ASYMMETRIC;

/// The request a proof must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URI as the client knows it; query and fragment do not count.
    pub uri: &'a str,
    /// When it is judged.
    pub now: Timestamp,
}

/// A proof whose signature and claims fit the request. Whether it was used before, whether its nonce is one
/// of ours, and whether it belongs to the token beside it, is for the caller to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of the key that signed it.
    pub thumbprint: String,
    /// Its identifier.
    pub id: String,
    /// The nonce in it.
    pub nonce: Option<String>,
    /// `ath`, the hash of the access token it was made for.
    pub token_hash: Option<String>,
}

/// What is wrong with a proof. Names no value: the text goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a JWT with the header of a proof.
    #[error("the DPoP proof is not a signed proof with its public key")]
    Malformed,
    /// An algorithm that is not accepted.
    #[error("the DPoP proof is signed with an algorithm that is not accepted")]
    Algorithm,
    /// The key in it did not sign it.
    #[error("the signature of the DPoP proof is wrong")]
    Signature,
    /// A claim is missing or has another form.
    #[error("the DPoP proof lacks a claim, or one is malformed")]
    Claims,
    /// `htm`.
    #[error("the DPoP proof is for another method")]
    Method,
    /// `htu`.
    #[error("the DPoP proof is for another URI")]
    Target,
    /// `iat`.
    #[error("the DPoP proof is too old or from the future")]
    Time,
}

impl From<Rejection> for ProofError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::AlgorithmNotAllowed => Self::Algorithm,
            Rejection::BadSignature => Self::Signature,
            _ => Self::Malformed,
        }
    }
}

/// Verifies one proof (RFC 9449 §4.3, steps 2 to 9 and 11).
pub fn verify(proof: &[u8], expected: &Expected<'_>) -> Result<Proof, ProofError> {
    let parsed = Unverified::parse(proof, MAX_PROOF_BYTES)?;
    let (claims, thumbprint) = parsed.verify_possession("dpop+jwt", &ALGORITHMS)?;
    let id = text(&claims, "jti", MAX_ID_BYTES)?.ok_or(ProofError::Claims)?;
    let method = text(&claims, "htm", 32)?.ok_or(ProofError::Claims)?;
    let uri = text(&claims, "htu", 4096)?.ok_or(ProofError::Claims)?;
    if method != expected.method {
        return Err(ProofError::Method);
    }
    if !target::is_same(&uri, expected.uri) {
        return Err(ProofError::Target);
    }
    check_times(&claims, expected.now)?;
    Ok(Proof {
        thumbprint,
        id,
        nonce: text(&claims, "nonce", MAX_NONCE_BYTES)?,
        token_hash: text(&claims, "ath", 64)?,
    })
}

/// What `ath` must be for this token (RFC 9449 §4.2).
pub fn token_hash(token: &[u8]) -> String {
    base64url(digest::digest(&digest::SHA256, token).as_ref())
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), ProofError> {
    let at = |name| moment(claims, name).map_err(|_| ProofError::Claims);
    let (earliest, latest) = (now.minus(MAX_AGE), now.plus(MAX_AHEAD));
    let (issued_at, rounded_up) = at("iat")?.ok_or(ProofError::Claims)?;
    let fits = issued_at >= earliest
        && rounded_up <= latest
        && at("exp")?.is_none_or(|(_, end)| end > now)
        && at("nbf")?.is_none_or(|(start, _)| start <= latest);
    if fits { Ok(()) } else { Err(ProofError::Time) }
}

fn text(
    claims: &Map<String, Value>,
    name: &str,
    longest: usize,
) -> Result<Option<String>, ProofError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=longest).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(ProofError::Claims),
    }
}

#[cfg(test)]
mod tests;
