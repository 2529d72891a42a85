//! Revocation (RFC 7009): of a token, and of all that was made from it.

use cambist_core::Fault;
use hyper::{HeaderMap, Method, Response, header};

use super::{
    client_authentication::authenticated_form,
    issued,
    refusal::{Refusal, json_headers},
};
use crate::{
    audit::Event,
    body::Body,
    gateway::{Circumstances, Gateway},
    instance::PublishedInstance,
    ledger::Persistence,
    store::LedgerState,
};

/// Answers one request to an instance's revocation endpoint. `body` is already within the size limit.
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
    let mut event = Event::new("oauth-revocation", instance, circumstances);
    let outcome = revoke(gateway, instance, headers, body, circumstances, &mut event).await;
    let response = match outcome {
        Ok(()) => {
            // RV-03: whether it was known or not.
            let mut response = Response::new(Body::empty());
            json_headers(response.headers_mut());
            response.headers_mut().remove(header::CONTENT_TYPE);
            response
        }
        Err(refusal) => {
            event.refused(refusal.code(), None);
            refusal.response(correlation, None)
        }
    };
    if gateway.audit.record(event).is_err() {
        return Refusal::TemporarilyUnavailable.response(correlation, None);
    }
    response
}

async fn revoke(
    gateway: &Gateway,
    instance: &PublishedInstance,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
    event: &mut Event,
) -> Result<(), Refusal> {
    let (form, client) =
        authenticated_form(gateway, instance, headers, body, circumstances).await?;
    event.client(&client.client.id);
    let token = form
        .token
        .as_ref()
        .ok_or(Refusal::InvalidRequest("token is missing"))?;
    if instance.persistence == Persistence::None {
        return Err(Refusal::UnsupportedTokenType);
    }
    let now = circumstances.now;
    let found = issued::revocable(gateway, instance, token.as_bytes(), now)
        .await
        .map_err(|fault| refusal(&fault))?;
    let Some(found) = found.filter(|found| now < found.expires_at) else {
        event.ended("unknown");
        return Ok(());
    };
    // RV-02
    if found.client.as_deref() != Some(client.client.id.as_str()) {
        return Err(Refusal::UnauthorizedClient(
            "the token was issued to another client",
        ));
    }
    let ledger = &gateway.ledger;
    let until = Some(found.expires_at);
    let revoked = ledger
        .revoke(found.mark, until, LedgerState::Cancelled, None, now)
        .await;
    revoked.map_err(|error| refusal(&Fault::from(&error)))?;
    event.ended("revoked");
    Ok(())
}

fn refusal(fault: &Fault) -> Refusal {
    tracing::error!(%fault, "a token could not be revoked");
    Refusal::TemporarilyUnavailable
}
