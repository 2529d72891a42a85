//! From the model to the bytes a relying party receives: encrypt parts, write, sign, encrypt whole.

use cambist_core::Fault;

use crate::{
    encryption::{self, RecipientKey, SealError},
    model::{Assertion, Attribute, AttributeStatement, Sealable},
    signing::{SignError, SigningKey},
    uri,
    write::{self, Spelling, Standing, WriteError},
    xml::Xml,
};

/// What one relying party gets besides the statements.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protection<'a> {
    /// The key to sign with; none issues without a signature.
    pub signing: Option<&'a SigningKey>,
    /// What is encrypted, and for whom.
    pub sealing: Option<Sealing<'a>>,
    /// Spellings the relying party needs.
    pub spelling: Spelling,
}

/// What is encrypted, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The relying party's key.
    pub recipient: &'a RecipientKey,
    /// How much of the assertion.
    pub extent: Extent,
}

/// How much of an assertion is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it, with its signature.
    Assertion,
    /// Each attribute.
    Attributes,
    /// The subject's name.
    NameId,
    /// The subject's name and each attribute.
    NameIdAndAttributes,
}

/// Why an assertion could not be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// It cannot be encrypted.
    #[error("encryption: {0}")]
    Seal(#[from] SealError),
    /// It cannot be signed.
    #[error("signature: {0}")]
    Sign(#[from] SignError),
    /// It cannot be written.
    #[error("{0}")]
    Write(#[from] WriteError),
}

impl From<IssueError> for cambist_core::IssueError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Write(error) => Self::Impossible(match error {
                WriteError::Character(_) => "a value holds a character that XML cannot carry",
                WriteError::Identifier => "an identifier is not one of SAML",
                WriteError::Missing(_) => "a part is missing that SAML demands",
                WriteError::Moment => "a moment after the year 9999",
                WriteError::Nesting => "assertions are nested too deep",
            }),
            IssueError::Seal(_) | IssueError::Sign(_) => {
                Self::Fault(Fault::Internal(error.to_string()))
            }
        }
    }
}

/// Issues an assertion as the document a relying party receives: a `saml:Assertion`, or a
/// `saml:EncryptedAssertion`. A signature covers encrypted parts; an encrypted whole covers the signature.
pub fn issue(assertion: &Assertion, protection: &Protection<'_>) -> Result<String, IssueError> {
    let spelling = protection.spelling;
    let unsigned = match protection.sealing {
        Some(sealing) if sealing.extent != Extent::Assertion => {
            write::assertion(&seal_parts(assertion, sealing, spelling)?, spelling)?
        }
        _ => write::assertion(assertion, spelling)?,
    };
    let document = match protection.signing {
        Some(key) => key.sign(&unsigned)?,
        None => unsigned.into_unsigned_string(),
    };
    match protection.sealing {
        Some(Sealing {
            recipient,
            extent: Extent::Assertion,
        }) => {
            let mut xml = Xml::with_capacity(document.len() * 2);
            xml.start("saml:EncryptedAssertion")
                .namespace("saml", uri::ASSERTION)
                .body();
            encryption::write(&mut xml, &recipient.seal(&document)?)?;
            xml.end("saml:EncryptedAssertion");
            Ok(xml.into_string())
        }
        _ => Ok(document),
    }
}

fn seal_parts(
    assertion: &Assertion,
    sealing: Sealing<'_>,
    spelling: Spelling,
) -> Result<Assertion, IssueError> {
    let mut sealed = assertion.clone();
    if sealing.extent != Extent::NameId {
        for statement in &mut sealed.attribute_statements {
            seal_attributes(statement, sealing.recipient, spelling)?;
        }
    }
    if sealing.extent != Extent::Attributes
        && let Some(subject) = &mut sealed.subject
        && let Some(Sealable::Open(name)) = &subject.name_id
    {
        let mut xml = Xml::with_capacity(256);
        write::name_id(&mut xml, name, Standing::Alone)?;
        let sealed = sealing.recipient.seal(&xml.into_string())?;
        subject.name_id = Some(Sealable::Sealed(sealed));
    }
    Ok(sealed)
}

fn seal_attributes(
    statement: &mut AttributeStatement,
    recipient: &RecipientKey,
    spelling: Spelling,
) -> Result<(), IssueError> {
    let seal = |attribute: &Attribute| -> Result<Sealable<Attribute>, IssueError> {
        let mut xml = Xml::with_capacity(512);
        write::attribute(&mut xml, attribute, spelling.typed_values, Standing::Alone)?;
        Ok(Sealable::Sealed(recipient.seal(&xml.into_string())?))
    };
    for entry in &mut statement.attributes {
        if let Sealable::Open(attribute) = entry {
            *entry = seal(attribute)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
