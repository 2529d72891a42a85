//! `/admin/v1/tokens`, `/admin/v1/tokens:revoke`, `/admin/v1/cut-offs`: the ledger.

use cambist_core::{Timestamp, TokenKey};
use hyper::{Method, StatusCode, http::request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
};
use crate::{
    body::Incoming,
    gateway::{Gateway, now},
    ledger::{CutOffKind, LedgerError, identity_key, presented_key},
    store::{CutOffRow, LedgerQuery, LedgerRow, LedgerState},
};

/// Rows of one page, unless asked for otherwise, and at most.
const PAGE: u32 = 100;
const MOST: u32 = 1000;
/// Most bytes of names and reasons.
const LONGEST: usize = 1024;

/// Answers a request to one of the ledger's collections.
pub(super) async fn handle(
    gateway: &Gateway,
    head: &Parts,
    body: Incoming,
    collection: &str,
    name: &str,
) -> Answer {
    match (collection, name, &head.method) {
        ("tokens", "", &Method::GET) => list(gateway, head).await,
        ("tokens", hash, _) if !hash.is_empty() => one(gateway, head, hash).await,
        ("tokens:revoke", "", &Method::POST) => revoke(gateway, body).await,
        ("cut-offs", "", &Method::GET) => cut_offs(gateway).await,
        ("cut-offs", "", &Method::POST) => cut_off(gateway, body).await,
        (_, "", _) => Err(method_not_allowed()),
        _ => Err(Problem::not_found("nothing lives at this path")),
    }
}

async fn list(gateway: &Gateway, head: &Parts) -> Answer {
    let at = clock()?;
    let wanted = wanted(head.uri.query().unwrap_or_default(), at)?;
    let limit = wanted.limit;
    let rows = gateway.ledger.query(wanted).await.map_err(problem)?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count == limit);
    let next = rows.last().filter(|_| is_full).map(|row| row.seq);
    let shown: Vec<Value> = rows.iter().map(|row| shown(gateway, row, at)).collect();
    json_response(
        StatusCode::OK,
        &json!({"tokens": shown, "next": next}),
        None,
    )
}

