//! Proof of possession by `DPoP` (RFC 9449), for the token endpoint and for proxied resources alike: each
//! proof once, and with a nonce of ours where one is asked for.

mod nonce;
mod seen;

use cambist_core::Timestamp;
use cambist_token::dpop::{self, Expected, Proof, ProofError};
use hyper::{HeaderMap, header::HeaderName};

pub use nonce::Nonces;
pub use seen::Seen;

/// The header a proof comes in.
pub const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header a nonce goes out in.
pub const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What a proof must fit.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URI of the request as the client knows it, behind whatever stands in front of the gateway.
    pub uri: &'a str,
    /// Whether it must carry a nonce of ours. One that it carries must be ours in any case.
    pub nonce_required: bool,
    /// When it is judged.
    pub now: Timestamp,
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopRefusal {
    /// `DPoP` stands twice in the request, or is not text.
    #[error("send one DPoP header")]
    Several,
    /// The proof itself.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// It was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// It was made for another token, or for none where there is one (`ath`).
    #[error("the DPoP proof is not for this token")]
    Token,
    /// It needs a fresh nonce: [`Dpop::nonce`].
    #[error("the DPoP proof needs a fresh nonce of this server")]
    Nonce,
    /// So many proofs are remembered that no other can be.
    #[error("too many DPoP proofs at a time")]
    Full,
}

/// What is remembered of proofs, and the key of the nonces. One per gateway.
pub struct Dpop {
    nonces: Nonces,
    seen: Seen,
}

impl Dpop {
    /// With a fresh key for nonces. None when the machine has no randomness to give.
    pub fn new() -> Option<Self> {
        Some(Self {
            nonces: Nonces::new()?,
            seen: Seen::default(),
        })
    }

    /// A nonce to be answered with in `DPoP-Nonce` (RFC 9449 §8).
    pub fn nonce(&self, now: Timestamp) -> String {
        self.nonces.current(now)
    }

    /// Checks the proof of a request, if it has one, and remembers it. The key it names is then proven.
    pub fn check(
        &self,
        headers: &HeaderMap,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Proof>, DpopRefusal> {
        let mut presented = headers.get_all(PROOF).iter();
        let proof = match (presented.next(), presented.next()) {
            (None, _) => return Ok(None),
            (Some(proof), None) => proof,
            (Some(_), Some(_)) => return Err(DpopRefusal::Several),
        };
        let expected = Expected {
            method: wanted.method,
            uri: wanted.uri,
            now: wanted.now,
        };
        let proof = dpop::verify(proof.as_bytes(), &expected)?;
        let is_ours = match &proof.nonce {
            Some(nonce) => self.nonces.is_ours(nonce, wanted.now),
            None => !wanted.nonce_required,
        };
        if !is_ours {
            return Err(DpopRefusal::Nonce);
        }
        // Last, so that what is refused for another reason takes no room.
        self.seen
            .is_first(&proof.thumbprint, wanted.uri, &proof.id, wanted.now)?;
        Ok(Some(proof))
    }

    /// Checks a request to a resource, which must prove possession for the access token it carries: the
    /// proof names the token's hash (RFC 9449 §4.3 step 12). Returns the key's thumbprint; that the token is
    /// bound to it is for the exchange to find.
    pub fn check_resource(
        &self,
        headers: &HeaderMap,
        access_token: &[u8],
        wanted: &Wanted<'_>,
    ) -> Result<Option<String>, DpopRefusal> {
        let Some(proof) = self.check(headers, wanted)? else {
            return Ok(None);
        };
        if proof.token_hash == Some(dpop::token_hash(access_token)) {
            Ok(Some(proof.thumbprint))
        } else {
            Err(DpopRefusal::Token)
        }
    }
}

#[cfg(test)]
mod tests;
