//! From what went wrong in an exchange to what the caller is told.

use cambist_core::{
    DecideError, ExchangeError, Fault, IssueError, PolicyRefusal, Rejection, ValidateError,
};
use hyper::StatusCode;

use super::{OPENAM, OPENIDCONNECT, USERNAME, X509, common_rest::RestError};
use crate::access_manager::NO_TOKEN_ID;

/// The caller's view of a failed translation of an `input` token. It says whose fault it was and nothing
/// that helps to guess a credential.
pub(super) fn rest_error(error: &ExchangeError, input: &str) -> RestError {
    match error {
        ExchangeError::NoTransformation { .. }
        | ExchangeError::NoActors(_)
        | ExchangeError::Scope => {
            RestError::bad_request("The instance does not offer this translation.")
        }
        ExchangeError::Subject(error) | ExchangeError::Actor(error) => refused(error, input),
        // The token passed its validator within the leeway, but nothing of its life is left to hand on.
        ExchangeError::Policy(PolicyRefusal::TooLate) => not_authenticated(input),
        ExchangeError::Policy(_) => RestError::new(
            StatusCode::FORBIDDEN,
            "The input token may not be translated by this caller.",
        ),
        ExchangeError::Target(_) => {
            internal("The instance's audiences do not fit its relying parties.")
        }
        ExchangeError::Decided(DecideError::Refused { code, message }) => {
            said(code, message.as_deref(), StatusCode::FORBIDDEN)
        }
        ExchangeError::Decided(DecideError::Fault(fault)) => {
            fault_error(fault, "The exchange policy could not be asked")
        }
        ExchangeError::Issue(IssueError::Refused { code, message }) => {
            said(code, message.as_deref(), StatusCode::BAD_REQUEST)
        }
        ExchangeError::Issue(IssueError::Impossible(reason)) => RestError::bad_request(*reason),
        ExchangeError::Issue(IssueError::Fault(fault)) => {
            fault_error(fault, "The token could not be generated")
        }
    }
}

fn refused(error: &ValidateError, input: &str) -> RestError {
    match error {
        // The session is good, and somebody else's realm's.
        ValidateError::Rejected(Rejection::WrongAudience) if input == OPENAM => RestError::new(
            StatusCode::FORBIDDEN,
            "SSO token subject realm does not match invocation realm",
        ),
        ValidateError::Rejected(_) => not_authenticated(input),
        ValidateError::RefusedWith { code, message, .. } => match input {
            USERNAME | OPENIDCONNECT | OPENAM | X509 => not_authenticated(input),
            _ => said(code, message.as_deref(), StatusCode::UNAUTHORIZED),
        },
        // What the login service was asked to do, no caller of the STS can finish.
        ValidateError::Fault(Fault::Internal(reason)) if reason == NO_TOKEN_ID => {
            internal(NO_TOKEN_ID)
        }
        // So says the contract of a login service that cannot be reached, though it may be better soon.
        ValidateError::Fault(Fault::Unavailable(_))
            if matches!(input, USERNAME | OPENIDCONNECT | OPENAM | X509) =>
        {
            internal(&format!(
                "Exception caught posting {} to rest authN: the login service could not be reached.",
                presented(input)
            ))
        }
        // Who validates a custom token says whose it is; elsewhere that is a session of theirs.
        ValidateError::Fault(Fault::Nameless { .. }) => RestError::new(
            StatusCode::CONFLICT,
            "The custom token validator did not set the am session string: it names no subject.",
        ),
        ValidateError::Fault(fault) => fault_error(
            fault,
            &format!(
                "Exception caught posting {} to rest authN",
                presented(input)
            ),
        ),
    }
}

/// A plugin's own refusal: its message, and its code as the status if it is one of an error.
fn said(code: &str, message: Option<&str>, usual: StatusCode) -> RestError {
    let status = code
        .parse()
        .ok()
        .and_then(|number: u16| StatusCode::from_u16(number).ok());
    let is_error = |status: &StatusCode| status.is_client_error() || status.is_server_error();
    let status = status.filter(is_error).unwrap_or(usual);
    let mut error = RestError::new(
        status,
        message.unwrap_or(match usual {
            StatusCode::UNAUTHORIZED => "The custom token was not accepted.",
            StatusCode::FORBIDDEN => "The exchange is not allowed.",
            _ => "The token cannot be issued.",
        }),
    );
    error.detail = Some(code.to_owned());
    error
}

fn not_authenticated(input: &str) -> RestError {
    if input == OPENAM {
        return RestError::new(
            StatusCode::UNAUTHORIZED,
            "Non-200 response from posting principal from session request: \
             {\"code\":401,\"reason\":\"Unauthorized\",\"message\":\"Access Denied\"}",
        );
    }
    RestError::new(
        StatusCode::UNAUTHORIZED,
        format!(
            "Non-200 response from posting {} to rest authN: \
             {{\"code\":401,\"reason\":\"Unauthorized\",\"message\":\"Authentication Failed\"}}",
            presented(input)
        ),
    )
}

fn presented(input: &str) -> &'static str {
    match input {
        USERNAME => "Username token",
        OPENAM => "principal from session",
        OPENIDCONNECT => "OIDC token",
        X509 => "x509 token",
        _ => "custom token",
    }
}

fn fault_error(fault: &Fault, message: &str) -> RestError {
    match fault {
        Fault::Overloaded(_) | Fault::Unavailable(_) => RestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{message}: try again later."),
        ),
        Fault::Throttled { seconds } => RestError {
            retry_after: Some(*seconds),
            ..RestError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts have failed: try again later.",
            )
        },
        Fault::Plugin { .. } | Fault::Nameless { .. } | Fault::Internal(_) => {
            internal(&format!("{message}: internal error."))
        }
    }
}

/// 503 for what may be better soon.
pub(super) fn try_again(message: &str) -> RestError {
    RestError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{message}: try again later."),
    )
}

/// 500 for an output that is called an assertion and is none.
pub(super) fn not_an_assertion() -> RestError {
    internal("The token could not be generated: internal error.")
}

fn internal(message: &str) -> RestError {
    RestError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// 501 for a verb that a single thing with actions does not have.
pub(super) fn unsupported(what: &str) -> RestError {
    RestError::new(
        StatusCode::NOT_IMPLEMENTED,
        format!("An instance cannot be {what}; POST with _action=translate."),
    )
}

#[cfg(test)]
mod tests;
