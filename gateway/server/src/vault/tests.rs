use serde_json::{Value, json};

use super::*;
use crate::document::read;

fn material(document: &Value) -> Material {
    read::<SecretDocument>(document.to_string().as_bytes())
        .unwrap()
        .material()
        .unwrap()
}

fn vault() -> Vault {
    Vault::new(&[7; 32]).unwrap()
}

#[test]
fn what_is_sealed_opens_under_its_own_name_kind_and_key_only() {
    let vault = vault();
    let sealed = vault
        .seal("client", &material(&json!({"value": "s3cret-s3cret"})))
        .unwrap();
    assert_eq!(
        **vault.open("client", "secret", &sealed).unwrap(),
        *b"s3cret-s3cret"
    );
    assert!(!sealed.windows(6).any(|bytes| bytes == b"s3cret"));
    for (name, kind) in [("other", "secret"), ("client", "HS256"), ("", "secret")] {
        assert_eq!(
            vault.open(name, kind, &sealed).unwrap_err(),
            VaultError::Foreign
        );
    }
    let mut damaged = sealed.clone();
    damaged[20] ^= 1;
    assert!(vault.open("client", "secret", &damaged).is_err());
    assert!(vault.open("client", "secret", &sealed[..11]).is_err());
    let other = Vault::new(&[8; 32]).unwrap();
    assert!(other.open("client", "secret", &sealed).is_err());
}

#[test]
fn no_two_sealings_are_alike() {
    let secret = material(&json!({"value": "x"}));
    let vault = vault();
    assert_ne!(
        vault.seal("a", &secret).unwrap(),
        vault.seal("a", &secret).unwrap()
    );
}

#[test]
fn a_stored_key_is_the_same_key() {
    let vault = vault();
    for algorithm in ["HS256", "HS512", "EdDSA", "ES256", "RS256"] {
        let made = material(&json!({"algorithm": algorithm, "generate": true}));
        let sealed = vault.seal("k", &made).unwrap();
        let opened = vault.open("k", algorithm, &sealed).unwrap();
        let again = Material::stored(algorithm, opened).unwrap();
        let (Held::Key(first), Held::Key(second)) = (made.hold(), again.hold()) else {
            panic!("not keys");
        };
        assert_eq!(first.public_jwk(), second.public_jwk());
        let signature = first.sign(b"v1|dana").unwrap();
        assert!(second.verify(b"v1|dana", &signature), "{algorithm}");
        assert_eq!(first.algorithm(), algorithm);
    }
    assert!(Material::stored("none", Zeroizing::new(vec![1; 64])).is_none());
    assert!(Material::stored("EdDSA", Zeroizing::new(vec![1; 64])).is_none());
}

#[test]
fn an_entry_is_a_secret_or_a_key_and_shows_neither() {
    let entry = |document| VaultEntry {
        held: material(&document).hold(),
        revision: 1,
    };
    let secret = entry(json!({"value_base64": "czNjcmV0"}));
    assert_eq!(**secret.secret(false).unwrap().bytes, *b"s3cret");
    assert!(secret.key().is_none());
    assert!(!format!("{secret:?}").contains("s3cret"));
    let key = entry(json!({"algorithm": "HS256", "value": "0123456789abcdef0123456789abcdef"}));
    assert!(key.secret(true).is_none());
    assert_eq!(key.key().unwrap().algorithm(), "HS256");
    assert_eq!(key.public(), (Some(Algorithm::Hs256), None));
    assert!(!format!("{key:?}").contains("0123"));
}

#[test]
fn a_document_that_is_not_one_of_the_forms_is_refused_without_its_value() {
    let refused = |document: Value| {
        read::<SecretDocument>(document.to_string().as_bytes())
            .and_then(SecretDocument::material)
            .unwrap_err()
    };
    for document in [
        json!({}),
        json!({"value": "s3cret", "value_base64": "czNjcmV0"}),
        json!({"value": "s3cret", "generate": true}),
        json!({"pem": "s3cret"}),
        json!({"generate": true}),
        json!({"algorithm": "EdDSA"}),
        json!({"algorithm": "EdDSA", "value": "s3cret"}),
        json!({"algorithm": "HS256", "value": "s3cret"}),
        json!({"algorithm": "HS256", "pem": "s3cret"}),
        json!({"value": ["s3cret"]}),
        json!({"value": {"s3cret": 1}}),
        json!({"value": ""}),
        json!({"value_base64": "s3cret!"}),
        json!({"value": "x".repeat(MAX + 1)}),
        json!({"algorithm": "ES256", "pem": "s3cret".repeat(20_000)}),
    ] {
        let error = refused(document.clone()).to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
    assert_eq!(refused(json!({"value": 5})).path, "value");
    material(&json!({"value": "x".repeat(MAX)}));
}

/// Most bytes of a secret.
const MAX: usize = 8192;
