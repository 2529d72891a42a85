use cambist_core::{Fault, Timestamp};
use serde_json::json;

use super::*;
use crate::jose::Keyring;

struct Directory;

impl PasswordDirectory for Directory {
    fn authenticate<'a>(
        &'a self,
        realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            match (realm, username, password) {
                ("/alpha", "Demo", "pä\"ss") => Ok(Profile {
                    username: "demo".to_owned(),
                    attributes: json!({"mail": "demo@a.example"})
                        .as_object()
                        .cloned()
                        .unwrap_or_default(),
                    session: None,
                }),
                (_, "broken", _) => Err(Fault::Unavailable("directory".to_owned()).into()),
                _ => Err(Rejection::BadSignature.into()),
            }
        })
    }
}

fn validator(settings: &Value) -> Result<Arc<dyn Validator>, BuildError> {
    let directory: Arc<dyn PasswordDirectory> = Arc::new(Directory);
    let bench = Bench {
        issuer: "https://sts",
        realm: "/alpha",
        keyring: &Arc::new(Keyring::default()),
        directory: &directory,
        sessions: &(Arc::new(crate::NoSessions) as Arc<dyn crate::SessionDirectory>),
        trusted_issuer: &|_| None,
        secret: &|_| None,
        mappers: &crate::jwt::mapped::tests::Fixed,
    };
    build(settings.as_object().unwrap(), &bench)
}

async fn validate(token: impl Into<Vec<u8>>) -> Result<Arc<Principal>, ValidateError> {
    let call = Call {
        now: Timestamp(5),
        instance: "i",
        correlation: "c",
        random: [0; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    validator(&json!({"subject_prefix": "corp:", "scopes": ["read"]}))
        .unwrap()
        .validate(&Token::new(token), &call)
        .await
}

#[tokio::test]
async fn a_right_password_is_a_principal() {
    let principal = validate(r#"{"username":"Demo","password":"pä\"ss"}"#)
        .await
        .unwrap();
    assert_eq!(principal.subject, "corp:demo");
    assert_eq!(principal.scope.to_string(), "read");
    assert_eq!(principal.claims["mail"], "demo@a.example");
    assert_eq!(principal.authentication_methods, ["pwd"]);
    assert_eq!(principal.authenticated_at, Some(Timestamp(5)));
    assert_eq!((&principal.issuer, principal.expires_at), (&None, None));
    assert!(principal.audiences.is_empty());
}

#[tokio::test]
async fn what_the_directory_says_is_passed_on() {
    let wrong = validate(r#"{"username":"Demo","password":"x"}"#)
        .await
        .unwrap_err();
    assert_eq!(wrong.rejection(), Some(Rejection::BadSignature));
    let broken = validate(r#"{"username":"broken","password":"x"}"#)
        .await
        .unwrap_err();
    assert_eq!(broken, Fault::Unavailable("directory".to_owned()).into());
}

#[tokio::test]
async fn only_the_two_strings_are_a_credential() {
    for token in [
        "",
        "Demo",
        "{}",
        r#"{"username":"Demo"}"#,
        r#"{"username":"Demo","password":1}"#,
        r#"{"username":["Demo"],"password":"x"}"#,
        r#"{"username":"Demo","password":null}"#,
        r#"{"username":"","password":"x"}"#,
        r#"{"username":"Demo","password":""}"#,
        r#"{"username":"Demo","password":"x","realm":"/"}"#,
        r#"{"username":"Demo","username":"Demo","password":"x"}"#,
        r#"{"username":"De\u0000mo","password":"x"}"#,
        r#"{"username":"Demo","password":"x"} x"#,
        r#"["Demo","x"]"#,
    ] {
        assert_eq!(
            validate(token).await.unwrap_err().rejection(),
            Some(Rejection::Malformed),
            "{token}"
        );
    }
    assert_eq!(
        validate(vec![0xff; 10]).await.unwrap_err().rejection(),
        Some(Rejection::Malformed)
    );
}

#[tokio::test]
async fn names_and_passwords_are_bounded() {
    let long = |username: usize, password: usize| {
        json!({"username": "u".repeat(username), "password": "p".repeat(password)}).to_string()
    };
    for (username, password) in [(257, 1), (1, 1025), (1, 5000)] {
        let rejection = validate(long(username, password))
            .await
            .unwrap_err()
            .rejection();
        assert_eq!(
            rejection,
            Some(Rejection::TooLarge),
            "{username} {password}"
        );
    }
    let rejection = validate(long(256, 1024)).await.unwrap_err().rejection();
    assert_eq!(rejection, Some(Rejection::BadSignature));
}

#[test]
fn unknown_settings_are_named() {
    let Err(error) = validator(&json!({"scope": "read"})) else {
        panic!("accepted")
    };
    assert_eq!(error.member, "scope");
    assert!(error.hint.contains("scopes"), "{error}");
    let Err(error) = validator(&json!({"scopes": "read"})) else {
        panic!("accepted")
    };
    assert_eq!(error.member, "scopes");
}
