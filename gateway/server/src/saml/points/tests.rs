use cambist_core::Timestamp;
use cambist_plugin::saml as said;
use cambist_saml::{
    draft::{Confirmation, Draft},
    model::{AttributeValue, NameId, Sealable},
};

use super::{
    believed::{self, Wrong},
    told,
};

type Change<'a, T> = &'a dyn Fn(&mut T);

const NOW: Timestamp = Timestamp(1_900_000_000);
const PARTY: &str = "https://orders.example.com";

fn draft(confirmation: Confirmation<'_>) -> Draft<'_> {
    Draft {
        id: "_1".to_owned(),
        issuer: "https://sts.example.com",
        relying_party: PARTY,
        recipient: Some("https://orders.example.com/acs"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        confirmation,
        name_id: NameId::new("dana"),
        authenticated_at: NOW,
        authn_context_class: "urn:example:class",
        attributes: Vec::new(),
    }
}

#[test]
fn what_is_told_and_believed_is_the_same() {
    for confirmation in [
        Confirmation::Bearer,
        Confirmation::HolderOfKey(b"der"),
        Confirmation::SenderVouches,
    ] {
        let draft = draft(confirmation);
        let subject = draft.subject();
        let believed = believed::subject(told::subject(&subject), &subject, NOW, draft.expires_at);
        assert_eq!(
            believed,
            Ok(subject),
            "a key comes back though it was not told"
        );
        let conditions = draft.conditions();
        let believed = believed::conditions(told::conditions(&conditions), &conditions, NOW);
        assert_eq!(believed, Ok(conditions));
        let statements = draft.authn_statements();
        let believed = believed::authn_statements(told::authn_statements(&statements), NOW);
        assert_eq!(believed, Ok(statements));
    }
}

#[test]
fn conditions_may_be_narrower_only() {
    let standard = draft(Confirmation::Bearer).conditions();
    let judge = |change: &dyn Fn(&mut said::ConditionSet)| {
        let mut said = told::conditions(&standard);
        change(&mut said);
        believed::conditions(said, &standard, NOW).map(|_| ())
    };
    let (now, end) = (NOW.0, NOW.0 + 600);
    let party = || vec![PARTY.to_owned()];
    let other = || vec!["https://other.example.com".to_owned()];
    let cases: [(Result<(), Wrong>, Change<'_, said::ConditionSet>); 14] = [
        (Ok(()), &|s| s.not_before = None),
        (Ok(()), &|s| s.not_on_or_after = None),
        (Ok(()), &|s| s.not_before = Some(now - 300)),
        (Err(Wrong::Early("the conditions")), &|s| {
            s.not_before = Some(now - 301);
        }),
        (Err(Wrong::Empty("the conditions")), &|s| {
            s.not_before = Some(end);
        }),
        (Ok(()), &|s| s.not_on_or_after = Some(now + 1)),
        (Err(Wrong::Past("the conditions")), &|s| {
            s.not_on_or_after = Some(now);
        }),
        (Err(Wrong::Late("the conditions")), &|s| {
            s.not_on_or_after = Some(end + 1);
        }),
        (Ok(()), &|s| {
            s.audience_restrictions = vec![party(), other()];
        }),
        (Err(Wrong::Audience), &|s| s.audience_restrictions = vec![]),
        (Err(Wrong::Audience), &|s| {
            s.audience_restrictions = vec![other()];
        }),
        (Err(Wrong::Audience), &|s| {
            s.audience_restrictions = vec![vec![]];
        }),
        (Err(Wrong::Audience), &|s| {
            s.audience_restrictions = vec![party(), vec![]];
        }),
        (Err(Wrong::Audience), &|s| {
            s.audience_restrictions = vec![[party(), other()].concat()];
        }),
    ];
    for (expected, change) in cases {
        assert_eq!(judge(change), expected);
    }
    let once = cambist_saml::model::Conditions {
        one_time_use: true,
        ..standard.clone()
    };
    let kept = believed::conditions(told::conditions(&standard), &once, NOW).unwrap();
    assert!(kept.one_time_use, "cannot be taken back");
}

#[test]
fn a_subject_is_confirmed_as_it_was_asked_for() {
    for (confirmation, binds) in [
        (Confirmation::Bearer, true),
        (Confirmation::HolderOfKey(b"der"), false),
    ] {
        let standard = draft(confirmation).subject();
        let judge = |change: &dyn Fn(&mut said::SubjectConfirmation)| {
            let mut said = told::subject(&standard);
            change(&mut said.confirmations[0]);
            believed::subject(said, &standard, NOW, NOW.plus(600))
        };
        let elsewhere = Some("https://other.example.com/acs".to_owned());
        let moved = judge(&|c| c.recipient.clone_from(&elsewhere));
        assert_eq!(moved.err(), binds.then_some(Wrong::Recipient));
        let left_out = judge(&|c| {
            c.recipient = None;
            c.not_on_or_after = None;
        });
        assert_eq!(left_out.as_ref(), Ok(&standard), "what binds stays");
        let cases: [(Wrong, Change<'_, said::SubjectConfirmation>); 5] = [
            (Wrong::Method, &|c| {
                c.method = said::ConfirmationMethod::SenderVouches;
            }),
            (Wrong::Late("the confirmations"), &|c| {
                c.not_on_or_after = Some(NOW.0 + 601);
            }),
            (Wrong::Past("the confirmations"), &|c| {
                c.not_on_or_after = Some(NOW.0);
            }),
            (Wrong::Empty("the confirmations"), &|c| {
                c.not_before = Some(NOW.0 + 600);
            }),
            (Wrong::Identifier("an answered request"), &|c| {
                c.in_response_to = Some("1 2".to_owned());
            }),
        ];
        for (wrong, change) in cases {
            assert_eq!(judge(change).err(), Some(wrong));
        }
    }
}

#[test]
fn statements_say_what_saml_can_write() {
    let attribute = |values| said::Attribute {
        name: "mail".to_owned(),
        name_format: None,
        friendly_name: None,
        values,
    };
    let made = believed::attributes(vec![
        attribute(vec![said::AttributeValue::Boolean(true)]),
        attribute(vec![]),
    ])
    .unwrap();
    assert_eq!(made.len(), 1, "what has no value is left out");
    assert_eq!(made[0].values, [AttributeValue::Boolean(true)]);
    let hollow = said::AttributeStatement {
        attributes: vec![attribute(vec![])],
    };
    assert_eq!(believed::attribute_statements(vec![hollow]), Ok(vec![]));
    let far = attribute(vec![said::AttributeValue::DateTime(u64::MAX)]);
    assert_eq!(
        believed::attributes(vec![far]),
        Err(Wrong::Year("the value of an attribute"))
    );
    let format = said::Attribute {
        name_format: Some("basic".to_owned()),
        ..attribute(vec![said::AttributeValue::Integer(1)])
    };
    assert_eq!(
        believed::attributes(vec![format]),
        Err(Wrong::Uri("the format of an attribute's name"))
    );
    let statement = |instant, class: Option<&str>| said::AuthnStatement {
        authn_instant: instant,
        session_index: None,
        session_not_on_or_after: None,
        subject_locality: None,
        authn_context: said::AuthnContext {
            class_ref: class.map(str::to_owned),
            declaration_ref: None,
            authenticating_authorities: vec![],
        },
    };
    let judge = |said| believed::authn_statements(vec![said], NOW).map(|_| ());
    assert_eq!(judge(statement(NOW.0, Some("urn:a:b"))), Ok(()));
    assert_eq!(
        judge(statement(NOW.0 + 1, Some("urn:a:b"))),
        Err(Wrong::Future("an authentication"))
    );
    assert_eq!(
        judge(statement(NOW.0, None)),
        Err(Wrong::NoContext("an authentication"))
    );
    assert_eq!(
        judge(statement(NOW.0, Some("password"))),
        Err(Wrong::Uri("a class"))
    );
}

#[test]
fn names_are_as_open_as_the_gateways_own() {
    let standard = draft(Confirmation::Bearer).subject();
    let mut said = told::subject(&standard);
    let name = said.name_id.as_mut().unwrap();
    name.value = "erin".to_owned();
    let believed = believed::subject(said, &standard, NOW, NOW.plus(600)).unwrap();
    assert_eq!(believed.name_id, Some(Sealable::Open(NameId::new("erin"))));
}
