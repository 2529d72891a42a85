use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::{super::SigningKey, *};

const NOW: u64 = 1_800_000_000;

struct Keys {
    es256: SigningKey,
    es384: SigningKey,
    ed25519: SigningKey,
    rs256: SigningKey,
    hs256: SigningKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let new = |algorithm| SigningKey::generate(algorithm).unwrap().0;
    Keys {
        es256: new(Algorithm::Es256),
        es384: new(Algorithm::Es384),
        ed25519: new(Algorithm::EdDsa),
        rs256: new(Algorithm::Rs256),
        hs256: SigningKey::hmac(&[7; 32], Algorithm::Hs256).unwrap(),
    }
});

impl Keys {
    fn all(&self) -> [&SigningKey; 5] {
        [
            &self.es256,
            &self.es384,
            &self.ed25519,
            &self.rs256,
            &self.hs256,
        ]
    }
}

fn claims() -> Value {
    json!({"iss": "https://i", "sub": "s", "aud": "us", "exp": NOW + 300, "iat": NOW})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn judge(token: &[u8], key: &SigningKey) -> Result<Verified, Rejection> {
    judge_by(token, &[key.algorithm()], &key.verification_keys())
}

fn judge_by(token: &[u8], algorithms: &[Algorithm], keys: &KeySet) -> Result<Verified, Rejection> {
    verify(
        token,
        &Expected {
            algorithms,
            keys,
            types: &["JWT"],
            typ_may_be_absent: true,
            issuer: "https://i",
            audiences: &["us".to_owned()],
            leeway: 0,
            now: Timestamp(NOW),
        },
    )
}

fn judge_claims(claims: &Value) -> Result<Verified, Rejection> {
    let key = &KEYS.es256;
    judge(key.sign_jwt("JWT", claims).unwrap().as_bytes(), key)
}

/// Signs any header and payload whatever with HS256, and judges it as such.
fn judge_raw(header: &str, payload: &str) -> Result<Verified, Rejection> {
    let key = &KEYS.hs256;
    judge(
        sign_raw(header.as_bytes(), payload.as_bytes()).as_bytes(),
        key,
    )
}

fn sign_raw(header: &[u8], payload: &[u8]) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header),
        base64url::encode(payload)
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", base64url::encode(tag.as_ref()))
}

fn judge_header(header: &str) -> Result<Verified, Rejection> {
    judge_raw(header, &claims().to_string())
}

fn split(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn what_every_key_signs_verifies_and_nothing_else_does() {
    for key in KEYS.all() {
        let token = key.sign_jwt("JWT", &claims()).unwrap();
        let verified = judge(token.as_bytes(), key).unwrap();
        assert_eq!(Value::Object(verified.claims), claims());
        assert_eq!(verified.key_id.as_deref(), key.key_id());
        assert_eq!(verified.expires_at, Timestamp(NOW + 300));
        let [header, payload, signature] = split(&token);
        let other = base64url::encode(with("sub", json!("t")).to_string().as_bytes());
        assert_eq!(
            judge(format!("{header}.{other}.{signature}").as_bytes(), key),
            Err(Rejection::BadSignature)
        );
        let mut flipped = base64url::decode(signature.as_bytes()).unwrap();
        flipped[10] ^= 1;
        let flipped = base64url::encode(&flipped);
        assert_eq!(
            judge(format!("{header}.{payload}.{flipped}").as_bytes(), key),
            Err(Rejection::BadSignature)
        );
    }
}

#[test]
fn sj_01_none_absent_and_empty_signatures_are_refused() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(
            judge_header(&header),
            Err(Rejection::AlgorithmNotAllowed),
            "{alg}"
        );
        let unsigned = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
        let [header, payload, _] = split(&unsigned);
        assert!(judge(format!("{header}.{payload}.").as_bytes(), &KEYS.hs256).is_err());
    }
    assert_eq!(judge_header("{}"), Err(Rejection::Malformed));
    let token = sign_raw(br#"{"alg":"HS256"}"#, claims().to_string().as_bytes());
    let [header, payload, _] = split(&token);
    for form in [
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.AAAA"),
    ] {
        assert!(judge(form.as_bytes(), &KEYS.hs256).is_err(), "{form}");
    }
}

#[test]
fn sj_02_a_public_key_is_never_a_shared_secret() {
    let (key, pem) = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = key.public_jwk().unwrap().to_string();
    for secret in [
        pem.as_str(),
        &format!("\n {}", pem.as_str()),
        &jwk,
        &format!(" {jwk}"),
    ] {
        assert_eq!(
            SigningKey::hmac(secret.as_bytes(), Algorithm::Hs256).unwrap_err(),
            super::super::KeyError::SecretIsKey
        );
    }
    let header = json!({"alg": "HS256", "kid": key.key_id()}).to_string();
    let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
    let keys = key.verification_keys();
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Es256], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    assert_eq!(
        judge_by(
            token.as_bytes(),
            &[Algorithm::Es256, Algorithm::Hs256],
            &keys
        ),
        Err(Rejection::AlgorithmNotAllowed)
    );
}

