//! Instances made ahead that played a case before their call.

use std::{sync::Arc, time::Duration};

use cambist_core::{Declared, Rejection, Token, TokenType, ValidateError};
use cambist_plugin::{
    Manifest, Plugin, PluginRejected, Point,
    case::cases_from_toml,
    manifest::{Isolation, embed, manifest_in},
};
use serde_json::json;
use tests::{
    guests,
    plugins::{binding, compiled, host, mac_key},
};

use crate::call;

const CASE: &str = r#"
[[case]]
name = "the token is the subject"
token = "rehearsed"
expect = { ok = { subject = "rehearsed" } }
"#;

fn warmed(case: &str) -> Vec<u8> {
    let manifest = Manifest {
        isolation: Isolation::Ready,
        warm_up: Some(case.to_owned()),
        cases: cases_from_toml(CASE).unwrap(),
        ..Manifest::default()
    };
    embed(guests::echo(), &manifest).unwrap()
}

async fn asked(plugin: &Arc<Plugin>, token: &str) -> String {
    let bound = plugin
        .bind(&[Point::Validator], binding("echo", &json!({}), &[]))
        .unwrap();
    let validator = bound.validator(TokenType::new("urn:example:echo"), Declared::default());
    // Time for instances to be made.
    std::thread::sleep(Duration::from_millis(20));
    validator
        .validate(&Token::new(token), &call())
        .await
        .unwrap()
        .subject
        .clone()
}

#[tokio::test]
async fn a_rehearsal_leaves_nothing_of_itself_in_an_answer() {
    let plugin = compiled(&warmed("the token is the subject")).unwrap();
    assert_eq!(plugin.isolation(), Isolation::Ready);
    for subject in ["dana", "erin", "frank", "grace", "heidi", "ivan"] {
        assert_eq!(asked(&plugin, subject).await, subject);
    }
    assert_eq!(plugin.counts().calls, 6, "a rehearsal is no call");
}

#[test]
fn a_rehearsal_is_a_case_of_the_plugins_own() {
    let rejected = host().unwrap().compile(&warmed("another")).unwrap_err();
    assert!(
        matches!(&rejected, PluginRejected::Manifest(reason) if reason.contains("`another`")),
        "{rejected}"
    );
}

/// A ticket is judged by the key that the operator granted, though the rehearsal used another.
#[tokio::test]
async fn wa_06_a_rehearsals_key_verifies_nothing_in_a_call() {
    let component = guests::legacy_ticket();
    let mut manifest = Manifest::from_json(manifest_in(component).unwrap().unwrap()).unwrap();
    let case = manifest
        .cases
        .iter()
        .find(|case| case.expect.get("ok").is_some())
        .unwrap()
        .clone();
    manifest.isolation = Isolation::Ready;
    manifest.warm_up = Some(case.name.clone());
    let plugin = compiled(&embed(component, &manifest).unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let config = serde_json::Value::Object(case.config.clone());
    let keys = [(
        "ticket",
        mac_key("not the key of the case, and long enough").unwrap(),
    )];
    let validator = plugin
        .bind(&[Point::Validator], binding("ticket", &config, &keys))
        .unwrap()
        .validator(TokenType::new("urn:example:ticket"), Declared::default());
    let token = Token::new(case.token.unwrap().as_str().unwrap());
    let now = cambist_core::Timestamp(case.now);
    let refused = validator
        .validate(&token, &cambist_core::Call { now, ..call() })
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            ValidateError::Rejected(Rejection::BadSignature)
                | ValidateError::RefusedWith {
                    rejection: Rejection::BadSignature,
                    ..
                }
        ),
        "{refused}"
    );
}
