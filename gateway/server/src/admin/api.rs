//! `/admin/v1`: instances, plugins, secrets, routes, issuers, users, keys.

use cambist_token::{IssuerConfig, issuer::preset::expand};
use hyper::{
    Method, Request, Response, StatusCode, header, header::HeaderValue, http::request::Parts,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Problem, authenticators, etag, keys, plugins, realms, secrets, tokens};
use crate::{
    body::{self, Body, Incoming},
    config::Limits,
    directory::UserError,
    document::{self, InstanceDocument},
    gateway::Gateway,
    publish_error::PublishError,
    store::StoreError,
};

pub(super) type Answer = Result<Response<Body>, Problem>;

/// Answers a request to `resource`, the path below `/admin/v1/`.
pub(super) async fn handle(
    gateway: &Gateway,
    request: Request<Incoming>,
    resource: &str,
) -> Answer {
    let (collection, name) = resource.split_once('/').unwrap_or((resource, ""));
    let (head, body) = request.into_parts();
    match (collection, name) {
        ("instances", id) => instance(gateway, &head, body, id).await,
        ("plugins", "") if head.method == Method::GET => plugins::list(gateway),
        ("plugins", path) if !path.is_empty() => plugins::handle(gateway, &head, body, path).await,
        ("plugins:inspect", "") if head.method == Method::POST => {
            plugins::inspect(gateway, body).await
        }
        ("secrets", "") if head.method == Method::GET => secrets::list(gateway),
        ("secrets", name) if !name.is_empty() => secrets::handle(gateway, &head, body, name).await,
        ("realms", "") if head.method == Method::GET => realms::list(gateway),
        ("realms", path) if !path.is_empty() => realms::handle(gateway, &head, body, path).await,
        ("routes", "") if head.method == Method::GET => {
            let registry = gateway.published.load();
            let names: Vec<&String> = registry.routes.keys().collect();
            json_response(StatusCode::OK, &json!({"routes": names}), None)
        }
        ("routes", name) if !name.is_empty() => route(gateway, &head, body, name).await,
        ("issuers", "") if head.method == Method::GET => {
            let registry = gateway.published.load();
            let mut names: Vec<&String> = registry.issuers.keys().collect();
            names.sort();
            json_response(StatusCode::OK, &json!({"issuers": names}), None)
        }
        ("issuers", name) if !name.is_empty() => issuer(gateway, &head, body, name).await,
        ("tokens" | "tokens:revoke" | "cut-offs", name) => {
            tokens::handle(gateway, &head, body, collection, name).await
        }
        ("authenticators" | "sessions", name) => {
            authenticators::handle(gateway, &head, body, collection, name).await
        }
        ("users", "") if head.method == Method::POST => add_user(gateway, body).await,
        ("keys" | "keys:rotate" | "keys:revoke", "") => {
            keys::handle(gateway, &head, body, collection).await
        }
        (
            "plugins" | "plugins:inspect" | "secrets" | "realms" | "routes" | "issuers" | "keys"
            | "users",
            _,
        ) => Err(method_not_allowed()),
        _ => Err(Problem::not_found(format!(
            "there is no collection `{collection}`"
        ))),
    }
}

async fn instances(gateway: &Gateway, head: &Parts) -> Answer {
    if head.method != Method::GET {
        return Err(method_not_allowed());
    }
    let listed: Vec<Value> = gateway
        .publisher
        .list_instances()
        .await?
        .into_iter()
        .map(|(id, document, revision)| json!({"id": id, "revision": revision, "description": document.description}))
        .collect();
    json_response(StatusCode::OK, &json!({"instances": listed}), None)
}