#[test]
fn sj_03_the_algorithm_must_suit_issuer_and_key() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    let keys = KEYS.es256.verification_keys();
    assert!(judge_by(token.as_bytes(), &[Algorithm::Es256], &keys).is_ok());
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Rs256], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    assert_eq!(
        judge_by(token.as_bytes(), &[], &keys),
        Err(Rejection::AlgorithmNotAllowed)
    );
    // A key that says RS256 does not verify PS256, though the same modulus could.
    let mut jwk = KEYS.rs256.public_jwk().unwrap();
    let header = json!({"alg": "PS256", "kid": KEYS.rs256.key_id()}).to_string();
    let token = sign_raw(header.as_bytes(), b"{}");
    let set = |jwk: &Value| KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Ps256], &set(&jwk)),
        Err(Rejection::AlgorithmNotAllowed)
    );
    jwk.as_object_mut().unwrap().remove("alg");
    assert_eq!(
        judge_by(token.as_bytes(), &[Algorithm::Ps256], &set(&jwk)),
        Err(Rejection::BadSignature)
    );
}

#[test]
fn sj_04_keys_and_pointers_in_the_header_are_refused() {
    let embedded = KEYS.es256.sign_jwt_embedding_key("JWT", &claims()).unwrap();
    assert_eq!(
        judge(embedded.as_bytes(), &KEYS.es256),
        Err(Rejection::Malformed)
    );
    for member in [
        r#""jwk":{}"#,
        r#""jku":"https://evil""#,
        r#""x5u":"https://evil""#,
        r#""x5c":[]"#,
        r#""jwk":null"#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256",{member}}}"#)),
            Err(Rejection::Malformed),
            "{member}"
        );
    }
    assert!(judge_header(r#"{"alg":"HS256","x5t":"abc"}"#).is_ok());
}

#[test]
fn sj_05_kid_is_an_exact_string_of_bounded_length() {
    let signed_as = |kid: &Value| {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
        judge(token.as_bytes(), &KEYS.es256)
    };
    let id = KEYS.es256.key_id().unwrap();
    for kid in [
        "../../etc/passwd",
        "\0",
        "' OR 1=1 --",
        "",
        &id[1..],
        &format!("{id}\0"),
        &id.to_ascii_lowercase(),
    ] {
        assert_eq!(
            signed_as(&json!(kid)),
            Err(Rejection::UnknownKey),
            "{kid:?}"
        );
    }
    assert_eq!(
        signed_as(&json!("k".repeat(257))),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        signed_as(&json!("k".repeat(64 * 1024))),
        Err(Rejection::TooLarge)
    );
    for kid in [json!(1), json!(null), json!([id]), json!({})] {
        assert_eq!(signed_as(&kid), Err(Rejection::Malformed), "{kid}");
    }
}

#[test]
fn sj_05_without_kid_exactly_one_key_must_fit() {
    let header = json!({"alg": "ES256"}).to_string();
    let token = sign_raw(header.as_bytes(), claims().to_string().as_bytes());
    let judge = |keys: &[&SigningKey]| {
        let keys = KeySet::of(keys.iter().map(|key| key.verification_key()));
        judge_by(token.as_bytes(), &[Algorithm::Es256], &keys)
    };
    let (second, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(
        judge(&[&KEYS.es256, &KEYS.rs256]),
        Err(Rejection::BadSignature)
    );
    assert_eq!(judge(&[&KEYS.es256, &second]), Err(Rejection::UnknownKey));
    assert_eq!(judge(&[&KEYS.rs256]), Err(Rejection::UnknownKey));
    assert_eq!(judge(&[]), Err(Rejection::UnknownKey));
}

#[test]
fn sj_07_every_crit_is_refused() {
    for crit in [
        r#"["x"]"#,
        "[]",
        r#"["exp","exp"]"#,
        "[1]",
        r#"["alg"]"#,
        r#""exp""#,
        "null",
        r#"["b64"]"#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256","crit":{crit}}}"#)),
            Err(Rejection::Malformed),
            "{crit}"
        );
    }
}

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
    let fractional = judge_claims(&with("exp", json!(NOW as f64 + 1.5))).unwrap();
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
        at(&with("nbf", json!(NOW as f64 + 0.5)), 0),
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
fn sj_11_duplicate_members_are_refused_everywhere() {
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

#[test]
fn sj_13_typ_separates_kinds() {
    let accepts = |typ: Option<&str>, types: &[&str], typ_may_be_absent| {
        let header = typ.map_or_else(
            || json!({"alg": "HS256"}),
            |typ| json!({"alg": "HS256", "typ": typ}),
        );
        let token = sign_raw(
            header.to_string().as_bytes(),
            claims().to_string().as_bytes(),
        );
        let expected = Expected {
            algorithms: &[Algorithm::Hs256],
            keys: &KEYS.hs256.verification_keys(),
            types,
            typ_may_be_absent,
            issuer: "https://i",
            audiences: &["us".to_owned()],
            leeway: 0,
            now: Timestamp(NOW),
        };
        match verify(token.as_bytes(), &expected) {
            Ok(_) => true,
            Err(rejection) => {
                assert_eq!(rejection, Rejection::WrongType);
                false
            }
        }
    };
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        assert!(accepts(Some(typ), &["at+jwt"], false), "{typ}");
        assert!(!accepts(Some(typ), &["JWT"], true), "{typ}");
    }
    for typ in [
        "JWT",
        "dpop+jwt",
        "logout+jwt",
        "client-authentication+jwt",
        "",
        "at+jwt ",
        "application/a/at+jwt",
        "jose+json",
    ] {
        assert!(!accepts(Some(typ), &["at+jwt"], true), "{typ}");
    }
    assert!(!accepts(None, &["at+jwt"], false));
    assert!(accepts(None, &["JWT"], true));
}

#[test]
fn sj_14_degenerate_ecdsa_signatures_are_refused() {
    let key = &KEYS.es256;
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    let good = base64url::decode(signature.as_bytes()).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (r, s) = good.split_at(32);
    let der = [&[0x30, 68, 2, 32], r, &[2, 32], s].concat();
    let padded = [&[0], r, &[0], s].concat();
    for forged in [
        vec![0; 64],
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [&order, s].concat(),
        [r, &order].concat(),
        der,
        padded,
        good[..63].to_vec(),
        [good.as_slice(), &[0]].concat(),
    ] {
        let token = format!("{header}.{payload}.{}", base64url::encode(&forged));
        assert_eq!(
            judge(token.as_bytes(), key),
            Err(Rejection::BadSignature),
            "{forged:?}"
        );
    }
}

#[test]
fn sj_17_a_token_has_one_spelling() {
    let key = &KEYS.ed25519;
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    // 64 bytes end in a character with four spare bits: its neighbours decode alike in lax readers.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let neighbour = char::from(last.as_bytes()[0] + 1);
    for form in [
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{rest}{neighbour}"),
        format!("{header}..{payload}.{signature}"),
        format!(".{header}.{payload}.{signature}"),
        format!("{token}."),
        format!("{header}.{payload}.{signature}+"),
    ] {
        assert_eq!(
            judge(form.as_bytes(), key),
            Err(Rejection::Malformed),
            "{form}"
        );
    }
}

#[test]
fn sj_19_size_is_capped_before_anything_else() {
    assert_eq!(
        judge(&vec![b'.'; 1_000_000], &KEYS.es256),
        Err(Rejection::TooLarge)
    );
    assert_eq!(
        judge(&vec![b'A'; 1 << 20], &KEYS.es256),
        Err(Rejection::TooLarge)
    );
    assert_eq!(
        judge(&vec![b'.'; MAX_TOKEN_BYTES], &KEYS.es256),
        Err(Rejection::Malformed)
    );
    let long = with("x", json!("x".repeat(MAX_TOKEN_BYTES)));
    assert_eq!(judge_claims(&long), Err(Rejection::TooLarge));
    assert_eq!(
        judge_header(&format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(5_000))),
        Err(Rejection::TooLarge)
    );
}

