//! The public listener: which path belongs to which face. The published state is loaded here, once.

pub mod document;

use std::sync::Arc;

use cambist_core::{ExchangeError, ExchangeRequest, Exchanged, Mark, Presented, Timestamp};
use cambist_token::PasswordDirectory;
use hyper::{Request, Response, StatusCode, header};

use crate::{
    audit::Event,
    authenticator,
    body::{self, Body, Incoming},
    dpop::Dpop,
    face::{
        oauth::{self, protected_resource, refusal::Refusal},
        rest,
        rest_sts::{self, common_rest::Caller},
        session::{self, SessionFace, SessionTarget},
    },
    gateway::{Circumstances, Gateway},
    instance::SharedInstance,
    listener::{Connection, Handler},
    openapi,
    proxy::{self, Asked, Route, RouteExchange, Upstreams},
    registry::Registry,
};

/// Answers the public listener's requests on one core.
pub struct PublicHandler {
    gateway: Arc<Gateway>,
    upstreams: Upstreams,
}

impl PublicHandler {
    /// A handler with upstream connections of its own.
    pub fn new(gateway: Arc<Gateway>, tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            gateway,
            upstreams: Upstreams::new(tls),
        }
    }
}

/// Endpoints that take a form from a client.
#[derive(Clone, Copy)]
enum Endpoint {
    Token,
    Introspection,
    Revocation,
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Target<'p> {
    Token(&'p str),
    Introspection(&'p str),
    Revocation(&'p str),
    Jwks(&'p str),
    Metadata(&'p str),
    RestSts(&'p str),
    SamlMetadata(&'p str),
    Proxy,
}

fn target(path: &str) -> Target<'_> {
    const METADATA: &str = "/.well-known/oauth-authorization-server/oauth2/";
    const OPENID: &str = "/.well-known/openid-configuration/oauth2/";
    if let Some(rest) = path.strip_prefix("/oauth2/") {
        if let Some(id) = rest.strip_suffix("/token") {
            return Target::Token(id);
        }
        if let Some(id) = rest.strip_suffix("/introspect") {
            return Target::Introspection(id);
        }
        if let Some(id) = rest.strip_suffix("/revoke") {
            return Target::Revocation(id);
        }
        if let Some(id) = rest.strip_suffix("/jwks") {
            return Target::Jwks(id);
        }
        if let Some(id) = rest.strip_suffix("/saml2/metadata") {
            return Target::SamlMetadata(id);
        }
        let document = rest.strip_suffix("/.well-known/openid-configuration");
        return Target::Metadata(document.unwrap_or(""));
    }
    if let Some(id) = path
        .strip_prefix(METADATA)
        .or_else(|| path.strip_prefix(OPENID))
    {
        return Target::Metadata(id);
    }
    let rest_sts = path
        .strip_prefix("/rest-sts/")
        .or_else(|| path.strip_prefix("/am/rest-sts/"));
    rest_sts.map_or(Target::Proxy, Target::RestSts)
}

impl Handler for PublicHandler {
    async fn handle(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let Some(circumstances) = Circumstances::draw(Some(connection)) else {
            return plain(StatusCode::SERVICE_UNAVAILABLE);
        };
        let registry = self.gateway.published.load();
        let path = request.uri().path();
        let own = connection.roles.sts && self.gateway.config.sessions.enabled;
        if let Some(target) = own.then(|| SessionTarget::of(path)).flatten() {
            drop(registry);
            let request = body::taken(request);
            return Box::pin(self.session(request, &target, circumstances)).await;
        }
        let target = if connection.roles.sts {
            target(path)
        } else {
            Target::Proxy
        };
        match target {
            Target::Proxy if is_description(request, connection, &registry) => document::answer(
                Some(self.gateway.description()),
                request,
                "application/json",
            ),
            Target::Proxy if !connection.roles.proxy => plain(StatusCode::NOT_FOUND),
            Target::Proxy if path.starts_with(protected_resource::WELL_KNOWN) => {
                let rest = path
                    .strip_prefix(protected_resource::WELL_KNOWN)
                    .unwrap_or_default();
                let base_url = &self.gateway.base_url;
                let found = protected_resource::document(&registry, base_url, asked(request), rest);
                document::answer(found, request, "application/json")
            }
            Target::Proxy => {
                let registry = Arc::clone(&registry);
                self.proxy(request, connection, registry, circumstances)
                    .await
            }
            Target::Token(id) | Target::Introspection(id) | Target::Revocation(id) => {
                let endpoint = match target {
                    Target::Introspection(_) => Endpoint::Introspection,
                    Target::Revocation(_) => Endpoint::Revocation,
                    _ => Endpoint::Token,
                };
                let instance = registry.instance(id).cloned();
                drop(registry);
                let request = body::taken(request);
                Box::pin(self.oauth(endpoint, request, instance, circumstances)).await
            }
            Target::Jwks(id) => document::answer(
                registry.instance(id).map(|i| i.jwks(circumstances.now)),
                request,
                "application/jwk-set+json",
            ),
            Target::Metadata(id) => document::answer(
                registry.instance(id).map(|i| i.metadata.clone()),
                request,
                "application/json",
            ),
            Target::SamlMetadata(id) => document::answer(
                registry
                    .instance(id)
                    .and_then(|i| i.saml_metadata.as_ref()?.document()),
                request,
                "application/samlmetadata+xml",
            ),
            Target::RestSts(id) => {
                let instance = registry.instance(id).cloned();
                let (id, mount) = (
                    id.to_owned(),
                    path.strip_suffix(id)
                        .unwrap_or_default()
                        .trim_end_matches('/')
                        .to_owned(),
                );
                drop(registry);
                let request = body::taken(request);
                Box::pin(self.rest_sts(request, &mount, &id, instance, circumstances)).await
            }
        }
    }
}

/// Whether the request asks what this listener offers. A route that takes the path comes first.
fn is_description(
    request: &Request<Incoming>,
    connection: &Connection,
    registry: &Registry,
) -> bool {
    let is_taken = || connection.roles.proxy && registry.route_table.find(asked(request)).is_some();
    connection.roles.sts && request.uri().path() == openapi::PATH && !is_taken()
}

impl PublicHandler {
    async fn oauth(
        &self,
        endpoint: Endpoint,
        request: Request<Incoming>,
        instance: Option<SharedInstance>,
        circumstances: Circumstances,
    ) -> Response<Body> {
        let correlation = &circumstances.correlation;
        let Some(instance) = instance else {
            return Refusal::UnknownInstance.response(correlation, None);
        };
        let (head, body) = request.into_parts();
        match body::read(body, &self.gateway.config.limits).await {
            Ok(bytes) => {
                let (gateway, method, headers) = (&self.gateway, &head.method, &head.headers);
                match endpoint {
                    Endpoint::Token => {
                        oauth::token::handle(
                            gateway,
                            &instance,
                            method,
                            headers,
                            &bytes,
                            &circumstances,
                        )
                        .await
                    }
                    Endpoint::Introspection => {
                        oauth::introspect::handle(
                            gateway,
                            &instance,
                            method,
                            headers,
                            &bytes,
                            &circumstances,
                        )
                        .await
                    }
                    Endpoint::Revocation => {
                        oauth::revoke::handle(
                            gateway,
                            &instance,
                            method,
                            headers,
                            &bytes,
                            &circumstances,
                        )
                        .await
                    }
                }
            }
            Err(body::Unread::TooLarge) => Refusal::TooLarge.response(correlation, None),
            Err(body::Unread::Broken) => {
                Refusal::InvalidRequest("the body could not be read").response(correlation, None)
            }
        }
    }

    async fn rest_sts(
        &self,
        request: Request<Incoming>,
        mount: &str,
        id: &str,
        instance: Option<SharedInstance>,
        circumstances: Circumstances,
    ) -> Response<Body> {
        let caller = self.gateway.user(request.headers(), circumstances.now);
        let request =
            match rest::request(request, mount, id, caller, &self.gateway.config.limits).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            };
        let Some((instance, face)) = instance.as_ref().and_then(|i| Some((i, i.rest.as_ref()?)))
        else {
            let nowhere = circumstances.call("");
            return rest::response(rest_sts::answer(&request, None, &nowhere, None).await.0);
        };
        let call = circumstances.call(&instance.id);
        let peer = circumstances.peer.map(|peer| peer.ip());
        let (answer, outcome) =
            rest_sts::answer(&request, Some((&instance.engine, face)), &call, peer).await;
        let response = rest::response(answer);
        let Some(outcome) = outcome else {
            return response;
        };
        let mut event = Event::new("rest-sts", instance, &circumstances);
        record(&mut event, &outcome);
        if self.gateway.audit.record(event).is_err() && response.status().is_success() {
            return rest::unavailable(&request);
        }
        response
    }

    async fn session(
        &self,
        request: Request<Incoming>,
        target: &SessionTarget,
        circumstances: Circumstances,
    ) -> Response<Body> {
        let gateway = &self.gateway;
        let limits = &gateway.config.limits;
        let request = match rest::request(request, "/json", "", Caller::Anonymous, limits).await {
            Ok(request) => request,
            Err(refusal) => return refusal,
        };
        let face = SessionFace {
            sessions: &gateway.sessions,
            directory: &|realm, service| {
                let named = service.unwrap_or(authenticator::DEFAULT);
                let found = gateway.published.load().passwords(realm, named);
                let users: Arc<dyn PasswordDirectory> = gateway.users.clone();
                found.or_else(|| service.is_none().then_some(users))
            },
            address: circumstances.peer.map(|peer| peer.ip()),
            key: &gateway.sign_in_key,
            cookie: &gateway.config.sessions.cookie,
            base_url: &gateway.base_url,
        };
        let answer = session::answer(&request, target, &face, circumstances.now).await;
        rest::response(answer)
    }

    async fn proxy(
        &self,
        request: &mut Request<Incoming>,
        connection: &Connection,
        registry: Arc<Registry>,
        circumstances: Circumstances,
    ) -> Response<Body> {
        let caller = proxy::Caller {
            address: connection.client,
            address_text: &connection.client_text,
            is_secure: connection.is_secure,
            certificates: circumstances.certificates.as_deref().unwrap_or_default(),
            correlation: &circumstances.correlation,
            access: self.gateway.access_log.as_ref(),
        };
        let Some(route) = registry.route_table.find(asked(request)) else {
            return proxy::unrouted(request, caller, &self.gateway.unrouted);
        };
        let instance = match route.instance() {
            None => None,
            Some(id) => match registry.instance(id) {
                None => return plain(StatusCode::NOT_FOUND),
                found => found,
            },
        };
        let exchange = Exchange {
            gateway: &self.gateway,
            instance,
            circumstances: &circumstances,
        };
        proxy::forward(request, caller, route, &exchange, &self.upstreams).await
    }
}

/// The engine as a route sees it.
struct Exchange<'a> {
    gateway: &'a Gateway,
    /// None for a route that exchanges nothing.
    instance: Option<&'a SharedInstance>,
    circumstances: &'a Circumstances,
}

impl RouteExchange for Exchange<'_> {
    async fn exchange(
        &self,
        route: &Route,
        subject: Presented,
        actor: Option<Presented>,
        key: Option<&str>,
    ) -> Result<Exchanged, ExchangeError> {
        let (Some(instance), Some(client), Some(audience)) =
            (self.instance, route.client(), route.audience())
        else {
            let fault = cambist_core::Fault::Internal("the route exchanges nothing".to_owned());
            return Err(cambist_core::IssueError::Fault(fault).into());
        };
        let request = ExchangeRequest {
            client,
            subject,
            actor,
            requested_token_type: route.issue().cloned(),
            audiences: vec![audience.to_owned()],
            resources: Vec::new(),
            scope: None,
            nonce: None,
            wanted_confirmation: None,
            described: None,
        };
        let mut call = self.circumstances.call(&instance.id);
        call.proofs.dpop_thumbprint = key;
        let outcome = cambist_core::exchange(&instance.engine, &request, &call).await;
        let mut event = Event::new("proxy", instance, self.circumstances);
        event.client(&client.id);
        event.asked(&request);
        record(&mut event, &outcome);
        if self.gateway.audit.record(event).is_err() {
            let fault = cambist_core::Fault::Unavailable("the audit trail".to_owned());
            return Err(cambist_core::IssueError::Fault(fault).into());
        }
        outcome
    }

    fn dpop(&self) -> &Dpop {
        &self.gateway.dpop
    }

    fn now(&self) -> Timestamp {
        self.circumstances.now
    }

    fn instance_revision(&self) -> u64 {
        self.instance.map_or(0, |instance| instance.revision)
    }

    fn epoch(&self) -> u64 {
        self.gateway.ledger.epoch()
    }

    fn stand(&self, marks: &[Arc<Mark>]) -> bool {
        self.instance.is_some_and(|instance| {
            marks
                .iter()
                .all(|mark| self.gateway.ledger.stands(mark, &instance.id))
        })
    }
}

fn record(event: &mut Event, outcome: &Result<Exchanged, ExchangeError>) {
    match outcome {
        Ok(exchanged) => event.issued(exchanged),
        Err(error) => event.refused(Refusal::from(error).code(), Some(error.to_string())),
    }
}

/// What the table of routes is asked about a request.
fn asked(request: &Request<Incoming>) -> Asked<'_> {
    let authority = request
        .uri()
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    let host = authority
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok())
        .unwrap_or_default();
    Asked {
        host,
        path: request.uri().path(),
        method: request.method(),
        headers: request.headers(),
    }
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
