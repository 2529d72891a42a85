//! The example plugins in the real host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use cambist_core::{
    Call, Declared, Fault, Principal, Rejection, Timestamp, Token, TokenType, ValidateError,
    Validator,
};
use cambist_plugin::{Compilation, HostLimits, Plugin, PluginBinding, PluginHost};
use serde_json::json;
use tests::guests;

const KEY: &str = "correct horse battery staple";
const NOW: u64 = 1_896_317_200;
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

fn compiled(component: &[u8]) -> Arc<Plugin> {
    Arc::new(
        PluginHost::new(HostLimits::default(), Compilation::default())
            .unwrap()
            .compile(component)
            .unwrap(),
    )
}

fn validator(plugin: &Arc<Plugin>, settings: &[(&str, &str)]) -> Arc<dyn Validator> {
    plugin.validator(PluginBinding {
        name: "legacy-ticket".to_owned(),
        token_type: TokenType::new("urn:example:token-type:legacy-ticket"),
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        declared: Declared {
            subject_prefix: "legacy:".to_owned(),
            scopes: None,
        },
    })
}

async fn ask(validator: &Arc<dyn Validator>, token: Token) -> Result<Principal, ValidateError> {
    let call = Call {
        now: Timestamp(NOW),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [0; 16],
    };
    validator.validate(&token, &call).await
}

#[tokio::test]
async fn legacy_ticket_becomes_a_principal() {
    let validator = validator(
        &compiled(guests::legacy_ticket()),
        &[("key", KEY), ("issuer", "https://wam.example")],
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
    assert_eq!(ask(&validator, ticket(DANA)).await, Ok(expected));
}

#[tokio::test]
async fn the_two_editions_can_be_told_apart() {
    for (component, edition) in [
        (guests::legacy_ticket(), None),
        (guests::legacy_ticket_second(), Some(&json!("2"))),
    ] {
        let validator = validator(&compiled(component), &[("key", KEY)]);
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
    let validator = validator(&compiled(guests::legacy_ticket()), &[("key", KEY)]);
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

#[tokio::test]
async fn a_missing_key_is_the_operators_fault_and_closed() {
    let plugin = compiled(guests::legacy_ticket());
    let fault = Fault::Plugin {
        plugin: format!("legacy-ticket@{}", plugin.digest()),
        reason: "the setting `key` is missing".to_owned(),
    };
    assert_eq!(
        ask(&validator(&plugin, &[]), ticket(DANA)).await,
        Err(fault.into())
    );
}

#[test]
fn an_ordinary_rust_build_imports_only_what_is_inert() {
    let plugin = compiled(guests::legacy_ticket());
    let others: Vec<_> = plugin
        .imports()
        .iter()
        .filter(|import| !import.starts_with("wasi:cli/") && !import.starts_with("wasi:io/"))
        .collect();
    assert_eq!(others, ["cambist:sts/types@0.1.0"]);
    assert_eq!(plugin.exports(), ["cambist:sts/validator@0.1.0"]);
    assert!(plugin.size() < 200_000, "{} bytes", plugin.size());
}