#[test]
fn sj_21_json_serialisation_and_detached_payloads_are_refused() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    let [header, payload, signature] = split(&token);
    let flattened =
        json!({"protected": header, "payload": payload, "signature": signature}).to_string();
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
            .to_string();
    for form in [flattened, general, format!("{header}..{signature}")] {
        assert!(judge(form.as_bytes(), &KEYS.es256).is_err(), "{form}");
    }
    for member in [
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""zip":"DEF""#,
    ] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":"HS256",{member}}}"#)),
            Err(Rejection::Malformed),
            "{member}"
        );
    }
}

#[test]
fn je_04_an_encrypted_token_is_not_a_signed_one() {
    assert_eq!(
        judge(b"eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA", &KEYS.es256),
        Err(Rejection::Malformed)
    );
}

#[test]
fn the_claimed_issuer_is_read_without_verifying() {
    let token = KEYS.es256.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(peek_issuer(token.as_bytes()).as_deref(), Some("https://i"));
    for claims in [without("iss"), with("iss", json!(["https://i"]))] {
        let token = KEYS.es256.sign_jwt("JWT", &claims).unwrap();
        assert_eq!(peek_issuer(token.as_bytes()), None);
    }
    assert_eq!(peek_issuer(b"a.b.c"), None);
}

/// The reference implementation, told to check no more than signature and form.
fn oracle(token: &str, key: &SigningKey, algorithm: jsonwebtoken::Algorithm) -> Option<Value> {
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.public_jwk()?).ok()?;
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).ok()?;
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .ok()
        .map(|data| data.claims)
}

