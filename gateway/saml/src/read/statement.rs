use super::{encrypted, moment, required_moment, subject, text_attribute};
use crate::{
    dom::{Node, base64},
    instant,
    model::{
        Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
        AuthzDecisionStatement, DecisionType, Evidence, Sealable, SubjectLocality,
    },
    refusal::Refusal,
    uri,
};

pub(super) fn authn_statement(node: Node<'_>) -> Result<AuthnStatement, Refusal> {
    node.attributes_within(
        &["AuthnInstant", "SessionIndex", "SessionNotOnOrAfter"],
        "AuthnStatement",
    )?;
    let mut parts = node.elements("AuthnStatement")?;
    let subject_locality = match parts.take(uri::ASSERTION, "SubjectLocality") {
        Some(node) => {
            node.attributes_within(&["Address", "DNSName"], "SubjectLocality")?;
            node.elements("SubjectLocality")?.end()?;
            Some(SubjectLocality {
                address: text_attribute(node, "Address"),
                dns_name: text_attribute(node, "DNSName"),
            })
        }
        None => None,
    };
    let context = parts.require(
        uri::ASSERTION,
        "AuthnContext",
        Refusal::Missing("AuthnContext"),
    )?;
    parts.end()?;
    Ok(AuthnStatement {
        authn_instant: required_moment(node, "AuthnInstant")?,
        session_index: text_attribute(node, "SessionIndex"),
        session_not_on_or_after: moment(node, "SessionNotOnOrAfter")?,
        subject_locality,
        authn_context: authn_context(context)?,
    })
}

fn authn_context(node: Node<'_>) -> Result<AuthnContext, Refusal> {
    node.attributes_within(&[], "AuthnContext")?;
    let mut parts = node.elements("AuthnContext")?;
    let mut optional = |name| {
        parts
            .take(uri::ASSERTION, name)
            .map(|node| node.token(name))
            .transpose()
    };
    let mut context = AuthnContext {
        class_ref: optional("AuthnContextClassRef")?,
        declaration_ref: optional("AuthnContextDeclRef")?,
        authenticating_authorities: Vec::new(),
    };
    while let Some(node) = parts.take(uri::ASSERTION, "AuthenticatingAuthority") {
        context
            .authenticating_authorities
            .push(node.token("AuthenticatingAuthority")?);
    }
    parts.end()?;
    if context.class_ref.is_none() && context.declaration_ref.is_none() {
        return Err(Refusal::Missing("AuthnContextClassRef"));
    }
    Ok(context)
}

pub(super) fn authz_decision_statement(node: Node<'_>) -> Result<AuthzDecisionStatement, Refusal> {
    node.attributes_within(&["Decision", "Resource"], "AuthzDecisionStatement")?;
    let decision = node
        .attribute("Decision")
        .and_then(DecisionType::from_name)
        .ok_or(Refusal::Value("Decision"))?;
    let resource = text_attribute(node, "Resource").ok_or(Refusal::Missing("Resource"))?;
    let mut parts = node.elements("AuthzDecisionStatement")?;
    let mut actions = Vec::new();
    while let Some(node) = parts.take(uri::ASSERTION, "Action") {
        node.attributes_within(&["Namespace"], "Action")?;
        actions.push(Action {
            namespace: text_attribute(node, "Namespace").ok_or(Refusal::Missing("Namespace"))?,
            value: node.text("Action")?,
        });
    }
    if actions.is_empty() {
        return Err(Refusal::Missing("Action"));
    }
    let evidence = parts
        .take(uri::ASSERTION, "Evidence")
        .map(evidence)
        .transpose()?;
    parts.end()?;
    Ok(AuthzDecisionStatement {
        resource,
        decision,
        actions,
        evidence,
    })
}

