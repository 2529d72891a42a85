//! The reverse proxy: takes the client's token out of a request, puts the exchanged one in, and streams
//! both ways. [`forward`] is the order of its phases.

mod cache;
mod credential;
mod headers;
mod hygiene;
mod refusal;
mod route;
mod table;
mod upstream;

use std::sync::Arc;

use cambist_core::{ExchangeError, Exchanged, Mark, Presented, Timestamp, Token, Usage};
use hyper::{
    Request, Response, Version, body::Incoming, header::HeaderValue, http::request::Parts,
};
use tokio::time::timeout;

use self::{
    cache::{Authorization, Basis, Key},
    credential::{Credential, LONGEST_TOKEN, is_token68},
    headers::Said,
    hygiene::Malformed,
    refusal::Refusal,
    upstream::Limits,
};
pub use self::{
    route::{Route, RouteDocument},
    table::RouteTable,
    upstream::{ResponseStream, Upstreams},
};
use crate::{body::Body, listener::Connection};

/// What the proxy asks of the engine. One of these holds one published instance for one request, so that
/// revision and exchange belong together (AB-26).
pub trait RouteExchange: Sync {
    /// Exchanges a subject token under the route's own policy, for the route's audience.
    fn exchange(
        &self,
        route: &Route,
        subject: Presented,
    ) -> impl Future<Output = Result<Exchanged, ExchangeError>> + Send;

    /// When the request is judged.
    fn now(&self) -> Timestamp;

    /// Changes whenever the instance is published anew: exchanges made before are not served after.
    fn instance_revision(&self) -> u64;

    /// Changes whenever something is revoked.
    fn epoch(&self) -> u64;

    /// Whether nothing that these marks stand for was revoked.
    fn stand(&self, marks: &[Mark]) -> bool;
}

/// Forwards one request. The token that came in never goes out: without an exchanged one, the request
/// ends here (AB-21).
pub async fn forward(
    request: Request<Incoming>,
    connection: &Connection,
    route: &Arc<Route>,
    exchange: &impl RouteExchange,
    upstreams: &Upstreams,
    correlation: &str,
) -> Response<Body> {
    match try_forward(request, connection, route, exchange, upstreams).await {
        Ok(response) => response,
        Err(refusal) => {
            refusal.log(route.name(), correlation);
            refusal.into_response(route.name(), correlation)
        }
    }
}

async fn try_forward(
    request: Request<Incoming>,
    connection: &Connection,
    route: &Route,
    exchange: &impl RouteExchange,
    upstreams: &Upstreams,
) -> Result<Response<Body>, Refusal> {
    let (mut parts, body) = request.into_parts();
    hygiene::check(&parts)?;
    let credential = Credential::take(&mut parts.headers)?;
    let authorization = authorize(&credential, route, exchange).await?;
    let request = rewrite(
        parts,
        route,
        Said {
            host: &route.origin.authority,
            authorization,
            client: connection.client,
            is_secure: connection.is_secure,
        },
    )?;
    let limits = Limits {
        head: route.timeout,
        idle: route.idle,
    };
    let response = upstreams
        .send(request.map(|()| body), &route.origin, limits)
        .await?;
    Ok(answer(response))
}

/// The header for the upstream, from the cache if it is there.
async fn authorize(
    credential: &Credential,
    route: &Route,
    exchange: &impl RouteExchange,
) -> Result<HeaderValue, Refusal> {
    let now = exchange.now();
    let key = Key::new(
        exchange.instance_revision(),
        &route.subject_token_type,
        credential.token(),
    );
    if let Some(known) = route.cache.find(&key, now) {
        if known.basis.stands(exchange) {
            return Ok(known.value);
        }
        route.cache.remove(&key);
    }
    // Before the exchange: what is revoked meanwhile is noticed when the token is next used.
    let epoch = exchange.epoch();
    let subject = || Presented {
        token: Token::new(credential.token()),
        token_type: route.subject_token_type.clone(),
    };
    let exchanged = async {
        let exchanged = exchange.exchange(route, subject()).await?;
        let basis = Basis::new(Arc::clone(&exchanged.marks), epoch);
        to_authorization(exchanged, basis)
    };
    // The time spent waiting for another request's exchange counts as well.
    timeout(
        route.timeout,
        route.cache.find_or_exchange(&key, now, exchanged),
    )
    .await
    .unwrap_or(Err(Refusal::ExchangeTooSlow))
}

/// RFC 6750 §2.1, for the upstream's sake as strictly as for ours.
fn to_authorization(exchanged: Exchanged, basis: Basis) -> Result<Authorization, Refusal> {
    let issued = exchanged.issued;
    if exchanged.confirmation.is_some() {
        return Err(Refusal::NotBearer("it is bound to a key of somebody else"));
    }
    if issued.usage != Usage::Bearer {
        return Err(Refusal::NotBearer("it is not an access token"));
    }
    let token = issued.token.as_bytes();
    if token.len() > LONGEST_TOKEN || !is_token68(token) {
        return Err(Refusal::NotBearer(
            "it is too long or holds other characters",
        ));
    }
    let mut value =
        HeaderValue::from_maybe_shared(bytes::Bytes::from([b"Bearer ", token].concat()))
            .map_err(|_| Refusal::NotBearer("it does not fit into a header"))?;
    value.set_sensitive(true);
    Ok(Authorization {
        value,
        expires_at: issued.expires_at,
        basis,
    })
}

/// The head of the request as the upstream receives it. Nothing of the client's connection goes along.
fn rewrite(parts: Parts, route: &Route, said: Said<'_>) -> Result<Request<()>, Refusal> {
    let mut request = Request::new(());
    *request.uri_mut() = route.target(&parts.uri).ok_or(Malformed::Path)?;
    *request.method_mut() = parts.method;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = parts.headers;
    headers::towards_upstream(request.headers_mut(), said);
    Ok(request)
}

/// The response as the client receives it.
fn answer(response: Response<ResponseStream>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let mut response = Response::new(Body::Upstream(body));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    headers::towards_client(response.headers_mut());
    response
}

#[cfg(test)]
mod tests;
