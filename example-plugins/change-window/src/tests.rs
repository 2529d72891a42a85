use cambist_guest::{Actor, Fault, Principal};

use super::*;

/// 2030-03-18T10:00:00Z, a Monday.
const MONDAY_AT_TEN: u64 = 1_900_058_400;
const HOUR: u64 = 3_600;

fn call(now: u64) -> Call {
    Call::at(now)
        .with("write_scopes", ["orders.write", "orders.delete"])
        .with("days", ["mon"])
        .with("opens", 9)
        .with("closes", 17)
        .with("blocked", ["mallory"])
}

fn request(scopes: &[&str]) -> Request {
    Request::new("app", Principal::new("dana"))
        .audience("https://api.example")
        .scopes(scopes.iter().copied())
}

#[test]
fn reading_is_nobodys_concern() {
    for now in [MONDAY_AT_TEN, MONDAY_AT_TEN + 10 * HOUR] {
        let decision = ChangeWindow::decide(&request(&["orders.read"]), &call(now));
        assert_eq!(decision, Ok(Decision::unchanged()));
    }
}

#[test]
fn within_the_window_a_grant_to_write_ends_with_it() {
    let writing = request(&["orders.read", "orders.write"]);
    let decision = ChangeWindow::decide(&writing, &call(MONDAY_AT_TEN)).unwrap();
    assert_eq!(decision.scopes, None);
    assert_eq!(decision.not_after, Some(MONDAY_AT_TEN + 7 * HOUR));
    let sooner = writing.not_after(MONDAY_AT_TEN + 60);
    let decision = ChangeWindow::decide(&sooner, &call(MONDAY_AT_TEN)).unwrap();
    assert_eq!(decision.not_after, Some(MONDAY_AT_TEN + 60));
}

#[test]
fn outside_it_what_writes_is_taken_out() {
    let writing = request(&["orders.read", "orders.write"]);
    for now in [
        MONDAY_AT_TEN - HOUR - 1,
        MONDAY_AT_TEN + 7 * HOUR,
        MONDAY_AT_TEN + DAY,
    ] {
        let decision = ChangeWindow::decide(&writing, &call(now)).unwrap();
        assert_eq!(decision.scopes.unwrap(), ["orders.read"]);
        assert_eq!(decision.not_after, None);
    }
}

#[test]
fn outside_it_nothing_but_writing_is_refused() {
    let refusal =
        ChangeWindow::decide(&request(&["orders.write"]), &call(MONDAY_AT_TEN + DAY)).unwrap_err();
    assert_eq!(refusal.code.as_deref(), Some("change-window"));
}

#[test]
fn whoever_is_blocked_gets_nothing_nor_by_acting() {
    let blocked = Request::new("app", Principal::new("mallory")).scopes(["orders.read"]);
    let acting = request(&["orders.read"])
        .actor(Actor::new("desk"))
        .actor(Actor::new("mallory"));
    for request in [blocked, acting] {
        let refusal = ChangeWindow::decide(&request, &call(MONDAY_AT_TEN)).unwrap_err();
        assert_eq!(refusal, Refusal::refused("blocked"));
    }
}

#[test]
fn what_is_not_configured_is_the_operators_mistake() {
    let refusal = ChangeWindow::decide(&request(&["orders.write"]), &Call::at(7)).unwrap_err();
    assert_eq!(refusal.fault, Fault::Internal);
}
