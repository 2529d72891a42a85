use cambist_guest::{Fault, Principal};

use super::*;

/// 2030-03-17T17:46:40Z, a Sunday.
const SUNDAY: u64 = 1_900_000_000;
/// 2030-03-18T09:00:00Z.
const MONDAY_AT_NINE: u64 = 1_900_054_800;

fn call() -> Call {
    Call::at(SUNDAY)
        .with("resource", "https://till.example/branch/7")
        .with("always", ["Read"])
        .with("when_open", ["Write", "Control"])
        .with("days", ["mon", "tue", "wed", "thu", "fri"])
        .with("opens", 9)
        .with("closes", 18)
}

fn decided(issued_at: u64, call: &Call) -> Vec<(DecisionType, Vec<String>)> {
    let assertion = Assertion::new(
        "https://idp.example",
        "https://till.example",
        Principal::new("dana"),
        issued_at,
    );
    OpeningHours::make_authz_decision_statements(&assertion, call)
        .unwrap()
        .into_iter()
        .map(|statement| {
            let actions = statement.actions.into_iter().map(|action| action.value);
            (statement.decision, actions.collect())
        })
        .collect()
}

fn is_open_at(issued_at: u64, call: &Call) -> bool {
    decided(issued_at, call)[1].0 == DecisionType::Permit
}

#[test]
fn when_open_everything_is_permitted() {
    let owned = |actions: &[&str]| actions.iter().map(|&action| action.into()).collect();
    assert_eq!(
        decided(MONDAY_AT_NINE, &call()),
        [
            (DecisionType::Permit, owned(&["Read"])),
            (DecisionType::Permit, owned(&["Write", "Control"])),
        ]
    );
}

#[test]
fn otherwise_the_rest_is_denied_in_so_many_words() {
    assert_eq!(decided(SUNDAY, &call())[0].0, DecisionType::Permit);
    assert_eq!(decided(SUNDAY, &call())[1].0, DecisionType::Deny);
}

#[test]
fn hours_begin_and_end_exactly() {
    assert!(!is_open_at(MONDAY_AT_NINE - 1, &call()));
    assert!(is_open_at(MONDAY_AT_NINE, &call()));
    assert!(is_open_at(MONDAY_AT_NINE + 9 * 3_600 - 1, &call()));
    assert!(!is_open_at(MONDAY_AT_NINE + 9 * 3_600, &call()));
    assert!(is_open_at(MONDAY_AT_NINE + 4 * DAY, &call()));
    assert!(!is_open_at(MONDAY_AT_NINE + 5 * DAY, &call()));
}

#[test]
fn the_branchs_own_zone_counts() {
    let east = call().with("utc_offset_minutes", 120);
    assert!(is_open_at(MONDAY_AT_NINE - 2 * 3_600, &east));
    let west = call().with("utc_offset_minutes", -300);
    assert!(!is_open_at(MONDAY_AT_NINE, &west));
    assert!(is_open_at(MONDAY_AT_NINE + 5 * 3_600, &west));
}

#[test]
fn what_is_not_configured_is_the_operators_mistake() {
    let assertion = Assertion::new("i", "r", Principal::new("dana"), SUNDAY);
    let refusal =
        OpeningHours::make_authz_decision_statements(&assertion, &Call::at(SUNDAY)).unwrap_err();
    assert_eq!(refusal.fault, Fault::Internal);
}
