use cambist_core::Rejection;
use serde_json::json;

use crate::fixture::{Fixture, NOW, access_claims, id_claims, with};

#[tokio::test]
async fn an_id_token_is_a_principal() {
    let fixture = Fixture::new();
    for typ in ["JWT", "jwt"] {
        let claims = with(with(id_claims(), "nonce", json!("n")), "typ", json!("ID"));
        let principal = fixture.judge("id_token", typ, &claims).await.unwrap();
        assert_eq!(
            (principal.subject.as_str(), principal.scope.is_empty()),
            ("alice", true)
        );
    }
}

#[tokio::test]
async fn sx_10_tokens_of_other_kinds_are_refused() {
    let fixture = Fixture::new();
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "logout+jwt",
        "token-introspection+jwt",
        "dpop+jwt",
    ] {
        let rejection = fixture.rejection("id_token", typ, &id_claims()).await;
        assert_eq!(rejection, Some(Rejection::WrongType), "{typ}");
    }
    for (name, value) in [
        ("scope", json!("openid")),
        ("scp", json!(["a"])),
        ("client_id", json!("app")),
        (
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        ),
        ("typ", json!("Bearer")),
        ("typ", json!(1)),
        ("token_use", json!("access")),
    ] {
        let claims = with(id_claims(), name, value);
        assert_eq!(
            fixture.rejection("id_token", "JWT", &claims).await,
            Some(Rejection::WrongType),
            "{claims}"
        );
    }
    assert_eq!(
        fixture.rejection("id_token", "JWT", &access_claims()).await,
        Some(Rejection::WrongType)
    );
}

#[tokio::test]
async fn the_required_claims_are_required() {
    let fixture = Fixture::new();
    for (name, expected) in [
        ("iat", Rejection::WrongType),
        ("exp", Rejection::Malformed),
        ("sub", Rejection::Malformed),
        ("aud", Rejection::WrongAudience),
        ("iss", Rejection::Malformed),
    ] {
        let mut claims = id_claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(
            fixture.rejection("id_token", "JWT", &claims).await,
            Some(expected),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_issuers_leeway_applies() {
    let fixture = Fixture::new();
    let ended = |ago: u64| with(id_claims(), "exp", json!(NOW - ago));
    assert_eq!(fixture.rejection("id_token", "JWT", &ended(29)).await, None);
    assert_eq!(
        fixture.rejection("id_token", "JWT", &ended(30)).await,
        Some(Rejection::Expired)
    );
}
