//! Bounds of what a guest says of a SAML assertion.

use super::{
    COUNT, NAME_BYTES, Nonsense, URI_BYTES, WORD_BYTES, audiences, bounded, name, optional_name,
};
use crate::saml::{
    Attribute, AttributeStatement, AttributeValue, AuthnStatement, AuthzDecisionStatement,
    ConditionSet, Evidence, NameId, SubjectStatement,
};

/// Statements of one kind, audience restrictions, confirmations, actions of one statement.
const FEW: usize = 16;
/// Attributes of all statements together, and values of one attribute.
const MANY: usize = 256;
/// Bytes of an entity identifier, and of a subject's name, which may be one (saml-core §8.3.6).
const ENTITY_BYTES: usize = 1024;
/// Bytes of all attributes together.
const ATTRIBUTE_BYTES: usize = 128 << 10;

pub(crate) fn conditions(said: ConditionSet) -> Result<ConditionSet, Nonsense> {
    bounded(
        "audience restrictions",
        said.audience_restrictions.len(),
        FEW,
    )?;
    let audience_restrictions = said.audience_restrictions.into_iter().map(audiences);
    let proxy_restriction = match said.proxy_restriction {
        None => None,
        Some(mut restriction) => {
            restriction.audiences = audiences(restriction.audiences)?;
            Some(restriction)
        }
    };
    Ok(ConditionSet {
        audience_restrictions: audience_restrictions.collect::<Result<_, _>>()?,
        proxy_restriction,
        ..said
    })
}

pub(crate) fn subject(said: SubjectStatement) -> Result<SubjectStatement, Nonsense> {
    if said.confirmations.is_empty() {
        return Err(Nonsense::Empty("the list of confirmations"));
    }
    bounded("confirmations", said.confirmations.len(), FEW)?;
    let confirmations = said.confirmations.into_iter().map(|mut confirmation| {
        confirmation.name_id = confirmation.name_id.map(name_id).transpose()?;
        confirmation.recipient = optional_name("a recipient", confirmation.recipient, URI_BYTES)?;
        confirmation.in_response_to =
            optional_name("a request", confirmation.in_response_to, NAME_BYTES)?;
        confirmation.address = optional_name("an address", confirmation.address, NAME_BYTES)?;
        Ok(confirmation)
    });
    Ok(SubjectStatement {
        name_id: said.name_id.map(name_id).transpose()?,
        confirmations: confirmations.collect::<Result<_, Nonsense>>()?,
    })
}

fn name_id(said: NameId) -> Result<NameId, Nonsense> {
    let qualifier = |text| optional_name("the qualifier of a name", text, ENTITY_BYTES);
    Ok(NameId {
        value: name("a name", said.value, ENTITY_BYTES)?,
        format: optional_name("the format of a name", said.format, URI_BYTES)?,
        name_qualifier: qualifier(said.name_qualifier)?,
        sp_name_qualifier: qualifier(said.sp_name_qualifier)?,
        sp_provided_id: optional_name(
            "the relying party's own name",
            said.sp_provided_id,
            ENTITY_BYTES,
        )?,
    })
}

pub(crate) fn authn_statements(said: Vec<AuthnStatement>) -> Result<Vec<AuthnStatement>, Nonsense> {
    bounded("authentication statements", said.len(), FEW)?;
    said.into_iter()
        .map(|mut statement| {
            statement.session_index =
                optional_name("a session", statement.session_index, NAME_BYTES)?;
            if let Some(locality) = &mut statement.subject_locality {
                locality.address =
                    optional_name("an address", locality.address.take(), NAME_BYTES)?;
                locality.dns_name =
                    optional_name("a DNS name", locality.dns_name.take(), NAME_BYTES)?;
            }
            let context = &mut statement.authn_context;
            context.class_ref = optional_name("a class", context.class_ref.take(), URI_BYTES)?;
            context.declaration_ref =
                optional_name("a declaration", context.declaration_ref.take(), URI_BYTES)?;
            let authorities = &mut context.authenticating_authorities;
            *authorities = names("authorities", "an authority", std::mem::take(authorities))?;
            Ok(statement)
        })
        .collect()
}

