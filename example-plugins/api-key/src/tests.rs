use cambist_guest::{Fault, testing::Bench};

use super::*;

const NOW: u64 = 1_900_000_000;
const KEY_A: &str = "the first key of the portal, 32 bytes+";

fn bench() -> Bench {
    Bench::new().hmac_key("slot-a", KEY_A)
}

fn sealed(signed: &str) -> Token {
    let mac = bench().run(|| crypto::key("slot-a").unwrap().sign(signed).unwrap());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac)).into()
}

fn call() -> Call {
    Call::at(NOW)
        .with("issuer", "https://portal.example")
        .with("scopes", ["orders.read"])
}

fn judge(token: &Token) -> Result<Principal, Refusal> {
    bench().run(|| ApiKey::validate(token, &call()))
}

#[test]
fn a_good_key_says_which_client() {
    let principal = judge(&sealed("a.orders-bot.1900000600.7f3a")).unwrap();
    assert_eq!(principal.subject, "orders-bot");
    assert_eq!(principal.client.as_deref(), Some("orders-bot"));
    assert_eq!(principal.issuer.as_deref(), Some("https://portal.example"));
    assert_eq!(principal.expires_at, Some(1_900_000_600));
    assert_eq!(principal.scopes.unwrap(), ["orders.read"]);
}

#[test]
fn a_changed_key_is_not_authentic() {
    let key = sealed("a.orders-bot.1900000600.7f3a");
    let changed = key.text().unwrap().replace("1900000600", "1999999999");
    assert_eq!(judge(&changed.into()), Err(Refusal::bad_signature()));
}

#[test]
fn a_slot_that_is_empty_or_not_there_is_refused() {
    for slot in ["b", "c", ""] {
        let key = sealed(&format!("{slot}.orders-bot.1900000600.7f3a"));
        assert_eq!(judge(&key), Err(Refusal::refused("key-slot")), "{slot}");
    }
}

#[test]
fn what_is_not_a_key_is_malformed() {
    for key in [
        Token::from(""),
        Token::from("a.orders-bot.1900000600.7f3a.!"),
        sealed("a.orders-bot.1900000600"),
        sealed("a.orders-bot.1900000600.7f3a.more"),
        sealed("a..1900000600.7f3a"),
        sealed("a.orders-bot.1900000600."),
        sealed("a.orders-bot.soon.7f3a"),
    ] {
        assert_eq!(judge(&key).unwrap_err().fault, Fault::Malformed);
    }
}

#[test]
fn a_key_ends() {
    let key = sealed(&format!("a.orders-bot.{NOW}.7f3a"));
    assert_eq!(judge(&key), Err(Refusal::expired()));
}

#[test]
fn a_key_for_one_use_is_used_once() {
    let (first, second) = (
        sealed("a.orders-bot.1900000600.7f3a"),
        sealed("a.orders-bot.1900000600.7f3b"),
    );
    let (bench, call) = (bench(), call().with("once", true));
    bench.run(|| {
        assert!(ApiKey::validate(&first, &call).is_ok());
        assert_eq!(
            ApiKey::validate(&first, &call),
            Err(Refusal::refused("key-used"))
        );
        assert!(ApiKey::validate(&second, &call).is_ok());
    });
}

#[test]
fn a_key_for_one_use_is_refused_when_that_cannot_be_known() {
    let call = call().with("once", true);
    let eternal = sealed("a.orders-bot.1999999999.7f3a");
    assert_eq!(
        bench().run(|| ApiKey::validate(&eternal, &call)),
        Err(Refusal::refused("key-lives-too-long"))
    );
    let key = sealed("a.orders-bot.1900000600.7f3a");
    let away = bench()
        .without_kv()
        .run(|| ApiKey::validate(&key, &call))
        .unwrap_err();
    assert_eq!(away.fault, Fault::Unavailable);
}
