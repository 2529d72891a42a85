//! What plugins say of an assertion, believed where it stays within what the gateway would write. Sizes and
//! counts were looked at before; here is what the words mean.

use cambist_core::Timestamp;
use cambist_plugin::saml as said;
use cambist_saml::{
    draft::is_identifier,
    model::{
        Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
        AuthzDecisionStatement, Conditions, DecisionType, Evidence, NameId, ProxyRestriction,
        Sealable, Subject, SubjectConfirmation, SubjectLocality,
    },
};

use super::told;

/// How far back conditions may begin, in seconds, for relying parties whose clocks are slow.
const BACKDATED: u64 = 300;
/// The last second that SAML can write, that of the year 9999.
const LAST: u64 = 253_402_300_799;

/// What no plugin may say. The text never holds what the plugin said, only where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("bad answer: the conditions hold for others than the relying party")]
    Audience,
    #[error("bad answer: {0} begin too early")]
    Early(&'static str),
    #[error("bad answer: {0} end before they begin")]
    Empty(&'static str),
    #[error("bad answer: {0} lies in the future")]
    Future(&'static str),
    #[error("bad answer: {0} is no identifier of SAML")]
    Identifier(&'static str),
    #[error("bad answer: {0} end later than allowed")]
    Late(&'static str),
    #[error("bad answer: the subject is confirmed by another method")]
    Method,
    #[error("bad answer: {0} names neither a class nor a declaration")]
    NoContext(&'static str),
    #[error("bad answer: {0} have ended")]
    Past(&'static str),
    #[error("bad answer: the subject may be confirmed at another recipient")]
    Recipient,
    #[error("bad answer: {0} is not an absolute URI")]
    Uri(&'static str),
    #[error("bad answer: {0} lies after the year 9999")]
    Year(&'static str),
}

type Believed<T> = Result<T, Wrong>;

/// `said`, if it holds no longer and for no others than `standard`. A time that is left out is the standard
/// one.
pub(super) fn conditions(
    said: said::ConditionSet,
    standard: &Conditions,
    now: Timestamp,
) -> Believed<Conditions> {
    const WHAT: &str = "the conditions";
    let begin = said.not_before.map(Timestamp).or(standard.not_before);
    if let (Some(begin), Some(earliest)) = (begin, standard.not_before)
        && begin.plus(BACKDATED) < earliest
    {
        return Err(Wrong::Early(WHAT));
    }
    let end = end(WHAT, said.not_on_or_after, standard.not_on_or_after, now)?;
    in_order(WHAT, begin, end)?;
    // All of them bind: beside one that stays within, others narrow only.
    let stays_within = |allowed: &Vec<String>| {
        said.audience_restrictions.iter().any(|restriction| {
            !restriction.is_empty() && restriction.iter().all(|one| allowed.contains(one))
        })
    };
    let has_empty = said.audience_restrictions.iter().any(Vec::is_empty);
    if has_empty || !standard.audience_restrictions.iter().all(stays_within) {
        return Err(Wrong::Audience);
    }
    Ok(Conditions {
        not_before: begin,
        not_on_or_after: end,
        audience_restrictions: said.audience_restrictions,
        one_time_use: said.one_time_use || standard.one_time_use,
        proxy_restriction: said.proxy_restriction.map_or_else(
            || standard.proxy_restriction.clone(),
            |restriction| {
                Some(ProxyRestriction {
                    count: restriction.count,
                    audiences: restriction.audiences,
                })
            },
        ),
    })
}

/// The earlier end; an error for one that is past, or later than `limit`.
fn end(
    what: &'static str,
    said: Option<u64>,
    limit: Option<Timestamp>,
    now: Timestamp,
) -> Believed<Option<Timestamp>> {
    let Some(end) = said.map(Timestamp) else {
        return Ok(limit);
    };
    if end <= now {
        return Err(Wrong::Past(what));
    }
    if limit.is_some_and(|limit| end > limit) {
        return Err(Wrong::Late(what));
    }
    Ok(Some(end))
}

fn in_order(what: &'static str, begin: Option<Timestamp>, end: Option<Timestamp>) -> Believed<()> {
    match (begin, end) {
        (Some(begin), Some(end)) if begin >= end => Err(Wrong::Empty(what)),
        _ => Ok(()),
    }
}

/// `said`, if it is confirmed as `standard` is, until `end` at the latest. Keys are the standard ones.
pub(super) fn subject(
    said: said::SubjectStatement,
    standard: &Subject,
    now: Timestamp,
    end: Timestamp,
) -> Believed<Subject> {
    let own = standard.confirmations.first().ok_or(Wrong::Method)?;
    let confirmations = said
        .confirmations
        .into_iter()
        .map(|said| confirmation(said, own, now, end));
    Ok(Subject {
        confirmations: confirmations.collect::<Believed<_>>()?,
        name_id: said.name_id.map(name_id).transpose()?,
    })
}

fn confirmation(
    said: said::SubjectConfirmation,
    own: &SubjectConfirmation,
    now: Timestamp,
    latest: Timestamp,
) -> Believed<SubjectConfirmation> {
    const WHAT: &str = "the confirmations";
    if told::method(&own.method) != Some(said.method) {
        return Err(Wrong::Method);
    }
    let limit = Some(own.not_on_or_after.unwrap_or(latest));
    let begin = said.not_before.map(Timestamp);
    let end = match said.not_on_or_after {
        None => own.not_on_or_after,
        said => end(WHAT, said, limit, now)?,
    };
    in_order(WHAT, begin, end.or(limit))?;
    let recipient = match (said.recipient, &own.recipient) {
        (None, own) => own.clone(),
        (Some(said), Some(own)) if said != *own => return Err(Wrong::Recipient),
        (said, _) => uri("a recipient", said)?,
    };
    let answered = said.in_response_to;
    if !answered.as_deref().is_none_or(is_identifier) {
        return Err(Wrong::Identifier("an answered request"));
    }
    Ok(SubjectConfirmation {
        method: own.method.clone(),
        name_id: said.name_id.map(name_id).transpose()?,
        not_before: begin,
        not_on_or_after: end,
        recipient,
        in_response_to: answered,
        address: said.address,
        keys: own.keys.clone(),
    })
}

fn name_id(said: said::NameId) -> Believed<Sealable<NameId>> {
    Ok(Sealable::Open(NameId {
        value: said.value,
        format: uri("the format of a name", said.format)?,
        name_qualifier: said.name_qualifier,
        sp_name_qualifier: said.sp_name_qualifier,
        sp_provided_id: said.sp_provided_id,
    }))
}

/// An authentication context class.
pub(super) fn class(said: String) -> Believed<String> {
    checked_uri("the authentication context class", said)
}

pub(super) fn authn_statements(
    said: Vec<said::AuthnStatement>,
    now: Timestamp,
) -> Believed<Vec<AuthnStatement>> {
    said.into_iter()
        .map(|said| authn_statement(said, now))
        .collect()
}

fn authn_statement(said: said::AuthnStatement, now: Timestamp) -> Believed<AuthnStatement> {
    const WHAT: &str = "an authentication";
    if said.authn_instant > now.0 {
        return Err(Wrong::Future(WHAT));
    }
    let instant = Timestamp(said.authn_instant);
    let session_end = said.session_not_on_or_after.map(Timestamp);
    in_order("the sessions", Some(instant), session_end)?;
    if session_end.is_some_and(|end| end.0 > LAST) {
        return Err(Wrong::Year("the end of a session"));
    }
    let context = said.authn_context;
    if context.class_ref.is_none() && context.declaration_ref.is_none() {
        return Err(Wrong::NoContext(WHAT));
    }
    let authorities = context.authenticating_authorities.into_iter();
    Ok(AuthnStatement {
        authn_instant: instant,
        session_index: said.session_index,
        session_not_on_or_after: session_end,
        subject_locality: said.subject_locality.map(|locality| SubjectLocality {
            address: locality.address,
            dns_name: locality.dns_name,
        }),
        authn_context: AuthnContext {
            class_ref: uri("a class", context.class_ref)?,
            declaration_ref: uri("a declaration", context.declaration_ref)?,
            authenticating_authorities: authorities
                .map(|authority| checked_uri("an authority", authority))
                .collect::<Believed<_>>()?,
        },
    })
}

/// Attributes without a value are left out, as the gateway leaves out its own.
pub(super) fn attribute_statements(
    said: Vec<said::AttributeStatement>,
) -> Believed<Vec<AttributeStatement>> {
    let mut statements = Vec::new();
    for said in said {
        let attributes: Vec<_> = attributes(said.attributes)?
            .into_iter()
            .map(Sealable::Open)
            .collect();
        if !attributes.is_empty() {
            statements.push(AttributeStatement { attributes });
        }
    }
    Ok(statements)
}

pub(super) fn attributes(said: Vec<said::Attribute>) -> Believed<Vec<Attribute>> {
    said.into_iter()
        .filter(|attribute| !attribute.values.is_empty())
        .map(|attribute| {
            let values = attribute.values.into_iter().map(value);
            Ok(Attribute {
                name: attribute.name,
                name_format: uri("the format of an attribute's name", attribute.name_format)?,
                friendly_name: attribute.friendly_name,
                values: values.collect::<Believed<_>>()?,
            })
        })
        .collect()
}

fn value(said: said::AttributeValue) -> Believed<AttributeValue> {
    Ok(match said {
        said::AttributeValue::Text(text) => AttributeValue::Text(text),
        said::AttributeValue::Integer(number) => AttributeValue::Integer(number),
        said::AttributeValue::Boolean(truth) => AttributeValue::Boolean(truth),
        said::AttributeValue::DateTime(at) if at > LAST => {
            return Err(Wrong::Year("the value of an attribute"));
        }
        said::AttributeValue::DateTime(at) => AttributeValue::DateTime(Timestamp(at)),
        said::AttributeValue::Binary(bytes) => AttributeValue::Binary(bytes),
    })
}

pub(super) fn authz_decision_statements(
    said: Vec<said::AuthzDecisionStatement>,
) -> Believed<Vec<AuthzDecisionStatement>> {
    said.into_iter().map(authz_decision_statement).collect()
}

fn authz_decision_statement(
    said: said::AuthzDecisionStatement,
) -> Believed<AuthzDecisionStatement> {
    let actions = said.actions.into_iter().map(|action| {
        Ok(Action {
            namespace: checked_uri("the namespace of an action", action.namespace)?,
            value: action.value,
        })
    });
    Ok(AuthzDecisionStatement {
        resource: checked_uri("a resource", said.resource)?,
        decision: match said.decision {
            said::DecisionType::Permit => DecisionType::Permit,
            said::DecisionType::Deny => DecisionType::Deny,
            said::DecisionType::Indeterminate => DecisionType::Indeterminate,
        },
        actions: actions.collect::<Believed<_>>()?,
        evidence: said.evidence.map(evidence).transpose()?,
    })
}

fn evidence(said: said::Evidence) -> Believed<Evidence> {
    if !said.assertion_ids.iter().all(|id| is_identifier(id)) {
        return Err(Wrong::Identifier("an assertion"));
    }
    let uris = said.assertion_uris.into_iter();
    Ok(Evidence {
        assertion_ids: said.assertion_ids,
        assertion_uris: uris
            .map(|text| checked_uri("an assertion", text))
            .collect::<Believed<_>>()?,
        assertions: Vec::new(),
    })
}

fn uri(what: &'static str, text: Option<String>) -> Believed<Option<String>> {
    text.map(|text| checked_uri(what, text)).transpose()
}

fn checked_uri(what: &'static str, text: String) -> Believed<String> {
    if fluent_uri::Uri::parse(text.as_str()).is_ok() {
        Ok(text)
    } else {
        Err(Wrong::Uri(what))
    }
}
