use std::collections::BTreeSet;

use super::*;
use crate::{Binding, Proofs, Purpose};

fn client(binding: Binding) -> Client {
    Client {
        id: "web".to_owned(),
        audiences: BTreeSet::new(),
        scope: Scope::default(),
        may_present: MayPresent::Any,
        impersonation: false,
        is_named: true,
        actors: Vec::new(),
        max_lifetime: None,
        binding,
    }
}

fn keys(key: Option<&str>, certificate: Option<&str>) -> Option<Confirmation> {
    let own = |text: &str| text.to_owned();
    Some(Confirmation {
        key: key.map(own),
        certificate: certificate.map(own),
    })
    .filter(|keys| !keys.is_empty())
}

fn subject(confirmation: Option<Confirmation>) -> Principal {
    Principal {
        subject: "alice".to_owned(),
        confirmation,
        ..Principal::default()
    }
}

fn call(key: Option<&'static str>, certificate: Option<&'static str>) -> Call<'static> {
    Call {
        now: Timestamp(1),
        instance: "orders",
        correlation: "c",
        random: [0; 16],
        proofs: Proofs {
            dpop_thumbprint: key,
            certificate_thumbprint: certificate,
            ..Proofs::default()
        },
        purpose: Purpose::Issue,
    }
}

#[test]
fn sx_12_mt_10_a_bound_subject_needs_its_keys() {
    for (bound, proven, is_accepted) in [
        (keys(None, None), call(None, None), true),
        (keys(Some("k"), None), call(None, None), false),
        (keys(Some("k"), None), call(Some("other"), Some("k")), false),
        (keys(Some("k"), None), call(Some("k"), None), true),
        (keys(None, Some("c")), call(None, None), false),
        (keys(None, Some("c")), call(Some("c"), Some("d")), false),
        (keys(None, Some("c")), call(None, Some("c")), true),
        (keys(Some("k"), Some("c")), call(Some("k"), None), false),
        (keys(Some("k"), Some("c")), call(Some("k"), Some("c")), true),
    ] {
        let outcome = check_proven(&subject(bound.clone()), None, &proven);
        assert_eq!(outcome.is_ok(), is_accepted, "{bound:?} {proven:?}");
        let as_actor = check_proven(&subject(None), Some(&subject(bound.clone())), &proven);
        assert_eq!(as_actor.is_ok(), is_accepted, "dp_43: {bound:?} {proven:?}");
    }
}

#[test]
fn sx_12_dp_42_what_came_bound_stays_bound_unless_a_rule_unbinds() {
    let plain = client(Binding::default());
    let unbinding = client(Binding {
        may_unbind: true,
        ..Binding::default()
    });
    for (key, certificate) in [(Some("k"), None), (None, Some("c")), (Some("k"), Some("c"))] {
        let subject = subject(keys(key, certificate));
        let proven = call(key, certificate);
        assert_eq!(
            confirmation(&plain, &subject, &proven),
            Ok((keys(key, certificate), true))
        );
        assert_eq!(
            confirmation(&unbinding, &subject, &proven),
            Ok((None, false))
        );
    }
}

#[test]
fn dp_20_a_proof_binds_and_a_certificate_only_where_it_was_agreed() {
    let plain = client(Binding::default());
    let free = subject(None);
    assert_eq!(
        confirmation(&plain, &free, &call(Some("k"), Some("c"))),
        Ok((keys(Some("k"), None), false))
    );
    assert_eq!(
        confirmation(&plain, &free, &call(None, Some("c"))),
        Ok((None, false))
    );
    let certified = client(Binding {
        to_certificate: true,
        ..Binding::default()
    });
    assert_eq!(
        confirmation(&certified, &free, &call(None, Some("c"))),
        Ok((keys(None, Some("c")), true))
    );
}

#[test]
fn dp_23_a_client_of_bound_tokens_gets_no_other() {
    for binding in [
        Binding {
            to_dpop_key: true,
            ..Binding::default()
        },
        Binding {
            to_certificate: true,
            ..Binding::default()
        },
    ] {
        assert_eq!(
            confirmation(&client(binding), &subject(None), &call(None, None)),
            Err(PolicyRefusal::NothingToBindTo)
        );
    }
}
