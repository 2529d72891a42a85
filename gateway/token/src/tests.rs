use std::{collections::HashSet, sync::Arc};

use cambist_core::{Provider, Rejection, Token, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    BUILTINS, BuildError,
    fixture::{Fixture, SELF, call, client, id_claims, with},
    jose::Algorithm,
};

fn error<T>(built: Result<T, BuildError>) -> BuildError {
    match built {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn kinds_are_unique_and_do_something() {
    let kinds: HashSet<&str> = BUILTINS.iter().map(|builtin| builtin.kind).collect();
    assert_eq!(kinds.len(), BUILTINS.len());
    assert!(
        BUILTINS
            .iter()
            .all(|builtin| builtin.validator.is_some() || builtin.provider.is_some())
    );
    assert!(BUILTINS.is_sorted_by_key(|builtin| builtin.kind));
}

#[test]
fn a_mistake_in_validator_settings_names_its_member() {
    let fixture = Fixture::new();
    for (member, settings) in [
        ("issuers", json!({})),
        ("issuers", json!({"issuers": []})),
        ("issuers", json!({"issuers": 1})),
        ("issuers[0]", json!({"issuers": "nobody"})),
        ("issuers[1]", json!({"issuers": ["partner", "nobody"]})),
        (
            "issuers[1]",
            json!({"issuers": ["partner", "partner-again"]}),
        ),
        ("audiences", json!({"issuers": "self"})),
        (
            "audiences",
            json!({"issuers": ["partner"], "audiences": []}),
        ),
        (
            "audiences",
            json!({"issuers": ["partner"], "audiences": "us"}),
        ),
        ("issuer", json!({"issuer": "partner"})),
        ("scopes", json!({"issuers": ["partner"], "scopes": ["a b"]})),
        (
            "subject_prefix",
            json!({"issuers": ["partner"], "subject_prefix": 1}),
        ),
    ] {
        for kind in ["access_token", "id_token", "jwt"] {
            let error = error(fixture.validator(kind, settings.clone()));
            assert_eq!(error.member, member, "{kind} {settings}: {error}");
            assert!(!error.reason.is_empty() && !error.hint.is_empty());
        }
    }
}

#[test]
fn a_mistake_in_provider_settings_names_its_member() {
    let fixture = Fixture::new();
    let secret = "a secret of no less than 32 bytes";
    for (member, settings) in [
        ("algorithm", json!({"algorithm": "ES512"})),
        ("algorithm", json!({"algorithm": "none"})),
        ("algorithm", json!({"algorithm": "PS256"})),
        ("secret", json!({"algorithm": "HS256"})),
        ("secret", json!({"algorithm": "HS256", "secret": "short"})),
        ("secret", json!({"algorithm": "HS512", "secret": secret})),
        (
            "secret",
            json!({"algorithm": "HS256", "secret": 12_345_678}),
        ),
        ("secret", json!({"secret": secret})),
        ("lifetime_seconds", json!({"lifetime_seconds": 0})),
        ("lifetime_seconds", json!({"lifetime_seconds": 86_401})),
        ("lifetime_seconds", json!({"lifetime_seconds": -1})),
        ("lifetime_seconds", json!({"lifetime_seconds": "300"})),
        ("claims.sub", json!({"claims": {"sub": "mail"}})),
        ("claims.act", json!({"claims": {"act": "mail"}})),
        ("claims.scope", json!({"claims": {"scope": "mail"}})),
        ("claims.", json!({"claims": {"": "mail"}})),
        ("claims", json!({"claims": ["mail"]})),
        ("lifetime", json!({"lifetime": 300})),
    ] {
        for kind in ["access_token", "id_token"] {
            let error = error(fixture.provider(kind, settings.clone()));
            assert_eq!(error.member, member, "{kind} {settings}: {error}");
            assert!(
                !format!("{error:?}").contains("12345678"),
                "a secret is never shown"
            );
        }
    }
}

#[test]
fn only_private_key_algorithms_need_a_published_key() {
    let fixture = Fixture::new();
    let algorithm = |settings| fixture.provider("access_token", settings).unwrap().1;
    assert_eq!(algorithm(json!({})), Some(Algorithm::Es256));
    assert_eq!(
        algorithm(json!({"algorithm": "Ed25519"})),
        Some(Algorithm::EdDsa)
    );
    assert_eq!(
        algorithm(json!({"algorithm": "HS256", "secret": "a secret of no less than 32 bytes"})),
        None
    );
}

/// SX-10: which validator takes which of our own tokens.
#[tokio::test]
async fn sx_10_our_own_tokens_are_accepted_as_what_they_are_only() {
    let fixture = Fixture::new();
    for (issued, accepted_as) in [
        ("access_token", ["access_token"].as_slice()),
        ("id_token", &["id_token", "jwt"]),
    ] {
        let provider: Arc<dyn Provider> = fixture.provider(issued, json!({})).unwrap().0;
        let exchanged = fixture
            .exchange(&id_claims(), provider, &client(&["orders"], false))
            .await
            .unwrap();
        for kind in ["access_token", "id_token", "jwt"] {
            let validator: Arc<dyn Validator> = fixture
                .validator(kind, json!({"issuers": "self", "audiences": ["orders"]}))
                .unwrap();
            let outcome = validator.validate(&exchanged.issued.token, &call()).await;
            if accepted_as.contains(&kind) {
                let principal = outcome.unwrap();
                assert_eq!(
                    (principal.subject.as_str(), principal.issuer.as_deref()),
                    ("alice", Some(SELF))
                );
                assert_eq!(principal.client.as_deref(), Some("web"));
                assert_eq!(principal.actors, exchanged.actors);
            } else {
                assert_eq!(
                    outcome.unwrap_err().rejection(),
                    Some(Rejection::WrongType),
                    "{issued} as {kind}"
                );
            }
        }
    }
}

#[tokio::test]
async fn sx_03_our_own_tokens_for_others_are_not_accepted_back() {
    let fixture = Fixture::new();
    let (provider, _) = fixture.provider("access_token", json!({})).unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], false))
        .await
        .unwrap();
    let validator = fixture
        .validator(
            "access_token",
            json!({"issuers": ["self"], "audiences": ["stock"]}),
        )
        .unwrap();
    let outcome = validator.validate(&exchanged.issued.token, &call()).await;
    assert_eq!(
        outcome.unwrap_err().rejection(),
        Some(Rejection::WrongAudience)
    );
}