#[test]
fn another_implementation_verifies_what_we_sign() {
    for (key, algorithm) in [
        (&KEYS.es256, jsonwebtoken::Algorithm::ES256),
        (&KEYS.es384, jsonwebtoken::Algorithm::ES384),
        (&KEYS.rs256, jsonwebtoken::Algorithm::RS256),
        (&KEYS.ed25519, jsonwebtoken::Algorithm::EdDSA),
    ] {
        for typ in ["JWT", "at+jwt", "logout+jwt"] {
            let token = key.sign_jwt(typ, &claims()).unwrap();
            assert_eq!(
                oracle(&token, key, algorithm),
                Some(claims()),
                "{algorithm:?} {typ}"
            );
            let header = jsonwebtoken::decode_header(&token).unwrap();
            assert_eq!(
                (header.typ.as_deref(), header.kid.as_deref()),
                (Some(typ), key.key_id())
            );
        }
    }
}

#[test]
fn we_verify_what_another_implementation_signs() {
    use jsonwebtoken::{Algorithm as Theirs, EncodingKey};
    for (algorithm, theirs) in [
        (Algorithm::Es256, Theirs::ES256),
        (Algorithm::Es384, Theirs::ES384),
        (Algorithm::EdDsa, Theirs::EdDSA),
        (Algorithm::Rs256, Theirs::RS256),
        (Algorithm::Rs384, Theirs::RS384),
        (Algorithm::Rs512, Theirs::RS512),
        (Algorithm::Ps256, Theirs::PS256),
        (Algorithm::Ps384, Theirs::PS384),
        (Algorithm::Ps512, Theirs::PS512),
    ] {
        let (key, pem) = SigningKey::generate(algorithm).unwrap();
        let pem = pem.as_bytes();
        let encoding = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(pem),
            _ => EncodingKey::from_rsa_pem(pem),
        }
        .unwrap();
        let token =
            jsonwebtoken::encode(&jsonwebtoken::Header::new(theirs), &claims(), &encoding).unwrap();
        assert_eq!(
            Value::Object(judge(token.as_bytes(), &key).unwrap().claims),
            claims(),
            "{algorithm}"
        );
    }
    for (algorithm, theirs) in [
        (Algorithm::Hs256, Theirs::HS256),
        (Algorithm::Hs384, Theirs::HS384),
        (Algorithm::Hs512, Theirs::HS512),
    ] {
        let key = SigningKey::hmac(&[9; 64], algorithm).unwrap();
        let token = jsonwebtoken::encode(
            &jsonwebtoken::Header::new(theirs),
            &claims(),
            &EncodingKey::from_secret(&[9; 64]),
        )
        .unwrap();
        assert!(judge(token.as_bytes(), &key).is_ok(), "{algorithm}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_we_issue_we_validate(extra in prop::collection::btree_map("x.{0,8}", json_value(), 0..6), which in 0..5_usize) {
        let key = KEYS.all()[which];
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(extra);
        let token = key.sign_jwt("JWT", &claims).unwrap();
        prop_assert_eq!(Value::Object(judge(token.as_bytes(), key).unwrap().claims), claims);
    }

    #[test]
    fn any_flipped_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut token = KEYS.ed25519.sign_jwt("JWT", &claims()).unwrap().into_bytes();
        let position = at.index(token.len());
        token[position] ^= 1 << bit;
        prop_assert!(judge(&token, &KEYS.ed25519).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(token in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(judge(&token, &KEYS.hs256).is_err());
        let _ = peek_issuer(&token);
    }

    #[test]
    fn no_header_or_payload_makes_it_panic(header in r#"[{}"a-z:,\[\]0-9\\]{0,40}"#, payload in r#"[{}"a-z:,\[\]0-9\\.-]{0,60}"#) {
        prop_assert!(judge_raw(&header, &payload).is_err());
        let under_a_good_header = judge_raw(r#"{"alg":"HS256"}"#, &payload);
        prop_assert!(under_a_good_header.is_err());
    }
}
