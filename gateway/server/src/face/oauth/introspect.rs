//! Introspection (RFC 7662), also as a signed answer (RFC 9701).

pub mod budget;

use std::collections::BTreeSet;

use bytes::Bytes;
use cambist_core::Fault;
use hyper::{HeaderMap, Method, Response, header, header::HeaderValue};
use serde_json::{Map, Value, json};

use super::{
    client_authentication::authenticated_form,
    issued,
    refusal::{Refusal, json_headers},
};
use crate::{
    body::Body,
    gateway::{Circumstances, Gateway},
    instance::{PublishedInstance, RegisteredClient},
};

/// The media type of a signed answer, and its `typ` (RFC 9701 §5).
const SIGNED: &str = "application/token-introspection+jwt";
const SIGNED_TYPE: &str = "token-introspection+jwt";

/// Answers one request to an instance's introspection endpoint. `body` is already within the size limit.
pub async fn handle(
    gateway: &Gateway,
    instance: &PublishedInstance,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
) -> Response<Body> {
    if method != Method::POST {
        return Refusal::MethodNotAllowed.response(&circumstances.correlation, None);
    }
    introspect(gateway, instance, headers, body, circumstances)
        .await
        .unwrap_or_else(|refusal| refusal.response(&circumstances.correlation, None))
}

async fn introspect(
    gateway: &Gateway,
    instance: &PublishedInstance,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
) -> Result<Response<Body>, Refusal> {
    let (form, caller) =
        authenticated_form(gateway, instance, headers, body, circumstances).await?;
    let token = form
        .token
        .as_ref()
        .ok_or(Refusal::InvalidRequest("token is missing"))?;
    let now = circumstances.now;
    let rate = &gateway.config.introspection;
    // Before anything is looked up: whether somebody must wait tells nothing about this token.
    caller
        .questions
        .take(rate.per_second, now)
        .map_err(Refusal::TooManyQuestions)?;
    let claims = issued::access_token(gateway, instance, token.as_bytes(), now)
        .await
        .map_err(|fault| refusal(&fault))?;
    let answer = claims.and_then(|claims| view(instance, caller, claims));
    if answer.is_none() {
        // What the answer shows and nothing else: tokens of others count as those that nobody has.
        caller
            .questions
            .charge(rate.inactive_cost.saturating_sub(1), rate.per_second, now);
    }
    let answer =
        answer.unwrap_or_else(|| Map::from_iter([("active".to_owned(), Value::Bool(false))]));
    if wants_signed(headers) {
        return signed(instance, caller, &answer, circumstances);
    }
    let mut response = Response::new(Body::full(Value::Object(answer).to_string()));
    json_headers(response.headers_mut());
    Ok(response)
}

fn refusal(fault: &Fault) -> Refusal {
    tracing::error!(%fault, "a token could not be looked up");
    Refusal::TemporarilyUnavailable
}

/// IN-03, IN-05, SX-14: what this caller may know, or none: that it is one of those the token is for, and
/// not who the others are.
fn view(
    instance: &PublishedInstance,
    caller: &RegisteredClient,
    mut claims: Map<String, Value>,
) -> Option<Map<String, Value>> {
    let audiences: Vec<String> = match claims.remove("aud")? {
        Value::String(one) => vec![one],
        several => serde_json::from_value(several).ok()?,
    };
    let is_callers = |audience: &String| {
        let owner = instance
            .engine
            .owner_of(audience)
            .map(|party| &party.audience);
        *audience == caller.client.id
            || is_among(&caller.introspects, audience)
            || owner.is_some_and(|owner| is_among(&caller.introspects, owner))
    };
    let mut known: Vec<String> = audiences.into_iter().filter(is_callers).collect();
    let aud = match known.len() {
        0 => return None,
        1 => Value::String(known.remove(0)),
        _ => json!(known),
    };
    claims.insert("aud".to_owned(), aud);
    let is_dpop = claims
        .get("cnf")
        .is_some_and(|cnf| cnf.get("jkt").is_some());
    let usage = if is_dpop { "DPoP" } else { "Bearer" };
    claims.insert("token_type".to_owned(), json!(usage));
    claims.insert("active".to_owned(), Value::Bool(true));
    Some(claims)
}

fn is_among(names: &BTreeSet<String>, name: &str) -> bool {
    names.contains(name)
}

fn wants_signed(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|media| {
            let essence = media.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case(SIGNED)
        })
}

/// IN-10, IN-11: nothing in it could pass for an access token.
fn signed(
    instance: &PublishedInstance,
    caller: &RegisteredClient,
    answer: &Map<String, Value>,
    circumstances: &Circumstances,
) -> Result<Response<Body>, Refusal> {
    let algorithm = instance.algorithms.first().copied();
    let key = algorithm
        .and_then(|algorithm| instance.keyring.signing_at(algorithm, circumstances.now))
        .ok_or(Refusal::InvalidRequest(
            "this instance signs no introspection answers",
        ))?;
    let claims = json!({
        "iss": instance.issuer, "aud": caller.client.id, "iat": circumstances.now,
        "token_introspection": answer,
    });
    let token = key.sign_jwt(SIGNED_TYPE, &claims).map_err(|error| {
        tracing::error!(%error, "an introspection answer could not be signed");
        Refusal::ServerError
    })?;
    let mut response = Response::new(Body::full(Bytes::from(token)));
    json_headers(response.headers_mut());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(SIGNED));
    Ok(response)
}
