//! `POST /admin/v1/explain`: why an exchange ends as it does.

use std::sync::Arc;

use hyper::{Method, Request, StatusCode};

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
};
use crate::{
    body::Incoming,
    explain::{Asked, Question, explain},
    gateway::{Circumstances, Gateway},
    publish_error::PublishError,
    registry::Registry,
};

/// Answers one question.
pub(super) async fn handle(
    gateway: &Gateway,
    request: Request<Incoming>,
    circumstances: Circumstances,
) -> Answer {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(method_not_allowed());
    }
    let question: Question = read(body, &gateway.config.limits).await?;
    let registry = Arc::clone(&gateway.published.load());
    let asked = asked(&registry, &question)?;
    let (explanation, event) = explain(gateway, &asked, question, circumstances).await?;
    // Whoever looked at a token is known to have done so.
    gateway.audit.record(event).map_err(|error| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            error.to_string(),
            "see the log",
        )
    })?;
    json_response(StatusCode::OK, &explanation, None)
}

fn asked<'a>(registry: &'a Registry, question: &Question) -> Result<Asked<'a>, Problem> {
    let (id, route) = match (&question.instance, &question.route) {
        (Some(id), None) => (id.as_str(), None),
        (None, Some(name)) => {
            let route = registry
                .routes
                .get(name)
                .ok_or_else(|| Problem::not_found(format!("no route `{name}`")))?;
            let id = route.instance().ok_or_else(|| {
                PublishError::new(
                    "route",
                    format!("`{name}` exchanges nothing"),
                    "name a route with an `exchange`",
                )
            })?;
            (id, Some(&**route))
        }
        _ => {
            return Err(PublishError::new(
                "instance",
                "is missing, or stands beside `route`",
                "name an instance or a route",
            )
            .into());
        }
    };
    let instance = registry
        .instance(id)
        .ok_or_else(|| Problem::not_found(format!("no instance `{id}` is published")))?;
    Ok(Asked {
        registry,
        instance,
        route,
    })
}
