//! What an introspection answer says (RFC 7662 §2.2), judged as the claims of a JWT are.

use std::sync::Arc;

use cambist_core::{Principal, Rejection, Scope, Timestamp};
use serde_json::{Map, Value};

use super::Known;
use crate::{
    TrustedIssuer,
    jose::{audiences, check_times, json, moment},
    jwt::principal,
};

/// Reads an answer. None unless it says whether the token is active.
pub(super) fn read(body: &[u8]) -> Option<Known> {
    of(json::object(body, json::MAX_DEPTH)?)
}

/// The same of an answer that was taken apart already.
pub(super) fn of(mut claims: Map<String, Value>) -> Option<Known> {
    match claims.remove("active")? {
        Value::Bool(true) => Some(Known::Active(Arc::new(claims))),
        Value::Bool(false) => Some(Known::Inactive),
        _ => None,
    }
}

/// When an active token ends, as far as its answer says so.
pub(super) fn ends(claims: &Map<String, Value>) -> Option<Timestamp> {
    Some(moment(claims, "exp").ok()??.0)
}

/// Whom an active token speaks of, if its issuer's rules allow it here, and the scope it carries.
pub(super) fn principal(
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    accepted: &[String],
    now: Timestamp,
) -> Result<(Principal, Option<Scope>), Rejection> {
    is_access_token(claims)?;
    let (_, expires_at) = check_times(claims, issuer.leeway_seconds(), now)?;
    // Who answers is the issuer; one that names another speaks of tokens that are not its own.
    let names_itself = claims
        .get("iss")
        .is_none_or(|named| named.as_str() == Some(issuer.issuer()));
    if !names_itself {
        return Err(Rejection::UnknownIssuer);
    }
    let addressed = addressed(claims, issuer)?;
    if !addressed.iter().any(|audience| accepted.contains(audience)) {
        return Err(Rejection::WrongAudience);
    }
    let has_subject = claims
        .get("sub")
        .and_then(Value::as_str)
        .is_some_and(|subject| !subject.is_empty());
    if !has_subject {
        return Err(Rejection::Malformed);
    }
    issuer.accept(claims)?;
    let (mut principal, carried) =
        principal::of_claims(claims.clone(), addressed, expires_at, issuer.client_claim())?;
    issuer.vouch(&mut principal);
    Ok((principal, carried))
}

/// Servers answer about refresh tokens and others too; none of those is what it was presented as.
fn is_access_token(claims: &Map<String, Value>) -> Result<(), Rejection> {
    let is_among = |name: &str, known: &[&str]| {
        claims.get(name).is_none_or(|value| {
            let text = value.as_str().unwrap_or_default();
            known.iter().any(|known| known.eq_ignore_ascii_case(text))
        })
    };
    let fits = is_among("token_type", &["Bearer", "DPoP", "access_token"])
        && is_among("token_use", &["access_token", "access"]);
    if fits {
        Ok(())
    } else {
        Err(Rejection::WrongType)
    }
}

fn addressed(
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
) -> Result<Vec<String>, Rejection> {
    match audiences(claims)? {
        Some(named) => Ok(named),
        None => issuer
            .introspection()
            .and_then(|config| config.default_audience.clone())
            .map(|audience| vec![audience])
            .ok_or(Rejection::WrongAudience),
    }
}
