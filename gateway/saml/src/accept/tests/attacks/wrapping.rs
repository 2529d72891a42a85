//! Signatures that are good, around or beside something else (SM-01).

use super::*;

#[test]
fn sm_01_signature_wrapping_of_a_signed_response() {
    let Parts { bare, .. } = parts();
    let signed_response = sign(&response(&bare));
    let start = signed_response.find("<ds:Signature ").unwrap();
    let end = signed_response.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &signed_response[start..end];
    let original = response(&bare);
    let evil = response(&parts().forged).replace("\"_response\"", "\"_evil\"");
    let holding = signature.replace("</ds:Signature>", &format!("{original}</ds:Signature>"));
    let object = signature.replace(
        "</ds:Signature>",
        &format!("<ds:Object>{original}</ds:Object></ds:Signature>"),
    );
    refuse_all([
        (
            "XSW1",
            behind_issuer(&evil, &holding),
            Refusal::SeveralAssertions,
        ),
        (
            "XSW1 in an object",
            behind_issuer(&evil, &object),
            Refusal::SignatureShape("Object"),
        ),
        (
            "XSW2",
            behind_issuer(&evil, &format!("{original}{signature}")),
            Refusal::SeveralAssertions,
        ),
        (
            "XSW1 without its assertion",
            behind_issuer(&evil, &holding.replace(&bare, "")),
            Refusal::SignatureShape("Signature"),
        ),
        (
            "XSW2 without its assertion",
            behind_issuer(&evil, &format!("{}{signature}", response(""))),
            Refusal::SignaturePosition,
        ),
        (
            "the signed response within another",
            response(&signed_response.replacen("\"_response\"", "\"_inner\"", 1)),
            Refusal::SignaturePosition,
        ),
        (
            "a signature over another response",
            behind_issuer(&evil, signature),
            Refusal::Reference,
        ),
    ]);
}

#[test]
fn sm_01_signature_wrapping_of_a_signed_assertion() {
    let Parts {
        genuine,
        bare,
        signature,
        forged,
        forged_same_id,
    } = parts();
    let many = Refusal::SeveralAssertions;
    let tampered = genuine
        .replace("dana", "admin")
        .replace("ID=\"s2", "ID=\"_s2");
    let within_signature = |original: &str| {
        let signature = signature.replace("</ds:Signature>", &format!("{original}</ds:Signature>"));
        behind_issuer(&forged, &signature)
    };
    let object = format!("<ds:Object>{bare}</ds:Object>");
    let extensions = format!("<samlp:Extensions>{forged}</samlp:Extensions><samlp:Status>");
    refuse_all([
        ("XSW3", response(&format!("{forged}{genuine}")), many),
        ("XSW4", response(&at_end(&forged, &genuine)), many),
        ("XSW5", response(&format!("{tampered}{bare}")), many),
        ("XSW6", response(&within_signature(&bare)), many),
        (
            "XSW7",
            response(&genuine).replacen("<samlp:Status>", &extensions, 1),
            many,
        ),
        (
            "XSW8",
            response(&within_signature(&object)),
            Refusal::SignatureShape("Object"),
        ),
        ("XSW9", response(&format!("{genuine}{forged}")), many),
        (
            "XSW10 in advice",
            at_end(&forged, &format!("<saml:Advice>{genuine}</saml:Advice>")),
            many,
        ),
        ("XSW11 evil root", at_end(&forged, &genuine), many),
        ("evil after the valid one", at_end(&genuine, &forged), many),
        (
            "one identifier twice",
            response(&format!("{forged_same_id}{genuine}")),
            Refusal::DuplicateIdentifier,
        ),
        (
            "encrypted beside signed",
            response(&format!(
                "{genuine}<saml:EncryptedAssertion xmlns:saml=\"{}\"></saml:EncryptedAssertion>",
                uri::ASSERTION
            )),
            many,
        ),
        (
            "an assertion that is none",
            response(&format!(
                "{}{genuine}",
                forged.replace("2.0:assertion", "2.0:other")
            )),
            Refusal::WrongRoot,
        ),
    ]);
}

#[test]
fn sm_01_the_signature_covers_what_it_stands_in() {
    let Parts {
        genuine,
        bare,
        signature,
        forged,
        forged_same_id,
    } = parts();
    let position = Refusal::SignaturePosition;
    let moved = |to: &str| {
        let without = genuine.replace(&signature, "");
        let changed = without.replacen(to, &format!("{signature}{to}"), 1);
        assert_ne!(without, changed);
        changed
    };
    refuse_all([
        (
            "for another",
            behind_issuer(&forged, &signature),
            Refusal::Reference,
        ),
        (
            "under its identifier",
            behind_issuer(&forged_same_id, &signature),
            Refusal::BadSignature,
        ),
        (
            "detached",
            response(&format!("{signature}{bare}")),
            position,
        ),
        ("behind the subject", moved("<saml:Conditions"), position),
        ("before the issuer", moved("<saml:Issuer"), position),
        (
            "in the conditions",
            moved("<saml:AudienceRestriction"),
            position,
        ),
        ("in a value", moved("dana@"), position),
        (
            "twice",
            genuine.replace(&signature, &signature.repeat(2)),
            position,
        ),
        (
            "20 times",
            genuine.replace(&signature, &signature.repeat(20)),
            position,
        ),
        (
            "of the whole document",
            changed("URI=\"#s2", "URI=\"\" X=\"#s2"),
            Refusal::SignatureShape("Reference"),
        ),
        (
            "of all that is there",
            changed(&format!("URI=\"#{}\"", fixture::bearer().id), "URI=\"\""),
            Refusal::Reference,
        ),
        (
            "of nothing",
            changed("URI=\"#s2", "URI=\"s2"),
            Refusal::Reference,
        ),
        ("removed", bare.clone(), Refusal::NotSigned),
        ("removed in a response", response(&bare), Refusal::NotSigned),
        (
            "empty",
            behind_issuer(
                &bare,
                "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>",
            ),
            Refusal::SignatureShape("SignedInfo"),
        ),
    ]);
}

#[test]
fn sm_10_there_is_exactly_one_reference() {
    let Parts {
        genuine, signature, ..
    } = parts();
    let reference = &signature[signature.find("<ds:Reference").unwrap()
        ..signature.find("</ds:Reference>").unwrap() + "</ds:Reference>".len()];
    refuse_all([
        (
            "SM-10 two references",
            genuine.replace(reference, &reference.repeat(2)),
            Refusal::SignatureShape("SignedInfo"),
        ),
        (
            "SM-10 no reference",
            genuine.replace(reference, ""),
            Refusal::SignatureShape("Reference"),
        ),
    ]);
}

#[test]
fn sm_01_identifiers_are_what_the_schema_says() {
    for (name, document) in [
        (
            "in a namespace",
            changed("ID=\"s2", "xmlns:x=\"urn:x\" x:ID=\"_x\" ID=\"s2"),
        ),
        ("xml:id", changed("ID=\"s2", "xml:id=\"_x\" ID=\"s2")),
        ("Id beside ID", changed("ID=\"s2", "Id=\"_x\" ID=\"s2")),
        (
            "id of a subject",
            changed("<saml:Subject>", "<saml:Subject id=\"_x\">"),
        ),
        (
            "of SAML 1",
            changed("ID=\"s2", "AssertionID=\"_x\" ID=\"s2"),
        ),
        ("no name", changed("ID=\"s2", "ID=\"#s2")),
    ] {
        assert_eq!(examine(&document), Err(Refusal::Identifier), "{name}");
    }
}