fn evidence(node: Node<'_>) -> Result<Evidence, Refusal> {
    node.attributes_within(&[], "Evidence")?;
    let mut parts = node.elements("Evidence")?;
    let mut evidence = Evidence::default();
    while let Some(node) = parts.take_any() {
        if node.is(uri::ASSERTION, "AssertionIDRef") {
            evidence.assertion_ids.push(node.token("AssertionIDRef")?);
        } else if node.is(uri::ASSERTION, "AssertionURIRef") {
            evidence.assertion_uris.push(node.token("AssertionURIRef")?);
        } else {
            return Err(Refusal::Unexpected("Evidence"));
        }
    }
    Ok(evidence)
}

pub(super) fn attribute_statement(node: Node<'_>) -> Result<AttributeStatement, Refusal> {
    node.attributes_within(&[], "AttributeStatement")?;
    let mut parts = node.elements("AttributeStatement")?;
    let mut attributes = Vec::new();
    while let Some(node) = parts.take_any() {
        attributes.push(if node.is(uri::ASSERTION, "Attribute") {
            Sealable::Open(attribute(node)?)
        } else if node.is(uri::ASSERTION, "EncryptedAttribute") {
            Sealable::Sealed(encrypted::encrypted_element(node)?)
        } else {
            return Err(Refusal::Unexpected("AttributeStatement"));
        });
    }
    if attributes.is_empty() {
        return Err(Refusal::Missing("Attribute"));
    }
    Ok(AttributeStatement { attributes })
}

/// Reads an attribute. Attributes of its element from other namespaces mean nothing here, as the schema
/// allows them (saml-core §2.7.3.1).
pub(crate) fn attribute(node: Node<'_>) -> Result<Attribute, Refusal> {
    let name = node
        .attribute("Name")
        .filter(|name| !name.is_empty())
        .ok_or(Refusal::Missing("Name"))?;
    let mut parts = node.elements("Attribute")?;
    let mut values = Vec::new();
    while let Some(node) = parts.take(uri::ASSERTION, "AttributeValue") {
        values.push(attribute_value(node)?);
    }
    parts.end()?;
    Ok(Attribute {
        name: name.to_owned(),
        name_format: text_attribute(node, "NameFormat"),
        friendly_name: text_attribute(node, "FriendlyName"),
        values,
    })
}

fn attribute_value(node: Node<'_>) -> Result<AttributeValue, Refusal> {
    const WHAT: &str = "AttributeValue";
    let refused = Refusal::Value(WHAT);
    if matches!(
        node.attribute_in(Some(uri::SCHEMA_INSTANCE), "nil"),
        Some("true" | "1")
    ) {
        return if node.text(WHAT)?.is_empty() {
            Ok(AttributeValue::Null)
        } else {
            Err(refused)
        };
    }
    if node.has_elements() {
        let mut parts = node.elements(WHAT)?;
        let name = parts.require(uri::ASSERTION, "NameID", Refusal::Unexpected(WHAT))?;
        parts.end()?;
        return Ok(AttributeValue::NameId(subject::name_id(name)?));
    }
    let text = node.text(WHAT)?;
    let declared = node.attribute_in(Some(uri::SCHEMA_INSTANCE), "type");
    let schema_type = declared.and_then(|declared| {
        let (prefix, name) = declared.split_once(':').unwrap_or(("", declared));
        (node.namespace_of(prefix) == Some(uri::SCHEMA)).then_some(name)
    });
    let token = text.trim_matches([' ', '\t', '\n', '\r']);
    match schema_type {
        Some("integer" | "int" | "long" | "short") => token
            .strip_prefix('+')
            .unwrap_or(token)
            .parse()
            .map(AttributeValue::Integer)
            .map_err(|_| refused),
        Some("boolean") => match token {
            "true" | "1" => Ok(AttributeValue::Boolean(true)),
            "false" | "0" => Ok(AttributeValue::Boolean(false)),
            _ => Err(refused),
        },
        Some("dateTime") => instant::parse(token)
            .map(AttributeValue::DateTime)
            .ok_or(refused),
        Some("base64Binary") => base64(token).map(AttributeValue::Binary).ok_or(refused),
        _ => Ok(AttributeValue::Text(text)),
    }
}
