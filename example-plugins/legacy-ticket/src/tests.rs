use std::fmt::Write as _;

use cambist_guest::{Fault, Value, testing::Bench};

use super::*;

const KEY: &str = "a key that both systems know, 32+";
const NOW: u64 = 1_896_317_200;
const DANA: &str =
    "v1|user=dana|groups=sales,ops|auth=password|issued=1896317106|expires=1896320706";

/// The ticket the old system would have issued with this content.
fn ticket(key: &str, signed: &str) -> String {
    let mac = Bench::new()
        .hmac_key("ticket", key)
        .run(|| crypto::key("ticket").unwrap().sign(signed).unwrap());
    let mut ticket = format!("{signed}|");
    for byte in mac {
        write!(ticket, "{byte:02x}").unwrap();
    }
    ticket
}

fn judge(token: impl Into<Token>) -> Result<Principal, Refusal> {
    Bench::new()
        .hmac_key("ticket", KEY)
        .run(|| LegacyTicket::validate(&token.into(), &Call::at(NOW)))
}

fn fault(ticket: &str) -> Fault {
    judge(ticket).unwrap_err().fault
}

#[test]
fn a_good_ticket_says_who_and_how() {
    let principal = judge(ticket(KEY, DANA)).unwrap();
    assert_eq!(principal.subject, "dana");
    assert_eq!(principal.issuer.as_deref(), Some("legacy-ticket"));
    assert_eq!(principal.expires_at, Some(1_896_320_706));
    assert_eq!(principal.authenticated_at, Some(1_896_317_106));
    assert_eq!(principal.authentication_methods, ["pwd"]);
    assert_eq!(
        principal.value("groups"),
        Some(&Value::from(["sales", "ops"]))
    );
}

#[test]
fn the_operator_says_who_vouches() {
    let principal = Bench::new()
        .hmac_key("ticket", KEY)
        .run(|| {
            let call = Call::at(NOW).with("issuer", "https://old.example");
            LegacyTicket::validate(&ticket(KEY, DANA).into(), &call)
        })
        .unwrap();
    assert_eq!(principal.issuer.as_deref(), Some("https://old.example"));
}

#[test]
fn only_the_second_edition_says_so() {
    let principal = judge(ticket(KEY, DANA)).unwrap();
    assert_eq!(
        principal.value("edition").is_some(),
        cfg!(feature = "second-edition")
    );
}

#[test]
fn somebody_without_groups_has_an_empty_list() {
    let signed = DANA.replace("sales,ops", "");
    let principal = judge(ticket(KEY, &signed)).unwrap();
    assert_eq!(principal.value("groups"), Some(&Value::Texts(Vec::new())));
}

#[test]
fn another_key_or_a_changed_ticket_is_not_authentic() {
    assert_eq!(
        fault(&ticket("another key that nobody knows, 32+", DANA)),
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
    let principal = judge(ticket(KEY, &ahead(SKEW))).unwrap();
    assert_eq!(principal.authenticated_at, Some(NOW));
}

#[test]
fn another_version_is_refused_by_name() {
    let refusal = judge(ticket(KEY, &DANA.replace("v1", "v2"))).unwrap_err();
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
        &ticket(KEY, &DANA.replace("user=dana", "user=")),
        &ticket(KEY, &DANA.replace("expires=", "expires=-")),
    ] {
        assert_eq!(fault(text), Fault::Malformed, "{text}");
    }
    assert_eq!(judge(&b"\xff|00"[..]).unwrap_err().fault, Fault::Malformed);
}

#[test]
fn a_missing_key_is_not_the_tickets_fault() {
    let ticket = Token::from(ticket(KEY, DANA));
    let refusal = Bench::new()
        .run(|| LegacyTicket::validate(&ticket, &Call::at(NOW)))
        .unwrap_err();
    assert_eq!(refusal.fault, Fault::Internal);
}
