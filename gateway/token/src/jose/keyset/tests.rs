use proptest::prelude::*;
use serde_json::json;

use super::{
    super::{Keyring, SigningKey, base64url},
    *,
};

fn jwk(algorithm: Algorithm) -> Value {
    SigningKey::generate(algorithm)
        .unwrap()
        .0
        .public_jwk()
        .unwrap()
}

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

/// The set holds only a good key beside the given one.
fn is_left_out(key: Value, refused: bool) {
    let shown = key.to_string();
    let set = parse(&[jwk(Algorithm::Es256), key]).unwrap();
    assert_eq!(
        (set.len(), set.refused().len()),
        (1, usize::from(refused)),
        "{shown}"
    );
}

fn rsa(bits: usize, e: &[u8]) -> Value {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] = 0xff >> ((8 - bits % 8) % 8);
    json!({"kty": "RSA", "n": base64url::encode(&n), "e": base64url::encode(e)})
}

#[test]
fn reads_every_kind_we_publish() {
    let algorithms = [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
        Algorithm::Ps512,
    ];
    let keys =
        algorithms.map(|algorithm| std::sync::Arc::new(SigningKey::generate(algorithm).unwrap().0));
    let secret = SigningKey::hmac(&[1; 32], Algorithm::Hs256).unwrap();
    let ring = Keyring::new(
        keys.iter()
            .cloned()
            .chain([std::sync::Arc::new(secret)])
            .collect(),
    );
    let published = ring.jwks(
        &ring.algorithms(),
        cambist_core::Timestamp(crate::fixture::NOW),
    );
    let set = KeySet::parse(published.to_string().as_bytes()).unwrap();
    assert_eq!((set.len(), set.refused()), (5, [].as_slice()));
    assert!(keys.iter().all(|key| set.contains(key.key_id().unwrap())));
    assert_eq!(ring.verification_keys().len(), 5);
    assert_eq!(
        ring.jwks(
            &[Algorithm::Hs256],
            cambist_core::Timestamp(crate::fixture::NOW)
        ),
        json!({"keys": []})
    );
    assert!(ring.signing(Algorithm::Hs256).is_some());
    assert!(ring.signing(Algorithm::Rs512).is_none());
}

#[test]
fn published_keys_have_no_private_member() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let Value::Object(members) = jwk(algorithm) else {
            panic!("not an object")
        };
        assert!(!jwk::is_secret(&members));
        assert_eq!(members["use"], "sig");
        assert_eq!(members["alg"], algorithm.name());
    }
}

#[test]
fn a_key_id_is_the_thumbprint() {
    // The example of RFC 7638 §3.1, whose modulus is public.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let canonical = json!({"e": "AQAB", "kty": "RSA", "n": n}).to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert_eq!(
        base64url::encode(digest.as_ref()),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    let (key, _) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let jwk = key.public_jwk().unwrap();
    let canonical = format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert_eq!(
        key.key_id(),
        Some(base64url::encode(digest.as_ref()).as_str())
    );
}

#[test]
fn sj_06_duplicate_ids_and_secrets_refuse_the_set() {
    let key = with(jwk(Algorithm::Es256), "kid", json!("a"));
    let other = with(jwk(Algorithm::Rs256), "kid", json!("a"));
    assert_eq!(
        parse(&[key.clone(), other]).unwrap_err(),
        KeySetError::DuplicateKeyId("a".to_owned())
    );
    let unnamed = || {
        let mut key = jwk(Algorithm::Es256);
        key.as_object_mut().unwrap().remove("kid");
        key
    };
    assert_eq!(parse(&[unnamed(), unnamed()]).unwrap().len(), 2);
    for secret in [
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"kty": "oct"}),
        with(jwk(Algorithm::Es256), "d", json!("AAAA")),
        with(jwk(Algorithm::Rs256), "p", json!("AAAA")),
        with(jwk(Algorithm::EdDsa), "k", json!("AAAA")),
    ] {
        assert_eq!(
            parse(&[key.clone(), secret]).unwrap_err(),
            KeySetError::Secret(2)
        );
    }
}