fn names(
    several: &'static str,
    one: &'static str,
    said: Vec<String>,
) -> Result<Vec<String>, Nonsense> {
    bounded(several, said.len(), COUNT)?;
    said.into_iter()
        .map(|text| name(one, text, URI_BYTES))
        .collect()
}

pub(crate) fn attribute_statements(
    said: Vec<AttributeStatement>,
) -> Result<Vec<AttributeStatement>, Nonsense> {
    bounded("attribute statements", said.len(), FEW)?;
    let mut bounds = Attributes::default();
    said.into_iter()
        .map(|statement| {
            if statement.attributes.is_empty() {
                return Err(Nonsense::Empty("an attribute statement"));
            }
            Ok(AttributeStatement {
                attributes: bounds.all(statement.attributes)?,
            })
        })
        .collect()
}

pub(crate) fn attributes(said: Vec<Attribute>) -> Result<Vec<Attribute>, Nonsense> {
    Attributes::default().all(said)
}

/// How much of the bounds of an assertion's attributes is used up.
#[derive(Default)]
struct Attributes {
    count: usize,
    bytes: usize,
}

impl Attributes {
    fn all(&mut self, said: Vec<Attribute>) -> Result<Vec<Attribute>, Nonsense> {
        self.count += said.len();
        bounded("attributes", self.count, MANY)?;
        said.into_iter()
            .map(|attribute| self.one(attribute))
            .collect()
    }

    fn one(&mut self, said: Attribute) -> Result<Attribute, Nonsense> {
        bounded("values of one attribute", said.values.len(), MANY)?;
        self.bytes += said.name.len();
        for value in &said.values {
            self.value(value)?;
        }
        Ok(Attribute {
            name: name("the name of an attribute", said.name, URI_BYTES)?,
            name_format: optional_name("the format of a name", said.name_format, URI_BYTES)?,
            friendly_name: optional_name("a name for people", said.friendly_name, NAME_BYTES)?,
            values: said.values,
        })
    }

    fn value(&mut self, said: &AttributeValue) -> Result<(), Nonsense> {
        // A text may have several lines.
        let is_broken = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        self.bytes += match said {
            AttributeValue::Text(text) if text.chars().any(is_broken) => {
                return Err(Nonsense::Control("the value of an attribute"));
            }
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
            AttributeValue::Integer(_)
            | AttributeValue::Boolean(_)
            | AttributeValue::DateTime(_) => 8,
        };
        if self.bytes > ATTRIBUTE_BYTES {
            return Err(Nonsense::TooLong {
                what: "the list of attributes",
                limit: ATTRIBUTE_BYTES,
            });
        }
        Ok(())
    }
}

pub(crate) fn authz_decision_statements(
    said: Vec<AuthzDecisionStatement>,
) -> Result<Vec<AuthzDecisionStatement>, Nonsense> {
    bounded("authorization decision statements", said.len(), FEW)?;
    said.into_iter()
        .map(|mut statement| {
            statement.resource = name("a resource", statement.resource, URI_BYTES)?;
            if statement.actions.is_empty() {
                return Err(Nonsense::Empty("the list of actions"));
            }
            bounded("actions of one statement", statement.actions.len(), FEW)?;
            for action in &mut statement.actions {
                let namespace = std::mem::take(&mut action.namespace);
                action.namespace = name("the namespace of an action", namespace, URI_BYTES)?;
                let value = std::mem::take(&mut action.value);
                action.value = name("an action", value, WORD_BYTES)?;
            }
            statement.evidence = statement.evidence.map(evidence).transpose()?;
            Ok(statement)
        })
        .collect()
}

fn evidence(said: Evidence) -> Result<Evidence, Nonsense> {
    if said.assertion_ids.is_empty() && said.assertion_uris.is_empty() {
        return Err(Nonsense::Empty("the evidence"));
    }
    Ok(Evidence {
        assertion_ids: names("assertions", "an assertion", said.assertion_ids)?,
        assertion_uris: names("assertions", "an assertion", said.assertion_uris)?,
    })
}

#[cfg(test)]
mod tests;
