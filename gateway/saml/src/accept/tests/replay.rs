//! How often an assertion is good.

use super::*;

#[test]
fn sm_06_an_assertion_is_good_once() {
    let document = signed(&fixture::bearer());
    let mut marked = fixture::bearer();
    conditions(&mut marked).one_time_use = true;
    let marked = signed(&marked);
    let refused = Err(AcceptError::Refused(Refusal::Replayed));
    for (once, document, again) in [
        (Once::Every, &document, false),
        (Once::Every, &marked, false),
        (Once::Marked, &document, true),
        (Once::Marked, &marked, false),
    ] {
        let acceptance = Acceptance {
            once,
            ..acceptance()
        };
        let memory = Memory::default();
        let presenter = Presenter::default();
        let accept = || {
            now_or_never(acceptance.accept(document.as_bytes(), &presenter, NOW, &memory))
                .map(|_| ())
        };
        assert_eq!(accept(), Ok(()));
        assert_eq!(accept(), if again { Ok(()) } else { refused.clone() });
    }
    let result =
        now_or_never(acceptance().accept(document.as_bytes(), &Presenter::default(), NOW, &Broken));
    let fault = Fault::Unavailable("the store".to_owned());
    assert_eq!(result, Err(AcceptError::Fault(fault)));
}

#[test]
fn sm_06_a_use_is_remembered_until_nobody_accepts_it_any_more() {
    let acceptance = acceptance();
    let document = signed(&fixture::bearer());
    let presenter = Presenter::default();
    let examined = acceptance
        .examine(document.as_bytes(), &presenter, NOW)
        .unwrap();
    let until = examined.remembered_until.unwrap();
    let result = acceptance.examine(document.as_bytes(), &presenter, until);
    assert_eq!(result.unwrap_err(), Refusal::Expired("NotOnOrAfter"));
}

#[test]
fn sm_06_a_use_by_one_confirmation_is_a_use_by_all() {
    let mut model = fixture::bearer();
    conditions(&mut model).not_on_or_after = None;
    let mut longer = confirmation(&mut model).clone();
    longer.not_on_or_after = Some(NOW.plus(1800));
    let subject = model.subject.as_mut().unwrap();
    subject.confirmations.push(longer);
    let acceptance = acceptance();
    let document = signed(&model);
    let examine = |now| acceptance.examine(document.as_bytes(), &Presenter::default(), now);
    let examined = examine(NOW).unwrap();
    assert_eq!(examined.accepted.expires_at, NOW.plus(600));
    // The longer one still confirms when the shorter one is over.
    assert!(examine(NOW.plus(700)).is_ok());
    assert_eq!(examined.remembered_until, Some(NOW.plus(1830)));
    let until = NOW.plus(1830);
    let expired = Refusal::Unconfirmed(Unconfirmed::Expired);
    assert_eq!(examine(until).unwrap_err(), expired);
}
