use std::fmt::Write as _;

use cambist_guest::Fault;

use super::*;

const KEY: &str = "correct horse battery staple";
const NOW: u64 = 1_896_317_200;

/// The ticket the old system would have issued with this content.
fn ticket(key: &str, signed: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .unwrap()
        .chain_update(signed)
        .finalize()
        .into_bytes();
    let mut ticket = format!("{signed}|");
    mac.iter()
        .for_each(|byte| write!(ticket, "{byte:02x}").unwrap());
    ticket
}

fn call() -> Call {
    Call::at(NOW).with_setting("key", KEY)
}

fn fault(ticket: &str) -> Fault {
    LegacyTicket::validate(ticket.as_bytes(), &call())
        .unwrap_err()
        .fault
}

const DANA: &str =
    "v1|user=dana|groups=sales,ops|auth=password|issued=1896317106|expires=1896320706";

#[test]
fn a_good_ticket_says_who_and_how() {
    let principal = LegacyTicket::validate(ticket(KEY, DANA).as_bytes(), &call()).unwrap();
    assert_eq!(principal.subject, "dana");
    assert_eq!(principal.issuer.as_deref(), Some("legacy-ticket"));
    assert_eq!(principal.expires_at, Some(1_896_320_706));
    assert_eq!(principal.authenticated_at, Some(1_896_317_106));
    assert_eq!(principal.authentication_methods, ["pwd"]);
    let groups = principal
        .attributes
        .iter()
        .find(|attribute| attribute.name == "groups")
        .unwrap();
    assert_eq!(groups.values, ["sales", "ops"]);
}

#[test]
fn only_the_second_edition_says_so() {
    let principal = LegacyTicket::validate(ticket(KEY, DANA).as_bytes(), &call()).unwrap();
    let edition = principal
        .attributes
        .iter()
        .find(|attribute| attribute.name == "edition");
    assert_eq!(edition.is_some(), cfg!(feature = "second-edition"));
}

#[test]
fn somebody_without_groups_has_an_empty_list() {
    let signed = DANA.replace("sales,ops", "");
    let principal = LegacyTicket::validate(ticket(KEY, &signed).as_bytes(), &call()).unwrap();
    assert!(principal.attributes[0].values.is_empty());
}

#[test]
fn another_key_or_a_changed_ticket_is_not_authentic() {
    assert_eq!(
        fault(&ticket("another horse battery staple", DANA)),
        Fault::BadSignature
    );
    assert_eq!(
        fault(&ticket(KEY, DANA).replace("user=dana", "user=root")),
        Fault::BadSignature
    );
}

#[test]
fn times_are_judged_at_the_calls_time() {
    let ended = DANA.replace("expires=1896320706", &format!("expires={NOW}"));
    assert_eq!(fault(&ticket(KEY, &ended)), Fault::Expired);
    let ahead = |by: u64| DANA.replace("issued=1896317106", &format!("issued={}", NOW + by));
    assert_eq!(fault(&ticket(KEY, &ahead(SKEW + 1))), Fault::NotYetValid);
    let principal = LegacyTicket::validate(ticket(KEY, &ahead(SKEW)).as_bytes(), &call()).unwrap();
    assert_eq!(principal.authenticated_at, Some(NOW));
}

#[test]
fn another_version_is_refused_by_name() {
    let refusal =
        LegacyTicket::validate(ticket(KEY, &DANA.replace("v1", "v2")).as_bytes(), &call())
            .unwrap_err();
    assert_eq!(refusal, Refusal::refused("ticket-version"));
}

#[test]
fn what_is_not_a_ticket_is_malformed() {
    let long = format!("{DANA}|more=1");
    let reordered = DANA.replace("user=dana|groups=sales,ops", "groups=sales,ops|user=dana");
    for text in [
        "",
        "v1",
        "v1|user=dana",
        "v1|xyz",
        &ticket(KEY, "v1|user=dana"),
        &ticket(KEY, &long),
        &ticket(KEY, &reordered),
    ] {
        assert_eq!(fault(text), Fault::Malformed, "{text}");
    }
    assert_eq!(
        LegacyTicket::validate(b"\xff|00", &call())
            .unwrap_err()
            .fault,
        Fault::Malformed
    );
    assert_eq!(
        fault(&ticket(KEY, &DANA.replace("user=dana", "user="))),
        Fault::Malformed
    );
    assert_eq!(
        fault(&ticket(KEY, &DANA.replace("expires=", "expires=-"))),
        Fault::Malformed
    );
}

#[test]
fn a_missing_or_short_key_is_not_the_tickets_fault() {
    let ticket = ticket(KEY, DANA);
    for call in [Call::at(NOW), Call::at(NOW).with_setting("key", "short")] {
        assert_eq!(
            LegacyTicket::validate(ticket.as_bytes(), &call)
                .unwrap_err()
                .fault,
            Fault::Internal
        );
    }
}
