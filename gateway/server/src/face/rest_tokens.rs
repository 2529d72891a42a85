//! `/sts-tokengen`: the issued tokens of REST STS instances that keep them, for administrators.

use cambist_core::{Timestamp, TokenType};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::rest_sts::{
    OPENIDCONNECT, SAML2,
    common_rest::{Caller, Content, RestError, RestRequest, RestResponse, render, shown},
};
use crate::{
    ledger::{Ledger, LedgerError},
    rest_token,
    store::{LedgerQuery, LedgerRow, LedgerState},
};
use std::sync::Arc;

/// Rows of one look into the ledger.
const PAGE: u32 = 500;
/// Most tokens of one answer.
const MOST: usize = 10_000;

const USAGE: &str =
    "The _queryFilter must be /sts_id eq 'id', /token_principal eq 'name', or both joined by and.";

/// Answers one request.
pub async fn handle(request: &RestRequest, ledger: &Arc<Ledger>, now: Timestamp) -> RestResponse {
    let outcome = match request.caller {
        Caller::Admin => answer(request, ledger, now).await,
        Caller::User => Err(RestError::not_an_administrator()),
        Caller::Anonymous => Err(RestError::access_denied()),
    };
    render(request, outcome)
}

async fn answer(
    request: &RestRequest,
    ledger: &Arc<Ledger>,
    now: Timestamp,
) -> Result<Content, RestError> {
    let id = request.id();
    match (request.effective_method(), id.is_empty()) {
        (Method::GET, true) => query(request, ledger, now).await,
        (Method::GET, false) => read(&id, ledger, now).await,
        (Method::DELETE, false) => remove(&id, ledger, now).await,
        (Method::DELETE, true) => Err(RestError::bad_request("The path must name a token.")),
        _ => Err(RestError::new(
            StatusCode::FORBIDDEN,
            "The functionality is not authorized for any user.",
        )),
    }
}

async fn query(
    request: &RestRequest,
    ledger: &Arc<Ledger>,
    now: Timestamp,
) -> Result<Content, RestError> {
    let filter = request.parameter("_queryFilter");
    let mut wanted = filter
        .and_then(conditions)
        .ok_or_else(|| RestError::bad_request(USAGE))?;
    wanted.active_at = Some(now);
    wanted.limit = PAGE;
    let mut result = Vec::new();
    loop {
        let rows = ledger.query(wanted.clone()).await.map_err(|e| failed(&e))?;
        wanted.before = rows.last().map(|row| row.seq);
        let is_last = rows.len() < PAGE as usize;
        let kept = rows.iter().filter(|row| ledger.is_active(row, now));
        result.extend(kept.filter_map(|row| facts(row).map(Value::Object)));
        if is_last || result.len() >= MOST {
            break;
        }
    }
    result.truncate(MOST);
    let count = result.len();
    let members = json!({
        "result": result,
        "resultCount": count,
        "pagedResultsCookie": null,
        "totalPagedResultsPolicy": "NONE",
        "totalPagedResults": -1,
        "remainingPagedResults": -1,
    });
    Ok(Content {
        members: object(members),
        ..Content::default()
    })
}

async fn read(id: &str, ledger: &Arc<Ledger>, now: Timestamp) -> Result<Content, RestError> {
    let row = find(id, ledger).await?;
    let row = row
        .filter(|row| ledger.is_active(row, now))
        .ok_or_else(|| {
            let message = format!("STS-issued token with id {} not found.", shown(id));
            RestError::new(StatusCode::NOT_FOUND, message)
        })?;
    let mut members = facts(&row).unwrap_or_default();
    members.remove("_id");
    members.remove("_rev");
    if let Some(text) = content(&row).and_then(|mut content| content.remove(rest_token::TEXT)) {
        members.insert("issued_token".to_owned(), text);
    }
    Ok(Content {
        id: Some(id.to_owned()),
        revision: Some(row.seq.to_string()),
        members,
        ..Content::default()
    })
}

