//! What an assertion is known by where it is kept.

use crate::{accept::MAX_DOCUMENT_BYTES, dom, refusal::Refusal, uri};

/// The name of an assertion, or of what hides one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The identifier of an assertion in clear.
    Id(String),
    /// The encrypted content of one that is encrypted, in base64.
    Cipher(String),
}

/// Reads the identity of a `saml:Assertion` or `saml:EncryptedAssertion`. Nothing is verified: it says which
/// assertion this claims to be.
pub fn identity(document: &[u8]) -> Result<Identity, Refusal> {
    let document = dom::parse(document, MAX_DOCUMENT_BYTES)?;
    let root = dom::Node::root(&document)?;
    if root.is(uri::ASSERTION, "Assertion") {
        let id = root.attribute("ID").filter(|id| !id.is_empty());
        return id
            .map(|id| Identity::Id(id.to_owned()))
            .ok_or(Refusal::Missing("Assertion ID"));
    }
    if !root.is(uri::ASSERTION, "EncryptedAssertion") {
        return Err(Refusal::Unexpected("root element"));
    }
    root.first_element(|node| node.is(uri::ENCRYPTION, "EncryptedData"))
        .and_then(|node| node.first_element(|node| node.is(uri::ENCRYPTION, "CipherData")))
        .and_then(|node| node.first_element(|node| node.is(uri::ENCRYPTION, "CipherValue")))
        .ok_or(Refusal::Missing("CipherValue"))?
        .token("CipherValue")
        .map(Identity::Cipher)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"";

    #[test]
    fn an_assertion_is_known_by_its_id_and_a_hidden_one_by_its_content() {
        let open = format!("<saml:Assertion {NAMES} ID=\"s2ab\"/>");
        assert_eq!(
            identity(open.as_bytes()),
            Ok(Identity::Id("s2ab".to_owned()))
        );
        let hidden = format!(
            "<saml:EncryptedAssertion {NAMES}><xenc:EncryptedData><xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"
        );
        let known = identity(hidden.as_bytes());
        assert_eq!(known, Ok(Identity::Cipher("AAAA".to_owned())));
    }

    #[test]
    fn what_has_no_identity_is_refused() {
        for document in [
            "not XML".to_owned(),
            "<Assertion ID=\"a\"/>".to_owned(),
            format!("<saml:Assertion {NAMES}/>"),
            format!("<saml:Response {NAMES} ID=\"a\"/>"),
            format!("<saml:EncryptedAssertion {NAMES}/>"),
            format!(
                "<saml:EncryptedAssertion {NAMES}><xenc:EncryptedData/></saml:EncryptedAssertion>"
            ),
        ] {
            assert!(identity(document.as_bytes()).is_err(), "{document}");
        }
    }
}
