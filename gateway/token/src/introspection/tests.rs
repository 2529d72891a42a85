use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use cambist_core::{Fetch, FetchError, Fetched, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::*;
use crate::{
    IssuerConfig,
    fixture::{Fixture, NOW, SELF, call},
    jose::{Algorithm, Expected, KeySet, SigningKey, verify},
    session::NoSessions,
    username::PasswordDirectory,
};

const AS: &str = "https://as.example";
const TOKEN: &str = "opaque-1";

/// An authorization server with one answer, which keeps what it was asked.
struct Server {
    answer: Mutex<Result<Vec<u8>, FetchError>>,
    asked: Mutex<Vec<(Option<String>, String)>>,
    count: AtomicUsize,
    /// What the last question wanted to be answered with.
    media: Mutex<String>,
}

impl Server {
    fn new(answer: &Value) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(Ok(answer.to_string().into_bytes())),
            asked: Mutex::default(),
            count: AtomicUsize::new(0),
            media: Mutex::default(),
        })
    }

    fn say(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = Ok(answer.into());
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn last(&self) -> (Option<String>, String) {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }
}

impl Fetch for Server {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Forbidden(
            url.to_owned(),
        ))))
    }

    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
        form: &'a str,
        media: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        assert_eq!(url, "https://as.example/introspect");
        let question = (authorization.map(ToOwned::to_owned), form.to_owned());
        *self.media.lock().unwrap() = media.to_owned();
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.count.fetch_add(1, Ordering::SeqCst);
            self.asked.lock().unwrap().push(question);
            let body = self.answer.lock().unwrap().clone()?;
            Ok(Fetched {
                body,
                max_age: None,
            })
        })
    }
}

fn active() -> Value {
    json!({
        "active": true, "sub": "alice", "aud": "us", "exp": NOW + 600, "iat": NOW - 5,
        "client_id": "app", "scope": "read write", "token_type": "Bearer", "department": "ops"
    })
}

