//! Validates opaque tokens by asking the authorization server that issued them (RFC 7662).

use cambist_guest::{
    Call, Principal, Refusal, Token, Validator, export,
    http::{Credential, Request},
    secrets,
};
use serde::Deserialize;

/// The validator.
pub struct Introspection;

/// What the authorization server says of a token (RFC 7662 §2.2).
#[derive(Deserialize)]
struct Answer {
    active: bool,
    sub: Option<String>,
    iss: Option<String>,
    client_id: Option<String>,
    username: Option<String>,
    scope: Option<String>,
    aud: Option<Audiences>,
    exp: Option<u64>,
    nbf: Option<u64>,
}

/// One audience or several (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

impl Validator for Introspection {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        let client = call.required_text("client_id")?.to_owned();
        let response = Request::post(call.required_text("endpoint")?)
            .form([
                ("token", token.text()?),
                ("token_type_hint", "access_token"),
            ])
            .header("accept", "application/json")
            .credential(Credential::Basic(client, secrets::open("client")?))
            .send()?
            .success()?;
        let answer: Answer = serde_json::from_slice(&response.body)
            .map_err(|error| Refusal::unavailable(format!("the answer: {error}")))?;
        judge(answer, call)
    }
}

export!(Introspection: Validator);

/// A server should not call a token active that is not valid now and for whoever asks, and some do.
fn judge(answer: Answer, call: &Call) -> Result<Principal, Refusal> {
    if !answer.active {
        return Err(Refusal::refused("inactive"));
    }
    if answer.exp.is_some_and(|end| end <= call.now) {
        return Err(Refusal::expired());
    }
    if answer.nbf.is_some_and(|start| start > call.now) {
        return Err(Refusal::not_yet_valid());
    }
    let audiences = match answer.aud {
        None => Vec::new(),
        Some(Audiences::One(audience)) => vec![audience],
        Some(Audiences::Several(audiences)) => audiences,
    };
    let wanted = call.required_text("audience")?;
    if !audiences.iter().any(|audience| audience == wanted) {
        return Err(Refusal::wrong_audience());
    }

    let subject = answer.sub.ok_or_else(|| Refusal::refused("no-subject"))?;
    let mut principal = Principal::new(subject);
    principal.issuer = answer.iss;
    principal.client = answer.client_id;
    principal.audiences = audiences;
    principal.expires_at = answer.exp;
    principal.scopes = answer
        .scope
        .map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
    if let Some(username) = answer.username {
        principal = principal.claim("preferred_username", username);
    }
    Ok(principal)
}

#[cfg(test)]
mod tests;
