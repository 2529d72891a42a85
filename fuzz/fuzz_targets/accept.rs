//! The whole accept path for assertions: scan, parser, signatures, decryption, reading, conditions, replay.
//! Nothing that is derived from genuine documents may make it panic, and nothing may be accepted that says
//! something else than a genuine one.

#![no_main]

use std::{
    collections::HashSet,
    fs,
    path::Path,
    pin::pin,
    sync::{Mutex, OnceLock},
    task::{Context, Poll, Waker},
};

use cambist_core::{BoxFuture, Fault, Timestamp};
use cambist_saml::{
    SelfSigned,
    accept::{Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, Replay, TrustedIssuer},
    algorithm::{Cipher, KeyTransport, SignatureAlgorithm},
    decryption::DecryptionKey,
    draft::{Confirmation, Draft},
    encryption::RecipientKey,
    issue::{Extent, Protection, Sealing, issue},
    model::{Assertion, Attribute, AttributeValue, NameId},
    signing::SigningKey,
    uri,
    verify::TrustedKey,
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp(1_896_321_906);
const SEEDS: &str = "corpus/accept";

struct Target {
    acceptance: Acceptance,
    genuine: Assertion,
}

static TARGET: OnceLock<Target> = OnceLock::new();

/// Keys are new in every run, so the genuine documents are written anew before the fuzzer reads them.
fn prepare() {
    let certificate = SelfSigned {
        name: "fuzz",
        now: NOW,
        days: 1,
        random: [1; 16],
    };
    let key = |algorithm| SigningKey::generate(algorithm, &certificate).expect("a key");
    let (rsa, p256) = (
        key(SignatureAlgorithm::RsaSha256),
        key(SignatureAlgorithm::EcdsaSha256),
    );
    let genuine = Draft {
        id: "_genuine".to_owned(),
        issuer: "https://idp.example.net/sts",
        relying_party: "urn:example:orders-sp",
        recipient: Some("https://orders.example.com/acs"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        confirmation: Confirmation::Bearer,
        name_id: NameId::with_format("dana", uri::NAME_ID_UNSPECIFIED),
        authenticated_at: NOW,
        authn_context_class: uri::PASSWORD_PROTECTED_TRANSPORT,
        attributes: vec![Attribute {
            name: "mail".to_owned(),
            values: vec![AttributeValue::Text("dana@example.com".to_owned())],
            ..Attribute::default()
        }],
    }
    .assemble();
    let recipient = RecipientKey::new(
        rsa.key.certificate(),
        Cipher::default(),
        KeyTransport::default(),
    )
    .expect("a recipient");
    fs::create_dir_all(SEEDS).expect("a directory");
    let extents = [
        None,
        Some(Extent::Assertion),
        Some(Extent::NameIdAndAttributes),
    ];
    for (name, signing) in [("rsa", &rsa.key), ("p256", &p256.key)] {
        for extent in extents {
            let protection = Protection {
                signing: Some(signing),
                sealing: extent.map(|extent| Sealing {
                    recipient: &recipient,
                    extent,
                }),
                ..Protection::default()
            };
            let document = issue(&genuine, &protection).expect("a document");
            let moment = "2030-02-03T04:05:06Z";
            let response = format!(
                "<samlp:Response xmlns:samlp=\"{}\" ID=\"_r\" IssueInstant=\"{moment}\" Version=\"2.0\">\
                 <samlp:Status><samlp:StatusCode Value=\"{}\"/></samlp:Status>{document}</samlp:Response>",
                uri::PROTOCOL,
                uri::STATUS_SUCCESS,
            );
            for (form, text) in [("alone", document), ("response", response)] {
                let file = format!("seed-{name}-{form}-{extent:?}");
                fs::write(Path::new(SEEDS).join(file), text).expect("a seed");
            }
        }
    }
    let trusted = |key: &SigningKey| TrustedKey::new(key.certificate()).expect("a certificate");
    let acceptance = Acceptance {
        issuers: vec![TrustedIssuer {
            entity_id: "https://idp.example.net/sts".to_owned(),
            keys: vec![trusted(&rsa.key), trusted(&p256.key)],
            name_qualifiers: Vec::new(),
            valid_until: None,
        }],
        audiences: vec!["urn:example:orders-sp".to_owned()],
        recipients: vec!["https://orders.example.com/acs".to_owned()],
        recipient_required: true,
        attesters: Vec::new(),
        decryption_keys: vec![DecryptionKey::from_pem(&rsa.private_key).expect("a key")],
        skew: 30,
        max_lifetime: 3600,
        max_bytes: MAX_DOCUMENT_BYTES,
        once: Once::Every,
    };
    // Documents of earlier runs were signed with other keys, and are worth their shape all the same.
    let seeds = fs::read_dir(SEEDS).expect("seeds").flatten();
    let accepted = seeds
        .filter_map(|file| fs::read(file.path()).ok())
        .filter(|document| {
            acceptance
                .examine(document, &Presenter::default(), NOW)
                .is_ok()
        });
    assert!(accepted.count() >= 12, "the genuine documents are accepted");
    let target = Target {
        acceptance,
        genuine,
    };
    assert!(TARGET.set(target).is_ok(), "prepared once");
}

#[derive(Default)]
struct Memory(Mutex<HashSet<(String, String)>>);

impl Replay for Memory {
    fn is_first_use<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        let mut used = self.0.lock().expect("a memory");
        let is_first = used.insert((issuer.to_owned(), id.to_owned()));
        Box::pin(async move { Ok(is_first) })
    }
}

fuzz_target!(
    init: prepare(),
    |document: &[u8]| {
        let target = TARGET.get().expect("prepared");
        let presenter = Presenter::default();
        let memory = Memory::default();
        let mut accepting = pin!(target.acceptance.accept(document, &presenter, NOW, &memory));
        let Poll::Ready(outcome) = accepting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("it waits");
        };
        if let Ok(accepted) = outcome {
            assert_eq!(accepted.assertion, target.genuine, "something else was accepted");
            assert_eq!(accepted.audiences, ["urn:example:orders-sp"]);
        }
        // What is said in metadata is read by the same parser.
        let _ = cambist_saml::metadata::read(
            document,
            cambist_saml::metadata::Role::IdentityProvider,
            cambist_saml::metadata::Origin::Configured,
            NOW,
        );
    }
);
