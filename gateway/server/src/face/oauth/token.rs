//! The token endpoint (RFC 8693 §2).

use cambist_core::{ExchangeError, ExchangeRequest, Exchanged, Timestamp, TokenType, Usage};
use cambist_token::dpop::{self, Proof, ProofError};
use hyper::{HeaderMap, Method, Response, header::HeaderValue};
use serde::Serialize;

use super::{
    client_authentication::authenticated_form,
    grant::Grant,
    refusal::{self, Refusal, json_headers},
};
use crate::{
    audit::Event,
    body::Body,
    dpop::{DpopRefusal, NONCE, Wanted},
    face::shown,
    gateway::{Circumstances, Gateway},
    instance::PublishedInstance,
};

/// Answers one request to an instance's token endpoint. `body` is already within the size limit.
pub async fn handle(
    gateway: &Gateway,
    instance: &PublishedInstance,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
) -> Response<Body> {
    let correlation = &circumstances.correlation;
    if method != Method::POST {
        return Refusal::MethodNotAllowed.response(correlation, None);
    }
    let mut event = Event::new("oauth", instance, circumstances);
    let outcome = token(gateway, instance, headers, body, circumstances, &mut event).await;
    let is_challenge = matches!(outcome, Err(Failure::Refused(Refusal::UseDpopNonce)));
    let mut response = match outcome {
        Ok((exchanged, grant)) => {
            event.issued(&exchanged);
            issued(&exchanged, grant, circumstances.now)
        }
        Err(Failure::Refused(refusal)) => {
            event.refused(refusal.code(), None);
            refusal.response(correlation, None)
        }
        Err(Failure::Exchange(error, grant)) => {
            let refusal = grant.refusal(&error);
            event.refused(refusal.code(), Some(error.to_string()));
            refusal.response(correlation, refusal::plugin_message(&error))
        }
    };
    offer_nonce(
        &mut response,
        gateway,
        instance,
        circumstances,
        is_challenge,
    );
    // A token whose issuance cannot be recorded does not leave (AU-01).
    if gateway.audit.record(event).is_err() && response.status().is_success() {
        return Refusal::TemporarilyUnavailable.response(correlation, None);
    }
    response
}

enum Failure {
    Refused(Refusal),
    Exchange(ExchangeError, Grant),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

async fn token(
    gateway: &Gateway,
    instance: &PublishedInstance,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
    event: &mut Event,
) -> Result<(Exchanged, Grant), Failure> {
    let (mut form, client) =
        authenticated_form(gateway, instance, headers, body, circumstances).await?;
    event.client(&client.client.id);
    let grant = Grant::of(&form, client)?;
    let client = grant.client(client, instance);
    let request = grant.request(&mut form, &client)?;
    event.asked(&request);
    let proof = proof(gateway, instance, headers, &request, circumstances)?;
    let mut call = circumstances.call(&instance.id);
    call.proofs.client = Some(&client.id);
    call.proofs.dpop_thumbprint = proof.as_ref().map(|proof| proof.thumbprint.as_str());
    let outcome = grant.run(instance, &request, &call).await;
    outcome
        .map(|exchanged| (exchanged, grant))
        .map_err(|error| Failure::Exchange(error, grant))
}

/// RFC 9449 §5. A proof that names a token names one of those in the request (DP-40).
fn proof(
    gateway: &Gateway,
    instance: &PublishedInstance,
    headers: &HeaderMap,
    request: &ExchangeRequest<'_>,
    circumstances: &Circumstances,
) -> Result<Option<Proof>, Refusal> {
    let check = |base: &str| {
        let wanted = Wanted {
            method: "POST",
            uri: &format!("{base}/token"),
            nonce_required: instance.dpop_nonce_required,
            now: circumstances.now,
        };
        gateway.dpop.check(headers, &wanted)
    };
    let proof = match (check(&instance.issuer), &instance.certificate_base) {
        // The endpoint has two URLs, and a proof names the one its client uses.
        (Err(DpopRefusal::Proof(ProofError::Target)), Some(base)) => check(base)?,
        (checked, _) => checked?,
    };
    let named = proof.as_ref().and_then(|proof| proof.token_hash.as_deref());
    let is_presented = |hash: &str| {
        std::iter::once(&request.subject)
            .chain(&request.actor)
            .any(|presented| dpop::token_hash(presented.token.as_bytes()) == hash)
    };
    if named.is_some_and(|hash| !is_presented(hash)) {
        return Err(DpopRefusal::Token.into());
    }
    Ok(proof)
}

/// RFC 9449 §8, §8.2: the nonce for the next proof goes along with every answer where one is needed.
fn offer_nonce(
    response: &mut Response<Body>,
    gateway: &Gateway,
    instance: &PublishedInstance,
    circumstances: &Circumstances,
    is_challenge: bool,
) {
    if !(instance.dpop_nonce_required || is_challenge) {
        return;
    }
    if let Ok(nonce) = HeaderValue::from_str(&gateway.dpop.nonce(circumstances.now)) {
        response.headers_mut().insert(NONCE, nonce);
    }
}

#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'a TokenType>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// TX-31: whether the holder must send `DPoP` proofs with it.
fn is_key_bound(exchanged: &Exchanged) -> bool {
    exchanged
        .confirmation
        .as_ref()
        .is_some_and(|keys| keys.key.is_some())
}

fn issued(exchanged: &Exchanged, grant: Grant, now: Timestamp) -> Response<Body> {
    let issued = &exchanged.issued;
    let answer = TokenResponse {
        access_token: &shown(&issued.token),
        issued_token_type: (grant == Grant::TokenExchange).then_some(&issued.token_type),
        token_type: match issued.usage {
            Usage::Bearer if is_key_bound(exchanged) => "DPoP",
            Usage::Bearer => "Bearer",
            Usage::NotApplicable => "N_A",
        },
        expires_in: issued.expires_at.since(now),
        scope: (!exchanged.scope.is_empty()).then(|| exchanged.scope.to_string()),
    };
    let Ok(body) = serde_json::to_vec(&answer) else {
        return Response::new(Body::empty());
    };
    let mut response = Response::new(Body::full(body));
    json_headers(response.headers_mut());
    response
}
