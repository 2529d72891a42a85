//! Published attacks, each refused for the reason it ought to be.

use super::*;
use crate::fixture::OTHER_RSA;

mod algorithms;
mod floods;
mod wrapping;

/// The parts of a genuine, signed assertion of dana, and a forged one of admin.
struct Parts {
    /// With its signature.
    genuine: String,
    /// Without.
    bare: String,
    signature: String,
    /// Of admin, with another identifier, without a signature.
    forged: String,
    /// Of admin, with the identifier of the genuine one.
    forged_same_id: String,
}

fn parts() -> Parts {
    let bare = unsigned(&fixture::bearer());
    let genuine = sign(&bare);
    let start = genuine.find("<ds:Signature ").unwrap();
    let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let forged_same_id = bare.replace("dana", "admin");
    Parts {
        signature: genuine[start..end].to_owned(),
        forged: forged_same_id.replace("ID=\"s2", "ID=\"_s2"),
        forged_same_id,
        genuine,
        bare,
    }
}

/// Puts something right behind the issuer.
fn behind_issuer(assertion: &str, inserted: &str) -> String {
    assertion.replacen("</saml:Issuer>", &format!("</saml:Issuer>{inserted}"), 1)
}

/// Puts something before the end tag of the outermost element.
fn at_end(document: &str, inserted: &str) -> String {
    let at = document.rfind("</").unwrap();
    format!("{}{inserted}{}", &document[..at], &document[at..])
}

/// The genuine document with one place changed.
fn changed(from: &str, to: &str) -> String {
    let genuine = parts().genuine;
    let changed = genuine.replacen(from, to, 1);
    assert_ne!(changed, genuine, "{from}");
    changed
}

fn refuse_all<const N: usize>(cases: [(&str, String, Refusal); N]) {
    for (name, document, expected) in cases {
        assert_eq!(examine(&document), Err(expected), "{name}");
    }
}

#[test]
fn sm_02_malformed_documents_are_not_repaired() {
    let genuine = parts().genuine;
    for (name, document) in [
        ("not closed", genuine[..genuine.len() - 1].to_owned()),
        ("no end tag", genuine.replace("</saml:Assertion>", "")),
        ("text behind", format!("{genuine}x")),
        ("text before", format!("x{genuine}")),
        ("two roots", format!("{genuine}<a/>")),
        (
            "an attribute twice",
            changed("Version=\"2.0\"", "Version=\"2.0\" Version=\"2.0\""),
        ),
        (
            "an unknown prefix",
            changed("<saml:Subject>", "<evil:x/><saml:Subject>"),
        ),
        (
            "crossed tags",
            changed(
                "</saml:NameID><saml:SubjectConfirmation ",
                "<saml:SubjectConfirmation ",
            ),
        ),
        ("no character", changed("dana", "da&#0;na")),
        (
            "no character in an attribute",
            changed("Recipient=\"", "Recipient=\"&#0;"),
        ),
        (
            "no character in an attribute either",
            changed("Recipient=\"", "Recipient=\"\0"),
        ),
        ("no character either", changed("dana", "da\u{1}na")),
        ("an unknown entity", changed("dana", "da&x;na")),
        ("nothing", String::new()),
    ] {
        assert_eq!(examine(&document), Err(Refusal::NotXml), "{name}");
    }
    for (name, document, expected) in [
        (
            "two colons",
            changed("<saml:Subject>", "<saml:a:b/><saml:Subject>"),
            [Refusal::Name, Refusal::NotXml],
        ),
        (
            "a prefix for nothing",
            changed("<saml:Subject>", "<saml:Subject xmlns:p=\"\">"),
            [Refusal::Namespace, Refusal::NotXml],
        ),
        (
            "a relative namespace",
            changed("<saml:Subject>", "<saml:Subject xmlns:p=\"p\">"),
            [Refusal::Namespace; 2],
        ),
        (
            "a local name that is none",
            changed("xsi:type=", "xsi:0ype="),
            [Refusal::Name; 2],
        ),
        (
            "another xml",
            changed("<saml:Subject>", "<saml:Subject xmlns:xml=\"urn:x\">"),
            [Refusal::Name, Refusal::NotXml],
        ),
    ] {
        let refusal = examine(&document).unwrap_err();
        assert!(expected.contains(&refusal), "{name}: {refusal:?}");
    }
}

#[test]
fn sm_03_a_name_is_never_cut_short() {
    for (to, expected) in [
        ("admin<!-- -->.dana", Refusal::Comment),
        ("admin<?x?>.dana", Refusal::ProcessingInstruction),
        ("<![CDATA[admin]]>.dana", Refusal::Cdata),
        ("admin<x xmlns=\"urn:x\"/>.dana", Refusal::BadSignature),
    ] {
        assert_eq!(examine(&changed("dana", to)), Err(expected), "{to}");
    }
    // Authentic, and still not read in part.
    let xml =
        unsigned(&fixture::bearer()).replacen("dana", "admin<x:x xmlns:x=\"urn:x\"></x:x>.dana", 1);
    assert_eq!(examine(&sign(&xml)), Err(Refusal::Unexpected("NameID")));
    // Character references are part of the whole.
    let spelled = changed("dana", "&#100;a&#x6e;a");
    let accepted = examine(&spelled).unwrap();
    assert_eq!(accepted.name_id().unwrap().value, "dana");
}