#[test]
fn sj_03_keys_for_other_purposes_are_skipped() {
    let key = || jwk(Algorithm::Es256);
    is_left_out(with(key(), "use", json!("enc")), false);
    is_left_out(with(key(), "key_ops", json!(["sign"])), false);
    is_left_out(with(key(), "alg", json!("ECDH-ES")), false);
    is_left_out(with(key(), "alg", json!("ES512")), false);
    is_left_out(with(key(), "kty", json!("AKP")), false);
    is_left_out(with(key(), "crv", json!("P-521")), false);
    is_left_out(with(jwk(Algorithm::EdDsa), "crv", json!("X25519")), false);
    is_left_out(with(key(), "use", json!(1)), true);
    is_left_out(with(key(), "key_ops", json!("verify")), true);
    is_left_out(with(key(), "alg", json!("RS256")), true);
    is_left_out(with(key(), "alg", json!("HS256")), true);
    is_left_out(with(key(), "kid", json!(7)), true);
    is_left_out(json!({}), true);
    let verifying = with(with(key(), "key_ops", json!(["verify"])), "kid", json!("v"));
    assert_eq!(parse(&[verifying]).unwrap().len(), 1);
}

#[test]
fn jw_05_points_are_validated() {
    let key = jwk(Algorithm::Es256);
    let zero = base64url::encode(&[0; 32]);
    is_left_out(
        with(with(key.clone(), "x", json!(zero)), "y", json!(zero)),
        true,
    );
    is_left_out(with(key.clone(), "y", key["x"].clone()), true);
    is_left_out(
        with(key.clone(), "x", json!(base64url::encode(&[1; 31]))),
        true,
    );
    is_left_out(
        with(
            key.clone(),
            "x",
            json!(format!("{}=", key["x"].as_str().unwrap())),
        ),
        true,
    );
    let okp = jwk(Algorithm::EdDsa);
    for small in [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        {
            let mut high = [0; 32];
            high[0] = 1;
            high[31] = 0x80;
            high
        },
    ] {
        is_left_out(
            with(okp.clone(), "x", json!(base64url::encode(&small))),
            true,
        );
    }
    is_left_out(with(okp, "x", json!(base64url::encode(&[1; 31]))), true);
}

#[test]
fn sj_16_weak_rsa_keys_are_left_out() {
    let fine: &[u8] = &[1, 0, 1];
    assert_eq!(parse(&[rsa(2048, fine)]).unwrap().len(), 1);
    assert_eq!(parse(&[rsa(2048, &[3])]).unwrap().len(), 1);
    assert_eq!(parse(&[rsa(8192, fine)]).unwrap().len(), 1);
    for key in [
        rsa(2047, fine),
        rsa(1024, fine),
        rsa(8193, fine),
        rsa(16384, fine),
    ] {
        is_left_out(key, true);
    }
    for e in [
        &[1][..],
        &[2],
        &[0],
        &[],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[3, 0, 0, 0, 1],
        &[1, 0, 0, 0, 0, 1],
    ] {
        is_left_out(rsa(2048, e), true);
    }
    let even = base64url::encode(&[0xfe; 256]);
    is_left_out(with(rsa(2048, fine), "n", json!(even)), true);
}

#[test]
fn kf_04_size_and_count_are_capped() {
    let unusable = vec![json!({"kty": "x"}); MAX_KEYS];
    assert!(parse(&unusable).unwrap().is_empty());
    assert_eq!(
        parse(&vec![json!({"kty": "x"}); MAX_KEYS + 1]).unwrap_err(),
        KeySetError::TooMany
    );
    assert_eq!(
        KeySet::parse(&vec![b' '; MAX_KEY_SET_BYTES + 1]).unwrap_err(),
        KeySetError::TooLarge
    );
}

#[test]
fn only_a_json_web_key_set_is_one() {
    for document in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"a","kty":"b"}]}"#,
        "<html>",
    ] {
        assert_eq!(
            KeySet::parse(document.as_bytes()).unwrap_err(),
            KeySetError::Malformed,
            "{document}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(document in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::parse(&document);
    }

    #[test]
    fn no_members_make_it_panic(
        kty in "(EC|RSA|OKP|oct|x)", crv in "(P-256|P-384|Ed25519|x)",
        x in "[A-Za-z0-9_=-]{0,64}", y in "[A-Za-z0-9_-]{43}", n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,8}",
    ) {
        let set = parse(&[json!({"kty": kty, "crv": crv, "x": x, "y": y, "n": n, "e": e})]);
        prop_assert!(set.is_err() == (kty == "oct"));
    }
}
