use super::*;
use crate::{
    algorithm::{Cipher, KeyTransport},
    fixture::{self, OTHER_RSA, RSA},
};

#[test]
fn what_xml_cannot_carry_is_the_requests_fault() {
    let mut model = fixture::bearer();
    model.issuer.value = "\u{1}".to_owned();
    let error = issue(&model, &Protection::default()).unwrap_err();
    assert_eq!(error, IssueError::Write(WriteError::Character(1)));
    assert!(matches!(
        cambist_core::IssueError::from(error),
        cambist_core::IssueError::Impossible(_)
    ));
}

#[test]
fn what_is_sealed_is_sealed_as_a_whole_or_in_parts_and_then_signed() {
    let certificate = OTHER_RSA.key.certificate();
    let recipient =
        RecipientKey::new(certificate, Cipher::default(), KeyTransport::default()).unwrap();
    for (extent, name, attribute, root) in [
        (Extent::Assertion, false, false, "<saml:EncryptedAssertion "),
        (Extent::Attributes, true, false, "<saml:Assertion "),
        (Extent::NameId, false, true, "<saml:Assertion "),
        (
            Extent::NameIdAndAttributes,
            false,
            false,
            "<saml:Assertion ",
        ),
    ] {
        let protection = Protection {
            signing: Some(&RSA.key),
            sealing: Some(Sealing {
                recipient: &recipient,
                extent,
            }),
            ..Protection::default()
        };
        let document = issue(&fixture::bearer(), &protection).unwrap();
        assert!(document.starts_with(root), "{extent:?}");
        assert_eq!(document.contains(">dana<"), name, "{extent:?}");
        assert_eq!(
            document.contains("dana@example.com"),
            attribute,
            "{extent:?}"
        );
        assert_eq!(
            document.contains("<ds:Signature "),
            extent != Extent::Assertion,
            "{extent:?}"
        );
    }
}
