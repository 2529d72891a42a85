//! From verified claims to a principal, the same for every JWT kind.

use cambist_core::{ActorChain, Confirmation, MayAct, Principal, Rejection, Scope, Timestamp};
use serde_json::{Map, Value};

use crate::jose::{Verified, moment};

/// Deepest accepted delegation chain (TX-57).
const MAX_ACTORS: usize = 8;

/// Reads a principal and the scope the token carries, if it says anything about scope.
pub(super) fn read(
    verified: Verified,
    client_claim: Option<&str>,
) -> Result<(Principal, Option<Scope>), Rejection> {
    let Verified {
        claims,
        audiences,
        expires_at,
        ..
    } = verified;
    of_claims(claims, audiences, expires_at, client_claim)
}

/// The same of claims that were learned in another way.
pub(crate) fn of_claims(
    mut claims: Map<String, Value>,
    audiences: Vec<String>,
    expires_at: Timestamp,
    client_claim: Option<&str>,
) -> Result<(Principal, Option<Scope>), Rejection> {
    let client = match client_claim {
        Some(name) => text(&claims, name)?,
        None => match text(&claims, "client_id")? {
            Some(client) => Some(client),
            None => text(&claims, "azp")?,
        },
    };
    let authenticated_at = moment(&claims, "auth_time")?.map(|(at, _)| at);
    let (scope, scp) = (claims.remove("scope"), claims.remove("scp"));
    let carried = scope.or(scp).map(|claim| scope_of(&claim)).transpose()?;
    let principal = Principal {
        subject: take_text(&mut claims, "sub")?.ok_or(Rejection::Malformed)?,
        issuer: take_text(&mut claims, "iss")?,
        audiences,
        client,
        scope: Scope::default(),
        expires_at: Some(expires_at),
        authenticated_at,
        authentication_context: take_text(&mut claims, "acr")?,
        authentication_methods: claims
            .remove("amr")
            .map(words)
            .transpose()?
            .unwrap_or_default(),
        actors: claims
            .remove("act")
            .map(|act| ActorChain::from_claim(&act, MAX_ACTORS))
            .transpose()?,
        may_act: claims
            .remove("may_act")
            .map(|may_act| MayAct::from_claim(&may_act))
            .transpose()?,
        session: None,
        confirmation: claims
            .remove("cnf")
            .map(|cnf| Confirmation::from_claim(&cnf))
            .transpose()?,
        only_from: None,
        never_actor: false,
        claims: {
            for consumed in ["aud", "auth_time", "exp"] {
                claims.remove(consumed);
            }
            claims
        },
    };
    Ok((principal, carried))
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::Malformed),
    }
}

fn take_text(claims: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    match claims.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Rejection::Malformed),
    }
}

/// Space-delimited text (RFC 8693 §4.2), or the list that some issuers write instead.
fn scope_of(claim: &Value) -> Result<Scope, Rejection> {
    match claim {
        Value::String(text) => Scope::parse(text),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            Scope::from_words(words.ok_or(Rejection::Malformed)?)
        }
        _ => return Err(Rejection::Malformed),
    }
    .map_err(|_| Rejection::Malformed)
}

fn words(claim: Value) -> Result<Vec<String>, Rejection> {
    let Value::Array(values) = claim else {
        return Err(Rejection::Malformed);
    };
    values
        .into_iter()
        .map(|value| match value {
            Value::String(word) => Ok(word),
            _ => Err(Rejection::Malformed),
        })
        .collect()
}

#[cfg(test)]
mod tests;
