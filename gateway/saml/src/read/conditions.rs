use super::moment;
use crate::{
    dom::Node,
    model::{Conditions, ProxyRestriction},
    refusal::Refusal,
    uri,
};

pub(super) fn conditions(node: Node<'_>) -> Result<Conditions, Refusal> {
    node.attributes_within(&["NotBefore", "NotOnOrAfter"], "Conditions")?;
    let mut conditions = Conditions {
        not_before: moment(node, "NotBefore")?,
        not_on_or_after: moment(node, "NotOnOrAfter")?,
        ..Conditions::default()
    };
    let mut parts = node.elements("Conditions")?;
    while let Some(node) = parts.take_any() {
        if node.is(uri::ASSERTION, "AudienceRestriction") {
            node.attributes_within(&[], "AudienceRestriction")?;
            let audiences = audiences(node, "AudienceRestriction")?;
            if audiences.is_empty() {
                return Err(Refusal::Missing("Audience"));
            }
            conditions.audience_restrictions.push(audiences);
        } else if node.is(uri::ASSERTION, "OneTimeUse") {
            node.attributes_within(&[], "OneTimeUse")?;
            node.elements("OneTimeUse")?.end()?;
            if conditions.one_time_use {
                return Err(Refusal::Unexpected("Conditions"));
            }
            conditions.one_time_use = true;
        } else if node.is(uri::ASSERTION, "ProxyRestriction") {
            if conditions.proxy_restriction.is_some() {
                return Err(Refusal::Unexpected("Conditions"));
            }
            conditions.proxy_restriction = Some(proxy_restriction(node)?);
        } else {
            return Err(Refusal::UnknownCondition);
        }
    }
    Ok(conditions)
}

fn proxy_restriction(node: Node<'_>) -> Result<ProxyRestriction, Refusal> {
    node.attributes_within(&["Count"], "ProxyRestriction")?;
    let count = node
        .attribute("Count")
        .map(|text| text.parse().map_err(|_| Refusal::Value("Count")))
        .transpose()?;
    Ok(ProxyRestriction {
        count,
        audiences: audiences(node, "ProxyRestriction")?,
    })
}

fn audiences(node: Node<'_>, what: &'static str) -> Result<Vec<String>, Refusal> {
    let mut parts = node.elements(what)?;
    let mut audiences = Vec::new();
    while let Some(audience) = parts.take(uri::ASSERTION, "Audience") {
        audiences.push(audience.token("Audience")?);
    }
    parts.end()?;
    Ok(audiences)
}
