//! `/admin/v1/secrets`: the vault. What goes in never comes out.

use hyper::{Method, StatusCode, http::request::Parts};
use serde_json::json;

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
    etag, status,
};
use crate::{body::Incoming, gateway::Gateway, vault::SecretDocument};

/// All names, and what may be known of each.
pub(super) fn list(gateway: &Gateway) -> Answer {
    let secrets = gateway.publisher.list_secrets();
    json_response(StatusCode::OK, &json!({"secrets": secrets}), None)
}

/// Answers a request about one.
pub(super) async fn handle(gateway: &Gateway, head: &Parts, body: Incoming, name: &str) -> Answer {
    match head.method {
        Method::GET => {
            let summary = gateway
                .publisher
                .read_secret(name)
                .ok_or_else(|| Problem::not_found(format!("no secret `{name}`")))?;
            json_response(StatusCode::OK, &summary, Some(summary.revision))
        }
        Method::PUT => {
            let document: SecretDocument = read(body, &gateway.config.limits).await?;
            let summary = gateway
                .publisher
                .put_secret(name, document, etag::precondition(&head.headers)?)
                .await?;
            json_response(StatusCode::OK, &summary, Some(summary.revision))
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_secret(name, etag::precondition(&head.headers)?)
                .await?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}
