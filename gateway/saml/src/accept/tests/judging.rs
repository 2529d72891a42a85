//! When and for whom an assertion holds.

use super::*;

#[test]
fn times_are_judged_with_skew_and_no_more() {
    let acceptance = acceptance();
    let document = signed(&fixture::bearer());
    let at = |now| acceptance.examine(document.as_bytes(), &Presenter::default(), now);
    assert!(at(NOW.plus(629)).is_ok());
    assert_eq!(
        at(NOW.plus(630)).unwrap_err(),
        Refusal::Expired("NotOnOrAfter")
    );
    assert!(at(NOW.minus(30)).is_ok());
    assert_eq!(
        at(NOW.minus(31)).unwrap_err(),
        Refusal::NotYetValid("IssueInstant")
    );

    for (change, expected) in [
        (
            (|model| conditions(model).not_before = Some(NOW.plus(31))) as fn(&mut Assertion),
            Refusal::NotYetValid("NotBefore"),
        ),
        (
            |model| {
                conditions(model).not_before = Some(NOW.plus(10));
                conditions(model).not_on_or_after = Some(NOW.plus(10));
            },
            Refusal::Expired("NotOnOrAfter"),
        ),
        (
            |model| {
                model.authn_statements.first_mut().unwrap().authn_instant = NOW.plus(31);
            },
            Refusal::NotYetValid("AuthnInstant"),
        ),
        (
            |model| {
                let authn = model.authn_statements.first_mut().unwrap();
                authn.session_not_on_or_after = Some(NOW.minus(30));
            },
            Refusal::Expired("SessionNotOnOrAfter"),
        ),
        (
            |model| confirmation(model).not_on_or_after = Some(NOW.minus(30)),
            Refusal::Unconfirmed(Unconfirmed::Expired),
        ),
        (
            |model| confirmation(model).not_before = Some(NOW.plus(31)),
            Refusal::Unconfirmed(Unconfirmed::NotYetValid),
        ),
        (
            |model| {
                conditions(model).not_on_or_after = Some(NOW.plus(3601));
                confirmation(model).not_on_or_after = None;
            },
            Refusal::Lifetime,
        ),
        (
            |model| {
                conditions(model).not_on_or_after = None;
                confirmation(model).not_on_or_after = None;
            },
            Refusal::Missing("NotOnOrAfter"),
        ),
    ] {
        assert_eq!(refusal_of(change), expected);
    }
}

#[test]
fn skew_and_size_have_a_ceiling() {
    let mut acceptance = acceptance();
    (acceptance.skew, acceptance.max_bytes) = (u64::MAX, usize::MAX);
    let document = signed(&fixture::bearer());
    let late = NOW.plus(600 + MAX_SKEW);
    let result = acceptance.examine(document.as_bytes(), &Presenter::default(), late);
    assert_eq!(result.unwrap_err(), Refusal::Expired("NotOnOrAfter"));
    let large = vec![b' '; MAX_DOCUMENT_BYTES + 1];
    let result = acceptance.examine(&large, &Presenter::default(), NOW);
    assert_eq!(result.unwrap_err(), Refusal::TooLarge("document"));
}

#[test]
fn a_session_that_ends_earlier_ends_the_principal_earlier() {
    let mut model = fixture::bearer();
    let authn = model.authn_statements.first_mut().unwrap();
    authn.session_not_on_or_after = Some(NOW.plus(60));
    assert_eq!(examine(&signed(&model)).unwrap().expires_at, NOW.plus(60));
}

#[test]
fn all_audience_restrictions_bind() {
    let ours = || vec!["urn:example:orders-sp".to_owned(), "urn:both".to_owned()];
    let theirs = || vec!["urn:other".to_owned(), "urn:both".to_owned()];
    let with = |restrictions: Vec<Vec<String>>| {
        let mut model = fixture::bearer();
        conditions(&mut model).audience_restrictions = restrictions;
        examine(&signed(&model)).map(|accepted| accepted.audiences)
    };
    assert_eq!(with(vec![ours()]).unwrap(), ours());
    assert_eq!(with(vec![ours(), ours()]).unwrap(), ours());
    for restrictions in [
        vec![theirs()],
        vec![ours(), theirs()],
        vec![theirs(), ours()],
        vec![],
    ] {
        assert_eq!(with(restrictions), Err(Refusal::WrongAudience));
    }
    let mut acceptance = acceptance();
    acceptance.audiences.push("urn:also-ours".to_owned());
    let mut model = fixture::bearer();
    conditions(&mut model).audience_restrictions = vec![
        vec!["urn:example:orders-sp".to_owned()],
        vec!["urn:also-ours".to_owned()],
    ];
    let result = examine_by(&acceptance, &signed(&model), &Presenter::default());
    assert_eq!(result, Err(Refusal::WrongAudience));
}

#[test]
fn conditions_that_cannot_be_judged_refuse() {
    assert_eq!(
        refusal_of(|model| model.conditions = None),
        Refusal::Missing("Conditions")
    );
    for proxy in [
        ProxyRestriction {
            count: Some(0),
            audiences: Vec::new(),
        },
        ProxyRestriction {
            count: None,
            audiences: vec!["urn:x".to_owned()],
        },
    ] {
        assert_eq!(
            refusal_of(|model| conditions(model).proxy_restriction = Some(proxy)),
            Refusal::ProxyRestriction
        );
    }
    let unknown = |condition: &str| {
        let xml = unsigned(&fixture::bearer());
        let end = "</saml:Conditions>";
        examine(&sign(&xml.replace(end, &format!("{condition}{end}")))).unwrap_err()
    };
    assert_eq!(
        unknown("<saml:Condition></saml:Condition>"),
        Refusal::UnknownCondition
    );
    assert_eq!(
        unknown("<x:Other xmlns:x=\"urn:x\"></x:Other>"),
        Refusal::UnknownCondition
    );
    assert_eq!(
        unknown("<saml:OneTimeUse></saml:OneTimeUse><saml:OneTimeUse></saml:OneTimeUse>"),
        Refusal::Unexpected("Conditions")
    );
}
