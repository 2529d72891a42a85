//! `/admin/v1/plugins`: uploads, their history, and the way back.

use hyper::{Method, Response, StatusCode, http::request::Parts};
use serde::Deserialize;
use serde_json::json;

use super::{
    Problem,
    api::{Answer, bytes, json_response, method_not_allowed},
    etag, status, upload_limits,
};
use crate::{
    body::{Body, Incoming},
    document,
    gateway::Gateway,
};

/// Answers a request to `path`, below `/admin/v1/plugins/`.
pub(super) async fn handle(gateway: &Gateway, head: &Parts, body: Incoming, path: &str) -> Answer {
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    match (rest, rest.split_once('/'), &head.method) {
        ("", _, _) => plugin(gateway, head, body, name).await,
        ("versions", _, &Method::GET) => versions(gateway, name).await,
        ("rollback", _, &Method::POST) => rollback(gateway, head, body, name).await,
        (_, Some(("versions", pin)), &Method::DELETE) if !pin.is_empty() => {
            gateway.publisher.delete_plugin_version(name, pin).await?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        ("versions" | "rollback", _, _) | (_, Some(("versions", _)), _) => {
            Err(method_not_allowed())
        }
        _ => Err(Problem::not_found(format!("a plugin has no `{rest}`"))),
    }
}

/// What an upload would find, keeping nothing.
pub(super) async fn inspect(gateway: &Gateway, body: Incoming) -> Answer {
    let component = bytes(body, &upload_limits(&gateway.config)).await?;
    let inspection = gateway.publisher.inspect_plugin(component).await?;
    json_response(StatusCode::OK, &inspection, None)
}

/// All of them.
pub(super) fn list(gateway: &Gateway) -> Answer {
    let plugins = gateway.publisher.list_plugins();
    json_response(StatusCode::OK, &json!({"plugins": plugins}), None)
}

async fn plugin(gateway: &Gateway, head: &Parts, body: Incoming, name: &str) -> Answer {
    match head.method {
        Method::GET => {
            let summary = gateway
                .publisher
                .read_plugin(name)
                .ok_or_else(|| unknown(name))?;
            json_response(StatusCode::OK, &summary, Some(summary.revision))
        }
        Method::PUT => {
            let component = bytes(body, &upload_limits(&gateway.config)).await?;
            let summary = gateway
                .publisher
                .put_plugin(name, component, etag::precondition(&head.headers)?)
                .await?;
            json_response(StatusCode::OK, &summary, Some(summary.revision))
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_plugin(name, etag::precondition(&head.headers)?)
                .await?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

async fn versions(gateway: &Gateway, name: &str) -> Result<Response<Body>, Problem> {
    let versions = gateway.publisher.plugin_versions(name).await?;
    let versions = versions.ok_or_else(|| unknown(name))?;
    json_response(StatusCode::OK, &json!({"versions": versions}), None)
}

/// The body of a rollback; nothing at all means the version before.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    #[serde(default)]
    to: Option<String>,
}

async fn rollback(gateway: &Gateway, head: &Parts, body: Incoming, name: &str) -> Answer {
    let body = bytes(body, &gateway.config.limits).await?;
    let wanted: Rollback = if body.trim_ascii().is_empty() {
        Rollback::default()
    } else {
        document::read(&body)?
    };
    let precondition = etag::precondition(&head.headers)?;
    let summary = gateway
        .publisher
        .rollback_plugin(name, wanted.to.as_deref(), precondition)
        .await?;
    json_response(StatusCode::OK, &summary, Some(summary.revision))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no plugin `{name}`"))
}