#[tokio::test]
async fn a_token_under_a_shared_secret_is_not_one_of_ours() {
    let fixture = Fixture::new();
    let settings = json!({"algorithm": "HS256", "secret": "a secret of no less than 32 bytes"});
    let (provider, _) = fixture.provider("access_token", settings).unwrap();
    let exchanged = fixture
        .exchange(&id_claims(), provider, &client(&["orders"], false))
        .await
        .unwrap();
    let validator = fixture
        .validator(
            "access_token",
            json!({"issuers": "self", "audiences": ["orders"]}),
        )
        .unwrap();
    let outcome = validator.validate(&exchanged.issued.token, &call()).await;
    assert_eq!(
        outcome.unwrap_err().rejection(),
        Some(Rejection::AlgorithmNotAllowed)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What we issue, we validate: subject, claims and scope survive a round trip of any provider.
    #[test]
    fn what_we_issue_we_validate(
        subject in "[^\\p{Cc}]{1,40}",
        mail in ".{0,40}",
        lifetime in 1..=86_400_u64,
        algorithm in prop::sample::select(vec!["ES256", "EdDSA", "RS256"]),
        kind in prop::sample::select(vec!["access_token", "id_token"]),
    ) {
        let fixture = Fixture::new();
        let settings = json!({"algorithm": algorithm, "lifetime_seconds": lifetime, "claims": {"email": "mail"}});
        let (provider, _) = fixture.provider(kind, settings).unwrap();
        let claims = with(with(id_claims(), "sub", json!(subject)), "mail", json!(mail));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (exchanged, principal) = runtime.block_on(async {
            let exchanged = fixture.exchange(&claims, provider, &client(&["orders"], false)).await.unwrap();
            let validator = fixture.validator(kind, json!({"issuers": "self", "audiences": ["orders"]})).unwrap();
            let principal = validator.validate(&exchanged.issued.token, &call()).await.unwrap();
            (exchanged, principal)
        });
        prop_assert_eq!(&principal.subject, &subject);
        prop_assert_eq!(&principal.claims["email"], &Value::from(mail));
        prop_assert_eq!(principal.expires_at, Some(exchanged.issued.expires_at));
        prop_assert_eq!(&principal.audiences, &exchanged.audiences);
        prop_assert_eq!(&principal.actors, &exchanged.actors);
        if kind == "access_token" {
            prop_assert_eq!(&principal.scope, &exchanged.scope);
        }
    }

    #[test]
    fn no_bytes_make_a_validator_panic(token in prop::collection::vec(any::<u8>(), 0..200)) {
        let fixture = Fixture::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for kind in ["access_token", "id_token", "jwt"] {
            let validator = fixture.partners(kind);
            prop_assert!(runtime.block_on(validator.validate(&Token::new(token.clone()), &call())).is_err());
        }
    }
}
