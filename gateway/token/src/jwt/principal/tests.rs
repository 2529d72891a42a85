use std::sync::Arc;

use cambist_core::{Actor, Timestamp, ValidateError};
use serde_json::json;

use super::*;
use crate::fixture::{Fixture, NOW, PARTNER, access_claims, id_claims, with};

async fn read(claims: &Value) -> Result<Arc<Principal>, Option<Rejection>> {
    Fixture::new()
        .judge("jwt", "JWT", claims)
        .await
        .map_err(|error: ValidateError| error.rejection())
}

#[tokio::test]
async fn every_known_claim_has_its_place_and_the_rest_is_kept() {
    let mut claims = access_claims();
    for (name, value) in [
        ("azp", json!("other")),
        ("auth_time", json!(1_799_999_990.5)),
        ("acr", json!("loa2")),
        ("amr", json!(["pwd"])),
        (
            "act",
            json!({"sub": "svc", "iss": "https://x", "role": "r"}),
        ),
        ("may_act", json!({"sub": "bot"})),
        ("jti", json!("id")),
        ("org", json!({"id": 1})),
    ] {
        claims[name] = value;
    }
    let principal = read(&claims).await.unwrap();
    assert_eq!(principal.subject, "alice");
    assert_eq!(principal.issuer.as_deref(), Some(PARTNER));
    assert_eq!(principal.audiences, ["us"]);
    assert_eq!(principal.client.as_deref(), Some("app"));
    assert_eq!(principal.scope.to_string(), "read write");
    assert_eq!(principal.expires_at, Some(Timestamp(NOW + 3600)));
    assert_eq!(principal.authenticated_at, Some(Timestamp(NOW - 10)));
    assert_eq!(principal.authentication_context.as_deref(), Some("loa2"));
    assert_eq!(principal.authentication_methods, ["pwd"]);
    let svc = Actor {
        issuer: Some("https://x".to_owned()),
        subject: "svc".to_owned(),
    };
    assert_eq!(principal.actors, Some(ActorChain::new(svc)));
    assert_eq!(
        principal.may_act,
        MayAct::from_claim(&json!({"sub": "bot"})).ok()
    );
    assert_eq!(
        Value::Object(principal.claims.clone()),
        json!({"iat": NOW, "jti": "id", "azp": "other", "client_id": "app", "org": {"id": 1}})
    );
}

#[tokio::test]
async fn the_client_is_in_client_id_or_azp() {
    assert_eq!(read(&id_claims()).await.unwrap().client, None);
    let azp = read(&with(id_claims(), "azp", json!("web"))).await.unwrap();
    assert_eq!(azp.client.as_deref(), Some("web"));
    assert_eq!(
        read(&with(id_claims(), "azp", json!(["web"]))).await,
        Err(Some(Rejection::Malformed))
    );
}

#[tokio::test]
async fn scope_is_text_or_a_list_under_either_name() {
    for (name, value) in [
        ("scope", json!("b a")),
        ("scope", json!(["a", "b"])),
        ("scp", json!("a b")),
        ("scp", json!(["b", "a"])),
    ] {
        let principal = read(&with(id_claims(), name, value.clone())).await.unwrap();
        assert_eq!(principal.scope.to_string(), "a b", "{name} {value}");
    }
    for value in [
        json!(1),
        json!(null),
        json!({"a": true}),
        json!(["a", 1]),
        json!("a\"b"),
        json!(["a b"]),
    ] {
        assert_eq!(
            read(&with(id_claims(), "scope", value.clone())).await,
            Err(Some(Rejection::Malformed)),
            "{value}"
        );
    }
}

#[tokio::test]
async fn sx_05_declared_scope_serves_only_tokens_that_carry_none() {
    let fixture = Fixture::new();
    let settings = json!({"issuers": ["partner"], "scopes": ["declared"], "subject_prefix": "p:"});
    let validator = fixture.validator("jwt", settings).unwrap();
    let scope = async |claims: &Value| {
        let token = cambist_core::Token::new(fixture.partner.sign_jwt("JWT", claims).unwrap());
        let principal = validator
            .validate(&token, &crate::fixture::call())
            .await
            .unwrap();
        assert_eq!(principal.subject, "p:alice");
        principal.scope.to_string()
    };
    assert_eq!(scope(&id_claims()).await, "declared");
    assert_eq!(
        scope(&with(id_claims(), "scope", json!("own"))).await,
        "own"
    );
    assert_eq!(scope(&with(id_claims(), "scope", json!(""))).await, "");
}

#[tokio::test]
async fn sx_07_tx_57_act_is_an_object_of_bounded_depth() {
    let chain = |depth: usize| {
        (1..depth).fold(
            json!({"sub": "a0"}),
            |act, n| json!({"sub": format!("a{n}"), "act": act}),
        )
    };
    assert_eq!(
        read(&with(id_claims(), "act", chain(8)))
            .await
            .unwrap()
            .actors
            .as_ref()
            .unwrap()
            .iter()
            .len(),
        8
    );
    assert_eq!(
        read(&with(id_claims(), "act", chain(9))).await,
        Err(Some(Rejection::ChainTooLong))
    );
    for act in [
        json!("svc"),
        json!([]),
        json!({}),
        json!(null),
        json!({"sub": ""}),
    ] {
        assert_eq!(
            read(&with(id_claims(), "act", act.clone())).await,
            Err(Some(Rejection::Malformed)),
            "{act}"
        );
    }
    for may_act in [json!("svc"), json!([]), json!(null)] {
        let claims = with(id_claims(), "may_act", may_act.clone());
        assert_eq!(
            read(&claims).await,
            Err(Some(Rejection::Malformed)),
            "{may_act}"
        );
    }
}

#[tokio::test]
async fn sx_12_a_binding_that_cannot_be_proven_is_refused() {
    for cnf in [
        json!({"jwk": {"kty": "EC"}}),
        json!({"jkt": "abc", "kid": "k"}),
        json!({}),
        json!(null),
    ] {
        assert_eq!(
            read(&with(access_claims(), "cnf", cnf.clone())).await,
            Err(Some(Rejection::Refused)),
            "{cnf}"
        );
    }
}

#[tokio::test]
async fn claims_about_authentication_must_have_their_form() {
    for (name, value) in [
        ("auth_time", json!("yesterday")),
        ("auth_time", json!(-1)),
        ("acr", json!(2)),
        ("amr", json!("pwd")),
        ("amr", json!(["pwd", 1])),
    ] {
        assert_eq!(
            read(&with(id_claims(), name, value.clone())).await,
            Err(Some(Rejection::Malformed)),
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn sx_12_the_keys_of_a_bound_token_are_told() {
    let cnf = json!({"jkt": "abc", "x5t#S256": "def"});
    let principal = read(&with(access_claims(), "cnf", cnf.clone()))
        .await
        .unwrap();
    assert_eq!(principal.confirmation.as_ref().unwrap().to_claim(), cnf);
    assert!(!principal.claims.contains_key("cnf"));
}
