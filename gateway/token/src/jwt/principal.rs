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
    claims: Map<String, Value>,
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
    let (mut scope, mut scp, mut subject) = (None, None, None);
    let mut principal = Principal {
        audiences,
        client,
        expires_at: Some(expires_at),
        authenticated_at,
        ..Principal::default()
    };
    // Once over all of them: taking them out one by one would look for each and mend the map behind it.
    let mut rest = Vec::with_capacity(claims.len());
    for (name, value) in claims {
        match name.as_str() {
            "sub" => subject = Some(string(value)?),
            "iss" => principal.issuer = Some(string(value)?),
            "acr" => principal.authentication_context = Some(string(value)?),
            "amr" => principal.authentication_methods = words(value)?,
            "act" => principal.actors = Some(ActorChain::from_claim(&value, MAX_ACTORS)?),
            "may_act" => principal.may_act = Some(MayAct::from_claim(&value)?),
            "cnf" => principal.confirmation = Some(Confirmation::from_claim(&value)?),
            "scope" => scope = Some(value),
            "scp" => scp = Some(value),
            "aud" | "auth_time" | "exp" => {}
            _ => rest.push((name, value)),
        }
    }
    principal.subject = subject.ok_or(Rejection::Malformed)?;
    principal.claims = rest.into_iter().collect();
    let carried = scope.or(scp).map(|claim| scope_of(&claim)).transpose()?;
    Ok((principal, carried))
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::Malformed),
    }
}

fn string(value: Value) -> Result<String, Rejection> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Rejection::Malformed),
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
