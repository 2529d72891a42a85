use serde_json::json;

use super::*;

fn said(list: &[(&str, &[&str])]) -> Result<Value, Nonsense> {
    let owned: Vec<_> = list
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ((*name).to_owned(), Said::Texts(values))
        })
        .collect();
    claims(owned.into_iter()).map(Value::Object)
}

#[test]
fn a_claim_keeps_its_type() {
    let list = [
        ("text", Said::Text(String::new())),
        ("number", Said::Integer(-1)),
        ("flag", Said::Boolean(true)),
        ("texts", Said::Texts(vec!["a".to_owned()])),
        ("object", Said::Json(r#"{"a":[1.5,null]}"#.to_owned())),
    ];
    let found = claims(
        list.into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    assert_eq!(
        found.map(Value::Object),
        Ok(
            json!({"text": "", "number": -1, "flag": true, "texts": ["a"], "object": {"a": [1.5, null]}})
        )
    );
}

#[test]
fn json_is_json_and_not_too_deep() {
    for (json, expected) in [
        ("{", Nonsense::NotJson),
        ("", Nonsense::NotJson),
        (&"[".repeat(4000), Nonsense::NotJson),
        (
            &"1".repeat(VALUE_BYTES + 1),
            Nonsense::TooLong {
                what: "the value of a claim",
                limit: VALUE_BYTES,
            },
        ),
    ] {
        let claim = ("a".to_owned(), Said::Json(json.to_owned()));
        assert_eq!(claims([claim].into_iter()), Err(expected));
    }
}

#[test]
fn what_only_the_gateway_says_is_no_claim() {
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
            said(&[("fine", &["x"]), (name, &["x"])]),
            Err(Nonsense::Reserved(name))
        );
    }
}

#[test]
fn claims_are_bounded() {
    assert_eq!(
        said(&[("a", &["1"]), ("a", &["2"])]),
        Err(Nonsense::Repeated)
    );
    assert!(matches!(said(&[("", &["1"])]), Err(Nonsense::Empty(_))));
    assert!(matches!(
        said(&[("a", &["line\nbreak"])]),
        Err(Nonsense::Control(_))
    ));
    assert!(matches!(
        said(&[("a", &["x"; COUNT + 1])]),
        Err(Nonsense::TooMany { .. })
    ));
    assert!(said(&[("a", &["x"; COUNT])]).is_ok());
    let long = "x".repeat(VALUE_BYTES);
    assert!(said(&[("a", &[&long])]).is_ok());
    assert!(matches!(
        said(&[("a", &[&format!("{long}x")])]),
        Err(Nonsense::TooLong { .. })
    ));
    assert!(matches!(
        said(&[("a", &[long.as_str(); 8])]),
        Err(Nonsense::TooLong { .. })
    ));
    let many: Vec<_> = (0..=COUNT)
        .map(|number| (number.to_string(), Said::Boolean(true)))
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
