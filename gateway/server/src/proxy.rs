//! The reverse proxy: takes the client's credential out of a request, puts the exchanged token in, and
//! streams both ways. [`forward`] is the order of its phases.

mod authorize;
mod cache;
mod challenge;
mod counts;
mod credential;
mod grant;
mod headers;
pub(crate) mod hygiene;
mod notes;
mod refusal;
mod route;
mod table;
mod trace;
mod upstream;

use std::{net::IpAddr, sync::Arc};

use cambist_core::{ExchangeError, Exchanged, Mark, Presented, Timestamp};
use hyper::{
    Request, Response, StatusCode, Version,
    body::Body as _,
    header::{CONNECTION, HeaderValue, UPGRADE},
};

use self::{
    authorize::Ask,
    credential::form,
    grant::Granted,
    headers::Said,
    hygiene::Malformed,
    notes::Notes,
    refusal::Refusal,
    upstream::{
        Limits,
        tunnel::{Switched, Wish},
    },
};
pub(crate) use self::{
    counts::{Counts, render},
    upstream::health::watch,
};
pub use self::{
    route::{
        Anonymous, CredentialDocument, Encoding, HeaderCondition, HealthDocument, ProtocolName,
        Route, RouteDocument, SendDocument, StepUpDocument, TlsDocument,
    },
    table::{Asked, RouteTable},
    upstream::{Broken, ResponseStream, Upstreams},
};
use crate::{
    access_log::AccessLog,
    body::{Body, Incoming},
    dpop::{Dpop, NONCE},
};

/// What the proxy asks of the engine. One of these holds one published instance for one request, so that
/// revision and exchange belong together (AB-26).
pub trait RouteExchange: Sync {
    /// Exchanges a subject token under the route's own policy, for the route's audience. `key` is the
    /// thumbprint of the key that a proof on this request was signed with.
    fn exchange(
        &self,
        route: &Route,
        subject: Presented,
        actor: Option<Presented>,
        key: Option<&str>,
    ) -> impl Future<Output = Result<Exchanged, ExchangeError>> + Send;

    /// Checks proofs of possession.
    fn dpop(&self) -> &Dpop;

    /// When the request is judged.
    fn now(&self) -> Timestamp;

    /// Changes whenever the instance is published anew: exchanges made before are not served after.
    fn instance_revision(&self) -> u64;

    /// Changes whenever something is revoked.
    fn epoch(&self) -> u64;

    /// Whether nothing that these marks stand for was revoked.
    fn stand(&self, marks: &[Arc<Mark>]) -> bool;
}

/// Who sent a request, and how.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// Whence it came.
    pub address: IpAddr,
    /// The same in text, for the upstream.
    pub address_text: &'c HeaderValue,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// The certificates it proved to hold, in DER, its own first.
    pub certificates: &'c [Vec<u8>],
    /// Identifies the request to client and operator.
    pub correlation: &'c str,
    /// Where its line goes, if lines are written.
    pub access: Option<&'c AccessLog>,
}

/// Forwards one request. The credential that came in never goes out: without an exchanged one, the request
/// ends here (AB-21).
pub async fn forward(
    request: &mut Request<Incoming>,
    caller: Caller<'_>,
    route: &Arc<Route>,
    exchange: &impl RouteExchange,
    upstreams: &Upstreams,
) -> Response<Body> {
    let mut notes = Notes::begin(request, caller, route.name(), &route.counts);
    let forwarded = try_forward(request, caller, route, exchange, upstreams, &mut notes).await;
    let mut offers_nonce = notes.offers_nonce;
    let mut response = match forwarded {
        Ok(response) => notes.answered(response),
        Err(refusal) => {
            refusal.log(route.name(), caller.correlation, notes.trace());
            offers_nonce |= refusal.asks_for_nonce();
            let reason = refusal.name();
            let response = refusal.into_response(route, caller.correlation);
            notes.refused(reason, &response);
            response
        }
    };
    // RFC 9449 §8.2, §9: what the upstream says in this header is not for the client.
    if offers_nonce && let Ok(nonce) = HeaderValue::try_from(exchange.dpop().nonce(exchange.now()))
    {
        response.headers_mut().insert(NONCE, nonce);
    }
    response
}

/// Notes a request that no route took, and answers it.
pub(crate) fn unrouted(
    request: &Request<Incoming>,
    caller: Caller<'_>,
    counts: &Counts,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    Notes::begin(request, caller, "", counts).unrouted(response.status());
    response
}

