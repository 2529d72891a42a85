//! Who may attest for a subject, and from where an assertion may come.

use cambist_saml::{
    draft::{Confirmation, Draft, identifier},
    issue::{Protection, issue},
    model::{Assertion, NameId},
};

use super::*;

/// Assertions in, from clients that may attest.
fn attested(house: &House, settings: &Value) -> Value {
    let mut document = target(&house.rsa);
    document["validators"]["assertion"]["sender_vouches"] = settings.clone();
    document["clients"]["portal"] = client("https://api.example");
    document
}

async fn present_by(
    target: &PublishedInstance,
    token: &[u8],
    proofs: Proofs<'_>,
) -> Result<Exchanged, ExchangeError> {
    let beside = Beside {
        proofs,
        wanted: None,
    };
    ask_with(target, token, TokenType::SAML2, NOW, beside).await
}

fn client_is(client: &str) -> Proofs<'_> {
    Proofs {
        client: Some(client),
        ..Proofs::default()
    }
}

fn assert_unconfirmed(outcome: Result<Exchanged, ExchangeError>, reason: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE);
    assert!(error.to_string().contains(reason), "{error}");
}

/// An assertion of [`SOURCE`] that the gateway would not make by itself.
fn foreign(house: &House, change: impl FnOnce(&mut Assertion)) -> Vec<u8> {
    let draft = Draft {
        id: identifier(&[0x5a; 20]),
        issuer: SOURCE,
        relying_party: TARGET,
        recipient: None,
        issued_at: NOW,
        expires_at: NOW.plus(300),
        confirmation: Confirmation::Bearer,
        name_id: NameId::new("dana"),
        authenticated_at: NOW,
        authn_context_class: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        attributes: Vec::new(),
    };
    let mut model = draft.assemble();
    change(&mut model);
    let protection = Protection {
        signing: house.bench.any_key().map(|key| &**key),
        ..Protection::default()
    };
    transport::encode_token(&issue(&model, &protection).unwrap()).into_bytes()
}

#[tokio::test]
async fn sm_11_a_subject_is_attested_by_listed_clients_only() {
    let house = House::new().await;
    let source = house.source(json!({"confirmation": "sender-vouches"}));
    let made = assertion(&source).await;
    let token = made.issued.token.as_bytes();
    let portal = attested(&house, &json!({"clients": ["portal"]}));
    let portal = house.build("beta/target", &portal).unwrap();
    assert_unconfirmed(
        present_by(&portal, token, client_is("web")).await,
        "the presenter may not attest",
    );
    assert_unconfirmed(
        present_by(&portal, token, Proofs::default()).await,
        "the presenter may not attest",
    );
    // Nobody attests unless somebody is listed.
    assert_unconfirmed(
        present_by(&house.target(), token, client_is("portal")).await,
        "the presenter may not attest",
    );
    let accepted = present_by(&portal, token, client_is("portal")).await;
    assert_eq!(accepted.unwrap().subject, "source:dana");
    assert_unconfirmed(
        present_by(&portal, token, client_is("portal")).await,
        "used before",
    );
}

#[tokio::test]
async fn a_confirmation_that_names_its_presenter_means_a_client_that_may_attest() {
    let house = House::new().await;
    let named = |name: &str| {
        foreign(&house, |model| {
            let subject = model.subject.as_mut().unwrap();
            subject.confirmations[0].name_id = Some(NameId::new(name).into());
        })
    };
    let portal = attested(&house, &json!({"clients": ["portal"]}));
    let portal = house.build("beta/target", &portal).unwrap();
    for (name, client) in [("web", "web"), ("web", "portal")] {
        assert_unconfirmed(
            present_by(&portal, &named(name), client_is(client)).await,
            "another presenter",
        );
    }
    present_by(&portal, &named("portal"), client_is("portal"))
        .await
        .unwrap();
}

#[tokio::test]
async fn who_may_attest_is_a_client_of_the_instance() {
    let house = House::new().await;
    for (settings, path) in [
        (json!({"clients": []}), ".clients"),
        (json!({"clients": ["nobody"]}), ".clients"),
        (json!({"clients": ["portal"], "all": true}), ""),
    ] {
        let document = attested(&house, &settings);
        let error = house.build("beta/target", &document).err().unwrap();
        let at = format!("validators.assertion.sender_vouches{path}");
        assert!(error.path.starts_with(&at), "{settings}: {error:?}");
    }
}

#[tokio::test]
async fn an_assertion_for_one_address_comes_from_there_only() {
    let house = House::new().await;
    let target = house.target();
    let token = foreign(&house, |model| {
        let subject = model.subject.as_mut().unwrap();
        subject.confirmations[0].address = Some("192.0.2.7".to_owned());
    });
    let from = |address: Option<&str>| Proofs {
        address: address.map(|address| address.parse().unwrap()),
        ..Proofs::default()
    };
    for address in [None, Some("192.0.2.8"), Some("::1")] {
        assert_unconfirmed(
            present_by(&target, &token, from(address)).await,
            "another address",
        );
    }
    let accepted = present_by(&target, &token, from(Some("::ffff:192.0.2.7"))).await;
    let only = accepted.unwrap().principal.only_from;
    assert_eq!(only, Some("192.0.2.7".parse().unwrap()));
}
