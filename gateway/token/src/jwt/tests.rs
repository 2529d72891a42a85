use cambist_core::{Rejection, Token};

use crate::{
    fixture::{Fixture, access_claims, call, id_claims},
    jose::{Algorithm, SigningKey},
};

#[tokio::test]
async fn any_generic_jwt_of_a_trusted_issuer_is_accepted() {
    let fixture = Fixture::new();
    for claims in [id_claims(), access_claims()] {
        assert_eq!(fixture.rejection("jwt", "JWT", &claims).await, None);
    }
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt"] {
        assert_eq!(
            fixture.rejection("jwt", typ, &id_claims()).await,
            Some(Rejection::WrongType),
            "{typ}"
        );
    }
}

#[tokio::test]
async fn jw_09_a_key_of_another_issuer_does_not_count() {
    let fixture = Fixture::new();
    let (stranger, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = Token::new(stranger.sign_jwt("JWT", &id_claims()).unwrap());
    let outcome = fixture.partners("jwt").validate(&token, &call()).await;
    assert_eq!(
        outcome.unwrap_err().rejection(),
        Some(Rejection::UnknownKey)
    );
}

#[tokio::test]
async fn an_algorithm_the_issuer_may_not_use_is_refused_before_keys_are_looked_for() {
    let fixture = Fixture::new();
    let shared = SigningKey::hmac(&[1; 32], Algorithm::Hs256).unwrap();
    let token = Token::new(shared.sign_jwt("JWT", &id_claims()).unwrap());
    let outcome = fixture.partners("jwt").validate(&token, &call()).await;
    assert_eq!(
        outcome.unwrap_err().rejection(),
        Some(Rejection::AlgorithmNotAllowed)
    );
}
