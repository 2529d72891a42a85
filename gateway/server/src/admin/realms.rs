//! `/admin/v1/realms`.

use hyper::{Method, StatusCode, http::request::Parts};
use serde_json::json;

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
    etag,
};
use crate::body::Incoming;
use crate::gateway::Gateway;

/// All of them.
pub(super) fn list(gateway: &Gateway) -> Answer {
    let realms = gateway.publisher.list_realms();
    json_response(StatusCode::OK, &json!({ "realms": realms }), None)
}

/// One, by its path without the leading slash.
pub(super) async fn handle(gateway: &Gateway, head: &Parts, body: Incoming, path: &str) -> Answer {
    let publisher = &gateway.publisher;
    match head.method {
        Method::GET => {
            let found = publisher.read_realm(path).await?;
            let (document, revision) =
                found.ok_or_else(|| Problem::not_found(format!("no realm `/{path}` was made")))?;
            json_response(StatusCode::OK, &document, Some(revision))
        }
        Method::PUT => {
            let document = read(body, &gateway.config.limits).await?;
            let precondition = etag::precondition(&head.headers)?;
            let revision = publisher.put_realm(path, &document, precondition).await?;
            let answer = json!({"realm": format!("/{path}"), "revision": revision});
            json_response(StatusCode::OK, &answer, Some(revision))
        }
        Method::DELETE => {
            publisher
                .delete_realm(path, etag::precondition(&head.headers)?)
                .await?;
            Ok(super::status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}
