//! The one table from an error to what an OAuth client sees (RFC 6749 §5.2, RFC 8693 §2.2.2).

use bytes::Bytes;
use cambist_core::{ExchangeError, Fault, PolicyRefusal};
use cambist_token::dpop::ProofError;
use hyper::{HeaderMap, Response, StatusCode, header, header::HeaderValue};
use serde_json::json;

use crate::{body::Body, dpop::DpopRefusal};

/// A refused token request. Texts are constant: they say which parameter is at fault, never what about a
/// token or secret was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client did not prove who it is.
    InvalidClient(&'static str),
    /// The proof of possession is not acceptable (RFC 9449 §5).
    InvalidDpopProof(&'static str),
    /// The assertion that is the grant is not acceptable (RFC 7523 §3.1).
    InvalidGrant(&'static str),
    /// The client may not use this grant.
    UnauthorizedClient(&'static str),
    /// The proof of possession needs a nonce of ours (RFC 9449 §8).
    UseDpopNonce,
    /// The request is malformed, or a token in it is not acceptable.
    InvalidRequest(&'static str),
    /// The scope is malformed or too wide.
    InvalidScope(&'static str),
    /// A target is malformed, unknown or not allowed.
    InvalidTarget(&'static str),
    /// Ours.
    ServerError,
    /// Ours, and trying again helps.
    TemporarilyUnavailable,
    /// Somebody has failed too often and has to wait so many seconds.
    TooManyFailures(u64),
    /// Somebody asks too often and has to wait so many seconds.
    TooManyQuestions(u64),
    /// The body is too large.
    TooLarge,
    /// The body is not a form.
    UnsupportedMediaType,
    /// Another grant type.
    UnsupportedGrantType,
    /// Tokens of this instance cannot be revoked (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    /// Not a POST.
    MethodNotAllowed,
    /// No such instance.
    UnknownInstance,
}

impl From<&ExchangeError> for Refusal {
    fn from(error: &ExchangeError) -> Self {
        if let Some(fault) = error.fault() {
            return match fault {
                Fault::Overloaded(_) | Fault::Unavailable(_) => Self::TemporarilyUnavailable,
                Fault::Throttled { seconds } => Self::TooManyFailures(*seconds),
                Fault::Plugin { .. } | Fault::Nameless { .. } | Fault::Internal(_) => {
                    Self::ServerError
                }
            };
        }
        match error {
            ExchangeError::Actor(_) => Self::InvalidRequest("the actor token is not acceptable"),
            ExchangeError::Issue(_) => {
                Self::InvalidRequest("the requested token cannot be issued for this subject")
            }
            ExchangeError::NoActors(_) => {
                Self::InvalidRequest("actor tokens of this type are not accepted")
            }
            ExchangeError::NoTransformation { .. } => {
                Self::InvalidRequest("this exchange of token types is not offered")
            }
            ExchangeError::Policy(PolicyRefusal::NotProven | PolicyRefusal::ActorNotProven) => {
                Self::InvalidRequest("a token is bound to a key that was not proven")
            }
            ExchangeError::Policy(PolicyRefusal::NothingToBindTo) => Self::InvalidRequest(
                "tokens of this client must be bound to a key, and none was proven",
            ),
            ExchangeError::Policy(_) | ExchangeError::Decided(_) => {
                Self::InvalidRequest("the exchange is not allowed")
            }
            ExchangeError::Scope => Self::InvalidScope("the scope is wider than allowed"),
            ExchangeError::Subject(_) => {
                Self::InvalidRequest("the subject token is not acceptable")
            }
            ExchangeError::Target(_) => Self::InvalidTarget("the target is unknown or not allowed"),
        }
    }
}

impl From<DpopRefusal> for Refusal {
    fn from(refusal: DpopRefusal) -> Self {
        match refusal {
            DpopRefusal::Several => Self::InvalidDpopProof("send one DPoP header"),
            DpopRefusal::Proof(error) => Self::InvalidDpopProof(match error {
                ProofError::Malformed => "the proof is not a signed JWT with its public key",
                ProofError::Algorithm => "the proof's algorithm is not accepted",
                ProofError::Signature => "the proof's signature is wrong",
                ProofError::Claims => "the proof lacks a claim, or one is malformed",
                ProofError::Method => "the proof is for another method",
                ProofError::Target => "the proof is for another URI",
                ProofError::Time => "the proof is too old or from the future",
            }),
            DpopRefusal::Replayed => Self::InvalidDpopProof("the proof was used before"),
            DpopRefusal::Token => Self::InvalidDpopProof("the proof is for another token"),
            DpopRefusal::Nonce => Self::UseDpopNonce,
            DpopRefusal::Full => Self::TemporarilyUnavailable,
        }
    }
}

impl Refusal {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidClient(text) => (StatusCode::UNAUTHORIZED, "invalid_client", text),
            Self::InvalidDpopProof(text) => (StatusCode::BAD_REQUEST, "invalid_dpop_proof", text),
            Self::InvalidGrant(text) => (StatusCode::BAD_REQUEST, "invalid_grant", text),
            Self::UnauthorizedClient(text) => {
                (StatusCode::BAD_REQUEST, "unauthorized_client", text)
            }
            Self::UseDpopNonce => (
                StatusCode::BAD_REQUEST,
                "use_dpop_nonce",
                "make the DPoP proof with the nonce in this answer",
            ),
            Self::InvalidRequest(text) => (StatusCode::BAD_REQUEST, "invalid_request", text),
            Self::InvalidScope(text) => (StatusCode::BAD_REQUEST, "invalid_scope", text),
            Self::InvalidTarget(text) => (StatusCode::BAD_REQUEST, "invalid_target", text),
            Self::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the gateway failed",
            ),
            Self::TemporarilyUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "try again later",
            ),
            Self::TooManyFailures(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many attempts have failed; try again later",
            ),
            Self::TooManyQuestions(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many requests; try again later",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request",
                "the body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "the body must be application/x-www-form-urlencoded",
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "this grant type is not offered",
            ),
            Self::UnsupportedTokenType => (
                StatusCode::BAD_REQUEST,
                "unsupported_token_type",
                "tokens of this instance cannot be revoked",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "use POST",
            ),
            Self::UnknownInstance => (StatusCode::NOT_FOUND, "invalid_request", "no such instance"),
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        self.parts().0
    }

    /// The OAuth error code.
    pub const fn code(self) -> &'static str {
        self.parts().1
    }

    /// `error_description`, unless a plugin has words of its own.
    pub const fn description(self) -> &'static str {
        self.parts().2
    }

    /// The response, with an identifier by which operators find the reason.
    pub fn response(self, correlation: &str, plugin_message: Option<&str>) -> Response<Body> {
        let (status, error, description) = self.parts();
        let body = json!({
            "error": error,
            "error_description": plugin_message.unwrap_or(description),
            "correlation_id": correlation,
        });
        let mut response = Response::new(Body::full(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        json_headers(headers);
        match self {
            Self::InvalidClient(_) => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"cambist\", charset=\"UTF-8\""),
                );
            }
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::TooManyFailures(seconds) | Self::TooManyQuestions(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::TemporarilyUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// Headers of every answer of the token endpoint (RFC 6749 §5.1).
pub fn json_headers(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

/// The text a plugin allows its caller to see.
pub fn plugin_message(error: &ExchangeError) -> Option<&str> {
    error.words().and_then(|(_, message)| message)
}
