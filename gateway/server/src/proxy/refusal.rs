//! Every way a proxied request ends here instead of at the upstream, and what the client learns of it.

use cambist_core::{ExchangeError, Fault, PolicyRefusal, Rejection, TargetRefusal};
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;

use super::{hygiene::Malformed, route::Route, upstream::UpstreamError};
use crate::{body::Body, dpop::DpopRefusal};

/// What a client is asked to wait, in seconds, when trying again may help.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Why a request was not forwarded, or why no answer of the upstream came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The request could mean one thing here and another at the upstream.
    #[error("malformed request: {0}")]
    Malformed(#[from] Malformed),
    /// No credential came that the route accepts.
    #[error("no credential that the route accepts")]
    NoCredential,
    /// Something came that cannot be such a credential.
    #[error("not a credential")]
    BadCredential,
    /// The token came without the proof of its key (RFC 9449 §7.1).
    #[error("the token comes without the DPoP proof of its key")]
    NoProof,
    /// That proof.
    #[error(transparent)]
    Proof(DpopRefusal),
    /// So many proofs are remembered that no other can be.
    #[error("too many DPoP proofs at a time")]
    TooManyProofs,
    /// The token came with a proof, but is bound to no key.
    #[error("the token is bound to no key")]
    NotBound,
    /// The form that may hold the credential could not be read.
    #[error("the form cannot be read, or is too long")]
    BadForm,
    /// The same was refused a moment ago.
    #[error("refused a moment ago")]
    Again(Answer),
    /// What was issued lacks scope that the route requires.
    #[error("the required scope was not granted")]
    Scope,
    /// The subject did not authenticate as the route requires.
    #[error("the subject's authentication is not strong or recent enough")]
    StepUp,
    /// The token was not exchanged.
    #[error("exchange: {0}")]
    Exchange(#[from] ExchangeError),
    /// The exchange did not end in time.
    #[error("the exchange took too long")]
    ExchangeTooSlow,
    /// What was issued cannot be sent as the route says.
    #[error("the instance issued something that cannot be sent as the route says: {0}")]
    Unsendable(&'static str),
    /// The upstream did not answer.
    #[error("upstream: {0}")]
    Upstream(#[from] UpstreamError),
}

/// The body of a refusal (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    correlation: &'a str,
}

/// Whose doing it was, which decides the status and the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    BadRequest,
    Unsupported,
    Challenge(Option<&'static str>),
    Proof(&'static str),
    Forbidden,
    StepUp,
    Ours,
    Busy,
    BadGateway,
    GatewayTimeout,
}

impl Refusal {
    /// The answer to the same credential for a moment, if there is no doubt about it.
    pub(super) fn lasting(&self) -> Option<Answer> {
        match self {
            // The next to present it may come from where it holds, and addresses are not remembered.
            Self::Exchange(ExchangeError::Subject(error) | ExchangeError::Actor(error))
                if error.rejection() == Some(Rejection::WrongAddress) =>
            {
                None
            }
            Self::Exchange(error) if error.fault().is_none() => match exchange_answer(error) {
                answer @ (Answer::Challenge(_) | Answer::Forbidden) => Some(answer),
                _ => None,
            },
            Self::Scope => Some(Answer::Forbidden),
            Self::NotBound => Some(self.answer()),
            _ => None,
        }
    }

    /// Whether the client needs a nonce for its next proof.
    pub(super) const fn asks_for_nonce(&self) -> bool {
        matches!(self, Self::Proof(DpopRefusal::Nonce))
    }

    fn answer(&self) -> Answer {
        match self {
            Self::Malformed(Malformed::Connect | Malformed::Trace | Malformed::Upgrade) => {
                Answer::Unsupported
            }
            Self::Malformed(_) | Self::BadForm => Answer::BadRequest,
            Self::NoCredential => Answer::Challenge(None),
            Self::BadCredential | Self::NotBound => Answer::Challenge(Some("invalid_token")),
            Self::Proof(DpopRefusal::Nonce) => Answer::Proof("use_dpop_nonce"),
            Self::NoProof | Self::Proof(_) => Answer::Proof("invalid_dpop_proof"),
            Self::Exchange(error) => exchange_answer(error),
            Self::Again(answer) => *answer,
            Self::Scope => Answer::Forbidden,
            Self::StepUp => Answer::StepUp,
            Self::ExchangeTooSlow
            | Self::TooManyProofs
            | Self::Upstream(UpstreamError::OutOfUse | UpstreamError::Full) => Answer::Busy,
            Self::Unsendable(_) => Answer::Ours,
            Self::Upstream(UpstreamError::TooSlow) => Answer::GatewayTimeout,
            // The client's body broke off, or is not framed as it should be.
            Self::Upstream(UpstreamError::Http(broken)) if broken.is_clients() => {
                Answer::BadRequest
            }
            Self::Upstream(_) => Answer::BadGateway,
        }
    }

    /// A stable name for metrics and logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.name(),
            Self::NoCredential => "no_credential",
            Self::BadCredential => "bad_credential",
            Self::NoProof => "no_proof",
            Self::Proof(DpopRefusal::Nonce) => "no_nonce",
            Self::Proof(_) => "bad_proof",
            Self::TooManyProofs => "too_many_proofs",
            Self::NotBound => "not_bound",
            Self::BadForm => "bad_form",
            Self::Exchange(_) | Self::Again(_) => "exchange",
            Self::Scope => "scope",
            Self::StepUp => "step_up",
            Self::ExchangeTooSlow => "exchange_too_slow",
            Self::Unsendable(_) => "unsendable",
            Self::Upstream(UpstreamError::TooSlow) => "upstream_too_slow",
            Self::Upstream(UpstreamError::OutOfUse) => "upstream_out_of_use",
            Self::Upstream(UpstreamError::Full) => "upstream_full",
            Self::Upstream(UpstreamError::Http(broken)) if broken.is_clients() => "bad_body",
            Self::Upstream(_) => "upstream_unreachable",
        }
    }

    /// Writes what operators learn.
    pub(super) fn log(&self, route: &str, correlation: &str, trace: Option<&str>) {
        let reason = self.name();
        match self.answer() {
            Answer::Ours => {
                tracing::error!(route, correlation, trace, reason, cause = %self, "request not forwarded");
            }
            Answer::Busy | Answer::BadGateway | Answer::GatewayTimeout => {
                tracing::warn!(route, correlation, trace, reason, cause = %self, "request not forwarded");
            }
            _ => {
                tracing::info!(route, correlation, trace, reason, cause = %self, "request not forwarded");
            }
        }
    }

    /// What the client learns: a status, a constant text and where operators can look (RFC 9457). Why a
    /// token or the exchange failed stays here.
    pub(super) fn into_response(self, route: &Route, correlation: &str) -> Response<Body> {
        let answer = self.answer();
        let status = match answer {
            Answer::BadRequest => StatusCode::BAD_REQUEST,
            Answer::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Answer::Challenge(_) | Answer::Proof(_) | Answer::StepUp => StatusCode::UNAUTHORIZED,
            Answer::Forbidden => StatusCode::FORBIDDEN,
            Answer::Ours => StatusCode::INTERNAL_SERVER_ERROR,
            Answer::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Answer::BadGateway => StatusCode::BAD_GATEWAY,
            Answer::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        };
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            // The client wrote the request itself, so naming its flaw teaches an attacker nothing.
            detail: if let Self::Malformed(malformed) = &self {
                Some(malformed.to_string())
            } else {
                None
            },
            correlation,
        };
        // Text and numbers always serialise.
        let mut response =
            Response::new(Body::full(serde_json::to_vec(&problem).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match answer {
            Answer::Challenge(error) => route.challenges.insert(headers, error),
            Answer::Proof(error) => route.challenges.insert_proof(headers, error),
            Answer::Forbidden => route.challenges.insert(headers, Some("insufficient_scope")),
            Answer::StepUp => route
                .challenges
                .insert(headers, Some("insufficient_user_authentication")),
            Answer::Busy => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            // PX-01: where a message ends is in doubt, so nothing after it on this connection is read.
            Answer::BadRequest | Answer::Unsupported => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Answer::Ours | Answer::BadGateway | Answer::GatewayTimeout => {}
        }
        response
    }
}

fn exchange_answer(error: &ExchangeError) -> Answer {
    match error.fault() {
        Some(Fault::Overloaded(_) | Fault::Unavailable(_) | Fault::Throttled { .. }) => {
            return Answer::Busy;
        }
        Some(Fault::Plugin { .. } | Fault::Nameless { .. } | Fault::Internal(_)) => {
            return Answer::Ours;
        }
        None => {}
    }
    match error {
        ExchangeError::Subject(_)
        | ExchangeError::Actor(_)
        // RFC 6750 §3.1, RFC 9449 §7.2: a bound token without its proof is not valid here.
        | ExchangeError::Policy(
            PolicyRefusal::TooLate | PolicyRefusal::NotProven | PolicyRefusal::ActorNotProven,
        ) => Answer::Challenge(Some("invalid_token")),
        ExchangeError::Scope | ExchangeError::Policy(_) | ExchangeError::Decided(_) => {
            Answer::Forbidden
        }
        // A route names its own target and its own kinds of tokens, so these are the operator's mistakes.
        ExchangeError::NoTransformation { .. }
        | ExchangeError::NoActors(_)
        | ExchangeError::Target(
            TargetRefusal::Conflicting
            | TargetRefusal::Missing
            | TargetRefusal::NotAllowed
            | TargetRefusal::Unknown,
        )
        | ExchangeError::Issue(_) => Answer::Ours,
    }
}

#[cfg(test)]
mod tests;
