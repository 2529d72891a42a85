//! What the gateway would write by itself, in the words that plugins know. Encrypted parts and keys are not
//! told.

use cambist_plugin::saml as said;
use cambist_saml::model::{
    Attribute, AttributeStatement, AttributeValue, AuthnStatement, Conditions, ConfirmationMethod,
    NameId, Sealable, Subject, SubjectConfirmation,
};

pub(super) fn conditions(standard: &Conditions) -> said::ConditionSet {
    said::ConditionSet {
        not_before: standard.not_before.map(|at| at.0),
        not_on_or_after: standard.not_on_or_after.map(|at| at.0),
        audience_restrictions: standard.audience_restrictions.clone(),
        one_time_use: standard.one_time_use,
        proxy_restriction: standard.proxy_restriction.as_ref().map(|restriction| {
            said::ProxyRestriction {
                count: restriction.count,
                audiences: restriction.audiences.clone(),
            }
        }),
    }
}

pub(super) fn subject(standard: &Subject) -> said::SubjectStatement {
    said::SubjectStatement {
        name_id: open_name(standard.name_id.as_ref()),
        confirmations: standard
            .confirmations
            .iter()
            .filter_map(confirmation)
            .collect(),
    }
}

fn confirmation(standard: &SubjectConfirmation) -> Option<said::SubjectConfirmation> {
    Some(said::SubjectConfirmation {
        method: method(&standard.method)?,
        name_id: open_name(standard.name_id.as_ref()),
        not_before: standard.not_before.map(|at| at.0),
        not_on_or_after: standard.not_on_or_after.map(|at| at.0),
        recipient: standard.recipient.clone(),
        in_response_to: standard.in_response_to.clone(),
        address: standard.address.clone(),
    })
}

pub(super) const fn method(method: &ConfirmationMethod) -> Option<said::ConfirmationMethod> {
    match method {
        ConfirmationMethod::Bearer => Some(said::ConfirmationMethod::Bearer),
        ConfirmationMethod::HolderOfKey => Some(said::ConfirmationMethod::HolderOfKey),
        ConfirmationMethod::SenderVouches => Some(said::ConfirmationMethod::SenderVouches),
        ConfirmationMethod::Other(_) => None,
    }
}

fn open_name(name: Option<&Sealable<NameId>>) -> Option<said::NameId> {
    let name = name?.open()?;
    Some(said::NameId {
        value: name.value.clone(),
        format: name.format.clone(),
        name_qualifier: name.name_qualifier.clone(),
        sp_name_qualifier: name.sp_name_qualifier.clone(),
        sp_provided_id: name.sp_provided_id.clone(),
    })
}

pub(super) fn authn_statements(standard: &[AuthnStatement]) -> Vec<said::AuthnStatement> {
    let told = |statement: &AuthnStatement| {
        let locality = statement.subject_locality.as_ref();
        said::AuthnStatement {
            authn_instant: statement.authn_instant.0,
            session_index: statement.session_index.clone(),
            session_not_on_or_after: statement.session_not_on_or_after.map(|at| at.0),
            subject_locality: locality.map(|locality| said::SubjectLocality {
                address: locality.address.clone(),
                dns_name: locality.dns_name.clone(),
            }),
            authn_context: said::AuthnContext {
                class_ref: statement.authn_context.class_ref.clone(),
                declaration_ref: statement.authn_context.declaration_ref.clone(),
                authenticating_authorities: statement
                    .authn_context
                    .authenticating_authorities
                    .clone(),
            },
        }
    };
    standard.iter().map(told).collect()
}

pub(super) fn attribute_statements(
    standard: &[AttributeStatement],
) -> Vec<said::AttributeStatement> {
    let told = |statement: &AttributeStatement| {
        let open = statement.attributes.iter().filter_map(Sealable::open);
        said::AttributeStatement {
            attributes: open.map(attribute).collect(),
        }
    };
    standard.iter().map(told).collect()
}

fn attribute(standard: &Attribute) -> said::Attribute {
    said::Attribute {
        name: standard.name.clone(),
        name_format: standard.name_format.clone(),
        friendly_name: standard.friendly_name.clone(),
        values: standard.values.iter().filter_map(value).collect(),
    }
}

/// None for a value that plugins have no word for. An operator's map makes none of those.
fn value(standard: &AttributeValue) -> Option<said::AttributeValue> {
    Some(match standard {
        AttributeValue::Text(text) => said::AttributeValue::Text(text.clone()),
        AttributeValue::Integer(number) => said::AttributeValue::Integer(*number),
        AttributeValue::Boolean(truth) => said::AttributeValue::Boolean(*truth),
        AttributeValue::DateTime(at) => said::AttributeValue::DateTime(at.0),
        AttributeValue::Binary(bytes) => said::AttributeValue::Binary(bytes.clone()),
        AttributeValue::NameId(_) | AttributeValue::Null => return None,
    })
}
