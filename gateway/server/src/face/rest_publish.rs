//! The REST STS publish service: instances created, read, replaced and deleted in that protocol's own terms.
//!
//! Whatever is published here is an ordinary instance document; only the form in which it is written and
//! read back differs.

mod document;
mod flat;
mod members;
mod secret;
mod state;

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::rest_sts::{
    OPENIDCONNECT, SAML2,
    common_rest::{
        Caller, Content, ContentType, RestError, RestRequest, RestResponse, if_match,
        refuse_conditions, render, shown,
    },
};
use crate::{
    authenticator,
    document::InstanceDocument,
    instance,
    publish_error::PublishError,
    publisher::{Precondition, PublishFailure, Publisher},
};
use state::InstanceState;

const STRUCTURED: &str = "invocation_context_client_sdk";
const FLAT: &str = "invocation_context_view_bean";

/// Answers one request to `/sts-publish/rest`.
pub async fn handle(request: &RestRequest, publisher: &Publisher) -> RestResponse {
    let outcome = match request.caller {
        Caller::Admin => answer(request, publisher).await,
        Caller::User => Err(RestError::not_an_administrator()),
        Caller::Anonymous => Err(RestError::access_denied()),
    };
    render(request, outcome)
}

async fn answer(request: &RestRequest, publisher: &Publisher) -> Result<Content, RestError> {
    let id = request.id();
    let method = request.effective_method();
    match (&method, id.is_empty()) {
        (&Method::POST, true) => match request.parameter("_action") {
            None | Some("create") => create(request, publisher).await,
            Some(_) => Err(forbidden()),
        },
        (&Method::POST, false) => match request.parameter("_action") {
            None | Some("create") => Err(RestError::bad_request(
                "Create instances at the collection, /sts-publish/rest.",
            )),
            Some(_) => Err(forbidden()),
        },
        (&Method::GET, _) if request.is_query() => Err(RestError::new(
            StatusCode::NOT_IMPLEMENTED,
            "Query is not supported; read the collection without one.",
        )),
        (&Method::GET, is_collection) => {
            refuse_conditions(&request.headers, false, |value| value != "*")?;
            if is_collection {
                list(publisher).await
            } else {
                read(&id, publisher).await
            }
        }
        (&Method::PUT, false) => replace(request, &id, publisher).await,
        (&Method::DELETE, false) => delete(request, &id, publisher).await,
        (&Method::PUT | &Method::DELETE, true) => {
            Err(RestError::bad_request("The path must name an instance."))
        }
        (&Method::PATCH, _) => Err(forbidden()),
        _ => Err(RestError::new(
            StatusCode::NOT_IMPLEMENTED,
            "The method is not supported.",
        )),
    }
}

fn forbidden() -> RestError {
    RestError::new(
        StatusCode::FORBIDDEN,
        "The functionality is not authorized for any user.",
    )
}

async fn create(request: &RestRequest, publisher: &Publisher) -> Result<Content, RestError> {
    refuse_conditions(&request.headers, false, |value| value == "*")?;
    let state = state(request)?;
    let (id, realm) = (state.deployment.id(), state.deployment.realm());
    if !publisher.has_realm(&realm).await.map_err(failed)? {
        return Err(RestError::new(
            StatusCode::NOT_FOUND,
            "The specified realm does not exist.",
        ));
    }
    let document = document::document(state, None, |id| publisher.has_authenticator(id))
        .map_err(|error| unmarshalled(&error))?;
    let published = publisher
        .put_instance(&id, document, Precondition::Absent)
        .await;
    let revision = published.map_err(|failure| match failure {
        PublishFailure::Exists => already_published(&id, None),
        // All else is checked before; what concerns the whole is another instance in the way.
        PublishFailure::Invalid(error) if error.path.is_empty() => {
            already_published(&id, Some(&error))
        }
        other => failed(other),
    })?;
    Ok(Content {
        status: StatusCode::CREATED,
        location: Some(format!("{}/{id}", request.mount)),
        members: object(json!({ "result": "success", "url_element": id })),
        ..resource(&id, revision.to_string())
    })
}

