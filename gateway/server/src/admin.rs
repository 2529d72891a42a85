//! The admin listener: native API, REST STS publish service, operations.

mod api;
mod authenticators;
mod etag;
mod explain;
mod keys;
mod metrics;
mod plugins;
mod problem;
mod realms;
mod secrets;
mod tokens;

use std::sync::Arc;

use cambist_core::Timestamp;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header, header::HeaderValue};

pub use problem::Problem;

use crate::{
    access_log::AccessLog,
    body::{Body, Incoming, taken},
    config::{Config, Limits},
    face::{rest, rest_publish, rest_sts::common_rest::Caller, rest_tokens, session},
    gateway::{Circumstances, Gateway, now},
    listener::{Connection, Handler},
    openapi, proxy,
    router::document,
    serve::plugin_limits,
};

/// Answers the admin listener's requests.
pub struct AdminHandler {
    gateway: Arc<Gateway>,
}

impl AdminHandler {
    /// A handler for this gateway.
    pub const fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    /// Whether the request carries the admin token as a bearer token.
    fn is_admin(&self, headers: &HeaderMap) -> bool {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        bearer.is_some_and(|token| self.gateway.admin_token.matches(token))
    }

    /// Who calls an endpoint of the REST STS. `PingAM` clients carry the admin token as they carry a session: in
    /// a header named like its cookie, or in that cookie.
    fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Caller {
        const SESSION: &str = "iPlanetDirectoryPro";
        let session = session::presented(headers, SESSION);
        if self.is_admin(headers)
            || session.is_some_and(|token| self.gateway.admin_token.matches(token.trim()))
        {
            Caller::Admin
        } else {
            self.gateway.user(headers, now)
        }
    }
}

fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// A path up to and with `mount`, and what stands behind it, without a leading slash.
fn behind<'p>(path: &'p str, mount: &str) -> (&'p str, &'p str) {
    let rest = path
        .split_once(mount)
        .map_or("", |(_, rest)| rest.trim_start_matches('/'));
    let mount = path.strip_suffix(rest).unwrap_or(path);
    (mount.trim_end_matches('/'), rest)
}

impl Handler for AdminHandler {
    async fn handle(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let request = taken(request);
        let Some(circumstances) = Circumstances::draw(Some(connection)) else {
            return status(StatusCode::SERVICE_UNAVAILABLE);
        };
        let path = request.uri().path().to_owned();
        let path = path.as_str();
        let bare = path.strip_prefix("/am").unwrap_or(path);
        match path {
            openapi::PATH => document::answer(Some(openapi::admin()), &request, "application/json"),
            "/livez" | "/readyz" | "/metrics" if !is_read(request.method()) => {
                status(StatusCode::METHOD_NOT_ALLOWED)
            }
            "/livez" => text("ok\n".to_owned()),
            "/readyz" => self.ready().await,
            "/metrics" => {
                let exchanges = self.gateway.audit.counters().render();
                let registry = self.gateway.published.load();
                let access_log = self.gateway.access_log.as_ref();
                text(
                    exchanges
                        + &metrics::plugins(&registry)
                        + &metrics::certificates(&self.gateway.terminators)
                        + &metrics::listeners(&self.gateway.doors)
                        + &proxy::render(&registry.routes, &self.gateway.unrouted)
                        + &access_log.map(AccessLog::render).unwrap_or_default(),
                )
            }
            _ if bare == "/sts-tokengen" || bare.starts_with("/sts-tokengen/") => {
                let (mount, rest) = behind(path, "/sts-tokengen");
                let caller = self.caller(request.headers(), circumstances.now);
                let limits = &self.gateway.config.limits;
                match rest::request(request, mount, rest, caller, limits).await {
                    Ok(request) => {
                        let (ledger, now) = (&self.gateway.ledger, circumstances.now);
                        rest::response(rest_tokens::handle(&request, ledger, now).await)
                    }
                    Err(refusal) => refusal,
                }
            }
            _ if bare == "/sts-publish/rest" || bare.starts_with("/sts-publish/rest/") => {
                let (mount, rest) = behind(path, "/sts-publish/rest");
                let caller = self.caller(request.headers(), circumstances.now);
                match rest::request(request, mount, rest, caller, &self.gateway.config.limits).await
                {
                    Ok(request) => rest::response(
                        rest_publish::handle(&request, &self.gateway.publisher).await,
                    ),
                    Err(refusal) => refusal,
                }
            }
            _ if path.starts_with("/admin/v1/") => {
                if !self.is_admin(request.headers()) {
                    return Problem::unauthorized().response(&circumstances.correlation);
                }
                let resource = path.trim_start_matches("/admin/v1/").to_owned();
                let correlation = circumstances.correlation;
                let answer = if resource == "explain" {
                    explain::handle(&self.gateway, request, circumstances).await
                } else {
                    api::handle(&self.gateway, request, &resource).await
                };
                answer.unwrap_or_else(|problem| problem.response(&correlation))
            }
            _ => Problem::not_found("nothing lives at this path")
                .response(&circumstances.correlation),
        }
    }
}

impl AdminHandler {
    /// Ready means that an exchange could be recorded and a publication stored.
    async fn ready(&self) -> Response<Body> {
        let mut wrong = Vec::new();
        if !self.gateway.audit.is_healthy() {
            wrong.push("the audit trail cannot be written".to_owned());
        }
        let Some(now) = now() else {
            return status(StatusCode::SERVICE_UNAVAILABLE);
        };
        if let Err(error) = self.gateway.publisher.store().canary_write(now).await {
            wrong.push(format!("the store refuses writes: {error}"));
        }
        if wrong.is_empty() {
            return text("ready\n".to_owned());
        }
        let mut response = text(wrong.join("\n") + "\n");
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

/// The limits of a plugin upload: a component is larger than a document.
fn upload_limits(config: &Config) -> Limits {
    let plugins = plugin_limits(config);
    Limits {
        body_bytes: plugins.component_bytes.max(plugins.heavy.component_bytes),
        ..config.limits.clone()
    }
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
