use super::{Standing, WriteError, Writer, optional_instant};
use crate::{
    encryption,
    model::{ConfirmationMethod, KeyInfo, NameId, Sealable, Subject, SubjectConfirmation},
    uri,
    xml::{Declares, Xml},
};

impl Writer {
    pub(super) fn subject(&mut self, subject: &Subject) -> Result<(), WriteError> {
        if subject.name_id.is_none() && subject.confirmations.is_empty() {
            return Err(WriteError::Missing("NameID or SubjectConfirmation"));
        }
        self.xml.start("saml:Subject").body();
        self.sealable_name(subject.name_id.as_ref())?;
        for confirmation in &subject.confirmations {
            self.confirmation(confirmation)?;
        }
        self.xml.end("saml:Subject");
        Ok(())
    }

    fn sealable_name(&mut self, name: Option<&Sealable<NameId>>) -> Result<(), WriteError> {
        match name {
            Some(Sealable::Open(name)) => name_id(&mut self.xml, name, Standing::Within),
            Some(Sealable::Sealed(sealed)) => {
                self.xml.start("saml:EncryptedID").body();
                encryption::write(&mut self.xml, sealed)?;
                self.xml.end("saml:EncryptedID");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn confirmation(&mut self, confirmation: &SubjectConfirmation) -> Result<(), WriteError> {
        let SubjectConfirmation {
            method,
            name_id,
            not_before,
            not_on_or_after,
            recipient,
            in_response_to,
            address,
            keys,
        } = confirmation;
        if *method == ConfirmationMethod::HolderOfKey && keys.is_empty() {
            return Err(WriteError::Missing("KeyInfo"));
        }
        self.xml
            .start("saml:SubjectConfirmation")
            .attribute("Method", method.uri())?
            .body();
        self.sealable_name(name_id.as_ref())?;
        let has_data = not_before.is_some()
            || not_on_or_after.is_some()
            || recipient.is_some()
            || in_response_to.is_some()
            || address.is_some()
            || !keys.is_empty();
        if has_data {
            let is_typed = !keys.is_empty() && self.spelling.typed_key_confirmation;
            self.xml.start("saml:SubjectConfirmationData");
            if is_typed {
                self.xml.namespace("xsi", uri::SCHEMA_INSTANCE);
            }
            self.xml
                .optional("Address", address.as_deref())?
                .optional("InResponseTo", in_response_to.as_deref())?
                .optional("NotBefore", optional_instant(*not_before)?.as_deref())?
                .optional(
                    "NotOnOrAfter",
                    optional_instant(*not_on_or_after)?.as_deref(),
                )?
                .optional("Recipient", recipient.as_deref())?;
            if is_typed {
                self.xml
                    .attribute("xsi:type", "saml:KeyInfoConfirmationDataType")?;
            }
            self.xml.body();
            for key in keys {
                key_info(&mut self.xml, key)?;
            }
            self.xml.end("saml:SubjectConfirmationData");
        }
        self.xml.end("saml:SubjectConfirmation");
        Ok(())
    }
}

fn key_info(xml: &mut Xml, key: &KeyInfo) -> Result<(), WriteError> {
    if key.certificates.is_empty() {
        return Err(WriteError::Missing("X509Certificate"));
    }
    let certificates = key.certificates.iter().map(Vec::as_slice);
    xml.key_info(Declares::Signature, certificates);
    Ok(())
}

/// Writes a `NameID`.
pub(crate) fn name_id(xml: &mut Xml, name: &NameId, standing: Standing) -> Result<(), WriteError> {
    named(xml, "saml:NameID", name, standing)
}

/// Writes an element of the type of names (saml-core §2.2.2).
pub(super) fn named(
    xml: &mut Xml,
    element: &'static str,
    name: &NameId,
    standing: Standing,
) -> Result<(), WriteError> {
    if name.value.is_empty() {
        return Err(WriteError::Missing("the text of a name"));
    }
    xml.start(element);
    if standing == Standing::Alone {
        xml.namespace("saml", uri::ASSERTION);
    }
    xml.optional("Format", name.format.as_deref())?
        .optional("NameQualifier", name.name_qualifier.as_deref())?
        .optional("SPNameQualifier", name.sp_name_qualifier.as_deref())?
        .optional("SPProvidedID", name.sp_provided_id.as_deref())?
        .body();
    xml.text(&name.value)?.end(element);
    Ok(())
}
