use cambist_core::Rejection;
use serde_json::json;

use crate::fixture::{Fixture, access_claims, id_claims, with};

const LAX: &str = "https://lax.example";

#[tokio::test]
async fn at_06_only_at_jwt_is_an_access_token() {
    let fixture = Fixture::new();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let principal = fixture
            .judge("access_token", typ, &access_claims())
            .await
            .unwrap();
        assert_eq!(principal.scope.to_string(), "read write", "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "logout+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "secevent+jwt",
        "",
    ] {
        let rejection = fixture
            .rejection("access_token", typ, &access_claims())
            .await;
        assert_eq!(rejection, Some(Rejection::WrongType), "{typ}");
    }
}

#[tokio::test]
async fn at_07_a_lax_issuers_token_must_show_what_it_is() {
    let fixture = Fixture::new();
    let base = with(id_claims(), "iss", json!(LAX));
    for (name, value) in [
        ("scope", json!("read")),
        ("scp", json!(["read"])),
        ("client_id", json!("app")),
        ("gty", json!("client-credentials")),
        ("typ", json!("Bearer")),
        ("token_use", json!("access")),
    ] {
        let shown = with(base.clone(), name, value);
        assert_eq!(
            fixture.rejection("access_token", "JWT", &shown).await,
            None,
            "{name}"
        );
        for (name, value) in [
            ("nonce", json!("n")),
            ("at_hash", json!("h")),
            ("events", json!({})),
            ("typ", json!("ID")),
            ("typ", json!("Refresh")),
            ("token_use", json!("id")),
        ] {
            let other = with(shown.clone(), name, value);
            let rejection = fixture.rejection("access_token", "JWT", &other).await;
            assert_eq!(rejection, Some(Rejection::WrongType), "{other}");
        }
    }
    assert_eq!(
        fixture.rejection("access_token", "JWT", &base).await,
        Some(Rejection::WrongType)
    );
    assert_eq!(
        fixture.rejection("access_token", "at+jwt", &base).await,
        None
    );
}

#[tokio::test]
async fn sx_03_a_token_for_somebody_else_is_refused() {
    let fixture = Fixture::new();
    let claims = with(access_claims(), "aud", json!(["them"]));
    assert_eq!(
        fixture.rejection("access_token", "at+jwt", &claims).await,
        Some(Rejection::WrongAudience)
    );
    let validator = fixture
        .validator(
            "access_token",
            json!({"issuers": ["partner"], "audiences": ["them"]}),
        )
        .unwrap();
    let accepts = async |claims| {
        let token = cambist_core::Token::new(fixture.partner.sign_jwt("at+jwt", claims).unwrap());
        validator
            .validate(&token, &crate::fixture::call())
            .await
            .is_ok()
    };
    assert!(accepts(&claims).await);
    assert!(
        !accepts(&access_claims()).await,
        "the list replaces the issuer's own"
    );
}

#[tokio::test]
async fn sx_19_an_unknown_issuer_is_said_so() {
    let fixture = Fixture::new();
    let claims = with(access_claims(), "iss", json!("https://evil"));
    assert_eq!(
        fixture.rejection("access_token", "at+jwt", &claims).await,
        Some(Rejection::UnknownIssuer)
    );
    let claims = with(access_claims(), "iss", json!(["https://idp.example"]));
    assert_eq!(
        fixture.rejection("access_token", "at+jwt", &claims).await,
        Some(Rejection::Malformed)
    );
}
