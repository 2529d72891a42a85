use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::{PasswordDirectory, fixture::Nothing, jose::Keyring};

struct One(Mutex<Vec<Vec<u8>>>);

impl SessionDirectory for One {
    fn find(&self, token: &[u8], now: Timestamp) -> Option<Arc<Session>> {
        let session = Session {
            realm: "/alpha".to_owned(),
            username: "dana".to_owned(),
            attributes: json!({"mail": "d@a.example"}).as_object().cloned()?,
            authenticated_at: Timestamp(3),
            methods: vec!["pwd".to_owned()],
            ends_at: Timestamp(100),
        };
        (token == b"held" && now < session.ends_at).then(|| Arc::new(session))
    }

    fn end<'a>(&'a self, token: &'a [u8]) -> BoxFuture<'a, ()> {
        self.0.lock().unwrap().push(token.to_vec());
        Box::pin(std::future::ready(()))
    }
}

async fn validate(realm: &str, token: &str) -> Result<Arc<Principal>, ValidateError> {
    let (validator, _) = validator(realm);
    let call = Call {
        now: Timestamp(5),
        instance: "i",
        correlation: "c",
        random: [0; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    validator.validate(&Token::new(token), &call).await
}

fn validator(realm: &str) -> (Arc<dyn Validator>, Arc<One>) {
    let one = Arc::new(One(Mutex::default()));
    let (directory, sessions): (Arc<dyn PasswordDirectory>, Arc<dyn SessionDirectory>) =
        (Arc::new(Nothing), Arc::<One>::clone(&one));
    let bench = Bench {
        issuer: "https://sts",
        realm,
        keyring: &Arc::new(Keyring::default()),
        directory: &directory,
        sessions: &sessions,
        trusted_issuer: &|_| None,
        secret: &|_| None,
        mappers: &crate::jwt::mapped::tests::Fixed,
    };
    let settings = json!({"subject_prefix": "am:", "scopes": ["read"]});
    let built = build(settings.as_object().unwrap(), &bench);
    (built.unwrap_or_else(|error| panic!("{error}")), one)
}

#[tokio::test]
async fn a_session_is_a_principal_that_ends_with_it() {
    let principal = validate("/alpha", "held").await.unwrap();
    assert_eq!(principal.subject, "am:dana");
    assert_eq!(principal.scope.to_string(), "read");
    assert_eq!(principal.claims["mail"], "d@a.example");
    assert_eq!(principal.authentication_methods, ["pwd"]);
    assert_eq!(principal.authenticated_at, Some(Timestamp(3)));
    assert_eq!(principal.expires_at, Some(Timestamp(100)));
    let presented = UsedSession::presented(Token::new("held"));
    assert_eq!(principal.session, Some(presented));
}

#[tokio::test]
async fn t23_t26_no_session_and_one_of_another_realm_are_told_apart() {
    for token in ["", "other", "\0", &"x".repeat(256)] {
        let rejection = validate("/alpha", token).await.unwrap_err().rejection();
        assert_eq!(rejection, Some(Rejection::Expired), "{token:?}");
    }
    let long = validate("/alpha", &"x".repeat(257)).await.unwrap_err();
    assert_eq!(long.rejection(), Some(Rejection::TooLarge));
    for realm in ["/", "/alpha/staff", "/Alpha"] {
        let rejection = validate(realm, "held").await.unwrap_err().rejection();
        assert_eq!(rejection, Some(Rejection::WrongAudience), "{realm}");
    }
}

#[tokio::test]
async fn rs_78_ending_it_ends_the_callers_own() {
    let (validator, one) = validator("/alpha");
    validator.end_session(&Token::new("held")).await;
    assert_eq!(*one.0.lock().unwrap(), [b"held".to_vec()]);
}
