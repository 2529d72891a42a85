use serde_json::json;

use super::*;

fn attributes(list: &[(&str, &[&str])]) -> Result<Value, Nonsense> {
    let owned: Vec<_> = list
        .iter()
        .map(|(name, values)| {
            (
                (*name).to_owned(),
                values
                    .iter()
                    .map(|value| (*value).to_owned())
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    claims(owned.into_iter()).map(Value::Object)
}

#[test]
fn one_value_is_a_text_and_other_numbers_are_lists() {
    let found = attributes(&[
        ("none", &[]),
        ("one", &["a"]),
        ("two", &["a", "b"]),
        ("empty", &[""]),
    ]);
    assert_eq!(
        found,
        Ok(json!({"none": [], "one": "a", "two": ["a", "b"], "empty": ""}))
    );
}

#[test]
fn what_only_the_gateway_says_is_no_attribute() {
    for name in [
        "sub",
        "iss",
        "aud",
        "exp",
        "act",
        "may_act",
        "scope",
        "client_id",
        "cnf",
        "jti",
    ] {
        assert_eq!(
            attributes(&[("fine", &["x"]), (name, &["x"])]),
            Err(Nonsense::Reserved(name))
        );
    }
}

#[test]
fn attributes_are_bounded() {
    assert_eq!(
        attributes(&[("a", &["1"]), ("a", &["2"])]),
        Err(Nonsense::Repeated)
    );
    assert!(matches!(
        attributes(&[("", &["1"])]),
        Err(Nonsense::Empty(_))
    ));
    assert!(matches!(
        attributes(&[("a", &["line\nbreak"])]),
        Err(Nonsense::Control(_))
    ));
    assert!(matches!(
        attributes(&[("a", &["x"; COUNT + 1])]),
        Err(Nonsense::TooMany { .. })
    ));
    assert!(attributes(&[("a", &["x"; COUNT])]).is_ok());
    let long = "x".repeat(VALUE_BYTES);
    assert!(attributes(&[("a", &[&long])]).is_ok());
    assert!(matches!(
        attributes(&[("a", &[&format!("{long}x")])]),
        Err(Nonsense::TooLong { .. })
    ));
    assert!(matches!(
        attributes(&[("a", &[long.as_str(); 8])]),
        Err(Nonsense::TooLong { .. })
    ));
    let many: Vec<_> = (0..=COUNT)
        .map(|number| (number.to_string(), Vec::new()))
        .collect();
    assert!(matches!(
        claims(many.into_iter()),
        Err(Nonsense::TooMany { .. })
    ));
}

#[test]
fn names_are_one_bounded_line() {
    let subject = |text: &str| name("the subject", text.to_owned(), NAME_BYTES);
    assert!(subject(&"ä".repeat(128)).is_ok());
    assert!(matches!(
        subject(&"ä".repeat(129)),
        Err(Nonsense::TooLong { .. })
    ));
    for text in ["a\0", "a\r\n", "\u{85}", "\u{7f}"] {
        assert!(
            matches!(subject(text), Err(Nonsense::Control(_))),
            "{text:?}"
        );
    }
}

#[test]
fn lists_are_bounded() {
    assert!(audiences(vec!["a".to_owned(); COUNT]).is_ok());
    assert!(matches!(
        audiences(vec!["a".to_owned(); COUNT + 1]),
        Err(Nonsense::TooMany { .. })
    ));
    assert!(matches!(
        audiences(vec![String::new()]),
        Err(Nonsense::Empty(_))
    ));
    assert!(matches!(
        methods(vec!["pwd".to_owned(); METHODS + 1]),
        Err(Nonsense::TooMany { .. })
    ));
}

#[test]
fn scope_words_are_scope_words() {
    assert_eq!(scope(None), Ok(None));
    assert_eq!(scope(Some(vec![])), Ok(Some(Scope::default())));
    assert!(matches!(
        scope(Some(vec!["two words".to_owned()])),
        Err(Nonsense::Scope(_))
    ));
}

#[test]
fn nobody_authenticated_in_the_future() {
    let now = Timestamp(1000);
    assert_eq!(
        past(Some(1000 + CLOCK_LEEWAY), now),
        Ok(Some(Timestamp(1000 + CLOCK_LEEWAY)))
    );
    assert_eq!(past(Some(1001 + CLOCK_LEEWAY), now), Err(Nonsense::Future));
    assert_eq!(
        past(Some(u64::MAX), Timestamp(u64::MAX)),
        Ok(Some(Timestamp(u64::MAX)))
    );
}

#[test]
fn texts_for_people_are_cut_and_cleaned() {
    assert_eq!(
        text(Some("a\u{1b}[31mb\n".to_owned())).as_deref(),
        Some("a[31mb")
    );
    assert_eq!(
        text(Some("ä".repeat(TEXT_BYTES))).map(|text| text.len()),
        Some(TEXT_BYTES)
    );
    assert_eq!(text(Some("\n \t".to_owned())), None);
    assert_eq!(
        code(Some("x".repeat(100))).map(|code| code.len()),
        Some(CODE_BYTES)
    );
}
