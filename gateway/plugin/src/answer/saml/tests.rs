use super::*;
use crate::saml::{Action, AuthnContext, ConfirmationMethod, DecisionType, SubjectConfirmation};

fn attribute(values: Vec<AttributeValue>) -> Attribute {
    Attribute {
        name: "name".to_owned(),
        name_format: None,
        friendly_name: None,
        values,
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::Text(text.into())
}

const fn too_many(what: &'static str, limit: usize) -> Nonsense {
    Nonsense::TooMany { what, limit }
}

#[test]
fn attributes_are_bounded_one_by_one_and_together() {
    assert!(attributes(vec![attribute(vec![text("two\nlines")])]).is_ok());
    let control = Nonsense::Control("the value of an attribute");
    assert_eq!(
        attributes(vec![attribute(vec![text("\0")])]).err(),
        Some(control)
    );
    let empty = Attribute {
        name: String::new(),
        ..attribute(vec![])
    };
    let nameless = Nonsense::Empty("the name of an attribute");
    assert_eq!(attributes(vec![empty]).err(), Some(nameless));
    let one = || attribute(vec![text("x")]);
    assert_eq!(
        attributes(std::iter::repeat_with(one).take(MANY + 1).collect()).err(),
        Some(too_many("attributes", MANY))
    );
    assert_eq!(
        attributes(vec![attribute(vec![text("x"); MANY + 1])]).err(),
        Some(too_many("values of one attribute", MANY))
    );
    let large = || AttributeStatement {
        attributes: vec![attribute(vec![AttributeValue::Binary(vec![0; 50 << 10])])],
    };
    assert!(attribute_statements(vec![large(), large()]).is_ok());
    assert_eq!(
        attribute_statements(vec![large(), large(), large()]).err(),
        Some(Nonsense::TooLong {
            what: "the list of attributes",
            limit: ATTRIBUTE_BYTES
        })
    );
}

#[test]
fn statements_are_bounded_and_say_something() {
    let hollow = || AttributeStatement { attributes: vec![] };
    assert_eq!(
        attribute_statements(vec![hollow()]).err(),
        Some(Nonsense::Empty("an attribute statement"))
    );
    let many = std::iter::repeat_with(hollow).take(FEW + 1).collect();
    assert_eq!(
        attribute_statements(many).err(),
        Some(too_many("attribute statements", FEW))
    );
    let decided = |actions: Vec<&str>, evidence| AuthzDecisionStatement {
        resource: "urn:example:a".to_owned(),
        decision: DecisionType::Deny,
        actions: actions
            .into_iter()
            .map(|value| Action {
                namespace: "urn:example:b".to_owned(),
                value: value.to_owned(),
            })
            .collect(),
        evidence,
    };
    assert!(authz_decision_statements(vec![decided(vec!["Read"], None)]).is_ok());
    assert_eq!(
        authz_decision_statements(vec![decided(vec![], None)]).err(),
        Some(Nonsense::Empty("the list of actions"))
    );
    assert_eq!(
        authz_decision_statements(vec![decided(vec!["a"; FEW + 1], None)]).err(),
        Some(too_many("actions of one statement", FEW))
    );
    let nothing = Some(Evidence {
        assertion_ids: vec![],
        assertion_uris: vec![],
    });
    assert_eq!(
        authz_decision_statements(vec![decided(vec!["a"], nothing)]).err(),
        Some(Nonsense::Empty("the evidence"))
    );
    let authenticated = |index: &str| AuthnStatement {
        authn_instant: 0,
        session_index: Some(index.to_owned()),
        session_not_on_or_after: None,
        subject_locality: None,
        authn_context: AuthnContext {
            class_ref: None,
            declaration_ref: None,
            authenticating_authorities: vec![],
        },
    };
    assert!(authn_statements(vec![authenticated("1")]).is_ok());
    assert_eq!(
        authn_statements(vec![authenticated("a\nb")]).err(),
        Some(Nonsense::Control("a session"))
    );
}

#[test]
fn subjects_and_conditions_are_bounded() {
    let named = |value: &str, confirmations| SubjectStatement {
        name_id: Some(NameId {
            value: value.to_owned(),
            format: None,
            name_qualifier: None,
            sp_name_qualifier: None,
            sp_provided_id: None,
        }),
        confirmations,
    };
    let bearer = SubjectConfirmation {
        method: ConfirmationMethod::Bearer,
        name_id: None,
        not_before: None,
        not_on_or_after: None,
        recipient: None,
        in_response_to: None,
        address: None,
    };
    assert!(subject(named("dana", vec![bearer.clone()])).is_ok());
    assert_eq!(
        subject(named("dana", vec![])).err(),
        Some(Nonsense::Empty("the list of confirmations"))
    );
    assert_eq!(
        subject(named("dana", vec![bearer.clone(); FEW + 1])).err(),
        Some(too_many("confirmations", FEW))
    );
    assert_eq!(
        subject(named("", vec![bearer])).err(),
        Some(Nonsense::Empty("a name"))
    );
    let restricted = |restriction: Vec<String>, times| ConditionSet {
        not_before: None,
        not_on_or_after: None,
        audience_restrictions: vec![restriction; times],
        one_time_use: false,
        proxy_restriction: None,
    };
    assert!(conditions(restricted(vec!["a".to_owned()], FEW)).is_ok());
    assert_eq!(
        conditions(restricted(vec![], FEW + 1)).err(),
        Some(too_many("audience restrictions", FEW))
    );
    assert_eq!(
        conditions(restricted(vec!["a".to_owned(); COUNT + 1], 1)).err(),
        Some(too_many("audiences", COUNT))
    );
}
