//! What a guest may say.

use cambist_core::{Declared, Fault, Rejection, Scope, ValidateError};
use serde_json::json;

use crate::{NOW, ask, bound, failure, guest::Guest, host, validator};

/// Offsets of fields in an accepting answer.
mod at {
    pub(super) const SUBJECT: u32 = 8;
    pub(super) const SCOPES: u32 = 48;
    pub(super) const EXPIRES: u32 = 64;
    pub(super) const CLAIMS: u32 = 116;
}

/// Words of an answer, by offset.
type Words = Vec<(u32, u32)>;

/// A text of `length` bytes at `place`, as the two words of its field.
fn text(field: u32, place: u32, length: u32) -> [(u32, u32); 2] {
    [(field, place), (field + 4, length)]
}

fn dana() -> Words {
    text(at::SUBJECT, 16, 4).to_vec()
}

#[tokio::test]
async fn claims_scope_and_end_arrive() {
    let mut words = dana();
    let end = u32::try_from(NOW + 60).unwrap();
    words.extend([(at::EXPIRES, 1), (at::EXPIRES + 8, end)]);
    // One scope word at 2048: "read".
    words.extend([(at::SCOPES, 1), (at::SCOPES + 4, 2048), (at::SCOPES + 8, 1)]);
    // Two claims at 2064: "one" is a text, "two" two texts.
    words.extend([(at::CLAIMS, 2064), (at::CLAIMS + 4, 2)]);
    let mut guest = Guest::answering(&words);
    guest.fields = r#"
      (data (i32.const 3072) "readonetwo")
      (data (i32.const 2048) "\00\0c\00\00\04\00\00\00")
      (data (i32.const 2064) "\04\0c\00\00\03\00\00\00\00\00\00\00\00\00\00\00\04\0c\00\00\03\00\00\00")
      (data (i32.const 2088) "\07\0c\00\00\03\00\00\00\03\00\00\00\00\00\00\00\00\09\00\00\02\00\00\00")
      (data (i32.const 2304) "\04\0c\00\00\03\00\00\00\07\0c\00\00\03\00\00\00")"#
        .to_owned();
    let host = host();
    let plugin = host.compile(&guest.bytes()).unwrap();
    let declared = Declared {
        subject_prefix: "old:".to_owned(),
        scopes: Scope::parse("other").ok(),
    };
    let validator = bound(plugin, declared);
    let principal = ask(&validator, "t").await.unwrap();
    assert_eq!(principal.subject, "old:dana");
    assert_eq!(principal.expires_at.map(|end| end.0), Some(NOW + 60));
    assert_eq!(principal.scope, Scope::parse("read").unwrap());
    assert_eq!(
        serde_json::Value::Object(principal.claims.clone()),
        json!({"one": "one", "two": ["one", "two"]})
    );
}

#[tokio::test]
async fn a_token_that_ended_is_expired_whatever_the_guest_thinks() {
    for (end, accepted) in [(NOW - 1, false), (NOW, false), (NOW + 1, true)] {
        let mut words = dana();
        words.extend([
            (at::EXPIRES, 1),
            (at::EXPIRES + 8, u32::try_from(end).unwrap()),
        ]);
        let answer = ask(&validator(&host(), &Guest::answering(&words)), "t").await;
        let expected = if accepted {
            None
        } else {
            Some(ValidateError::Rejected(Rejection::Expired))
        };
        assert_eq!(answer.err(), expected, "{end}");
    }
}

#[tokio::test]
async fn a_scope_the_token_lacks_is_the_operators() {
    let host = host();
    let plugin = host.compile(&Guest::default().bytes()).unwrap();
    let declared = Declared {
        scopes: Scope::parse("declared").ok(),
        ..Declared::default()
    };
    let validator = bound(plugin, declared);
    assert_eq!(
        ask(&validator, "t").await.unwrap().scope.to_string(),
        "declared"
    );
}

