//! `/admin/v1/authenticators` and `/admin/v1/sessions`: who checks credentials, and who is signed in.

use hyper::{Method, StatusCode, http::request::Parts};
use serde_json::{Value, json};

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
    etag, status,
};
use crate::body::Incoming;
use crate::gateway::{Gateway, now};

/// All ids.
fn list(gateway: &Gateway) -> Answer {
    let registry = gateway.published.load();
    let mut ids: Vec<&String> = registry.authenticators.keys().collect();
    ids.sort();
    json_response(StatusCode::OK, &json!({"authenticators": ids}), None)
}

/// Answers a request to one of the two collections.
pub(super) async fn handle(
    gateway: &Gateway,
    head: &Parts,
    body: Incoming,
    collection: &str,
    name: &str,
) -> Answer {
    match (collection, name) {
        ("sessions", "") => sessions(gateway, head).await,
        ("sessions", handle) => session(gateway, head, handle).await,
        (_, "") if head.method == Method::GET => list(gateway),
        (_, id) => one(gateway, head, body, id).await,
    }
}

async fn one(gateway: &Gateway, head: &Parts, body: Incoming, id: &str) -> Answer {
    match head.method {
        Method::GET => {
            let found = gateway.publisher.read_authenticator(id).await?;
            let (document, revision) =
                found.ok_or_else(|| Problem::not_found(format!("no authenticator `{id}`")))?;
            json_response(StatusCode::OK, &document, Some(revision))
        }
        Method::PUT => {
            let document = read(body, &gateway.config.limits).await?;
            let revision = gateway
                .publisher
                .put_authenticator(id, document, etag::precondition(&head.headers)?)
                .await?;
            let answer = json!({"id": id, "revision": revision});
            json_response(StatusCode::OK, &answer, Some(revision))
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_authenticator(id, etag::precondition(&head.headers)?)
                .await?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

/// The sessions of the user that `?realm=…&username=…` names; DELETE ends them.
async fn sessions(gateway: &Gateway, head: &Parts) -> Answer {
    let query = head.uri.query().unwrap_or_default();
    let parameter = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let realm = parameter("realm").unwrap_or_else(|| "/".to_owned());
    let Some(username) = parameter("username") else {
        return Err(Problem::not_found(
            "sessions are found by `realm` and `username`",
        ));
    };
    match head.method {
        Method::GET => {
            let now = now().unwrap_or(cambist_core::Timestamp(0));
            let found = gateway.sessions.of_user(&realm, &username, now);
            let listed: Vec<Value> = found
                .iter()
                .map(|known| {
                    json!({
                        "handle": known.handle,
                        "began_at": known.session.authenticated_at,
                        "used_at": known.used_at,
                        "ends_at": known.session.ends_at,
                    })
                })
                .collect();
            json_response(StatusCode::OK, &json!({"sessions": listed}), None)
        }
        Method::DELETE => {
            let ended = gateway.sessions.end_user(&realm, &username).await;
            json_response(StatusCode::OK, &json!({"ended": ended}), None)
        }
        _ => Err(method_not_allowed()),
    }
}

/// Ends the session that a handle names.
async fn session(gateway: &Gateway, head: &Parts, handle: &str) -> Answer {
    if head.method != Method::DELETE {
        return Err(method_not_allowed());
    }
    if gateway.sessions.end_by_handle(handle).await {
        Ok(status(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("no session has this handle"))
    }
}
