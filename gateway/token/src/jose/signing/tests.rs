use serde_json::json;

use super::*;

#[test]
fn a_generated_key_reads_back_as_itself() {
    for algorithm in [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
    ] {
        let (key, pem) = SigningKey::generate(algorithm).unwrap();
        let again = SigningKey::from_pkcs8_pem(&pem, algorithm).unwrap();
        assert_eq!(again.key_id(), key.key_id());
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}

#[test]
fn a_key_signs_with_its_own_kind_of_algorithm_only() {
    let (_, pem) = SigningKey::generate(Algorithm::Es256).unwrap();
    for algorithm in [
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
        Algorithm::Ps512,
        Algorithm::Hs256,
    ] {
        let refused = SigningKey::from_pkcs8_pem(&pem, algorithm);
        assert!(
            matches!(refused, Err(KeyError::Unfit { .. })),
            "{algorithm}"
        );
    }
    assert!(matches!(
        SigningKey::generate(Algorithm::Hs256),
        Err(KeyError::Unfit { .. })
    ));
    assert!(matches!(
        SigningKey::hmac(&[1; 64], Algorithm::Es256),
        Err(KeyError::Unfit { .. })
    ));
}

#[test]
fn only_pkcs8_pem_is_read() {
    let (_, pem) = SigningKey::generate(Algorithm::Es256).unwrap();
    for text in [
        "",
        "secret",
        &pem.replace("PRIVATE KEY", "EC PRIVATE KEY"),
        &pem.replace("PRIVATE KEY", "PUBLIC KEY"),
    ] {
        assert_eq!(
            SigningKey::from_pkcs8_pem(text, Algorithm::Es256).unwrap_err(),
            KeyError::NotPem,
            "{text}"
        );
    }
}

#[test]
fn sj_15_short_secrets_are_refused() {
    for (algorithm, needed) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        for length in [0, 1, needed - 1] {
            let refused = SigningKey::hmac(&vec![b's'; length], algorithm).unwrap_err();
            assert_eq!(refused, KeyError::SecretTooShort { algorithm, needed });
        }
        assert!(SigningKey::hmac(&vec![b's'; needed], algorithm).is_ok());
    }
}

#[test]
fn sj_02_encoded_keys_are_refused_as_secrets() {
    let der = [[0x30, 0x3e].as_slice(), &[0xab; 62]].concat();
    let pem = b"  -----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI";
    let jwk = br#" {"kty": "EC", "crv": "P-256", "x": "AAAA"}"#;
    for secret in [der.as_slice(), pem, jwk] {
        assert_eq!(
            SigningKey::hmac(secret, Algorithm::Hs256).unwrap_err(),
            KeyError::SecretIsKey
        );
    }
    assert!(SigningKey::hmac(br#"{"a":"random looking text, no key"}"#, Algorithm::Hs256).is_ok());
}

#[test]
fn debug_output_names_the_key_and_hides_it() {
    let key = SigningKey::hmac(b"a secret of at least 32 bytes....", Algorithm::Hs256).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(HS256, shared secret)");
}

#[test]
fn an_embedded_key_stands_instead_of_its_id() {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = key.sign_jwt_embedding_key("JWT", &json!({})).unwrap();
    let header = base64url::decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["jwk"], key.public_jwk().unwrap());
    assert_eq!(header.get("kid"), None);
    let secret = SigningKey::hmac(&[1; 32], Algorithm::Hs256).unwrap();
    assert_eq!(
        secret.sign_jwt_embedding_key("JWT", &json!({})),
        secret.sign_jwt("JWT", &json!({}))
    );
}

#[test]
fn claims_that_are_not_json_are_an_error() {
    let key = SigningKey::hmac(&[1; 32], Algorithm::Hs256).unwrap();
    let odd = std::collections::HashMap::from([(vec![1], 1)]);
    assert!(matches!(
        key.sign_jwt("JWT", &odd),
        Err(KeyError::Claims(_))
    ));
}

#[test]
fn bytes_are_signed_and_verified_under_every_kind_of_key() {
    let hmac = SigningKey::hmac(&[7; 64], Algorithm::Hs512).unwrap();
    let generated = [Algorithm::Es384, Algorithm::EdDsa, Algorithm::Ps256]
        .map(|algorithm| SigningKey::generate(algorithm).unwrap().0);
    for key in generated.iter().chain([&hmac]) {
        let signature = key.sign_bytes(b"v1|user=dana").unwrap();
        assert!(key.verify_bytes(b"v1|user=dana", &signature), "{key:?}");
        assert!(!key.verify_bytes(b"v1|user=dora", &signature), "{key:?}");
        assert!(!key.verify_bytes(b"v1|user=dana", b""), "{key:?}");
    }
}
