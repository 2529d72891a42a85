use super::*;
use serde_json::json;

fn carriers(documents: &serde_json::Value) -> Vec<Carrier> {
    documents
        .as_array()
        .unwrap()
        .iter()
        .map(|document| {
            let document = serde_json::from_value(document.clone()).unwrap();
            Carrier::build(&document, "credentials").unwrap()
        })
        .collect()
}

/// The token that is found among these headers, and what is left of them.
fn taken(
    carriers: &[Carrier],
    pairs: &[(&'static str, &str)],
    certificates: &[Vec<u8>],
) -> (Result<Option<String>, Refusal>, Vec<String>) {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let found = take(&mut headers, carriers, certificates).map(|found| {
        found.map(|credential| String::from_utf8(credential.bytes().to_vec()).unwrap())
    });
    let left = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    (found, left)
}

fn bearer(value: &str) -> Result<Option<String>, Refusal> {
    let (found, left) = taken(
        &[Carrier::bearer(TokenType::ACCESS_TOKEN)],
        &[("authorization", value)],
        &[],
    );
    assert!(left.is_empty(), "ab_21: taken out whatever it holds");
    found
}

#[test]
fn scheme_is_case_insensitive_and_the_token_is_whole() {
    for value in [
        "Bearer a.b-c_d~+/==",
        "bearer a.b-c_d~+/==",
        "BEARER a.b-c_d~+/==",
    ] {
        assert_eq!(bearer(value).unwrap().unwrap(), "a.b-c_d~+/==");
    }
}

#[test]
fn other_schemes_are_no_credential() {
    for value in ["Basic YTpi", "Bearerx a", "Beare r", "x"] {
        assert!(
            matches!(bearer(value), Err(Refusal::NoCredential)),
            "{value}"
        );
    }
    let (found, _) = taken(&[Carrier::bearer(TokenType::ACCESS_TOKEN)], &[], &[]);
    assert!(found.unwrap().is_none());
}

#[test]
fn what_is_not_one_token_is_refused() {
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer  a",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \u{e4}",
        "Bearer\ta",
    ] {
        assert!(bearer(value).is_err(), "{value}");
    }
    assert!(matches!(bearer("Bearer a b"), Err(Refusal::BadCredential)));
}

#[test]
fn size_is_capped() {
    assert!(bearer(&format!("Bearer {}", "a".repeat(LONGEST_TOKEN))).is_ok());
    assert!(matches!(
        bearer(&format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1))),
        Err(Refusal::BadCredential)
    ));
}

#[test]
fn the_first_place_counts_and_all_are_emptied() {
    let carriers = carriers(&json!([
        {"from": "header", "name": "X-Api-Key", "token_type": "urn:example:key"},
        {"from": "bearer"},
        {"from": "cookie", "name": "session", "token_type": "urn:example:session"},
    ]));
    let all = [
        ("authorization", "Bearer b"),
        ("x-api-key", "k"),
        ("cookie", "a=1; session=s; b=2"),
        ("accept", "x"),
    ];
    let (found, left) = taken(&carriers, &all, &[]);
    assert_eq!(found.unwrap().unwrap(), "k");
    assert_eq!(left, ["accept: x", "cookie: a=1; b=2"]);
    let (found, _) = taken(&carriers, &all[2..], &[]);
    assert_eq!(found.unwrap().unwrap(), "s");
    let (found, _) = taken(&carriers, &all[3..], &[]);
    assert!(found.unwrap().is_none());
    let twice = [("x-api-key", "k"), ("x-api-key", "k")];
    assert!(matches!(
        taken(&carriers, &twice, &[]).0,
        Err(Refusal::BadCredential)
    ));
}

#[test]
fn a_bad_credential_in_front_is_not_passed_over() {
    let carriers = carriers(&json!([
        {"from": "bearer"},
        {"from": "header", "name": "X-Api-Key", "token_type": "urn:example:key"},
    ]));
    let (found, left) = taken(
        &carriers,
        &[("authorization", "Bearer a b"), ("x-api-key", "k")],
        &[],
    );
    assert!(matches!(found, Err(Refusal::BadCredential)) && left.is_empty());
}

#[test]
fn one_cookie_of_many() {
    let carriers =
        carriers(&json!([{"from": "cookie", "name": "s", "token_type": "urn:example:s"}]));
    for (cookies, token, left) in [
        ("s=a", Some("a"), None),
        ("s=\"a\"", Some("a"), None),
        ("x=1;s=a=b", Some("a=b"), Some("x=1")),
        ("ss=1; xs=2", None, Some("ss=1; xs=2")),
        ("S=1", None, Some("S=1")),
    ] {
        let (found, rest) = taken(&carriers, &[("cookie", cookies)], &[]);
        assert_eq!(found.unwrap().as_deref(), token, "{cookies}");
        assert_eq!(
            rest.first().map(|line| line.trim_start_matches("cookie: ")),
            left,
            "{cookies}"
        );
    }
    for cookies in ["s=a; s=b", "s=", "s=a b"] {
        let (found, rest) = taken(&carriers, &[("cookie", cookies)], &[]);
        assert!(found.is_err() && rest.is_empty(), "{cookies}: {rest:?}");
    }
}

#[test]
fn passwords_and_certificates_become_tokens() {
    let carriers = carriers(&json!([
        {"from": "basic"},
        {"from": "certificate", "token_type": "urn:example:x509"},
    ]));
    let of = |pairs: &[(&'static str, &str)], certificates: &[Vec<u8>]| {
        taken(&carriers, pairs, certificates).0
    };
    // dana:a:"b
    let found = of(&[("authorization", "Basic ZGFuYTphOiJi")], &[]);
    assert_eq!(
        found.unwrap().unwrap(),
        r#"{"username":"dana","password":"a:\"b"}"#
    );
    for bad in [
        "Basic",
        "Basic !",
        "Basic ZGFuYQ==",
        "Basic OmE=",
        "Basic /w==",
    ] {
        assert!(
            matches!(
                of(&[("authorization", bad)], &[]),
                Err(Refusal::BadCredential)
            ),
            "{bad}"
        );
    }
    let found = of(&[], &[b"leaf".to_vec(), b"root".to_vec()]);
    assert_eq!(found.unwrap().unwrap(), "bGVhZg==");
}

#[test]
fn assertions_are_handed_on_in_base64url() {
    let carriers = carriers(&json!([
        {"from": "header", "name": "X-Saml", "token_type": TokenType::SAML2, "encoding": "base64"},
    ]));
    let (found, _) = taken(&carriers, &[("x-saml", "PGE+ Pw==")], &[]);
    assert_eq!(found.unwrap().unwrap(), "PGE-Pw");
    assert!(taken(&carriers, &[("x-saml", "PGE-")], &[]).0.is_err());
}
