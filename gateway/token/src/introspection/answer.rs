//! What an introspection answer says (RFC 7662 §2.2), judged as the claims of a JWT are.

use std::sync::Arc;

use cambist_core::{Principal, Rejection, Scope, Timestamp};
use serde_json::{Map, Value};

use super::cache::Known;
use crate::{
    TrustedIssuer,
    jose::{MAX_LEEWAY, json, moment},
    jwt::principal,
};

/// Reads an answer. None unless it says whether the token is active.
pub(super) fn read(body: &[u8]) -> Option<Known> {
    let mut claims = json::object(body, json::MAX_DEPTH)?;
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
    audiences: &[String],
    now: Timestamp,
) -> Result<(Principal, Option<Scope>), Rejection> {
    is_access_token(claims)?;
    let leeway = issuer.leeway_seconds().min(MAX_LEEWAY);
    let expires_at = moment(claims, "exp")?.ok_or(Rejection::Malformed)?.0;
    if expires_at.plus(leeway) <= now {
        return Err(Rejection::Expired);
    }
    for start in ["nbf", "iat"] {
        if moment(claims, start)?.is_some_and(|(_, at)| at > now.plus(leeway)) {
            return Err(Rejection::NotYetValid);
        }
    }
    // Who answers is the issuer; one that names another speaks of tokens that are not its own.
    let names_itself = claims
        .get("iss")
        .is_none_or(|named| named.as_str() == Some(issuer.issuer()));
    if !names_itself {
        return Err(Rejection::UnknownIssuer);
    }
    let addressed = addressed(claims, issuer)?;
    if !addressed
        .iter()
        .any(|audience| audiences.contains(audience))
    {
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
    principal.subject.insert_str(0, issuer.subject_prefix());
    principal.never_actor = issuer.never_actor();
    principal
        .issuer
        .get_or_insert_with(|| issuer.issuer().to_owned());
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
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) => several
            .iter()
            .map(|audience| audience.as_str().map(ToOwned::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or(Rejection::Malformed),
        Some(_) => Err(Rejection::Malformed),
        None => issuer
            .introspection()
            .and_then(|config| config.default_audience.clone())
            .map(|audience| vec![audience])
            .ok_or(Rejection::WrongAudience),
    }
}
