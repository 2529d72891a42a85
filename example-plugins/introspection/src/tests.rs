use cambist_guest::{
    Fault, Value,
    http::{Error, Response},
    testing::Bench,
};

use super::*;

const NOW: u64 = 1_900_000_000;

fn call() -> Call {
    Call::at(NOW)
        .with("endpoint", "https://as.example/introspect")
        .with("client_id", "gateway")
        .with("audience", "https://api.example")
}

/// What becomes of a token of which the server says `body`.
fn asked(status: u16, body: &'static str) -> Result<Principal, Refusal> {
    Bench::new()
        .secret("client", "s3cret")
        .http(move |request| {
            assert_eq!(request.method, "POST");
            assert_eq!(request.url, "https://as.example/introspect");
            assert_eq!(
                request.body,
                b"token=o%2Fpaque&token_type_hint=access_token"
            );
            assert!(
                matches!(&request.credential, Some(Credential::Basic(client, secret))
                if client == "gateway" && secret.matches("s3cret"))
            );
            Ok(Response::new(status).with_body(body))
        })
        .run(|| Introspection::validate(&"o/paque".into(), &call()))
}

#[test]
fn an_active_token_says_who() {
    let principal = asked(
        200,
        r#"{"active":true,"sub":"dana","iss":"https://as.example","client_id":"app","username":"Dana",
            "scope":"read write","aud":["https://api.example","other"],"exp":1900000600,"extra":[1]}"#,
    )
    .unwrap();
    assert_eq!(principal.subject, "dana");
    assert_eq!(principal.issuer.as_deref(), Some("https://as.example"));
    assert_eq!(principal.client.as_deref(), Some("app"));
    assert_eq!(principal.scopes.as_deref().unwrap(), ["read", "write"]);
    assert_eq!(principal.audiences, ["https://api.example", "other"]);
    assert_eq!(principal.expires_at, Some(1_900_000_600));
    assert_eq!(
        principal.value("preferred_username"),
        Some(&Value::from("Dana"))
    );
}

#[test]
fn an_inactive_token_is_refused() {
    let refusal = asked(200, r#"{"active":false}"#).unwrap_err();
    assert_eq!(refusal, Refusal::refused("inactive"));
}

#[test]
fn what_the_server_calls_active_is_judged_again() {
    for (body, fault) in [
        (
            r#"{"active":true,"sub":"d","aud":"https://api.example","exp":1900000000}"#,
            Fault::Expired,
        ),
        (
            r#"{"active":true,"sub":"d","aud":"https://api.example","nbf":1900000001}"#,
            Fault::NotYetValid,
        ),
        (
            r#"{"active":true,"sub":"d","aud":"https://api.example.evil"}"#,
            Fault::WrongAudience,
        ),
        (r#"{"active":true,"sub":"d"}"#, Fault::WrongAudience),
        (
            r#"{"active":true,"aud":"https://api.example"}"#,
            Fault::Refused,
        ),
    ] {
        assert_eq!(asked(200, body).unwrap_err().fault, fault, "{body}");
    }
}

#[test]
fn a_server_that_does_not_help_is_unavailable() {
    for (status, body) in [
        (401, ""),
        (500, r#"{"active":true}"#),
        (200, ""),
        (200, r#"{"active":"true"}"#),
        (200, "<html>"),
    ] {
        let refusal = asked(status, body).unwrap_err();
        assert_eq!(refusal.fault, Fault::Unavailable, "{status} {body}");
    }
    let refusal = Bench::new()
        .secret("client", "s3cret")
        .http(|_| Err(Error::TimedOut))
        .run(|| Introspection::validate(&"o".into(), &call()))
        .unwrap_err();
    assert_eq!(refusal.fault, Fault::Unavailable);
}

#[test]
fn what_is_not_text_is_never_sent() {
    let bench = Bench::new().secret("client", "s3cret");
    let refusal = bench.run(|| Introspection::validate(&Token::new([0xff]), &call()));
    assert_eq!(refusal, Err(Refusal::malformed()));
}
