use cambist_core::{IssueError, Rejection, TokenType, ValidateError};
use http_body_util::BodyExt as _;

use super::*;

fn answered(refusal: Refusal) -> (u16, Option<String>) {
    let response = refusal.into_response("orders", "c-1");
    let challenge = response
        .headers()
        .get(WWW_AUTHENTICATE)
        .map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge)
}

#[test]
fn every_exchange_error_has_its_answer() {
    let fault = |fault: Fault| ExchangeError::Subject(fault.into());
    let table = [
        (ExchangeError::Subject(Rejection::Expired.into()), 401),
        (ExchangeError::Policy(PolicyRefusal::TooLate), 401),
        (ExchangeError::Policy(PolicyRefusal::MayActNotMet), 403),
        (ExchangeError::Scope, 403),
        (ExchangeError::Target(TargetRefusal::Unknown), 500),
        (
            ExchangeError::NoTransformation {
                subject: TokenType::JWT,
                requested: "any".into(),
            },
            500,
        ),
        (ExchangeError::NoActors(TokenType::JWT), 500),
        (ExchangeError::Actor(Rejection::Expired.into()), 500),
        (ExchangeError::Issue(IssueError::Impossible("x")), 500),
        (
            ExchangeError::Issue(Fault::Unavailable("x".into()).into()),
            503,
        ),
        (fault(Fault::Overloaded("x".into())), 503),
        (fault(Fault::Unavailable("x".into())), 503),
        (
            fault(Fault::Plugin {
                plugin: "p".into(),
                reason: "x".into(),
            }),
            500,
        ),
        (fault(Fault::Internal("x".into())), 500),
    ];
    for (error, status) in table {
        assert_eq!(answered(error.clone().into()).0, status, "{error}");
    }
}

#[test]
fn challenges_follow_rfc_6750() {
    assert_eq!(
        answered(Refusal::NoCredential),
        (401, Some(r#"Bearer realm="orders""#.to_owned()))
    );
    let invalid = Some(r#"Bearer realm="orders", error="invalid_token""#.to_owned());
    assert_eq!(answered(Refusal::BadCredential), (401, invalid.clone()));
    assert_eq!(
        answered(ExchangeError::Subject(Rejection::UnknownKey.into()).into()),
        (401, invalid)
    );
    let scope = Some(r#"Bearer realm="orders", error="insufficient_scope""#.to_owned());
    assert_eq!(answered(ExchangeError::Scope.into()), (403, scope));
}

#[test]
fn trying_again_is_offered_only_where_it_may_help() {
    let busy = Refusal::from(ExchangeError::Subject(Fault::Overloaded("x".into()).into()))
        .into_response("orders", "c-1");
    assert_eq!(busy.headers()[RETRY_AFTER], "1");
    assert!(
        !Refusal::NotBearer("x")
            .into_response("orders", "c-1")
            .headers()
            .contains_key(RETRY_AFTER)
    );
}

#[test]
fn px_01_doubtful_messages_end_the_connection() {
    let response = Refusal::Malformed(Malformed::Framing).into_response("orders", "c-1");
    assert_eq!(response.headers()[CONNECTION], "close");
    assert!(
        !Refusal::NoCredential
            .into_response("orders", "c-1")
            .headers()
            .contains_key(CONNECTION)
    );
}

#[tokio::test]
async fn the_client_learns_no_reason() {
    let secret = ValidateError::RefusedWith {
        rejection: Rejection::Refused,
        code: "why".into(),
        message: Some("why".into()),
    };
    let response = Refusal::from(ExchangeError::Subject(secret)).into_response("orders", "c-1");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let expected =
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"correlation":"c-1"}"#;
    assert_eq!(body, expected);
}
