use bergshamra::{DsigContext, KeysManager};
use cambist_core::Timestamp;

use super::*;
use crate::{
    fixture::{self, NOW, OTHER_RSA, P256, RSA},
    write::{self, Spelling},
};

fn signed(key: &SigningKey, model: &crate::model::Assertion) -> String {
    key.sign(&write::assertion(model, Spelling::default()).unwrap())
        .unwrap()
}

/// Whether an implementation that is not ours finds the signature good under this certificate.
fn verifies(xml: &str, certificate: &Certificate) -> bool {
    let key = bergshamra::keys::loader::load_x509_cert_der(certificate.der()).unwrap();
    let mut keys = KeysManager::new();
    keys.add_key(key);
    let result = bergshamra::verify(&DsigContext::new(keys), xml);
    result.is_ok_and(|result| result.all_reference_digests_verified())
}

#[test]
fn a_signature_stands_behind_the_issuer_and_verifies() {
    for generated in [&*RSA, &*P256] {
        let key = &generated.key;
        for model in [fixture::bearer(), fixture::full(key.certificate().der())] {
            let xml = signed(key, &model);
            assert!(xml.contains("</saml:Issuer><ds:Signature "), "{xml}");
            assert!(verifies(&xml, key.certificate()), "{xml}");
            let tampered = xml
                .replacen("Permit", "Deny", 1)
                .replacen("dana", "root", 1);
            assert!(!verifies(&tampered, key.certificate()));
            assert!(!verifies(&xml, OTHER_RSA.key.certificate()));
        }
    }
}

#[test]
fn a_signed_document_is_canonical_as_a_whole() {
    let xml = signed(&RSA.key, &fixture::full(b"certificate"));
    let canonical =
        bergshamra::c14n::canonicalize(&xml, bergshamra::c14n::C14nMode::Exclusive, None, &["xs"]);
    assert_eq!(String::from_utf8(canonical.unwrap()).unwrap(), xml);
}

#[test]
fn an_ecdsa_value_is_both_numbers_side_by_side() {
    let xml = signed(&P256.key, &fixture::bearer());
    let (_, behind) = xml.split_once("<ds:SignatureValue>").unwrap();
    let (value, _) = behind.split_once('<').unwrap();
    let value = base64_simd::STANDARD.decode_to_vec(value).unwrap();
    assert_eq!(value.len(), 64);
}

#[test]
fn keys_are_read_back_from_pem() {
    for (generated, algorithm) in [
        (&*RSA, SignatureAlgorithm::RsaSha512),
        (&*P256, SignatureAlgorithm::EcdsaSha256),
    ] {
        let key = SigningKey::from_pem(&generated.private_key, &generated.certificate, algorithm)
            .unwrap();
        assert_eq!(key.certificate(), generated.key.certificate());
        assert!(verifies(
            &signed(&key, &fixture::bearer()),
            key.certificate()
        ));
    }
}

#[test]
fn key_certificate_and_algorithm_must_fit_each_other() {
    let mismatch = |key: &Generated, certificate: &Generated, algorithm| {
        SigningKey::from_pem(&key.private_key, &certificate.certificate, algorithm).unwrap_err()
    };
    assert_eq!(
        mismatch(&RSA, &OTHER_RSA, SignatureAlgorithm::RsaSha256),
        KeyError::Mismatch
    );
    assert!(matches!(
        mismatch(&RSA, &RSA, SignatureAlgorithm::EcdsaSha256),
        KeyError::Unfit { .. }
    ));
    assert_eq!(
        SigningKey::from_pem("x", &RSA.certificate, SignatureAlgorithm::RsaSha256).unwrap_err(),
        KeyError::NotPem
    );
    assert_eq!(
        SigningKey::from_pem(&RSA.private_key, "x", SignatureAlgorithm::RsaSha256).unwrap_err(),
        KeyError::Certificate(CertificateError::NotPem)
    );
}

#[test]
fn a_self_signed_certificate_tells_its_life() {
    let certificate = RSA.key.certificate();
    assert_eq!(certificate.not_before(), Timestamp(NOW.0 - NOW.0 % 86_400));
    assert_eq!(
        certificate.not_after(),
        certificate.not_before().plus(365 * 86_400)
    );
    let forever = SelfSigned {
        name: "x",
        now: NOW,
        days: u32::MAX,
        random: [0; 16],
    };
    assert!(SigningKey::generate(SignatureAlgorithm::EcdsaSha256, &forever).is_err());
}

#[test]
fn a_key_is_never_printed() {
    assert_eq!(format!("{:?}", RSA.key), "SigningKey(RsaSha256)");
    assert_eq!(format!("{:?}", *RSA), "Generated(RsaSha256)");
}
