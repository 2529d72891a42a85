use cambist_guest::{Fault, Principal, saml::AttributeValue};

use super::*;

const NUMBER: &str = "urn:oid:2.16.840.1.113730.3.1.2";

fn call() -> Call {
    Call::at(1_900_000_000)
        .with("claim", "groups")
        .with("prefix", "dept:")
        .with("attribute", NUMBER)
}

fn assertion(principal: Principal) -> Assertion {
    Assertion::new(
        "https://idp.example",
        "https://sp.example",
        principal,
        1_900_000_000,
    )
}

fn of(groups: impl Into<cambist_guest::Value>) -> Assertion {
    assertion(Principal::new("dana").claim("groups", groups))
}

fn standard() -> Vec<AttributeStatement> {
    vec![AttributeStatement {
        attributes: vec![Attribute::new("mail", ["dana@example.org"])],
    }]
}

#[test]
fn departments_are_added_to_what_is_there() {
    let assertion = of(["dept:sales", "staff", "dept:", "dept:ops", "dept:sales"]);
    let made =
        DepartmentAttributes::make_attribute_statements(&assertion, standard(), &call()).unwrap();
    assert_eq!(made.len(), 1);
    let [mail, department] = &made[0].attributes[..] else {
        panic!("{made:?}")
    };
    assert_eq!(mail.name, "mail");
    assert_eq!(department.name, NUMBER);
    assert_eq!(department.name_format.as_deref(), Some(URI));
    assert_eq!(
        department.values,
        [AttributeValue::from("ops"), AttributeValue::from("sales")]
    );
}

#[test]
fn a_statement_is_made_where_there_is_none() {
    let made =
        DepartmentAttributes::make_attribute_statements(&of("dept:ops"), Vec::new(), &call());
    assert_eq!(made.unwrap()[0].attributes[0].name, NUMBER);
}

#[test]
fn whoever_has_no_department_gets_no_attribute() {
    for assertion in [of(["staff"]), of(7), assertion(Principal::new("dana"))] {
        let made = DepartmentAttributes::make_attribute_statements(&assertion, standard(), &call());
        assert_eq!(made, Ok(standard()));
    }
}

#[test]
fn or_is_refused_where_one_is_required() {
    let call = call().with("required", true);
    let refusal =
        DepartmentAttributes::make_attribute_statements(&of(["staff"]), standard(), &call)
            .unwrap_err();
    assert_eq!(refusal.fault, Fault::Refused);
    assert_eq!(refusal.code.as_deref(), Some("no-department"));
}
