use p12_keystore::{
    Certificate as Pkcs12Certificate, KeyStore as Pkcs12, KeyStoreEntry as Pkcs12Entry, LocalKeyId,
    PrivateKey, PrivateKeyChain,
};
use serde_json::{Value, json};

use super::*;
use crate::publish_error::PublishError;

fn entries(document: Value) -> Result<KeyStore, PublishError> {
    KeyStore::from_entries(serde_json::from_value(document).unwrap())
}

fn pkcs12(store: &KeyStore, password: &str) -> Vec<u8> {
    let mut written = Pkcs12::new();
    for alias in store.aliases() {
        let entry = store.entry(alias).unwrap();
        let certificates = entry
            .certificates()
            .iter()
            .map(|der| Pkcs12Certificate::from_der(der).unwrap());
        let entry = match entry.private_key_pem() {
            Some(pem) => {
                use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
                let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
                let key = PrivateKey::from_der(key.secret_pkcs8_der()).unwrap();
                let id = LocalKeyId(alias.as_bytes().to_vec());
                Pkcs12Entry::PrivateKeyChain(PrivateKeyChain::new(id, key, certificates))
            }
            None => Pkcs12Entry::Certificate(certificates.into_iter().next().unwrap()),
        };
        written.add_entry(alias, entry);
    }
    written.writer(password).write().unwrap()
}

fn made() -> KeyStore {
    let alone = entries(json!({"x": {"generate": "ES256"}})).unwrap();
    let certificate = alone.entry("x").unwrap().certificates()[0].clone();
    let certificate = cambist_saml::signing::pem("CERTIFICATE", &certificate);
    entries(
        json!({"Sts-Sign": {"generate": "RS256", "common_name": "sts"}, "orders-enc": certificate}),
    )
    .unwrap()
}

#[test]
fn entries_are_found_whatever_the_case_of_their_alias() {
    let store = made();
    assert_eq!(
        store.aliases().collect::<Vec<_>>(),
        ["orders-enc", "sts-sign"]
    );
    let signer = store.entry("STS-sign").unwrap();
    signer.signing_key(SignatureAlgorithm::RsaSha256).unwrap();
    signer.decryption_key().unwrap();
    assert!(signer.signing_key(SignatureAlgorithm::EcdsaSha256).is_err());
    let party = store.entry("orders-enc").unwrap();
    assert!(party.private_key_pem().is_none() && party.certificate().is_some());
    assert!(party.signing_key(SignatureAlgorithm::EcdsaSha256).is_err());
    let summary = store.summary();
    assert_eq!(
        (summary[0].key, summary[0].has_private_key),
        (Some("P-256"), false)
    );
    assert_eq!(
        (summary[1].key, summary[1].has_private_key),
        (Some("RSA"), true)
    );
    assert!(!format!("{store:?}").contains("PRIVATE"));
}

#[test]
fn what_is_kept_is_read_back() {
    let store = made();
    let again = KeyStore::from_kept(&store.kept()).unwrap();
    assert_eq!(again.summary(), store.summary());
    assert!(KeyStore::from_kept(b"{}").is_none());
    assert!(KeyStore::from_kept(b"x").is_none());
}

#[test]
fn pkcs12_is_read_with_its_password_only() {
    let store = made();
    let file = pkcs12(&store, "kspw-1");
    let read = KeyStore::from_pkcs12(&file, "kspw-1").unwrap();
    assert_eq!(read.summary(), store.summary());
    let error = KeyStore::from_pkcs12(&file, "kspw-2").unwrap_err();
    assert!(error.reason.contains("password"), "{error}");
    assert!(KeyStore::from_pkcs12(b"nonsense", "kspw-1").is_err());
    assert!(KeyStore::from_pkcs12(&vec![0; PKCS12_LIMIT + 1], "kspw-1").is_err());
}

#[test]
fn a_java_key_store_is_told_how_to_become_another() {
    for magic in [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce]] {
        let error = KeyStore::from_pkcs12(&[&magic[..], &[0; 64]].concat(), "x").unwrap_err();
        assert!(error.hint.contains("keytool -importkeystore"), "{error}");
        assert!(error.hint.contains("-deststoretype pkcs12"), "{error}");
    }
}

#[test]
fn what_is_no_entry_is_refused() {
    let (one, other) = (made(), made());
    let key = one.entry("sts-sign").unwrap().private_key_pem().unwrap();
    let key = key
        .split_inclusive("-----END PRIVATE KEY-----\n")
        .next()
        .unwrap();
    let foreign = other.entry("sts-sign").unwrap().certificates()[0].clone();
    let foreign = cambist_saml::signing::pem("CERTIFICATE", &foreign);
    for (document, path) in [
        (json!({}), "entries"),
        (json!({"a": ""}), "entries.a"),
        (json!({"": key}), "entries"),
        (json!({"a": key, "A": key}), "entries.a"),
        (json!({"a": format!("{key}{foreign}")}), "entries.a"),
        (
            json!({"a": "-----BEGIN RSA PRIVATE KEY-----\n"}),
            "entries.a",
        ),
        (
            json!({"a": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            "entries.a",
        ),
        (json!({"a": {"generate": "HS256"}}), "entries.a.generate"),
        (json!({"a": foreign.repeat(9)}), "entries.a"),
        (json!({"a": "x".repeat(40_000)}), "entries.a"),
    ] {
        let error = entries(document.clone()).unwrap_err();
        assert!(error.path.eq_ignore_ascii_case(path), "{document}: {error}");
    }
    assert!(
        entries(json!({"a": key}))
            .unwrap()
            .entry("a")
            .unwrap()
            .certificate()
            .is_none()
    );
}
