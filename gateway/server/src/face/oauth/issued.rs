//! A token that its holder says was issued here.

use cambist_core::{Fault, Mark, Timestamp, TokenKey};
use cambist_token::jose::{Algorithm, Expected, MAX_TOKEN_BYTES, Unverified};
use serde_json::{Map, Value};

use crate::{
    gateway::Gateway,
    instance::PublishedInstance,
    ledger::{identity_key, token_hash},
    opaque,
};

/// Types of the JWTs an instance issues: access tokens, then the others.
const ACCESS_TOKEN: [&str; 1] = ["at+jwt"];
const ANY: [&str; 2] = ["at+jwt", "JWT"];

/// What an access token of `instance` says, if it is one and counts at this moment.
pub(super) async fn access_token(
    gateway: &Gateway,
    instance: &PublishedInstance,
    token: &[u8],
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, Fault> {
    if opaque::has_form(token) {
        return opaque::content(&gateway.ledger, &instance.id, token, now).await;
    }
    let Some(claims) = jwt(instance, token, &ACCESS_TOKEN, now) else {
        return Ok(None);
    };
    let stands =
        mark(instance, &claims).is_some_and(|mark| gateway.ledger.stands(&mark, &instance.id));
    Ok(Some(claims).filter(|_| stands))
}

/// A token of `instance`, as whoever revokes it needs to know it.
pub(super) struct Revocable {
    pub(super) mark: TokenKey,
    pub(super) client: Option<String>,
    pub(super) expires_at: Timestamp,
}

/// Looks among what was kept, and then at what the token itself proves to be.
pub(super) async fn revocable(
    gateway: &Gateway,
    instance: &PublishedInstance,
    token: &[u8],
    now: Timestamp,
) -> Result<Option<Revocable>, Fault> {
    let fault = |error| Fault::from(&error);
    let ledger = &gateway.ledger;
    if instance.persistence.keeps_tokens() {
        // What has just been issued may still be on its way into the store.
        ledger.flush().await.map_err(fault)?;
        let found = ledger.find(&token_hash(token)).await.map_err(fault)?;
        if let Some(row) = found.filter(|row| row.token.instance == instance.id) {
            return Ok(Some(Revocable {
                mark: row.token.mark,
                client: row.token.client,
                expires_at: row.token.expires_at,
            }));
        }
    }
    let Some(claims) = jwt(instance, token, &ANY, now) else {
        return Ok(None);
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let revocable = text("jti").map(|id| Revocable {
        mark: identity_key(&instance.issuer, id),
        client: text("client_id")
            .or_else(|| text("azp"))
            .map(ToOwned::to_owned),
        expires_at: seconds(&claims, "exp").unwrap_or(now),
    });
    Ok(revocable)
}

/// The claims of a JWT that this instance signed and that has not ended, whomever it is for.
fn jwt(
    instance: &PublishedInstance,
    token: &[u8],
    types: &[&str],
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let keys = instance.keyring.verification_keys();
    let expected = Expected {
        algorithms: &Algorithm::ASYMMETRIC,
        keys: &keys,
        types,
        typ_may_be_absent: false,
        issuer: &instance.issuer,
        audiences: &[],
        leeway: 0,
        now,
    };
    let token = Unverified::parse(token, MAX_TOKEN_BYTES).ok()?;
    let verified = token.verify_for_any_audience(&expected).ok()?;
    Some(verified.claims)
}

fn mark(instance: &PublishedInstance, claims: &Map<String, Value>) -> Option<Mark> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let mut actors = Vec::new();
    let mut act = claims.get("act");
    while let Some(actor) = act {
        actors.extend(
            actor
                .get("sub")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
        );
        act = actor.get("act");
    }
    Some(Mark {
        key: Some(identity_key(&instance.issuer, text("jti")?)),
        issued_at: seconds(claims, "iat"),
        expires_at: seconds(claims, "exp"),
        subject: text("sub")?.to_owned(),
        actors,
        client: text("client_id").map(ToOwned::to_owned),
        issuer: Some(instance.issuer.clone()),
        key_id: None,
    })
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    claims.get(name)?.as_u64().map(Timestamp)
}