fn configured(members: &Value) -> Value {
    let mut config = json!({
        "endpoint": "https://as.example/introspect", "client_id": "gate way", "secret": "as-secret"
    });
    for (name, value) in members.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn built(server: &Arc<Server>, members: &Value) -> Result<Introspection, BuildError> {
    built_with(server, members, None)
}

/// With the keys of the authorization server.
fn built_with(
    server: &Arc<Server>,
    members: &Value,
    keys: Option<Value>,
) -> Result<Introspection, BuildError> {
    let mut config = json!({
        "issuer": AS, "audiences": ["us"], "subject_prefix": "as:",
        "introspection": configured(members)
    });
    if let Some(keys) = keys {
        config["jwks"] = keys;
    }
    let config: IssuerConfig = serde_json::from_value(config).unwrap();
    let fetch: Arc<dyn Fetch> = server.clone();
    let issuer = Arc::new(TrustedIssuer::build(config, fetch)?);
    let fixture = Fixture::new();
    let directory: Arc<dyn PasswordDirectory> = Arc::new(crate::fixture::Nothing);
    let bench = Bench {
        issuer: SELF,
        realm: "/",
        keyring: &fixture.keyring,
        directory: &directory,
        sessions: &(Arc::new(NoSessions) as Arc<dyn crate::SessionDirectory>),
        trusted_issuer: &|name| (name == "as").then(|| Arc::clone(&issuer)),
        secret: &|name| (name == "as-secret").then(|| Zeroizing::new("pa:ss word".to_owned())),
        mappers: &crate::jwt::mapped::tests::Fixed,
    };
    let settings = json!({"issuers": ["as"], "subject_prefix": "p:"});
    Introspection::build(settings.as_object().unwrap(), &bench)
}

async fn judge(validator: &Introspection, at: u64) -> Result<Arc<Principal>, ValidateError> {
    let call = Call {
        now: Timestamp(at),
        ..call()
    };
    validator.principal(&Token::new(TOKEN), &call).await
}

fn rejection(judged: Result<Arc<Principal>, ValidateError>) -> Option<Rejection> {
    judged.unwrap_err().rejection()
}

#[tokio::test]
async fn tx_22_an_active_token_is_who_its_server_says() {
    let server = Server::new(&active());
    let validator = built(&server, &json!({})).unwrap();
    let principal = judge(&validator, NOW).await.unwrap();
    assert_eq!(principal.subject, "p:as:alice");
    assert_eq!(principal.issuer.as_deref(), Some(AS));
    assert_eq!(principal.audiences, ["us"]);
    assert_eq!(principal.client.as_deref(), Some("app"));
    assert_eq!(principal.scope.to_string(), "read write");
    assert_eq!(principal.expires_at, Some(Timestamp(NOW + 600)));
    assert_eq!(principal.claims["department"], "ops");
    let (authorization, form) = server.last();
    let pair = base64_simd::STANDARD.encode_to_string("gate+way:pa%3Ass+word");
    assert_eq!(authorization, Some(format!("Basic {pair}")));
    assert_eq!(form, "token=opaque-1&token_type_hint=access_token");
}

#[tokio::test]
async fn sx_12_bindings_and_actors_of_an_answer_count() {
    let mut answer = active();
    answer["cnf"] = json!({"jkt": "k"});
    answer["act"] = json!({"sub": "svc", "role": "x"});
    answer["token_type"] = json!("DPoP");
    let server = Server::new(&answer);
    let validator = built(&server, &json!({})).unwrap();
    let principal = judge(&validator, NOW).await.unwrap();
    assert_eq!(
        principal.confirmation.clone().unwrap().key.as_deref(),
        Some("k")
    );
    let actors = principal.actors.clone().unwrap();
    assert_eq!(actors.current().unwrap().subject, "svc");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_a_jwt_would_be() {
    for (name, value, wanted) in [
        ("active", json!(false), Rejection::Refused),
        ("exp", json!(NOW - 31), Rejection::Expired),
        ("exp", json!(null), Rejection::Malformed),
        ("exp", json!("soon"), Rejection::Malformed),
        ("nbf", json!(NOW + 31), Rejection::NotYetValid),
        ("iat", json!(NOW + 31), Rejection::NotYetValid),
        ("aud", json!("them"), Rejection::WrongAudience),
        ("aud", json!(7), Rejection::Malformed),
        ("aud", json!([7]), Rejection::Malformed),
        (
            "iss",
            json!("https://other.example"),
            Rejection::UnknownIssuer,
        ),
        ("sub", json!(""), Rejection::Malformed),
        ("sub", json!(null), Rejection::Malformed),
        ("scope", json!(7), Rejection::Malformed),
        ("cnf", json!({"jwk": {}}), Rejection::Refused),
        ("act", json!("svc"), Rejection::Malformed),
        ("token_type", json!("refresh_token"), Rejection::WrongType),
        ("token_type", json!(7), Rejection::WrongType),
        ("token_use", json!("refresh_token"), Rejection::WrongType),
    ] {
        let mut answer = active();
        answer[name] = value;
        let server = Server::new(&answer);
        let validator = built(&server, &json!({})).unwrap();
        let judged = judge(&validator, NOW).await;
        assert_eq!(rejection(judged), Some(wanted), "{answer}");
    }
    let mut answer = active();
    answer.as_object_mut().unwrap().remove("aud");
    let server = Server::new(&answer);
    let strict = built(&server, &json!({})).unwrap();
    let judged = judge(&strict, NOW).await;
    assert_eq!(rejection(judged), Some(Rejection::WrongAudience));
    let told = built(&server, &json!({"default_audience": "us"})).unwrap();
    assert_eq!(judge(&told, NOW).await.unwrap().audiences, ["us"]);
}

#[tokio::test]
async fn no_answer_accepts_nothing_and_is_nobodys_fault() {
    let server = Server::new(&active());
    for body in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":true}{"active":true}"#,
        "<html>",
    ] {
        server.say(body);
        let validator = built(&server, &json!({})).unwrap();
        let error = judge(&validator, NOW).await.unwrap_err();
        assert!(
            matches!(error, ValidateError::Fault(Fault::Unavailable(_))),
            "{body}: {error}"
        );
    }
    *server.answer.lock().unwrap() = Err(FetchError::Unexpected("status 401".to_owned()));
    let validator = built(&server, &json!({})).unwrap();
    let error = judge(&validator, NOW).await.unwrap_err();
    assert!(error.to_string().contains("status 401"), "{error}");
    server.say(active().to_string());
    assert!(judge(&validator, NOW).await.is_err(), "spared for a second");
    assert!(judge(&validator, NOW + 1).await.is_ok());
}

#[tokio::test]
async fn in_06_an_answer_serves_for_a_while_and_never_past_the_end() {
    let mut answer = active();
    answer["exp"] = json!(NOW + 20);
    let server = Server::new(&answer);
    let validator = built(&server, &json!({"cache_seconds": 15})).unwrap();
    for (second, asked) in [(0, 1), (14, 1), (15, 2), (19, 2)] {
        judge(&validator, NOW + second).await.unwrap();
        assert_eq!(server.count(), asked, "{second}");
    }
    server.say(r#"{"active":false}"#);
    let judged = judge(&validator, NOW + 20).await;
    assert_eq!(rejection(judged), Some(Rejection::Refused));
    for (second, asked) in [(20, 3), (24, 3), (25, 4)] {
        assert!(judge(&validator, NOW + second).await.is_err());
        assert_eq!(server.count(), asked, "{second}");
    }
    let uncached = built(&server, &json!({"cache_seconds": 0})).unwrap();
    for _ in 0..3 {
        assert!(judge(&uncached, NOW).await.is_err());
    }
    assert_eq!(server.count(), 7);
}

#[tokio::test]
async fn sixteen_at_once_ask_once() {
    let server = Server::new(&active());
    let validator = Arc::new(built(&server, &json!({})).unwrap());
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let validator = Arc::clone(&validator);
            tokio::spawn(async move { judge(&validator, NOW).await.unwrap().subject.clone() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "p:as:alice");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn the_memory_is_bounded_and_tokens_are_kept_apart() {
    let server = Server::new(&json!({"active": false}));
    let validator = built(&server, &json!({})).unwrap();
    let call = call();
    for index in 0..10_000 {
        let token = Token::new(format!("guess-{index}"));
        assert!(validator.principal(&token, &call).await.is_err());
    }
    assert_eq!(server.count(), 10_000);
    assert!(validator.known.len() <= 8192, "{}", validator.known.len());
    for bad in ["", "a b", "a\n", "\u{e4}"] {
        let judged = validator.principal(&Token::new(bad), &call).await;
        assert_eq!(rejection(judged), Some(Rejection::Malformed), "{bad:?}");
    }
    let large = Token::new("a".repeat(MAX_TOKEN_BYTES + 1));
    let judged = validator.principal(&large, &call).await;
    assert_eq!(rejection(judged), Some(Rejection::TooLarge));
    assert_eq!(server.count(), 10_000, "none of these was shown to anybody");
}

#[tokio::test]
async fn as_16_the_gateway_proves_itself_as_agreed() {
    let server = Server::new(&active());
    let posting = json!({"authentication": "client_secret_post"});
    judge(&built(&server, &posting).unwrap(), NOW)
        .await
        .unwrap();
    let (authorization, form) = server.last();
    assert_eq!(authorization, None);
    assert!(
        form.ends_with("&client_id=gate+way&client_secret=pa%3Ass+word"),
        "{form}"
    );
    let signing = json!({"authentication": "private_key_jwt", "secret": null});
    let validator = built(&server, &signing).unwrap();
    judge(&validator, NOW).await.unwrap();
    let (authorization, form) = server.last();
    assert_eq!(authorization, None);
    let assertion = form.rsplit_once("client_assertion=").unwrap().1;
    let Proof { keys, audience } = Proof::of(&validator);
    let verified = verify(
        assertion.as_bytes(),
        &Expected {
            algorithms: &[Algorithm::Es256],
            keys: &keys,
            types: &["client-authentication+jwt"],
            typ_may_be_absent: false,
            issuer: "gate way",
            audiences: &[audience],
            leeway: 0,
            now: Timestamp(NOW),
        },
    )
    .unwrap();
    assert_eq!(verified.claims["sub"], "gate way");
    assert_eq!(verified.audiences, [AS]);
    let id = verified.claims["jti"].as_str().unwrap();
    let random = base64_simd::URL_SAFE_NO_PAD.encode_to_string(call().random);
    assert!(!id.contains(&random), "{id}");
}

/// What an assertion is verified with.
struct Proof {
    keys: Arc<KeySet>,
    audience: String,
}

impl Proof {
    fn of(validator: &Introspection) -> Self {
        Self {
            keys: validator.client.keys().unwrap(),
            audience: AS.to_owned(),
        }
    }
}

#[tokio::test]
async fn in_10_in_11_only_a_signed_answer_for_us_is_believed_where_one_is_wanted() {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let (other, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = json!({"keys": [key.public_jwk()]});
    let wanted = json!({"signed": true, "cache_seconds": 0});
    let said = |at: u64, name: &str, value: Value| {
        let mut claims = json!({
            "iss": AS, "aud": "gate way", "iat": at, "token_introspection": active()
        });
        claims[name] = value;
        claims
    };
    let typ = "token-introspection+jwt";
    let server = Server::new(&json!({}));
    let validator = built_with(&server, &wanted, Some(keys)).unwrap();
    let good = |at: u64| said(at, "jti", json!("1"));
    let sign = |typ: &str, claims: &Value| key.sign_jwt(typ, claims).unwrap();
    // Each is judged at a moment of its own, so that nothing is remembered from one to the next.
    let mut at = NOW;
    for (before, name, value) in [
        (0, "jti", json!("1")),
        (0, "aud", json!(["gate way"])),
        (30, "jti", json!("1")),
    ] {
        at += 10;
        let made = at - before;
        server.say(sign(typ, &said(made, name, value)));
        let principal = judge(&validator, at).await.unwrap();
        assert_eq!(principal.subject, "p:as:alice");
        let media = server.media.lock().unwrap().clone();
        assert_eq!(media, "application/token-introspection+jwt");
    }
    let bare = json!({"iss": AS, "aud": "gate way", "iat": NOW + 50, "active": true});
    let with = |name: &str, value: Value| sign(typ, &said(NOW + 50, name, value));
    for answer in [
        active().to_string(),
        other.sign_jwt(typ, &good(NOW + 50)).unwrap(),
        sign("JWT", &good(NOW + 50)),
        sign("at+jwt", &good(NOW + 50)),
        with("iss", json!("https://other.example")),
        with("aud", json!("another")),
        with("aud", json!(["gate way", "another"])),
        with("aud", json!([])),
        with("aud", Value::Null),
        with("iat", Value::Null),
        with("iat", json!(NOW + 200)),
        with("iat", json!(NOW - 100)),
        with("token_introspection", json!("x")),
        with("token_introspection", json!({"sub": "alice"})),
        sign(typ, &bare),
    ] {
        let validator = built_with(&server, &wanted, Some(json!({"keys": [key.public_jwk()]})));
        server.say(answer.clone());
        let judged = judge(&validator.unwrap(), NOW + 50).await;
        let error = judged.expect_err(&answer);
        let is_ours = matches!(error, ValidateError::Fault(Fault::Unavailable(_)));
        assert!(is_ours, "{answer}: {error}");
    }
    server.say(sign(
        typ,
        &said(NOW + 90, "token_introspection", json!({"active": false})),
    ));
    let judged = judge(&validator, NOW + 90).await;
    assert_eq!(rejection(judged), Some(Rejection::Refused));
}

#[test]
fn a_token_is_shown_to_nobody_but_its_issuer() {
    let server = Server::new(&active());
    let fixture = Fixture::new();
    let any = built(&server, &json!({})).unwrap();
    let some = built(&server, &json!({"token_prefix": "as_"})).unwrap();
    let foreign = fixture
        .partner
        .sign_jwt("JWT", &json!({"iss": "https://other.example"}))
        .unwrap();
    let own = fixture
        .partner
        .sign_jwt("JWT", &json!({"iss": AS}))
        .unwrap();
    for (token, by_any, by_some) in [
        ("opaque", true, false),
        ("as_opaque", true, true),
        (foreign.as_str(), false, false),
        (own.as_str(), true, true),
    ] {
        let token = Token::new(token);
        assert_eq!(any.recognises(&token), by_any, "{token:?}");
        assert_eq!(some.recognises(&token), by_some, "{token:?}");
    }
}

#[test]
fn a_mistake_names_its_member() {
    let server = Server::new(&active());
    for (members, wanted) in [
        (
            json!({"endpoint": "http://as.example/x"}),
            "introspection.endpoint",
        ),
        (json!({"client_id": ""}), "introspection.client_id"),
        (json!({"secret": null}), "introspection.secret"),
        (
            json!({"authentication": "private_key_jwt"}),
            "introspection.secret",
        ),
        (json!({"secret": "unknown"}), "issuers[0]"),
        (json!({"token_prefix": ""}), "introspection.token_prefix"),
        (
            json!({"default_audience": "them"}),
            "introspection.default_audience",
        ),
        (json!({"cache_seconds": 301}), "introspection.cache_seconds"),
        (
            json!({"authentication": "private_key_jwt", "secret": null, "algorithm": "ES384"}),
            "issuers[0]",
        ),
    ] {
        let error = built(&server, &members).err().unwrap();
        assert_eq!(error.member, wanted, "{members}");
    }
}
