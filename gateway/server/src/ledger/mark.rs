//! From a token to the digests it is known by.

use aws_lc_rs::digest::{self, SHA256};
use cambist_core::{Issuance, IssuedToken, Mark, Principal, Provider, Role, Timestamp, TokenKey};
use cambist_token::jose;
use serde::Deserialize;
use serde_json::Value;

use crate::store::NewLedgerRow;

/// Most bytes of a JOSE header that is looked into for its `kid`.
const MAX_HEADER: usize = 1024;

/// SHA-256 of a token: its row is found by this.
pub fn token_hash(token: &[u8]) -> TokenKey {
    fixed(digest::digest(&SHA256, token))
}

/// The mark of a token that names its issuer and itself. Bytes that nobody signed have no part in it.
pub fn identity_key(issuer: &str, id: &str) -> TokenKey {
    let length = (issuer.len() as u64).to_be_bytes();
    // Digesting once is cheaper than piece by piece.
    token_hash(&[b"id\0", &length[..], issuer.as_bytes(), id.as_bytes()].concat())
}

/// The mark of a token that does not name itself: the digest of what its signature covers, because a
/// signature can have several forms; of all of it if it is no JWT.
pub(super) fn content_key(token: &[u8]) -> TokenKey {
    let mut dots = token
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'.')
        .map(|(at, _)| at);
    let covered = match (dots.next(), dots.next(), dots.next()) {
        (Some(_), Some(end), None) => token.get(..end),
        _ => None,
    };
    token_hash(covered.unwrap_or(token))
}

/// The mark of a token as an administrator holds it: by what it says of itself, unverified.
pub fn presented_key(token: &[u8]) -> (TokenKey, Option<Timestamp>) {
    #[derive(Deserialize)]
    struct Said {
        iss: Option<String>,
        jti: Option<String>,
        exp: Option<f64>,
    }
    let said: Option<Said> = || -> Option<Said> {
        let mut parts = token.split(|byte| *byte == b'.');
        let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
        serde_json::from_slice(&payload).ok()
    }();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and whole seconds are enough"
    )]
    let until = said
        .as_ref()
        .and_then(|said| said.exp)
        .map(|seconds| Timestamp((seconds as u64).saturating_add(1)));
    let key = match said {
        Some(Said {
            iss: Some(issuer),
            jti: Some(id),
            ..
        }) => identity_key(&issuer, &id),
        _ => content_key(token),
    };
    (key, until)
}

/// The mark of a presented token that was found valid.
pub(super) fn of_presented(role: Role, token: &[u8], principal: &Principal) -> Mark {
    let claim = |name: &str| principal.claims.get(name);
    let id = claim("jti").and_then(Value::as_str);
    let is_credential = principal.issuer.is_none() && principal.expires_at.is_none();
    let key = match (&principal.issuer, id) {
        _ if is_credential => None,
        (Some(issuer), Some(id)) => Some(identity_key(issuer, id)),
        _ => Some(content_key(token)),
    };
    let mut actors: Vec<String> = principal
        .actors
        .iter()
        .flat_map(cambist_core::ActorChain::iter)
        .map(|actor| actor.subject.clone())
        .collect();
    if role == Role::Actor {
        actors.push(principal.subject.clone());
    }
    Mark {
        key,
        issued_at: claim("iat")
            .and_then(seconds)
            .or(principal.authenticated_at),
        expires_at: principal.expires_at,
        subject: principal.subject.clone(),
        actors,
        client: principal.client.clone(),
        issuer: principal.issuer.clone(),
        key_id: key_id(token),
    }
}

/// The mark of a token that was just made.
pub(super) fn of_issued(
    issuance: &Issuance<'_>,
    issued: &IssuedToken,
    provider: &dyn Provider,
    now: Timestamp,
) -> Mark {
    let token = issued.token.as_bytes();
    let issuer = provider.issuer();
    let key = match (issuer, &issued.id) {
        (Some(issuer), Some(id)) => identity_key(issuer, id),
        _ => content_key(token),
    };
    Mark {
        key: Some(key),
        issued_at: Some(now),
        expires_at: Some(issued.expires_at),
        subject: issuance.subject().subject.clone(),
        actors: issuance
            .actors()
            .into_iter()
            .flat_map(cambist_core::ActorChain::iter)
            .map(|actor| actor.subject.clone())
            .collect(),
        client: Some(issuance.asking().to_owned()),
        issuer: issuer.map(ToOwned::to_owned),
        key_id: key_id(token),
    }
}

/// The mark of a token that was taken down.
pub(super) fn of_row(row: &NewLedgerRow) -> Mark {
    Mark {
        key: Some(row.mark),
        issued_at: Some(row.issued_at),
        expires_at: Some(row.expires_at),
        subject: row.subject.clone(),
        actors: row.actors.clone(),
        client: row.client.clone(),
        issuer: row.issuer.clone(),
        key_id: row.key_id.clone(),
    }
}

/// A `NumericDate` (RFC 7519 §2), rounded down.
fn seconds(value: &Value) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the fraction is not wanted"
    )]
    let from_float = |float: f64| float as u64;
    value
        .as_u64()
        .or_else(|| value.as_f64().map(from_float))
        .map(Timestamp)
}

/// The `kid` of a token with a JOSE header.
fn key_id(token: &[u8]) -> Option<String> {
    jose::key_id(token).unwrap_or_else(|_| loose_key_id(token))
}

/// As a plugin may read it that is less strict.
fn loose_key_id(token: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Header {
        kid: Option<String>,
    }
    let end = token
        .iter()
        .take(MAX_HEADER)
        .position(|byte| *byte == b'.')?;
    let header = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(token.get(..end)?)
        .ok()?;
    serde_json::from_slice::<Header>(&header).ok()?.kid
}

fn fixed(digest: digest::Digest) -> TokenKey {
    let mut key = TokenKey::default();
    key.copy_from_slice(digest.as_ref());
    key
}
