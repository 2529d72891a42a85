use std::{
    collections::HashSet,
    pin::pin,
    sync::{LazyLock, Mutex},
    task::{Context, Poll, Waker},
};

use cambist_core::Principal;
use serde_json::json;

use super::*;
use crate::{
    algorithm::{KeyKind, SignatureAlgorithm},
    draft::Confirmation,
    encryption::RecipientKey,
    fixture::{self, NOW, P256, RSA, acceptance, draft, response, sign, sign_with},
    issue::{Protection, issue},
    model::{ConfirmationMethod, ProxyRestriction, Subject},
    refusal::Unconfirmed,
    signing::SigningKey,
    write::{self, Spelling},
};

mod attacks;
mod confirming;
mod judging;
mod mutation;
mod replay;
mod responses;
mod sealed;

/// Whether each was used, in memory.
#[derive(Default)]
struct Memory(Mutex<HashSet<(String, String)>>);

impl Replay for Memory {
    fn is_first_use<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let mut used = self.0.lock().unwrap();
            Ok(used.insert((issuer.to_owned(), id.to_owned())))
        })
    }
}

/// A store that is away.
struct Broken;

impl Replay for Broken {
    fn is_first_use<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async { Err(Fault::Unavailable("the store".to_owned())) })
    }
}

/// Runs what never waits.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn examine_by(
    acceptance: &Acceptance,
    document: &str,
    presenter: &Presenter<'_>,
) -> Result<Accepted, Refusal> {
    let examined = acceptance.examine(document.as_bytes(), presenter, NOW)?;
    Ok(now_or_never(examined.redeem(&Memory::default())).unwrap())
}

fn examine(document: &str) -> Result<Accepted, Refusal> {
    static ACCEPTANCE: LazyLock<Acceptance> = LazyLock::new(acceptance);
    examine_by(&ACCEPTANCE, document, &Presenter::default())
}

fn unsigned(model: &Assertion) -> String {
    write::assertion(model, Spelling::default())
        .unwrap()
        .into_unsigned_string()
}

fn signed(model: &Assertion) -> String {
    sign(&unsigned(model))
}

/// The refusal of an authentic assertion that says something else than usual.
fn refusal_of(change: impl FnOnce(&mut Assertion)) -> Refusal {
    let mut model = fixture::bearer();
    change(&mut model);
    examine(&signed(&model)).unwrap_err()
}

fn conditions(model: &mut Assertion) -> &mut crate::model::Conditions {
    model.conditions.as_mut().unwrap()
}

fn confirmation(model: &mut Assertion) -> &mut SubjectConfirmation {
    let subject = model.subject.as_mut().unwrap();
    subject.confirmations.first_mut().unwrap()
}

#[test]
fn what_is_issued_is_accepted_as_it_was() {
    let model = fixture::bearer();
    for key in [&RSA.key, &P256.key] {
        let document = sign_with(key, &unsigned(&model));
        for document in [
            document.clone(),
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{document}\n"),
            response(&document),
            sign(&response(&document)),
        ] {
            let accepted = examine(&document).unwrap();
            assert_eq!(accepted.assertion, model);
            assert_eq!(accepted.expires_at, NOW.plus(600));
            assert_eq!(accepted.audiences, ["urn:example:orders-sp"]);
            assert_eq!(accepted.confirmation.method, ConfirmationMethod::Bearer);
        }
    }
}

#[test]
fn all_that_an_assertion_can_hold_is_read_back() {
    let holder = RSA.key.certificate().der();
    let mut model = fixture::full(holder);
    conditions(&mut model).proxy_restriction = Some(ProxyRestriction {
        count: Some(2),
        audiences: Vec::new(),
    });
    let presenter = Presenter {
        certificate: Some(holder),
        ..Presenter::default()
    };
    let accepted = examine_by(&acceptance(), &signed(&model), &presenter).unwrap();
    assert_eq!(accepted.assertion, model);
    assert_eq!(accepted.holder, Some(Holder::Certificate(holder.to_vec())));
}

