use cambist_core::{Rejection, TargetRefusal, TokenType};

use super::*;

fn plugin_says(code: &str, message: Option<&str>) -> ExchangeError {
    ExchangeError::Subject(ValidateError::RefusedWith {
        rejection: Rejection::Refused,
        code: code.to_owned(),
        message: message.map(ToOwned::to_owned),
    })
}

#[test]
fn rs_25_t20_a_bad_credential_is_401_and_never_says_why() {
    let kinds = [
        (USERNAME, "Username token"),
        (OPENIDCONNECT, "OIDC token"),
        ("TICKET", "custom token"),
    ];
    for (input, name) in kinds {
        let messages: Vec<RestError> = [
            Rejection::BadSignature,
            Rejection::Expired,
            Rejection::UnknownIssuer,
            Rejection::Malformed,
        ]
        .map(|rejection| rest_error(&ExchangeError::Subject(rejection.into()), input))
        .into();
        for error in &messages {
            assert_eq!(error, &messages[0]);
            assert_eq!(error.status, StatusCode::UNAUTHORIZED);
            assert!(
                error.message.starts_with(&format!(
                    "Non-200 response from posting {name} to rest authN:"
                )),
                "{error}"
            );
        }
    }
}

#[test]
fn rs_31_t35_a_plugins_code_and_message_are_passed_on() {
    let error = rest_error(&plugin_says("403", Some("ticket office closed")), "TICKET");
    assert_eq!(
        (error.status, error.message.as_str()),
        (StatusCode::FORBIDDEN, "ticket office closed")
    );
    let error = rest_error(&plugin_says("ticket-version", None), "TICKET");
    assert_eq!(error.status, StatusCode::UNAUTHORIZED);
    assert_eq!(error.detail.as_deref(), Some("ticket-version"));
    let error = rest_error(&plugin_says("503", Some("closed today")), "TICKET");
    assert_eq!(error.status, StatusCode::SERVICE_UNAVAILABLE);
    for code in ["200", "302", "99", "600", "70000"] {
        assert_eq!(
            rest_error(&plugin_says(code, None), "TICKET").status,
            StatusCode::UNAUTHORIZED,
            "{code}"
        );
    }
}

#[test]
fn t22_faults_are_ours_and_tell_nothing() {
    let faults = [
        (
            Fault::Overloaded("queue at 10.0.0.7".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (
            Fault::Unavailable("10.0.0.7".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (
            Fault::Internal("10.0.0.7".to_owned()),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        (
            Fault::Plugin {
                plugin: "p".to_owned(),
                reason: "10.0.0.7".to_owned(),
            },
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
    ];
    for (fault, status) in faults {
        let validating = rest_error(&ExchangeError::Subject(fault.clone().into()), USERNAME);
        // A login service that is away is no reason to come back, in this contract.
        let expected = match fault {
            Fault::Unavailable(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => status,
        };
        assert_eq!(validating.status, expected);
        assert!(
            validating
                .message
                .contains("Exception caught posting Username token to rest authN"),
            "{validating}"
        );
        let issuing = rest_error(&ExchangeError::Issue(fault.into()), USERNAME);
        assert_eq!(issuing.status, status);
        for error in [validating, issuing] {
            assert!(!error.message.contains("10.0.0.7"), "{error}");
        }
    }
}

#[test]
fn rs_30_t34_a_custom_validator_that_names_nobody_is_409() {
    let plugin = "p".to_owned();
    let status = |fault: Fault| {
        let error = ExchangeError::Subject(fault.into());
        rest_error(&error, "TICKET").status
    };
    let nameless = Fault::Nameless {
        plugin: plugin.clone(),
    };
    assert_eq!(status(nameless), StatusCode::CONFLICT);
    // What a plugin says of a fault of its own changes nothing.
    for reason in ["the issuer is empty", "the subject is empty"] {
        let reason = format!("bad answer: {reason}");
        let plugin = plugin.clone();
        assert_eq!(
            status(Fault::Plugin { plugin, reason }),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}

#[test]
fn t37_a_token_that_cannot_be_kept_does_not_leave() {
    let fault = Fault::Unavailable("the ledger: the disk is full".to_owned());
    let error = rest_error(&ExchangeError::Issue(fault.into()), USERNAME);
    assert_eq!(error.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!error.message.contains("disk"), "{error}");
}

#[test]
fn what_else_stops_an_exchange_has_its_status() {
    let cases = [
        (
            ExchangeError::Policy(PolicyRefusal::TooLate),
            StatusCode::UNAUTHORIZED,
        ),
        (
            ExchangeError::Policy(PolicyRefusal::MayActNotMet),
            StatusCode::FORBIDDEN,
        ),
        (
            ExchangeError::Target(TargetRefusal::Unknown),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        (
            ExchangeError::Issue(IssueError::Impossible("too large")),
            StatusCode::BAD_REQUEST,
        ),
        (ExchangeError::Scope, StatusCode::BAD_REQUEST),
        (
            ExchangeError::NoActors(TokenType::JWT),
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (error, status) in cases {
        assert_eq!(rest_error(&error, OPENIDCONNECT).status, status, "{error}");
    }
}