async fn replace(
    request: &RestRequest,
    id: &str,
    publisher: &Publisher,
) -> Result<Content, RestError> {
    refuse_conditions(&request.headers, true, |_| false)?;
    let precondition = if_match(&request.headers)?.map_or(Precondition::Present, Precondition::At);
    let state = state(request)?;
    let (previous, _) = stored(id, publisher)
        .await?
        .ok_or_else(|| no_instance_to_update(id))?;
    if state.deployment.id() != id {
        let error = PublishError::new(
            state::name::DEPLOYMENT,
            format!(
                "deploys `{}`, not the instance that the path names",
                state.deployment.id()
            ),
            "realm and url element cannot be changed; create another instance",
        );
        return Err(unmarshalled(&error));
    }
    let document = document::document(state, Some(&previous), |id| publisher.has_authenticator(id))
        .map_err(|error| unmarshalled(&error))?;
    let published = publisher.put_instance(id, document, precondition).await;
    let revision = published.map_err(|failure| match failure {
        PublishFailure::NotFound => no_instance_to_update(id),
        other => failed(other),
    })?;
    Ok(Content {
        members: object(json!({ "result": "success" })),
        ..resource(id, revision.to_string())
    })
}

async fn read(id: &str, publisher: &Publisher) -> Result<Content, RestError> {
    let not_found = || {
        let realm = instance::realm(id);
        let message = format!(
            "Error reading rest sts instance from SMS: no instance state in realm {} for {}",
            shown(&realm),
            shown(id)
        );
        RestError::new(StatusCode::NOT_FOUND, message)
    };
    let (document, revision) = stored(id, publisher).await?.ok_or_else(not_found)?;
    let state = document::stored_state(&document)
        .cloned()
        .ok_or_else(not_found)?;
    let members = Map::from_iter([(id.to_owned(), state)]);
    Ok(Content {
        members,
        ..resource(id, revision.to_string())
    })
}

async fn list(publisher: &Publisher) -> Result<Content, RestError> {
    let instances = publisher.list_instances().await.map_err(failed)?;
    let with_face = instances
        .into_iter()
        .filter(|(_, document, _)| document.rest_sts.is_some());
    let entry = |(id, ..): (String, InstanceDocument, u64)| {
        let realm = instance::realm(&id);
        (
            id,
            json!({ "deployment-config": { "deployment-realm": realm } }),
        )
    };
    Ok(Content {
        members: with_face.map(entry).collect(),
        ..resource("published_instances", String::new())
    })
}

async fn delete(
    request: &RestRequest,
    id: &str,
    publisher: &Publisher,
) -> Result<Content, RestError> {
    refuse_conditions(&request.headers, true, |_| false)?;
    let precondition = if_match(&request.headers)?.map_or(Precondition::Present, Precondition::At);
    let realm = instance::realm(id);
    let not_found = || {
        let message = format!(
            "A rest sts instance with id {} in realm {} not found.",
            shown(id),
            shown(&realm)
        );
        RestError::new(StatusCode::NOT_FOUND, message)
    };
    stored(id, publisher).await?.ok_or_else(not_found)?;
    publisher
        .delete_instance(id, precondition)
        .await
        .map_err(|failure| match failure {
            PublishFailure::NotFound => not_found(),
            other => failed(other),
        })?;
    let realm = realm
        .strip_prefix('/')
        .filter(|realm| !realm.is_empty())
        .unwrap_or("/");
    let result = format!("rest sts instance {id} successfully removed from realm {realm}");
    Ok(Content {
        members: object(json!({ "result": result })),
        ..resource(id, id.to_owned())
    })
}

/// The document of an instance with this face. One that was published another way says more than this
/// protocol can, so it is not read or changed here.
async fn stored(
    id: &str,
    publisher: &Publisher,
) -> Result<Option<(InstanceDocument, u64)>, RestError> {
    let found = publisher.read_instance(id).await.map_err(failed)?;
    match found {
        Some((document, _))
            if document.rest_sts.is_some() && document::stored_state(&document).is_none() =>
        {
            let message = format!(
                "The instance {} was published or last changed through /admin/v1/instances; manage it there.",
                shown(id)
            );
            Err(RestError::new(StatusCode::CONFLICT, message))
        }
        found => Ok(found.filter(|(document, _)| document.rest_sts.is_some())),
    }
}

/// Takes a kept state out of a document that is no longer what the state describes: what this service showed
/// would not be true.
pub(crate) fn forget_stale_state(document: &mut InstanceDocument) {
    let Some(state) = document::stored_state(document) else {
        return;
    };
    let described = InstanceState::read(state)
        .and_then(|state| {
            document::document(state, Some(document), |id| {
                names_authenticator(document, id)
            })
        })
        .is_ok_and(|described| described == *document);
    if let Some(rest) = document.rest_sts.as_mut().filter(|_| !described) {
        rest.instance_state = None;
    }
}