async fn remove(id: &str, ledger: &Arc<Ledger>, now: Timestamp) -> Result<Content, RestError> {
    if let Some(row) = find(id, ledger).await? {
        let (mark, until) = (row.token.mark, Some(row.token.expires_at));
        ledger
            .revoke(mark, until, LedgerState::Revoked, None, now)
            .await
            .map_err(|error| failed(&error))?;
    }
    let result = format!("token with id {} successfully removed.", shown(id));
    Ok(Content {
        id: Some(id.to_owned()),
        revision: Some(id.to_owned()),
        members: object(json!({ "result": result })),
        ..Content::default()
    })
}

async fn find(id: &str, ledger: &Ledger) -> Result<Option<LedgerRow>, RestError> {
    ledger.find_rest(id).await.map_err(|error| failed(&error))
}

fn content(row: &LedgerRow) -> Option<Map<String, Value>> {
    serde_json::from_str(row.token.content.as_deref()?).ok()
}

/// What is told of a token. None if it is not one of a REST STS.
fn facts(row: &LedgerRow) -> Option<Map<String, Value>> {
    let content = content(row)?;
    let id = content.get(rest_token::ID)?.as_str()?;
    let token = &row.token;
    let token_type = match token.token_type.as_str() {
        t if t == TokenType::SAML2.as_str() => SAML2,
        t if t == TokenType::ID_TOKEN.as_str() => OPENIDCONNECT,
        other => other,
    };
    Some(object(json!({
        "_id": id,
        "_rev": "",
        "token_id": id,
        "sts_id": token.instance,
        "principal_name": token.subject,
        "token_type": token_type,
        "expiration_time": token.expires_at.0,
    })))
}

/// Reads a filter: one or two of the two fields, compared for equality, joined by `and`.
fn conditions(filter: &str) -> Option<LedgerQuery> {
    let mut query = LedgerQuery::default();
    let mut rest = filter.trim();
    loop {
        let (field, after) = rest.split_once(char::is_whitespace)?;
        let after = after.trim_start().strip_prefix("eq")?;
        let quoted = after.strip_prefix(char::is_whitespace)?.trim_start();
        let quote = quoted.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (value, after) = quoted.get(1..)?.split_once(quote)?;
        let place = match field {
            "/sts_id" => &mut query.instance,
            "/token_principal" => &mut query.subject,
            _ => return None,
        };
        if place.replace(value.to_owned()).is_some() {
            return None;
        }
        rest = after.trim();
        if rest.is_empty() {
            return Some(query);
        }
        rest = rest
            .strip_prefix("and")?
            .strip_prefix(char::is_whitespace)?
            .trim_start();
    }
}

fn failed(error: &LedgerError) -> RestError {
    tracing::error!(%error, "the ledger failed under /sts-tokengen");
    RestError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The token store could not be asked: try again later.",
    )
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(filter: &str) -> Option<(Option<String>, Option<String>)> {
        conditions(filter).map(|query| (query.instance, query.subject))
    }

    #[test]
    fn rs_83_two_fields_may_be_compared_for_equality() {
        let (id, dana) = (Some("alpha/inst1".to_owned()), Some("dana".to_owned()));
        for (filter, expected) in [
            ("/sts_id eq 'alpha/inst1'", (id.clone(), None)),
            ("/token_principal eq \"dana\"", (None, dana.clone())),
            (
                "/sts_id eq 'alpha/inst1' and /token_principal eq 'dana'",
                (id.clone(), dana.clone()),
            ),
            (
                " /token_principal  eq 'dana'  and  /sts_id eq \"alpha/inst1\" ",
                (id, dana),
            ),
        ] {
            assert_eq!(read(filter), Some(expected), "{filter}");
        }
    }

    #[test]
    fn rs_83_everything_else_is_refused() {
        for filter in [
            "",
            "true",
            "/sts_id eq alpha",
            "/sts_id eq 'alpha",
            "/sts_id co 'alpha'",
            "/sts_id pr",
            "sts_id eq 'alpha'",
            "/other eq 'alpha'",
            "! (/sts_id eq 'alpha')",
            "/sts_id eq 'a' or /token_principal eq 'b'",
            "/sts_id eq 'a' and",
            "/sts_id eq 'a' and /sts_id eq 'b'",
            "/sts_id eq 'a' /token_principal eq 'b'",
        ] {
            assert_eq!(read(filter), None, "{filter}");
        }
    }
}