async fn instance(gateway: &Gateway, head: &Parts, body: Incoming, id: &str) -> Answer {
    if id.is_empty() {
        return instances(gateway, head).await;
    }
    match head.method {
        Method::GET => {
            let found = gateway.publisher.read_instance(id).await?;
            let (document, revision) = found
                .ok_or_else(|| Problem::not_found(format!("no instance `{id}` is published")))?;
            json_response(StatusCode::OK, &document.redacted(), Some(revision))
        }
        Method::PUT => {
            let document: InstanceDocument = read(body, &gateway.config.limits).await?;
            let is_new = gateway.published.load().instance(id).is_none();
            let revision = gateway
                .publisher
                .put_instance(id, document, etag::precondition(&head.headers)?)
                .await?;
            let issuer = format!("{}/oauth2/{id}", gateway.base_url);
            let status = if is_new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let mut answer = json!({"id": id, "revision": revision, "issuer": issuer, "token_endpoint": format!("{issuer}/token")});
            // What others' metadata said, as it was understood.
            if let Some(published) = gateway.published.load().instance(id)
                && !published.imported.is_empty()
                && let Some(answer) = answer.as_object_mut()
            {
                answer.insert("saml_metadata".to_owned(), json!(published.imported));
            }
            json_response(status, &answer, Some(revision))
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_instance(id, etag::precondition(&head.headers)?)
                .await?;
            Ok(super::status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

async fn route(gateway: &Gateway, head: &Parts, body: Incoming, name: &str) -> Answer {
    match head.method {
        Method::GET => {
            let found = gateway.publisher.read_route(name).await?;
            let (document, revision) =
                found.ok_or_else(|| Problem::not_found(format!("no route `{name}`")))?;
            json_response(StatusCode::OK, &document, Some(revision))
        }
        Method::PUT => {
            let document = read(body, &gateway.config.limits).await?;
            let revision = gateway
                .publisher
                .put_route(name, document, etag::precondition(&head.headers)?)
                .await?;
            json_response(
                StatusCode::OK,
                &json!({"name": name, "revision": revision}),
                Some(revision),
            )
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_route(name, etag::precondition(&head.headers)?)
                .await?;
            Ok(super::status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

async fn issuer(gateway: &Gateway, head: &Parts, body: Incoming, name: &str) -> Answer {
    match head.method {
        Method::GET => {
            let found = gateway.publisher.read_issuer(name).await?;
            let (config, revision) = found
                .ok_or_else(|| Problem::not_found(format!("no issuer `{name}` is registered")))?;
            json_response(StatusCode::OK, &config, Some(revision))
        }
        Method::PUT => {
            let config = issuer_config(read(body, &gateway.config.limits).await?)?;
            let revision = gateway
                .publisher
                .put_issuer(name, config, etag::precondition(&head.headers)?)
                .await?;
            json_response(
                StatusCode::OK,
                &json!({"name": name, "revision": revision}),
                Some(revision),
            )
        }
        Method::DELETE => {
            gateway
                .publisher
                .delete_issuer(name, etag::precondition(&head.headers)?)
                .await?;
            Ok(super::status(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    #[serde(default = "root_realm")]
    realm: String,
    username: String,
    password: String,
    #[serde(default)]
    attributes: Map<String, Value>,
}

fn root_realm() -> String {
    "/".to_owned()
}

async fn add_user(gateway: &Gateway, body: Incoming) -> Answer {
    let new: NewUser = read(body, &gateway.config.limits).await?;
    let password = zeroize::Zeroizing::new(new.password);
    let added = gateway
        .users
        .add(&new.realm, &new.username, &password, new.attributes)
        .await;
    added.map_err(|error| {
        let status = if matches!(error, UserError::Store(StoreError::Exists { .. })) {
            StatusCode::CONFLICT
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        Problem::new(
            status,
            "invalid_user",
            error.to_string(),
            "see `cambist user add --help` for what is accepted",
        )
    })?;
    json_response(
        StatusCode::CREATED,
        &json!({"realm": new.realm, "username": new.username}),
        None,
    )
}

/// A registration with what its preset fills in.
fn issuer_config(members: Map<String, Value>) -> Result<IssuerConfig, Problem> {
    let members = expand(members)
        .map_err(|error| PublishError::new(error.member, error.reason, error.hint))?;
    let text = Value::Object(members).to_string();
    Ok(document::read(text.as_bytes())?)
}

pub(super) async fn read<T: serde::de::DeserializeOwned>(
    body: Incoming,
    limits: &Limits,
) -> Result<T, Problem> {
    let bytes = bytes(body, limits).await?;
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            error.to_string(),
            "send one JSON object",
        ));
    }
    Ok(document::read(&bytes)?)
}

pub(super) async fn bytes(body: Incoming, limits: &Limits) -> Result<bytes::Bytes, Problem> {
    body::read(body, limits)
        .await
        .map_err(|unread| match unread {
            body::Unread::TooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the body is larger than {} bytes", limits.body_bytes),
                "see limits.body_bytes and limits.plugin_bytes in `cambist config explain`",
            ),
            body::Unread::Broken => Problem::new(
                StatusCode::BAD_REQUEST,
                "broken_body",
                "the body could not be read",
                "send it again",
            ),
        })
}

pub(super) fn json_response<T: Serialize>(
    status: StatusCode,
    body: &T,
    revision: Option<u64>,
) -> Answer {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
            "see the log",
        )
    })?;
    let mut response = Response::new(Body::full(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(revision) = revision {
        headers.insert(header::ETAG, etag::etag(revision));
    }
    Ok(response)
}

pub(super) fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this method is not offered here",
        "use GET, PUT or DELETE; POST to roll a plugin back, to inspect one, or to add a user",
    )
}