#[test]
fn sm_09_document_types_and_floods_are_refused_unread() {
    let genuine = parts().genuine;
    let with = |doctype: &str| format!("<!DOCTYPE x {doctype}>{genuine}");
    for doctype in [
        "SYSTEM \"file:///etc/passwd\"",
        "[<!ENTITY x SYSTEM \"file:///etc/passwd\">]",
        "[<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]",
        "[<!ATTLIST saml:Subject ID ID \"s2\">]",
        "PUBLIC \"-//x\" \"http://127.0.0.1:1/x.dtd\"",
    ] {
        assert_eq!(examine(&with(doctype)), Err(Refusal::Doctype), "{doctype}");
    }
    let many = |item: fn(usize) -> String| -> String { (0..1000).map(item).collect() };
    let attributes = many(|n| format!(" a{n}=\"\""));
    let namespaces = many(|n| format!(" xmlns:a{n}=\"urn:x\""));
    let flood = format!("<saml:Subject{attributes}>");
    assert_eq!(
        examine(&changed("<saml:Subject>", &flood)),
        Err(Refusal::TooLarge("attributes"))
    );
    let flood = format!("<saml:Subject{namespaces}>");
    assert_eq!(
        examine(&changed("<saml:Subject>", &flood)),
        Err(Refusal::TooLarge("attributes"))
    );
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    assert_eq!(
        examine(&changed("<saml:Subject>", &format!("{deep}<saml:Subject>"))),
        Err(Refusal::Depth)
    );
}

#[test]
fn keys_come_from_configuration_alone() {
    let bare = unsigned(&fixture::bearer());
    // With the attacker's key, and its certificate in the document.
    let substituted = sign_with(&OTHER_RSA.key, &bare);
    assert_eq!(examine(&substituted), Err(Refusal::BadSignature));
    // With the attacker's key, and the genuine certificate in the document.
    let base64 = |der: &[u8]| base64_simd::STANDARD.encode_to_string(der);
    let (genuine, other) = (
        base64(RSA.key.certificate().der()),
        base64(OTHER_RSA.key.certificate().der()),
    );
    assert_eq!(
        examine(&substituted.replace(&other, &genuine)),
        Err(Refusal::BadSignature)
    );
    // What a document says about a key is not looked at.
    let document = sign(&bare);
    assert!(examine(&document.replace(&genuine, &other)).is_ok());
    assert!(examine(&document.replace(&genuine, "nonsense")).is_ok());
    let retrieval = "<ds:KeyInfo><ds:RetrievalMethod URI=\"http://127.0.0.1:9/x\"/></ds:KeyInfo>";
    let start = document.find("<ds:KeyInfo>").unwrap();
    let end = document.find("</ds:KeyInfo>").unwrap() + "</ds:KeyInfo>".len();
    assert!(examine(&document.replace(&document[start..end], retrieval)).is_ok());
    assert!(examine(&document.replace(&document[start..end], "")).is_ok());
}

#[test]
fn another_trusted_issuer_cannot_speak_for_this_one() {
    let mut acceptance = acceptance();
    acceptance.issuers.push(TrustedIssuer {
        entity_id: "https://other.example".to_owned(),
        keys: vec![TrustedKey::new(OTHER_RSA.key.certificate()).unwrap()],
        name_qualifiers: Vec::new(),
        valid_until: None,
    });
    let examine = |document: &str| {
        examine_by(&acceptance, document, &Presenter::default()).map(|accepted| accepted.assertion)
    };
    let bare = unsigned(&fixture::bearer());
    let others = bare.replace("https://idp.example.net/sts", "https://other.example");
    assert!(examine(&sign_with(&OTHER_RSA.key, &others)).is_ok());
    assert_eq!(
        examine(&sign_with(&OTHER_RSA.key, &bare)),
        Err(Refusal::BadSignature)
    );
    // A response of the one around an assertion of the other.
    let mixed = sign_with(
        &OTHER_RSA.key,
        &response(&bare).replacen("https://idp.example.net/sts", "https://other.example", 1),
    );
    assert_eq!(examine(&mixed), Err(Refusal::IssuerMismatch));
    assert_eq!(
        examine(&bare.replace("https://idp.example.net/sts", "https://unknown.example")),
        Err(Refusal::UnknownIssuer)
    );
}

#[test]
fn every_signature_must_verify_not_just_one() {
    let Parts { genuine, .. } = parts();
    let both = sign(&response(&genuine));
    assert!(examine(&both).is_ok());
    // The outer signature no longer holds, though the inner one does.
    let outer_broken = both.replacen("<samlp:Status>", "<samlp:Status> ", 1);
    assert_eq!(examine(&outer_broken), Err(Refusal::BadSignature));
    let by_another = sign_with(&OTHER_RSA.key, &response(&genuine));
    assert_eq!(examine(&by_another), Err(Refusal::BadSignature));
}

#[test]
fn a_tampered_twin_is_refused_wherever_it_was_touched() {
    let genuine = parts().genuine;
    for (from, to) in [
        ("dana", "admin"),
        ("2030-02-03T04:15:06Z", "2031-02-03T04:15:06Z"),
        ("urn:example:orders-sp", "urn:example:others-sp"),
        ("dana@example.com", "admin@example.com"),
        ("cm:bearer", "cm:sender-vouches"),
        ("xs:string", "xs:boolean"),
        ("<saml:Subject>", "<saml:Subject> "),
        ("http://www.w3.org/2001/XMLSchema\" ID", "urn:x\" ID"),
    ] {
        let twin = genuine.replacen(from, to, 1);
        assert_ne!(twin, genuine);
        assert_eq!(examine(&twin), Err(Refusal::BadSignature), "{from}");
    }
}
