use super::{encrypted, moment, text_attribute};
use crate::{
    certificate::MAX_CERTIFICATE_BYTES,
    dom::{Node, base64},
    model::{ConfirmationMethod, KeyInfo, NameId, Sealable, Subject, SubjectConfirmation},
    refusal::Refusal,
    uri,
};

/// Subject confirmations in one assertion.
const MAX_CONFIRMATIONS: usize = 8;
/// The schema types that the data of a confirmation may tell.
const DATA_TYPES: [&str; 2] = ["KeyInfoConfirmationDataType", "SubjectConfirmationDataType"];

/// Reads an element of the type of names (saml-core §2.2.2).
pub(crate) fn name_id(node: Node<'_>) -> Result<NameId, Refusal> {
    node.attributes_within(
        &["Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"],
        "NameID",
    )?;
    let value = node.text("NameID")?;
    if value.is_empty() {
        return Err(Refusal::Missing("the text of a name"));
    }
    Ok(NameId {
        value,
        format: text_attribute(node, "Format"),
        name_qualifier: text_attribute(node, "NameQualifier"),
        sp_name_qualifier: text_attribute(node, "SPNameQualifier"),
        sp_provided_id: text_attribute(node, "SPProvidedID"),
    })
}

pub(super) fn subject(node: Node<'_>) -> Result<Subject, Refusal> {
    node.attributes_within(&[], "Subject")?;
    let mut parts = node.elements("Subject")?;
    let mut subject = Subject::default();
    if let Some(name) = parts.take(uri::ASSERTION, "NameID") {
        subject.name_id = Some(name_id(name)?.into());
    } else if let Some(sealed) = parts.take(uri::ASSERTION, "EncryptedID") {
        subject.name_id = Some(Sealable::Sealed(encrypted::encrypted_element(sealed)?));
    }
    while let Some(node) = parts.take(uri::ASSERTION, "SubjectConfirmation") {
        if subject.confirmations.len() == MAX_CONFIRMATIONS {
            return Err(Refusal::TooLarge("SubjectConfirmation"));
        }
        subject.confirmations.push(confirmation(node)?);
    }
    parts.end()?;
    Ok(subject)
}

fn confirmation(node: Node<'_>) -> Result<SubjectConfirmation, Refusal> {
    node.attributes_within(&["Method"], "SubjectConfirmation")?;
    let method = node.attribute("Method").ok_or(Refusal::Missing("Method"))?;
    let mut confirmation = SubjectConfirmation::new(ConfirmationMethod::from_uri(method));
    let mut parts = node.elements("SubjectConfirmation")?;
    if let Some(name) = parts.take(uri::ASSERTION, "NameID") {
        confirmation.name_id = Some(name_id(name)?.into());
    } else if let Some(sealed) = parts.take(uri::ASSERTION, "EncryptedID") {
        confirmation.name_id = Some(Sealable::Sealed(encrypted::encrypted_element(sealed)?));
    }
    if let Some(data) = parts.take(uri::ASSERTION, "SubjectConfirmationData") {
        confirmation_data(data, &mut confirmation)?;
    }
    parts.end()?;
    Ok(confirmation)
}

fn confirmation_data(
    node: Node<'_>,
    confirmation: &mut SubjectConfirmation,
) -> Result<(), Refusal> {
    const WHAT: &str = "SubjectConfirmationData";
    if let Some(declared) = node.attribute_in(Some(uri::SCHEMA_INSTANCE), "type") {
        let (prefix, name) = declared.split_once(':').unwrap_or(("", declared));
        let is_known =
            node.namespace_of(prefix) == Some(uri::ASSERTION) && DATA_TYPES.contains(&name);
        if !is_known {
            return Err(Refusal::Value("xsi:type"));
        }
    }
    confirmation.not_before = moment(node, "NotBefore")?;
    confirmation.not_on_or_after = moment(node, "NotOnOrAfter")?;
    confirmation.recipient = text_attribute(node, "Recipient");
    confirmation.in_response_to = text_attribute(node, "InResponseTo");
    confirmation.address = text_attribute(node, "Address");
    let mut parts = node.elements(WHAT)?;
    while let Some(key) = parts.take(uri::SIGNATURE, "KeyInfo") {
        if confirmation.keys.len() == MAX_CONFIRMATIONS {
            return Err(Refusal::TooLarge("KeyInfo"));
        }
        confirmation.keys.push(key_info(key)?);
    }
    parts.end()
}

/// Only certificates are read; other ways to name a key leave it without any.
fn key_info(node: Node<'_>) -> Result<KeyInfo, Refusal> {
    let mut key = KeyInfo::default();
    let mut parts = node.elements("KeyInfo")?;
    while let Some(part) = parts.take_any() {
        if !part.is(uri::SIGNATURE, "X509Data") {
            continue;
        }
        let mut data = part.elements("X509Data")?;
        while let Some(item) = data.take_any() {
            if item.is(uri::SIGNATURE, "X509Certificate") {
                let der = base64(&item.text("X509Certificate")?)
                    .filter(|der| !der.is_empty() && der.len() <= MAX_CERTIFICATE_BYTES)
                    .ok_or(Refusal::Value("X509Certificate"))?;
                key.certificates.push(der);
            }
        }
    }
    Ok(key)
}
