//! Assertions as authorization grants (RFC 7522).

use super::*;
use crate::face::oauth::saml_bearer::{self, PRESENTED_TYPE};

async fn grant(instance: &PublishedInstance, token: &Token) -> Result<Exchanged, ExchangeError> {
    ask(instance, token.as_bytes(), PRESENTED_TYPE, NOW).await
}

const REFUSED: Refusal = Refusal::InvalidGrant("the assertion is not acceptable");

#[tokio::test]
async fn sa_01_sa_04_an_assertion_for_this_endpoint_is_a_grant_once() {
    let house = House::new().await;
    let made = assertion(&house.source(provider())).await;
    let target = house.target();
    let granted = grant(&target, &made.issued.token).await.unwrap();
    assert_eq!(granted.issued.token_type, TokenType::ACCESS_TOKEN);
    assert_eq!(granted.subject, "source:dana");
    let again = grant(&target, &made.issued.token).await.unwrap_err();
    assert_eq!(saml_bearer::refusal(&again), REFUSED);
    assert!(again.to_string().contains("used before"), "{again}");
}

#[tokio::test]
async fn sa_01_without_this_endpoint_as_its_recipient_it_is_none() {
    let house = House::new().await;
    let made = assertion(&house.source(json!({}))).await;
    let target = house.target();
    let error = grant(&target, &made.issued.token).await.unwrap_err();
    assert_eq!(saml_bearer::refusal(&error), REFUSED);
    assert!(error.to_string().contains("another recipient"), "{error}");
    // A token exchange leaves it open, and the refusal was no use.
    present(&target, made.issued.token.as_bytes(), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn sa_01_only_bearers_are_granted_anything() {
    let house = House::new().await;
    let own = vec![Certificate::from_pem(&house.ec).unwrap().der().to_vec()];
    let source = house.source(json!({"confirmation": "holder-of-key"}));
    let dana = br#"{"username":"dana","password":"S3cr3t-42"}"#;
    let beside = || Beside {
        proofs: Proofs {
            certificates: &own,
            ..Proofs::default()
        },
        wanted: None,
    };
    let made = ask_with(&source, dana, TokenType::USERNAME, NOW, beside())
        .await
        .unwrap();
    let (target, token) = (house.target(), made.issued.token);
    let error = ask_with(&target, token.as_bytes(), PRESENTED_TYPE, NOW, beside())
        .await
        .unwrap_err();
    assert_eq!(saml_bearer::refusal(&error), REFUSED);
    assert!(error.to_string().contains("holder of the key"), "{error}");
}

#[tokio::test]
async fn sa_02_sa_03_what_is_not_authentic_is_invalid_grant() {
    let house = House::new().await;
    let made = assertion(&house.source(provider())).await;
    let xml = text(&made.issued.token);
    for changed in [
        xml.replace(">dana<", ">erin<"),
        xml.replace(">dana<", ">da<!-- -->na<"),
        format!("<!DOCTYPE a>{xml}"),
        xml[..xml.find("<ds:Signature ").unwrap()].to_owned()
            + &xml[xml.find("</ds:Signature>").unwrap() + 15..],
    ] {
        let token = Token::new(transport::encode_token(&changed));
        let error = grant(&house.target(), &token).await.unwrap_err();
        assert_eq!(saml_bearer::refusal(&error), REFUSED, "{error}");
    }
}

#[tokio::test]
async fn the_grant_is_offered_where_assertions_become_access_tokens() {
    let house = House::new().await;
    let named = |instance: &PublishedInstance| {
        let metadata: Value = serde_json::from_slice(&instance.metadata).unwrap();
        metadata["grant_types_supported"]
            .as_array()
            .unwrap()
            .iter()
            .any(|grant| grant == saml_bearer::SAML2_BEARER)
    };
    assert!(named(&house.target()));
    let source = house.source(provider());
    assert!(!named(&source));
    let error = grant(&source, &Token::new("x")).await.unwrap_err();
    assert_eq!(saml_bearer::refusal(&error), Refusal::UnsupportedGrantType);
}
