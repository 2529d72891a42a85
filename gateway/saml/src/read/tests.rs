use bergshamra::xml::uppsala::Parser;

use super::*;
use crate::{
    fixture,
    verify::Verified,
    write::{self, Spelling},
};

fn written() -> String {
    write::assertion(&fixture::full(b"certificate"), Spelling::default())
        .unwrap()
        .into_unsigned_string()
}

/// Reads a document as if it had been verified.
fn read(xml: &str) -> Result<Assertion, Refusal> {
    let document = Parser::new().parse(xml).unwrap();
    assertion(Verified::unchecked(Node::root(&document).unwrap()))
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(read(&written()), Ok(fixture::full(b"certificate")));
}

#[test]
fn white_space_between_elements_means_nothing() {
    let xml = written().replace("><saml:", ">\n  <saml:");
    assert_eq!(read(&xml), Ok(fixture::full(b"certificate")));
}

/// Each change of the full assertion must be refused.
fn refuse_all(cases: &[(&str, &str, Refusal)]) {
    let xml = written();
    for (from, to, expected) in cases {
        let changed = xml.replacen(from, to, 1);
        assert_ne!(changed, xml, "{from}");
        assert_eq!(read(&changed), Err(*expected), "{from} -> {to}");
    }
}

#[test]
fn nothing_is_skipped_in_the_subject() {
    refuse_all(&[
        ("Version=\"2.0\"", "Version=\"1.1\"", Refusal::Version),
        (" Version=\"2.0\"", "", Refusal::Version),
        (
            "<saml:Assertion ",
            "<saml:Assertion Extra=\"\" ",
            Refusal::Unexpected("Assertion"),
        ),
        (
            "<saml:Subject>",
            "text<saml:Subject>",
            Refusal::Unexpected("Assertion"),
        ),
        (
            "<saml:Subject>",
            "<saml:Other/><saml:Subject>",
            Refusal::Unexpected("Assertion"),
        ),
        (
            "</saml:Advice>",
            "</saml:Advice><saml:Statement/>",
            Refusal::Unexpected("Assertion"),
        ),
        (
            "<saml:Conditions ",
            "<saml:Subject/><saml:Conditions ",
            Refusal::Unexpected("Assertion"),
        ),
        (
            "<saml:NameID ",
            "<saml:BaseID/><saml:NameID ",
            Refusal::Unexpected("Subject"),
        ),
        (
            "<saml:NameID ",
            "<saml:NameID Extra=\"\" ",
            Refusal::Unexpected("NameID"),
        ),
        (
            "<saml:SubjectConfirmation ",
            "<saml:NameID>x</saml:NameID><saml:SubjectConfirmation ",
            Refusal::Unexpected("Subject"),
        ),
        (
            "<saml:SubjectConfirmation Method",
            "<saml:SubjectConfirmation Method=\"x\" method",
            Refusal::Unexpected("SubjectConfirmation"),
        ),
        (
            "saml:KeyInfoConfirmationDataType",
            "saml:OtherType",
            Refusal::Value("xsi:type"),
        ),
        (
            "saml:KeyInfoConfirmationDataType",
            "xs:KeyInfoConfirmationDataType",
            Refusal::Value("xsi:type"),
        ),
    ]);
}

#[test]
fn nothing_is_skipped_in_conditions_and_advice() {
    refuse_all(&[
        (
            "NotBefore=\"2030",
            "NotBefore=\"x2030",
            Refusal::Value("NotBefore"),
        ),
        ("Count=\"2\"", "Count=\"-2\"", Refusal::Value("Count")),
        (
            "<saml:AudienceRestriction>",
            "<saml:AudienceRestriction></saml:AudienceRestriction><saml:AudienceRestriction>",
            Refusal::Missing("Audience"),
        ),
        (
            "<saml:Audience>",
            "<saml:Audience x=\"\">",
            Refusal::Unexpected("Audience"),
        ),
        (
            "<saml:Advice>",
            "<saml:Advice><saml:Assertion/>",
            Refusal::Unexpected("Advice"),
        ),
        (
            "<saml:AuthnContextDeclRef>",
            "<saml:AuthnContextDecl/><saml:AuthnContextDeclRef>",
            Refusal::Unexpected("AuthnContext"),
        ),
    ]);
}

#[test]
fn nothing_is_skipped_in_statements() {
    refuse_all(&[
        (
            "Decision=\"Permit\"",
            "Decision=\"Perhaps\"",
            Refusal::Value("Decision"),
        ),
        (
            " Resource=",
            " Ressource=",
            Refusal::Unexpected("AuthzDecisionStatement"),
        ),
        (
            "<saml:Action ",
            "<saml:Evidence/><saml:Action ",
            Refusal::Missing("Action"),
        ),
        (
            "<saml:Evidence>",
            "<saml:Evidence><x/>",
            Refusal::Unexpected("Evidence"),
        ),
        (
            "<saml:Attribute ",
            "<saml:Other/><saml:Attribute ",
            Refusal::Unexpected("AttributeStatement"),
        ),
        (" Name=\"all\"", " Nom=\"all\"", Refusal::Missing("Name")),
        (">-7<", ">seven<", Refusal::Value("AttributeValue")),
        (">true<", ">yes<", Refusal::Value("AttributeValue")),
        (">AAH/<", ">*<", Refusal::Value("AttributeValue")),
        (
            "xsi:nil=\"true\">",
            "xsi:nil=\"true\">x",
            Refusal::Value("AttributeValue"),
        ),
        (
            "<saml:NameID>pairwise</saml:NameID>",
            "<x xmlns=\"urn:x\"/>",
            Refusal::Unexpected("AttributeValue"),
        ),
    ]);
}

#[test]
fn values_without_a_known_type_are_text() {
    for (from, to) in [
        ("xsi:type=\"xs:integer\"", ""),
        ("xsi:type=\"xs:integer\"", "xsi:type=\"xs:anyURI\""),
        ("xsi:type=\"xs:integer\"", "xsi:type=\"saml:integer\""),
    ] {
        let xml = written().replacen(from, to, 1);
        let assertion = read(&xml).unwrap();
        let statement = assertion.attribute_statements.first().unwrap();
        let values = &statement.attributes[1].open().unwrap().values;
        assert_eq!(
            values[1],
            crate::model::AttributeValue::Text("-7".to_owned())
        );
    }
}

#[test]
fn statements_stand_in_any_order() {
    let xml = written();
    let start = xml.find("<saml:AuthnStatement ").unwrap();
    let behind = "</saml:AuthnStatement>";
    let end = xml.find(behind).unwrap() + behind.len();
    let authn = &xml[start..end];
    let moved = xml
        .replace(authn, "")
        .replace("</saml:Assertion>", &format!("{authn}</saml:Assertion>"));
    assert_eq!(read(&moved), Ok(fixture::full(b"certificate")));
}

#[test]
fn floods_of_confirmations_are_refused() {
    let one = "<saml:SubjectConfirmation Method=\"urn:x\"></saml:SubjectConfirmation>";
    let xml = written().replace(
        "</saml:Subject>",
        &format!("{}</saml:Subject>", one.repeat(6)),
    );
    assert_eq!(read(&xml), Err(Refusal::TooLarge("SubjectConfirmation")));
}
