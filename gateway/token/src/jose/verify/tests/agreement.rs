//! Agreement with ourselves, with another implementation, and with arbitrary bytes.

use proptest::prelude::*;

use super::*;

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