/// Whether a validator of `document` leaves the checking to the authenticator `id`.
fn names_authenticator(document: &InstanceDocument, id: &str) -> bool {
    let (_, wanted) = authenticator::split(id);
    document.validators.values().any(|part| {
        let named = part.settings.get("authenticator").and_then(Value::as_str);
        named == Some(wanted)
    })
}

/// The state in a create or update body, in either encoding.
fn state(request: &RestRequest) -> Result<InstanceState, RestError> {
    let body = request.json(ContentType::Required)?;
    let context = body.get("invocation_context").and_then(Value::as_str);
    let sent = body.get("instance_state");
    let is_flat = match context {
        Some(STRUCTURED) => false,
        Some(FLAT) => true,
        _ => {
            return Err(RestError::bad_request(format!(
                "The top-level json object must contain a key named invocation_context with value {STRUCTURED} or {FLAT}."
            )));
        }
    };
    let missing = || {
        PublishError::new(
            "instance_state",
            "is missing",
            "describe the instance to publish",
        )
    };
    let sent = sent.ok_or_else(|| unmarshalled(&missing()))?;
    let read = if is_flat {
        flat::structured(sent).and_then(|structured| InstanceState::read(&structured))
    } else {
        InstanceState::read(sent)
    };
    read.map_err(|error| unmarshalled(&error))
}

fn unmarshalled(error: &PublishError) -> RestError {
    RestError::bad_request(format!(
        "Exception caught marshalling RestSTSInstanceConfig from json: {error}"
    ))
}

fn no_instance_to_update(id: &str) -> RestError {
    let realm = instance::realm(id);
    let message = format!(
        "No rest sts instance with id {} in realm {}",
        shown(id),
        shown(&realm)
    );
    RestError::new(StatusCode::NOT_FOUND, message)
}

fn already_published(id: &str, error: Option<&PublishError>) -> RestError {
    let message = format!("A rest-sts instance at sub-path {id} has already been published.");
    RestError {
        status: StatusCode::CONFLICT,
        message,
        detail: error.map(|error| error.reason.clone()),
        retry_after: None,
    }
}

fn failed(failure: PublishFailure) -> RestError {
    match failure {
        PublishFailure::Changed => RestError::new(
            StatusCode::PRECONDITION_FAILED,
            "The instance has another revision than If-Match names.",
        ),
        PublishFailure::Exists
        | PublishFailure::InUse(_)
        | PublishFailure::VersionTaken { .. }
        | PublishFailure::Waiting { .. } => {
            RestError::new(StatusCode::CONFLICT, failure.to_string())
        }
        PublishFailure::Invalid(error) => {
            let operation = custom_operation(&error.path);
            let error = document::in_state(error);
            if let Some(operation) = operation {
                let message = format!(
                    "Custom token {operation} instantiation failed. Correct class name, or expose in classpath, and \
                     republish sts instance: {error}"
                );
                return RestError::new(StatusCode::CONFLICT, message);
            }
            unmarshalled(&error)
        }
        PublishFailure::NotFound => RestError::new(StatusCode::NOT_FOUND, failure.to_string()),
        PublishFailure::Overloaded(_) => RestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too much work is waiting; try again later.",
        ),
        PublishFailure::Plugin(_) => RestError::new(StatusCode::CONFLICT, failure.to_string()),
        PublishFailure::Store(reason) => {
            tracing::error!(%reason, "the store failed under a REST STS publication");
            RestError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The configuration store failed; nothing has changed.",
            )
        }
    }
}

/// What kind of custom operation the plugin at this path of a document is for, if it is for one.
fn custom_operation(path: &str) -> Option<&'static str> {
    let (table, rest) = path.split_once('.')?;
    let (name, _) = rest.rsplit_once(".plugin")?;
    match table {
        "validators" => Some("validator"),
        // Parts of builtin providers are mappers, which the contract calls by their members.
        "providers" if !matches!(name.split('.').next(), Some(OPENIDCONNECT | SAML2)) => {
            Some("provider")
        }
        _ => None,
    }
}

fn resource(id: &str, revision: String) -> Content {
    Content {
        id: Some(id.to_owned()),
        revision: Some(revision),
        ..Content::default()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
