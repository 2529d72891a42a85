use std::sync::Mutex;

use cambist_core::{BoxFuture, Call, Fetch, FetchError, Fetched, Rejection, Token, Validator};
use serde_json::json;

use super::*;
use crate::{
    IssuerConfig, TrustedIssuer,
    fixture::{Fixture, NOW, PARTNER, call, id_claims},
    jose::{Algorithm, SigningKey},
};

/// An issuer's key set, as it is now.
struct Published(Mutex<String>);

impl Fetch for Published {
    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let body = self.0.lock().unwrap().clone().into_bytes();
        let max_age = None;
        Box::pin(std::future::ready(Ok(Fetched { body, max_age })))
    }
}

fn key_set(key: &SigningKey) -> String {
    json!({"keys": [key.public_jwk()]}).to_string()
}

struct Scene {
    key: SigningKey,
    published: Arc<Published>,
    issuer: Arc<TrustedIssuer>,
    validator: Arc<dyn Validator>,
}

fn scene(most: usize) -> Scene {
    let (key, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let published = Arc::new(Published(Mutex::new(key_set(&key))));
    let config = IssuerConfig {
        jwks_uri: Some("https://idp.example/jwks".to_owned()),
        verified_tokens: most,
        ..IssuerConfig::new(PARTNER, vec!["us".to_owned()])
    };
    let fetch: Arc<dyn Fetch> = published.clone();
    let issuer = Arc::new(TrustedIssuer::build(config, fetch).unwrap());
    let validator = Fixture::new()
        .validator_trusting(&issuer, "id_token", json!({"issuers": ["it"]}))
        .unwrap();
    Scene {
        key,
        published,
        issuer,
        validator,
    }
}

impl Scene {
    fn token(&self) -> Token {
        Token::new(self.key.sign_jwt("JWT", &id_claims()).unwrap())
    }

    fn count(&self) -> usize {
        self.issuer.verified().tokens.get().map_or(0, Cache::len)
    }

    async fn rejection(&self, token: &Token, later: u64) -> Option<Rejection> {
        let call = Call {
            now: Timestamp(NOW + later),
            ..call()
        };
        let outcome = self.validator.validate(token, &call).await;
        outcome.err().and_then(|error| error.rejection())
    }
}

#[tokio::test]
async fn a_token_presented_again_says_the_same() {
    let scene = scene(16);
    let token = scene.token();
    let first = scene.validator.validate(&token, &call()).await.unwrap();
    assert_eq!(scene.count(), 1);
    let again = scene.validator.validate(&token, &call()).await.unwrap();
    assert_eq!((scene.count(), again), (1, first));
}

#[tokio::test]
async fn a_changed_signature_is_not_what_was_remembered() {
    let scene = scene(16);
    let token = scene.token();
    assert_eq!(scene.rejection(&token, 0).await, None);
    let mut text = token.as_str().unwrap().to_owned();
    let first_of_signature = text.rfind('.').unwrap() + 1;
    let other = if text[first_of_signature..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    text.replace_range(first_of_signature..=first_of_signature, other);
    assert_eq!(
        scene.rejection(&Token::new(text), 0).await,
        Some(Rejection::BadSignature)
    );
    assert_eq!(scene.count(), 1);
}

#[tokio::test]
async fn a_remembered_token_ends_at_its_own_time() {
    let scene = scene(16);
    let token = scene.token();
    assert_eq!(scene.rejection(&token, 0).await, None);
    let lifetime = id_claims()["exp"].as_u64().unwrap() - NOW;
    assert_eq!(scene.rejection(&token, lifetime + 29).await, None);
    assert_eq!(
        scene.rejection(&token, lifetime + 30).await,
        Some(Rejection::Expired)
    );
}

#[tokio::test]
async fn a_key_taken_back_takes_remembered_tokens_along() {
    let scene = scene(16);
    let token = scene.token();
    assert_eq!(scene.rejection(&token, 0).await, None);
    let (other, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    *scene.published.0.lock().unwrap() = key_set(&other);
    // Its keys count as fresh for five minutes; the token lives longer.
    assert_eq!(
        scene.rejection(&token, 301).await,
        Some(Rejection::UnknownKey)
    );
}

#[tokio::test]
async fn what_one_validator_accepted_another_judges_by_its_own_settings() {
    let scene = scene(16);
    let token = scene.token();
    assert_eq!(scene.rejection(&token, 0).await, None);
    let stricter = Fixture::new().validator_trusting(
        &scene.issuer,
        "id_token",
        json!({"issuers": ["it"], "audiences": ["somebody-else"]}),
    );
    let outcome = stricter.unwrap().validate(&token, &call()).await;
    assert_eq!(
        outcome.unwrap_err().rejection(),
        Some(Rejection::WrongAudience)
    );
}

#[tokio::test]
async fn nothing_is_remembered_without_room_and_no_more_than_there_is() {
    let without = scene(0);
    assert_eq!(without.rejection(&without.token(), 0).await, None);
    assert_eq!(without.count(), 0);
    let little = scene(8);
    for number in 0..200 {
        let mut claims = id_claims();
        claims["sub"] = json!(format!("user-{number}"));
        let token = Token::new(little.key.sign_jwt("JWT", &claims).unwrap());
        assert_eq!(little.rejection(&token, 0).await, None);
    }
    assert!(little.count() < 200, "{}", little.count());
}