#[tokio::test]
async fn nonsense_is_the_plugins_fault() {
    let cases: [(&str, Words, &str); 4] = [
        ("no subject", vec![], "the subject is empty"),
        (
            "a subject of zero bytes",
            text(at::SUBJECT, 3072, 4).to_vec(),
            "the subject has a control character",
        ),
        (
            "a long subject",
            text(at::SUBJECT, 16, 257).to_vec(),
            "the subject has more than 256 bytes",
        ),
        (
            "claims without names",
            [dana(), text(at::CLAIMS, 3072, 1).to_vec()].concat(),
            "the name of a claim is empty",
        ),
    ];
    for (what, words, expected) in cases {
        let reason = failure(ask(&validator(&host(), &Guest::answering(&words)), "t").await);
        assert!(reason.contains(expected), "{what}: {reason}");
    }
}

#[tokio::test]
async fn wa_04_an_answer_has_bounds_before_it_is_read() {
    let cases: [(&str, Words); 5] = [
        ("a text of 2 MiB", text(at::SUBJECT, 4096, 2 << 20).to_vec()),
        (
            "a text past the memory",
            text(at::SUBJECT, 4096, 0x0fff_ffff).to_vec(),
        ),
        (
            "a text at a wild place",
            text(at::SUBJECT, 0xffff_fff0, 4).to_vec(),
        ),
        (
            "100 000 claims",
            [dana(), text(at::CLAIMS, 4096, 100_000).to_vec()].concat(),
        ),
        (
            "claims past the memory",
            [dana(), text(at::CLAIMS, 4096, 0x0fff_ffff).to_vec()].concat(),
        ),
    ];
    for (what, words) in cases {
        let guest = Guest {
            memory: "48".to_owned(),
            ..Guest::answering(&words)
        };
        let reason = failure(ask(&validator(&host(), &guest), "t").await);
        assert!(!reason.contains("no answer within"), "{what}: {reason}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_the_plugins_fault() {
    let mut guest = Guest::answering(&text(at::SUBJECT, 3072, 2));
    guest.fields = r#"(data (i32.const 3072) "\ff\fe")"#.to_owned();
    let reason = failure(ask(&validator(&host(), &guest), "t").await);
    assert!(reason.contains("utf-8"), "{reason}");
}

#[tokio::test]
async fn refusals_keep_their_reason() {
    let rejections = [
        Rejection::Malformed,
        Rejection::Refused,
        Rejection::Expired,
        Rejection::NotYetValid,
        Rejection::BadSignature,
        Rejection::WrongAudience,
    ];
    for (fault, rejection) in (0_u32..).zip(rejections) {
        let guest = Guest::answering(&[(0, 1), (8, fault)]);
        assert_eq!(
            ask(&validator(&host(), &guest), "t").await,
            Err(rejection.into())
        );
    }
    let unavailable = ask(
        &validator(&host(), &Guest::answering(&[(0, 1), (8, 6)])),
        "t",
    )
    .await;
    assert!(
        matches!(
            unavailable,
            Err(ValidateError::Fault(Fault::Unavailable(_)))
        ),
        "{unavailable:?}"
    );
    failure(
        ask(
            &validator(&host(), &Guest::answering(&[(0, 1), (8, 7)])),
            "t",
        )
        .await,
    );
    let unknown = failure(
        ask(
            &validator(&host(), &Guest::answering(&[(0, 1), (8, 8)])),
            "t",
        )
        .await,
    );
    assert!(unknown.contains("discriminant"), "{unknown}");
}

#[tokio::test]
async fn a_code_and_a_message_reach_the_caller_cleaned() {
    // A code and a message at 3072, both with a control character.
    let mut guest = Guest::answering(&[
        (0, 1),
        (8, 1),
        (12, 1),
        (16, 3072),
        (20, 7),
        (24, 1),
        (28, 3080),
        (32, 4),
    ]);
    guest.fields =
        r#"(data (i32.const 3072) "locked\0a") (data (i32.const 3080) "a\1bsk")"#.to_owned();
    let expected = ValidateError::RefusedWith {
        rejection: Rejection::Refused,
        code: "locked".to_owned(),
        message: Some("ask".to_owned()),
    };
    assert_eq!(ask(&validator(&host(), &guest), "t").await, Err(expected));
}
