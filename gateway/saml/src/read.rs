//! Reads the model from an element whose signature has been verified. Nothing is skipped: what is not
//! known here is refused.

mod conditions;
mod encrypted;
mod statement;
mod subject;

pub(crate) use encrypted::encrypted_element;
pub(crate) use statement::attribute;
pub(crate) use subject::name_id;

use cambist_core::Timestamp;

use crate::{
    dom::{Elements, Node},
    instant,
    model::{Advice, Assertion},
    refusal::Refusal,
    uri,
    verify::Verified,
};

/// Reads a `saml:Assertion`.
pub(crate) fn assertion(verified: Verified<'_>) -> Result<Assertion, Refusal> {
    let node = verified.node();
    if !node.is(uri::ASSERTION, "Assertion") {
        return Err(Refusal::WrongRoot);
    }
    node.attributes_within(&["ID", "IssueInstant", "Version"], "Assertion")?;
    version(node)?;
    let mut parts = node.elements("Assertion")?;
    let issuer = parts.require(uri::ASSERTION, "Issuer", Refusal::Missing("Issuer"))?;
    // Its place has been checked, and that there is no second one.
    parts.take(uri::SIGNATURE, "Signature");
    let mut assertion = Assertion {
        id: node
            .attribute("ID")
            .ok_or(Refusal::Missing("ID"))?
            .to_owned(),
        issued_at: required_moment(node, "IssueInstant")?,
        issuer: name_id(issuer)?,
        subject: None,
        conditions: None,
        advice: None,
        authn_statements: Vec::new(),
        authz_decision_statements: Vec::new(),
        attribute_statements: Vec::new(),
    };
    if let Some(node) = parts.take(uri::ASSERTION, "Subject") {
        assertion.subject = Some(subject::subject(node)?);
    }
    if let Some(node) = parts.take(uri::ASSERTION, "Conditions") {
        assertion.conditions = Some(conditions::conditions(node)?);
    }
    if let Some(node) = parts.take(uri::ASSERTION, "Advice") {
        assertion.advice = Some(advice(node)?);
    }
    statements(parts, &mut assertion)?;
    Ok(assertion)
}

/// Statements stand in any order.
fn statements(mut parts: Elements<'_>, assertion: &mut Assertion) -> Result<(), Refusal> {
    while let Some(node) = parts.take_any() {
        if node.is(uri::ASSERTION, "AuthnStatement") {
            assertion
                .authn_statements
                .push(statement::authn_statement(node)?);
        } else if node.is(uri::ASSERTION, "AuthzDecisionStatement") {
            assertion
                .authz_decision_statements
                .push(statement::authz_decision_statement(node)?);
        } else if node.is(uri::ASSERTION, "AttributeStatement") {
            assertion
                .attribute_statements
                .push(statement::attribute_statement(node)?);
        } else {
            return Err(Refusal::Unexpected("Assertion"));
        }
    }
    Ok(())
}

/// Advice may be ignored, so what of it is not known here is left out (saml-core §2.6.1). Assertions
/// within are none of that: there is only one in a document.
fn advice(node: Node<'_>) -> Result<Advice, Refusal> {
    node.attributes_within(&[], "Advice")?;
    let mut parts = node.elements("Advice")?;
    let mut advice = Advice::default();
    while let Some(node) = parts.take_any() {
        if node.is(uri::ASSERTION, "AssertionIDRef") {
            advice.assertion_ids.push(node.token("AssertionIDRef")?);
        } else if node.is(uri::ASSERTION, "AssertionURIRef") {
            advice.assertion_uris.push(node.token("AssertionURIRef")?);
        } else if node.is_in(uri::ASSERTION) {
            return Err(Refusal::Unexpected("Advice"));
        }
    }
    Ok(advice)
}

pub(crate) fn version(node: Node<'_>) -> Result<(), Refusal> {
    match node.attribute("Version") {
        Some("2.0") => Ok(()),
        _ => Err(Refusal::Version),
    }
}

pub(crate) fn moment(node: Node<'_>, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
    node.attribute(name)
        .map(|text| instant::parse(text.trim_matches(' ')).ok_or(Refusal::Value(name)))
        .transpose()
}

pub(crate) fn required_moment(node: Node<'_>, name: &'static str) -> Result<Timestamp, Refusal> {
    moment(node, name)?.ok_or(Refusal::Missing(name))
}

fn text_attribute(node: Node<'_>, name: &str) -> Option<String> {
    node.attribute(name).map(str::to_owned)
}

#[cfg(test)]
mod tests;
