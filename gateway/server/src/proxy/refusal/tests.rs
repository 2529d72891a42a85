use cambist_core::{IssueError, Rejection, TokenType, ValidateError};
use http_body_util::BodyExt as _;

use super::*;
use hyper::header::WWW_AUTHENTICATE;
use serde_json::json;

fn route(change: &serde_json::Value) -> Route {
    let mut document = json!({"upstream": "http://a", "instance": "i", "audience": "orders"});
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    let scope = cambist_core::Scope::parse("read write").unwrap();
    Route::build(
        "orders",
        &serde_json::from_value(document).unwrap(),
        1,
        scope,
    )
    .unwrap()
}

fn plain() -> Route {
    route(&json!({}))
}

fn answered(refusal: Refusal) -> (u16, Option<String>) {
    let response = refusal.into_response(&plain(), "c-1");
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
        (ExchangeError::Actor(Rejection::Expired.into()), 401),
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
        .into_response(&plain(), "c-1");
    assert_eq!(busy.headers()[RETRY_AFTER], "1");
    assert!(
        !Refusal::Unsendable("x")
            .into_response(&plain(), "c-1")
            .headers()
            .contains_key(RETRY_AFTER)
    );
}

#[test]
fn px_01_doubtful_messages_end_the_connection() {
    let response = Refusal::Malformed(Malformed::Framing).into_response(&plain(), "c-1");
    assert_eq!(response.headers()[CONNECTION], "close");
    assert!(
        !Refusal::NoCredential
            .into_response(&plain(), "c-1")
            .headers()
            .contains_key(CONNECTION)
    );
}

#[test]
fn ab_18_a_refusal_of_the_address_is_not_remembered_for_others() {
    let of = |rejection: Rejection| Refusal::from(ExchangeError::Subject(rejection.into()));
    assert_eq!(of(Rejection::WrongAddress).lasting(), None);
    assert_eq!(
        of(Rejection::Expired).lasting(),
        Some(Answer::Challenge(Some("invalid_token")))
    );
    let (here, expired) = (of(Rejection::WrongAddress), of(Rejection::Expired));
    assert_eq!(
        here.answer(),
        expired.answer(),
        "the client sees no difference"
    );
}

#[tokio::test]
async fn the_client_learns_no_reason() {
    let secret = ValidateError::RefusedWith {
        rejection: Rejection::Refused,
        code: "why".into(),
        message: Some("why".into()),
    };
    let response = Refusal::from(ExchangeError::Subject(secret)).into_response(&plain(), "c-1");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let expected =
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"correlation":"c-1"}"#;
    assert_eq!(body, expected);
}

#[test]
fn challenges_name_what_would_do() {
    let route = route(&json!({
        "credentials": [{"from": "bearer"}, {"from": "basic"}],
        "required_scopes": ["read", "write"],
        "step_up": {"acr_values": ["gold", "urn:x:y"], "max_age_seconds": 300},
        "resource_metadata": "https://api.example/.well-known/oauth-protected-resource",
    }));
    let challenge = |refusal: Refusal| -> Vec<String> {
        let response = refusal.into_response(&route, "c-1");
        let values = response.headers().get_all(WWW_AUTHENTICATE);
        values
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    };
    let metadata =
        r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#;
    let basic = r#"Basic realm="orders", charset="UTF-8""#.to_owned();
    assert_eq!(
        challenge(Refusal::NoCredential),
        [
            format!(r#"Bearer realm="orders", {metadata}"#),
            basic.clone()
        ]
    );
    assert_eq!(
        challenge(Refusal::Scope),
        [
            format!(
                r#"Bearer realm="orders", error="insufficient_scope", scope="read write", {metadata}"#
            ),
            basic.clone()
        ]
    );
    assert_eq!(
        challenge(Refusal::StepUp),
        [
            format!(
                r#"Bearer realm="orders", error="insufficient_user_authentication", acr_values="gold urn:x:y", max_age="300", {metadata}"#
            ),
            basic
        ]
    );
    assert_eq!(Refusal::StepUp.into_response(&route, "c-1").status(), 401);
    assert_eq!(Refusal::Scope.into_response(&route, "c-1").status(), 403);
}

#[test]
fn only_what_will_not_pass_lasts() {
    let lasting = |error: ExchangeError| Refusal::from(error).lasting();
    assert_eq!(
        lasting(ExchangeError::Subject(Rejection::Expired.into())),
        Some(Answer::Challenge(Some("invalid_token")))
    );
    assert_eq!(
        lasting(ExchangeError::Policy(PolicyRefusal::MayActNotMet)),
        Some(Answer::Forbidden)
    );
    for passing in [
        ExchangeError::Subject(Fault::Unavailable("x".into()).into()),
        ExchangeError::Issue(IssueError::Impossible("x")),
    ] {
        assert_eq!(lasting(passing), None);
    }
    assert_eq!(Refusal::ExchangeTooSlow.lasting(), None);
}