#[test]
fn a_principal_has_what_providers_understand() {
    let holder = RSA.key.certificate().der();
    let mut model = fixture::full(holder);
    conditions(&mut model).proxy_restriction = None;
    let statement = model.attribute_statements.first_mut().unwrap();
    for name in ["sub", "may_act", "client_id", "cnf"] {
        let attribute = fixture::text_attribute(name, "admin");
        statement.attributes.push(attribute.into());
    }
    let presenter = Presenter {
        certificate: Some(holder),
        ..Presenter::default()
    };
    let accepted = examine_by(&acceptance(), &signed(&model), &presenter).unwrap();
    let principal = Principal::from(&accepted);
    assert_eq!(principal.subject, "dana & \"co\" <x>\r\n");
    assert_eq!(
        principal.issuer.as_deref(),
        Some("https://idp.example.net/sts")
    );
    assert_eq!(principal.audiences, ["urn:example:orders-sp"]);
    assert_eq!(principal.expires_at, Some(NOW.plus(600)));
    assert_eq!(principal.authenticated_at, Some(NOW));
    assert_eq!(
        principal.authentication_context.as_deref(),
        Some(uri::PASSWORD_PROTECTED_TRANSPORT)
    );
    let print = base64_simd::URL_SAFE_NO_PAD.encode_to_string(RSA.key.certificate().thumbprint());
    let expected = json!({
        "EmailAddress": "dana@example.com",
        "all": ["a]]>b", -7, true, NOW.0, "AAH/", "pairwise"],
        "cnf": {"x5t#S256": print},
    });
    assert_eq!(serde_json::Value::Object(principal.claims), expected);
    assert_eq!((principal.client, principal.may_act), (None, None));
}

#[test]
fn what_a_relying_party_gets_unsigned_is_not_accepted_back() {
    let document = issue(&fixture::bearer(), &Protection::default()).unwrap();
    assert_eq!(examine(&document), Err(Refusal::NotSigned));
}

#[test]
fn clients_learn_one_reason_only() {
    for (refusal, rejection) in [
        (Refusal::BadSignature, Rejection::BadSignature),
        (Refusal::Doctype, Rejection::Malformed),
        (Refusal::Replayed, Rejection::Refused),
        (
            Refusal::Unconfirmed(Unconfirmed::Address),
            Rejection::WrongAddress,
        ),
    ] {
        let error = ValidateError::from(AcceptError::from(refusal));
        assert_eq!(error.rejection(), Some(rejection));
    }
}

#[test]
fn every_algorithm_is_issued_and_accepted() {
    let certificate = crate::SelfSigned {
        name: "p384",
        now: NOW,
        days: 1,
        random: [7; 16],
    };
    let p384 = SigningKey::generate(SignatureAlgorithm::EcdsaSha384, &certificate).unwrap();
    for algorithm in SignatureAlgorithm::ALL {
        let generated = match algorithm.key_kind() {
            KeyKind::P256 => &P256,
            KeyKind::P384 => &p384,
            KeyKind::Rsa => &*RSA,
        };
        let (private_key, certificate) = (&generated.private_key, &generated.certificate);
        let key = SigningKey::from_pem(private_key, certificate, algorithm).unwrap();
        let acceptance = Acceptance {
            issuers: vec![TrustedIssuer {
                entity_id: "https://idp.example.net/sts".to_owned(),
                keys: vec![TrustedKey::new(key.certificate()).unwrap()],
                name_qualifiers: Vec::new(),
                valid_until: None,
            }],
            ..acceptance()
        };
        let document = sign_with(&key, &unsigned(&fixture::bearer()));
        assert!(document.contains(algorithm.uri()));
        let accepted = examine_by(&acceptance, &document, &Presenter::default()).unwrap();
        assert_eq!(accepted.assertion, fixture::bearer());
    }
}

#[test]
fn what_an_instance_keeps_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Acceptance>();
    shared::<SigningKey>();
    shared::<RecipientKey>();
}
