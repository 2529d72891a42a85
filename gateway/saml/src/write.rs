//! Writes the model in exclusive canonical form, so that what is signed is never parsed or
//! canonicalised again.

mod conditions;
mod statement;
mod subject;

pub use crate::xml::WriteError;
pub(crate) use statement::attribute;
pub(crate) use subject::name_id;

use cambist_core::Timestamp;

use crate::{
    instant,
    model::{Advice, Assertion, AttributeValue, Sealable},
    uri,
    xml::{Xml, is_identifier},
};

/// How deep assertions may stand within assertions.
const MAX_NESTING: usize = 4;

/// Spellings that relying parties differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Whether the data of a holder-of-key confirmation tells its own type (saml-core §2.4.1.3). Some
    /// relying parties lose the prefix within that attribute.
    pub typed_key_confirmation: bool,
    /// Whether attribute values tell their types.
    pub typed_values: bool,
}

impl Default for Spelling {
    fn default() -> Self {
        Self {
            typed_key_confirmation: true,
            typed_values: true,
        }
    }
}

/// Where an element stands, which decides what it must declare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the root of a document of its own.
    Alone,
    /// Within an element that has declared the same namespaces.
    Within,
}

/// An assertion in its final bytes, but for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    pub(crate) xml: String,
    pub(crate) id: String,
    /// Where the signature belongs: right behind the issuer (saml-core §5.4.2).
    pub(crate) signature_at: usize,
    /// Whether the prefix `xs` stands in values, where canonicalisation does not see it.
    pub(crate) names_schema_types: bool,
}

impl Unsigned {
    /// The document.
    pub fn as_str(&self) -> &str {
        &self.xml
    }

    /// The document, to be used without a signature.
    pub fn into_unsigned_string(self) -> String {
        self.xml
    }
}

/// Writes an assertion as a document of its own.
pub fn assertion(assertion: &Assertion, spelling: Spelling) -> Result<Unsigned, WriteError> {
    let attributes = assertion.attribute_statements.iter();
    let attributes: usize = attributes.map(|one| one.attributes.len()).sum();
    let mut writer = Writer {
        // What ordinary ones take, so that few have to be moved while they grow.
        xml: Xml::with_capacity(2048 + 256 * attributes),
        spelling,
        nesting: 0,
    };
    let names_schema_types = spelling.typed_values && names_schema_types(assertion, 0);
    let signature_at = writer.assertion(assertion, Standing::Alone, names_schema_types)?;
    Ok(Unsigned {
        xml: writer.xml.into_string(),
        id: assertion.id.clone(),
        signature_at,
        names_schema_types,
    })
}

struct Writer {
    xml: Xml,
    spelling: Spelling,
    nesting: usize,
}

impl Writer {
    fn assertion(
        &mut self,
        assertion: &Assertion,
        standing: Standing,
        names_schema_types: bool,
    ) -> Result<usize, WriteError> {
        if self.nesting > MAX_NESTING {
            return Err(WriteError::Nesting);
        }
        if !is_identifier(&assertion.id) {
            return Err(WriteError::Identifier);
        }
        self.xml.start("saml:Assertion");
        if standing == Standing::Alone {
            self.xml.namespace("saml", uri::ASSERTION);
            if names_schema_types {
                self.xml.namespace("xs", uri::SCHEMA);
            }
        }
        self.xml
            .attribute("ID", &assertion.id)?
            .attribute("IssueInstant", &instant(assertion.issued_at)?)?
            .attribute("Version", "2.0")?
            .body();
        subject::named(
            &mut self.xml,
            "saml:Issuer",
            &assertion.issuer,
            Standing::Within,
        )?;
        let signature_at = self.xml.len();
        let has_statements = !assertion.authn_statements.is_empty()
            || !assertion.authz_decision_statements.is_empty()
            || !assertion.attribute_statements.is_empty();
        match &assertion.subject {
            Some(subject) => self.subject(subject)?,
            // An assertion about nobody that says nothing (saml-core §2.3.3).
            None if !has_statements => return Err(WriteError::Missing("Subject")),
            None => {}
        }
        if let Some(conditions) = &assertion.conditions {
            self.conditions(conditions)?;
        }
        if let Some(advice) = &assertion.advice {
            self.advice(advice)?;
        }
        for statement in &assertion.authn_statements {
            self.authn_statement(statement)?;
        }
        for statement in &assertion.authz_decision_statements {
            self.authz_decision_statement(statement)?;
        }
        for statement in &assertion.attribute_statements {
            self.attribute_statement(statement)?;
        }
        self.xml.end("saml:Assertion");
        Ok(signature_at)
    }

    fn advice(&mut self, advice: &Advice) -> Result<(), WriteError> {
        self.xml.start("saml:Advice").body();
        self.references(
            &advice.assertion_ids,
            &advice.assertion_uris,
            &advice.assertions,
        )?;
        self.xml.end("saml:Advice");
        Ok(())
    }

    fn references(
        &mut self,
        ids: &[String],
        uris: &[String],
        assertions: &[Assertion],
    ) -> Result<(), WriteError> {
        for id in ids {
            if !is_identifier(id) {
                return Err(WriteError::Identifier);
            }
            self.xml.leaf("saml:AssertionIDRef", id)?;
        }
        for uri in uris {
            self.xml.leaf("saml:AssertionURIRef", uri)?;
        }
        self.nesting += 1;
        for assertion in assertions {
            self.assertion(assertion, Standing::Within, false)?;
        }
        self.nesting -= 1;
        Ok(())
    }
}

pub(crate) fn instant(moment: Timestamp) -> Result<String, WriteError> {
    instant::format(moment).ok_or(WriteError::Moment)
}

fn optional_instant(moment: Option<Timestamp>) -> Result<Option<String>, WriteError> {
    moment.map(instant).transpose()
}

fn names_schema_types(assertion: &Assertion, nesting: usize) -> bool {
    let own = assertion
        .attribute_statements
        .iter()
        .flat_map(|statement| &statement.attributes)
        .filter_map(Sealable::open)
        .flat_map(|attribute| &attribute.values)
        .any(|value| !matches!(value, AttributeValue::NameId(_) | AttributeValue::Null));
    let advised = assertion
        .advice
        .iter()
        .flat_map(|advice| &advice.assertions);
    let evident = assertion
        .authz_decision_statements
        .iter()
        .filter_map(|statement| statement.evidence.as_ref())
        .flat_map(|evidence| &evidence.assertions);
    // Deeper ones are refused when they are written.
    own || nesting <= MAX_NESTING
        && advised
            .chain(evident)
            .any(|inner| names_schema_types(inner, nesting + 1))
}

#[cfg(test)]
mod tests;
