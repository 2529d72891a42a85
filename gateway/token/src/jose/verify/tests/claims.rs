//! What the claims must say.

use super::*;

#[test]
fn sj_08_iss_is_one_string_and_the_expected_one() {
    for iss in [
        json!(["https://i"]),
        json!(1),
        json!(null),
        json!({}),
        json!(true),
    ] {
        assert_eq!(
            judge_claims(&with("iss", iss.clone())),
            Err(Rejection::Malformed),
            "{iss}"
        );
    }
    assert_eq!(judge_claims(&without("iss")), Err(Rejection::Malformed));
    for iss in ["https://i/", "https://I", "", "https://i\0"] {
        assert_eq!(
            judge_claims(&with("iss", json!(iss))),
            Err(Rejection::UnknownIssuer),
            "{iss}"
        );
    }
}

#[test]
fn sj_09_aud_is_a_string_or_strings_with_one_of_ours() {
    for aud in [json!("us"), json!(["us"]), json!(["them", "us"])] {
        assert!(judge_claims(&with("aud", aud.clone())).is_ok(), "{aud}");
    }
    for aud in [
        json!("them"),
        json!([]),
        json!(["them"]),
        json!(""),
        json!("us "),
        json!("US"),
    ] {
        assert_eq!(
            judge_claims(&with("aud", aud.clone())),
            Err(Rejection::WrongAudience),
            "{aud}"
        );
    }
    for aud in [
        json!(1),
        json!(null),
        json!({"us": "us"}),
        json!(["us", 1]),
        json!([["us"]]),
        json!(true),
    ] {
        assert_eq!(
            judge_claims(&with("aud", aud.clone())),
            Err(Rejection::Malformed),
            "{aud}"
        );
    }
    assert_eq!(judge_claims(&without("aud")), Err(Rejection::WrongAudience));
}

#[test]
fn sj_09_nothing_expected_accepts_nothing() {
    let key = &KEYS.es256;
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let expected = Expected {
        algorithms: &[Algorithm::Es256],
        keys: &key.verification_keys(),
        types: &["JWT"],
        typ_may_be_absent: true,
        issuer: "https://i",
        audiences: &[],
        leeway: 0,
        now: Timestamp(NOW),
    };
    assert_eq!(
        verify(token.as_bytes(), &expected),
        Err(Rejection::WrongAudience)
    );
}

#[test]
fn subject_is_a_string_and_not_empty() {
    for sub in [json!(1), json!(null), json!(""), json!(["s"])] {
        assert_eq!(
            judge_claims(&with("sub", sub.clone())),
            Err(Rejection::Malformed),
            "{sub}"
        );
    }
    assert_eq!(judge_claims(&without("sub")), Err(Rejection::Malformed));
}

#[test]
fn sj_10_only_finite_numbers_are_moments() {
    assert_eq!(judge_claims(&without("exp")), Err(Rejection::Malformed));
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!((NOW + 9).to_string()),
            json!(-1),
            json!(null),
            json!([NOW]),
            json!(1e300),
            json!(u64::MAX),
        ] {
            assert_eq!(
                judge_claims(&with(name, value.clone())),
                Err(Rejection::Malformed),
                "{name} {value}"
            );
        }
        let infinite = claims()
            .to_string()
            .replace('}', &format!(r#","x{name}":1e400}}"#));
        assert_eq!(
            judge_raw(r#"{"alg":"HS256"}"#, &infinite),
            Err(Rejection::Malformed)
        );
    }
    let fractional = judge_claims(&with("exp", json!(1_800_000_001.5))).unwrap();
    assert_eq!(fractional.expires_at, Timestamp(NOW + 1));
}

#[test]
fn sj_10_the_edges_of_validity_are_exact() {
    let at = |claims: &Value, leeway| {
        let key = &KEYS.hs256;
        let token = key.sign_jwt("JWT", claims).unwrap();
        verify(
            token.as_bytes(),
            &Expected {
                algorithms: &[Algorithm::Hs256],
                keys: &key.verification_keys(),
                types: &["JWT"],
                typ_may_be_absent: false,
                issuer: "https://i",
                audiences: &["us".to_owned()],
                leeway,
                now: Timestamp(NOW),
            },
        )
        .map(|_| ())
    };
    assert_eq!(at(&with("exp", json!(NOW)), 0), Err(Rejection::Expired));
    assert_eq!(at(&with("exp", json!(NOW + 1)), 0), Ok(()));
    assert_eq!(
        at(&with("exp", json!(NOW - 30)), 30),
        Err(Rejection::Expired)
    );
    assert_eq!(at(&with("exp", json!(NOW - 29)), 30), Ok(()));
    assert_eq!(
        at(&with("exp", json!(NOW - 60)), 10_000),
        Err(Rejection::Expired),
        "leeway is capped"
    );
    assert_eq!(at(&with("nbf", json!(NOW)), 0), Ok(()));
    assert_eq!(
        at(&with("nbf", json!(1_800_000_000.5)), 0),
        Err(Rejection::NotYetValid)
    );
    assert_eq!(at(&with("nbf", json!(NOW + 30)), 30), Ok(()));
    assert_eq!(
        at(&with("iat", json!(NOW + 31)), 30),
        Err(Rejection::NotYetValid)
    );
    assert_eq!(at(&with("iat", json!(NOW + 30)), 30), Ok(()));
}

#[test]
fn sj_11_ab_12_duplicate_members_are_refused_everywhere() {
    let good = claims().to_string();
    for payload in [
        good.replace('}', r#","sub":"s"}"#),
        good.replace('}', r#","x":{"y":1,"y":1}}"#),
        good.replace('}', r#","\u0073ub":"root"}"#),
    ] {
        assert_eq!(
            judge_raw(r#"{"alg":"HS256"}"#, &payload),
            Err(Rejection::Malformed),
            "{payload}"
        );
    }
    assert_eq!(
        judge_header(r#"{"alg":"HS256","alg":"HS256"}"#),
        Err(Rejection::Malformed)
    );
}

#[test]
fn sj_12_deep_claims_are_refused() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let payload = |depth| {
        claims()
            .to_string()
            .replace('}', &format!(r#","x":{}}}"#, nested(depth)))
    };
    assert!(judge_raw(r#"{"alg":"HS256"}"#, &payload(31)).is_ok());
    assert_eq!(
        judge_raw(r#"{"alg":"HS256"}"#, &payload(32)),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        judge_raw(r#"{"alg":"HS256"}"#, &payload(5_000)),
        Err(Rejection::Malformed)
    );
}