async fn try_forward(
    request: &mut Request<Incoming>,
    caller: Caller<'_>,
    route: &Route,
    exchange: &impl RouteExchange,
    upstreams: &Upstreams,
    notes: &mut Notes<'_>,
) -> Result<Response<Body>, Refusal> {
    let mut body = std::mem::replace(request.body_mut(), Incoming::Empty);
    notes.traced(trace::check(request.headers_mut()));
    let wish = Wish::take(request, &route.upgrades)?;
    hygiene::check(request)?;
    let ask = match &route.target {
        None => None,
        Some(target) => {
            let mut subject =
                credential::take(request.headers_mut(), &target.carriers, caller.certificates)?;
            if form::is_form(request.method(), request.headers(), &target.carriers) {
                let (found, rest) =
                    Box::pin(form::take(request.headers_mut(), body, &target.carriers)).await?;
                subject = subject.or(found);
                body = Incoming::Whole(rest);
            }
            let mut ask = Ask::new(target, subject, request.headers_mut(), caller)?;
            if let Some(ask) = &mut ask {
                notes.offers_nonce = ask.needs_nonce();
                ask.prove(request, caller, exchange)?;
            }
            ask
        }
    };
    let limits = Limits {
        head: route.timeout,
        idle: route.idle,
        total: route.total,
    };
    let Some(ask) = ask else {
        rewrite(request, route, caller, None)?;
        notes.sends();
        if let Some(wish) = wish {
            return Box::pin(switch(request, wish, route, upstreams, limits)).await;
        }
        let sent = upstreams.send(request, body, &route.origin, limits);
        return Ok(answer(sent.await?));
    };
    let granted = ask.granted(route, exchange, notes).await?;
    notes.granted(&granted);
    rewrite(request, route, caller, Some(&granted))?;
    notes.sends();
    if let Some(wish) = wish {
        return Box::pin(switch(request, wish, route, upstreams, limits)).await;
    }
    let is_repeatable = body.is_end_stream();
    let sent = upstreams.send(request, body, &route.origin, limits);
    let response = sent.await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(answer(response));
    }
    let granted = ask.refused(&granted, route, exchange).await?;
    let Some(granted) = granted.filter(|_| is_repeatable) else {
        return Ok(answer(response));
    };
    drop(response);
    headers::grant(request.headers_mut(), &granted);
    notes.sends();
    let sent = Box::pin(upstreams.send(request, Incoming::Empty, &route.origin, limits));
    Ok(answer(sent.await?))
}

/// Sends a request that wishes to switch protocols.
async fn switch(
    request: &mut Request<Incoming>,
    wish: Wish,
    route: &Route,
    upstreams: &Upstreams,
    limits: Limits,
) -> Result<Response<Body>, Refusal> {
    let switched = upstreams
        .switch(request, wish, &route.origin, limits)
        .await?;
    let response = match switched {
        Switched::No(response) => return Ok(answer(*response)),
        Switched::Yes(response) => response,
    };
    let protocol = response.headers().get(UPGRADE).cloned();
    let (parts, ()) = response.into_parts();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    headers::towards_client(response.headers_mut());
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
    Ok(response)
}

/// Makes the head of the request into what the upstream receives. Nothing of the client's connection goes along.
fn rewrite(
    request: &mut Request<Incoming>,
    route: &Route,
    caller: Caller<'_>,
    granted: Option<&Granted>,
) -> Result<(), Refusal> {
    *request.uri_mut() = route.target(request.uri()).ok_or(Malformed::Path)?;
    *request.version_mut() = Version::HTTP_11;
    request.extensions_mut().clear();
    let said = Said {
        host: &route.origin.authority,
        granted,
        owned: &route.owned,
        client: caller.address_text,
        keeps_te: route.origin.is_http2(),
        is_secure: caller.is_secure,
    };
    headers::towards_upstream(request.headers_mut(), &said);
    Ok(())
}

/// The response as the client receives it.
fn answer(response: Response<ResponseStream>) -> Response<Body> {
    let mut response = response.map(Body::Upstream);
    *response.version_mut() = Version::HTTP_11;
    response.extensions_mut().clear();
    headers::towards_client(response.headers_mut());
    response
}

#[cfg(test)]
mod tests;