/// About the token with this SHA-256.
async fn one(gateway: &Gateway, head: &Parts, hash: &str) -> Answer {
    let at = clock()?;
    let missing = || Problem::not_found(format!("no token `{hash}` is kept"));
    let key = from_hex(hash).ok_or_else(missing)?;
    let ledger = &gateway.ledger;
    ledger.flush().await.map_err(problem)?;
    let row = ledger
        .find(&key)
        .await
        .map_err(problem)?
        .ok_or_else(missing)?;
    match head.method {
        Method::GET => {
            let children = ledger
                .children(&row.token.mark, MOST)
                .await
                .map_err(problem)?;
            let children: Vec<Value> = children.iter().map(|row| shown(gateway, row, at)).collect();
            let mut answer = shown(gateway, &row, at);
            if let Value::Object(members) = &mut answer {
                members.insert("children".to_owned(), Value::Array(children));
            }
            json_response(StatusCode::OK, &answer, None)
        }
        Method::DELETE => {
            let reason = parameters(head.uri.query().unwrap_or_default())
                .find(|(name, _)| name == "reason")
                .map(|(_, value)| value);
            let until = Some(row.token.expires_at);
            let fallen = ledger
                .revoke(row.token.mark, until, LedgerState::Revoked, reason, at)
                .await
                .map_err(problem)?;
            json_response(StatusCode::OK, &json!({"revoked": fallen}), None)
        }
        _ => Err(method_not_allowed()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

/// A token of any issuer, by itself or by its name.
async fn revoke(gateway: &Gateway, body: Incoming) -> Answer {
    let at = clock()?;
    let asked: Revoke = read(body, &gateway.config.limits).await?;
    let (mark, until) = match (asked.token.map(Zeroizing::new), asked.issuer, asked.id) {
        (Some(token), None, None) => presented_key(token.as_bytes()),
        (None, Some(issuer), Some(id)) => (identity_key(&issuer, &id), None),
        _ => {
            return Err(invalid(
                "",
                "names no token, or two",
                "send either `token`, or `issuer` and `id` (jti, assertion ID)",
            ));
        }
    };
    let until = asked.expires_at.max(until);
    let fallen = gateway
        .ledger
        .revoke(mark, until, LedgerState::Revoked, asked.reason, at)
        .await
        .map_err(problem)?;
    json_response(StatusCode::OK, &json!({"revoked": fallen}), None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutOff {
    kind: CutOffKind,
    value: String,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    before: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

async fn cut_offs(gateway: &Gateway) -> Answer {
    let rows = gateway.ledger.cut_offs().await.map_err(problem)?;
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "kind": row.kind, "value": row.value, "before": row.before, "at": row.at, "reason": row.reason,
                "instance": Some(&row.instance).filter(|instance| !instance.is_empty()),
            })
        })
        .collect();
    json_response(StatusCode::OK, &json!({"cut_offs": shown}), None)
}

async fn cut_off(gateway: &Gateway, body: Incoming) -> Answer {
    let at = clock()?;
    let asked: CutOff = read(body, &gateway.config.limits).await?;
    if asked.value.is_empty() || asked.value.len() > LONGEST {
        return Err(invalid("value", "is empty or too long", "name one of them"));
    }
    // Times are whole seconds: what was issued earlier in this one is cut off too.
    let before = asked.before.unwrap_or_else(|| at.plus(1));
    if before > at.plus(1) {
        return Err(invalid(
            "before",
            "lies in the future",
            "leave it out to cut off everything up to now",
        ));
    }
    if let Some(instance) = &asked.instance {
        let is_published = gateway.published.load().instance(instance).is_some();
        if !is_published {
            return Err(invalid(
                "instance",
                "is not published",
                "name an instance, or leave it out for all of them",
            ));
        }
    }
    let row = CutOffRow {
        kind: asked.kind.name(),
        value: asked.value,
        instance: asked.instance.unwrap_or_default(),
        before,
        at,
        reason: asked.reason,
    };
    let fallen = gateway.ledger.cut_off(row, at).await.map_err(problem)?;
    json_response(
        StatusCode::OK,
        &json!({"revoked": fallen, "before": before}),
        None,
    )
}

fn wanted(query: &str, now: Timestamp) -> Result<LedgerQuery, Problem> {
    let mut wanted = LedgerQuery {
        limit: PAGE,
        ..LedgerQuery::default()
    };
    for (name, value) in parameters(query) {
        let number = |most: i64| {
            value
                .parse::<i64>()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| {
                    invalid(
                        &name,
                        "is not a number in range",
                        format!("use 1 to {most}"),
                    )
                })
        };
        match name.as_str() {
            "instance" => wanted.instance = Some(value),
            "subject" => wanted.subject = Some(value),
            "client" => wanted.client = Some(value),
            "token_type" => wanted.token_type = Some(value),
            "active" => match value.as_str() {
                "true" => wanted.active_at = Some(now),
                "false" => wanted.active_at = None,
                _ => return Err(invalid("active", "is neither true nor false", "use true")),
            },
            "before" => wanted.before = Some(number(i64::MAX)?),
            "limit" => {
                wanted.limit = u32::try_from(number(i64::from(MOST))?).unwrap_or(PAGE);
            }
            _ => {
                return Err(invalid(
                    &name,
                    "is no condition",
                    "use instance, subject, client, token_type, active, before, limit",
                ));
            }
        }
    }
    Ok(wanted)
}

fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned()
}

fn shown(gateway: &Gateway, row: &LedgerRow, now: Timestamp) -> Value {
    let token = &row.token;
    let state = match row.state {
        LedgerState::Cancelled => "cancelled",
        LedgerState::Active if now >= token.expires_at => "expired",
        LedgerState::Active if gateway.ledger.is_active(row, now) => "active",
        LedgerState::Active | LedgerState::Revoked => "revoked",
    };
    json!({
        "sha256": hex(&token.token_hash), "mark": hex(&token.mark),
        "parent": token.parent.as_ref().map(hex),
        "actor_parent": token.actor_parent.as_ref().map(hex),
        "parent_issuer": token.parent_issuer,
        "instance": token.instance, "token_type": token.token_type, "id": token.token_id,
        "issuer": token.issuer, "kid": token.key_id, "subject": token.subject, "actors": token.actors,
        "client": token.client, "audiences": token.audiences, "scope": token.scope,
        "issued_at": token.issued_at, "expires_at": token.expires_at,
        "state": state, "state_at": row.state_at, "reason": row.reason,
    })
}

fn hex(key: &TokenKey) -> String {
    use std::fmt::Write as _;
    key.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn from_hex(text: &str) -> Option<TokenKey> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = TokenKey::default();
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

pub(super) fn clock() -> Result<Timestamp, Problem> {
    now().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "clock",
            "the clock stands before 1970",
            "set it",
        )
    })
}

fn invalid(path: &str, reason: &str, hint: impl Into<String>) -> Problem {
    crate::publish_error::PublishError::new(path, reason, hint.into()).into()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that `map_err` asks for"
)]
pub(super) fn problem(error: LedgerError) -> Problem {
    tracing::error!(%error, "the ledger failed");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        error.to_string(),
        "try again; see the log",
    )
}
