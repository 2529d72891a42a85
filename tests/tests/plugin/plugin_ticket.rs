//! The example `legacy-ticket` as a validator.

use std::{fmt::Write as _, sync::Arc};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use cambist_core::{
    Declared, Principal, Rejection, Timestamp, Token, TokenType, ValidateError, Validator,
};
use cambist_plugin::{BindError, Capability, Plugin, PluginKey, Point};
use cambist_token::jose::Algorithm;
use serde_json::{Value, json};
use tests::{
    guests,
    plugins::{binding, compiled, mac_key, signing_key},
};

use crate::call;

const KEY: &str = "correct horse battery staple, twice";
const DANA: &str =
    "v1|user=dana|groups=sales,ops|auth=password|issued=1896317106|expires=1896320706";

fn ticket(signed: &str) -> Token {
    let mac = sign(&Key::new(HMAC_SHA256, KEY.as_bytes()), signed.as_bytes());
    let mut ticket = format!("{signed}|");
    mac.as_ref()
        .iter()
        .for_each(|byte| write!(ticket, "{byte:02x}").unwrap());
    Token::new(ticket)
}

fn validator(
    plugin: &Arc<Plugin>,
    config: &Value,
    keys: &[(&str, Arc<dyn PluginKey>)],
) -> Arc<dyn Validator> {
    let declared = Declared {
        subject_prefix: "legacy:".to_owned(),
        scopes: None,
    };
    plugin
        .bind(&[Point::Validator], binding("legacy-ticket", config, keys))
        .unwrap()
        .validator(
            TokenType::new("urn:example:token-type:legacy-ticket"),
            declared,
        )
}

fn ready(component: &[u8], config: &Value) -> Arc<dyn Validator> {
    let plugin = compiled(component).unwrap();
    validator(&plugin, config, &[("ticket", mac_key(KEY).unwrap())])
}

async fn ask(
    validator: &Arc<dyn Validator>,
    token: Token,
) -> Result<Arc<Principal>, ValidateError> {
    validator.validate(&token, &call()).await
}

#[tokio::test]
async fn legacy_ticket_becomes_a_principal() {
    let validator = ready(
        guests::legacy_ticket(),
        &json!({"issuer": "https://wam.example"}),
    );
    let expected = Principal {
        subject: "legacy:dana".to_owned(),
        issuer: Some("https://wam.example".to_owned()),
        expires_at: Some(Timestamp(1_896_320_706)),
        authenticated_at: Some(Timestamp(1_896_317_106)),
        authentication_methods: vec!["pwd".to_owned()],
        claims: json!({"groups": ["sales", "ops"]})
            .as_object()
            .cloned()
            .unwrap(),
        ..Principal::default()
    };
    assert_eq!(ask(&validator, ticket(DANA)).await, Ok(Arc::new(expected)));
}

#[tokio::test]
async fn the_two_editions_can_be_told_apart() {
    for (component, edition) in [
        (guests::legacy_ticket(), None),
        (guests::legacy_ticket_second(), Some(&json!("2"))),
    ] {
        let validator = ready(component, &json!({}));
        assert_eq!(
            ask(&validator, ticket(DANA))
                .await
                .unwrap()
                .claims
                .get("edition"),
            edition
        );
    }
}

#[tokio::test]
async fn legacy_ticket_refuses_by_reason() {
    let validator = ready(guests::legacy_ticket(), &json!({}));
    let forged = Token::new(format!("{DANA}|{}", "0".repeat(64)));
    assert_eq!(
        ask(&validator, forged).await,
        Err(Rejection::BadSignature.into())
    );
    assert_eq!(
        ask(&validator, Token::new("junk")).await,
        Err(Rejection::Malformed.into())
    );
    let ended = DANA.replace("1896320706", "1896317200");
    assert_eq!(
        ask(&validator, ticket(&ended)).await,
        Err(Rejection::Expired.into())
    );
    let newer = ValidateError::RefusedWith {
        rejection: Rejection::Refused,
        code: "ticket-version".to_owned(),
        message: None,
    };
    assert_eq!(
        ask(&validator, ticket(&DANA.replace("v1", "v7"))).await,
        Err(newer)
    );
}

/// Every term of a binding that does not hold is found before any call.
#[test]
fn a_binding_that_does_not_hold_is_refused() {
    let plugin = compiled(guests::legacy_ticket()).unwrap();
    let key = || mac_key(KEY).unwrap();
    let refused = |config: Value, keys: &[(&str, Arc<dyn PluginKey>)]| {
        plugin
            .bind(&[Point::Validator], binding("legacy-ticket", &config, keys))
            .err()
            .unwrap()
    };
    let none = refused(json!({}), &[]);
    assert!(
        matches!(&none, BindError::Ungranted { import, capability: Capability::Crypto, .. } if import == "cambist:sts/crypto@0.1.0"),
        "{none}"
    );
    let wrong_name = refused(json!({}), &[("other", key())]);
    assert!(matches!(
        wrong_name,
        BindError::Missing { table: "keys", .. }
    ));
    let both = refused(json!({}), &[("ticket", key()), ("other", key())]);
    assert!(matches!(both, BindError::Undeclared { .. }), "{both}");
    let signs = signing_key(Algorithm::Es256).unwrap();
    let algorithm = refused(json!({}), &[("ticket", signs)]);
    assert!(
        matches!(algorithm, BindError::Algorithm { .. }),
        "{algorithm}"
    );
    let config = refused(json!({"issuer": 5}), &[("ticket", key())]);
    assert!(matches!(config, BindError::Config(_)), "{config}");
    let point = plugin
        .bind(
            &[Point::Provider],
            binding("legacy-ticket", &json!({}), &[("ticket", key())]),
        )
        .err()
        .unwrap();
    assert!(matches!(point, BindError::MissingExport { .. }), "{point}");
    let mut generous = binding("legacy-ticket", &json!({}), &[("ticket", key())]);
    generous.grants.random = true;
    let unwanted = plugin.bind(&[Point::Validator], generous).err().unwrap();
    assert_eq!(unwanted, BindError::Unwanted(Capability::Random));
    let mut reusing = binding("legacy-ticket", &json!({}), &[("ticket", key())]);
    reusing.grants.reuse = true;
    let reused = plugin.bind(&[Point::Validator], reusing).err().unwrap();
    assert_eq!(reused, BindError::Isolation);
}
