//! What relying parties get: encrypted parts, and metadata.

use cambist_saml::{
    accept::{Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, TrustedIssuer},
    certificate::Certificate,
    decryption::DecryptionKey,
    verify::TrustedKey,
};

use super::*;

#[tokio::test]
async fn sm_04_what_a_relying_party_wants_encrypted_only_it_can_read() {
    let house = House::new().await;
    let party = key(SignatureAlgorithm::RsaSha256);
    for (extent, hidden, shown) in [
        (
            json!("assertion"),
            &[">dana<", "dana@example.com"][..],
            &[][..],
        ),
        (json!("name-id"), &[">dana<"], &["dana@example.com"]),
        (json!("attributes"), &["dana@example.com"], &[">dana<"]),
        (
            json!(["attributes", "name-id"]),
            &[">dana<", "dana@example.com"],
            &[],
        ),
    ] {
        let made = assertion(&house.source(json!({
            "attributes": {"mail": "mail"},
            "relying_parties": {TARGET: {"encryption": {"certificate": party.certificate,
                "extent": extent, "cipher": "aes128-gcm", "key_transport": "rsa-oaep-sha256"}}}
        })))
        .await;
        let xml = text(&made.issued.token);
        assert!(hidden.iter().all(|text| !xml.contains(text)), "{xml}");
        assert!(shown.iter().all(|text| xml.contains(text)), "{xml}");
        let certificate = Certificate::from_pem(&house.rsa).unwrap();
        let acceptance = Acceptance {
            issuers: vec![TrustedIssuer {
                entity_id: SOURCE.to_owned(),
                keys: vec![TrustedKey::new(&certificate).unwrap()],
                name_qualifiers: Vec::new(),
                valid_until: None,
            }],
            audiences: vec![TARGET.to_owned()],
            recipients: Vec::new(),
            recipient_required: false,
            attesters: Vec::new(),
            decryption_keys: vec![DecryptionKey::from_pem(&party.private_key).unwrap()],
            skew: 0,
            max_lifetime: 600,
            max_bytes: MAX_DOCUMENT_BYTES,
            once: Once::Marked,
        };
        let replay = house.bench.used.at(NOW);
        let accepted = acceptance
            .accept(xml.as_bytes(), &Presenter::default(), NOW, &replay)
            .await
            .unwrap();
        assert_eq!(accepted.name_id().unwrap().value, "dana");
        let statements = &accepted.assertion.attribute_statements;
        let mail = statements[0].attributes[0].open().unwrap();
        assert_eq!(mail.name, "mail");
    }
}

#[tokio::test]
async fn metadata_tells_name_and_key() {
    let house = House::new().await;
    let source = house.source(json!({"issuer": "urn:example:idp"}));
    let metadata = source.saml_metadata.unwrap().document().unwrap();
    let metadata = std::str::from_utf8(&metadata).unwrap();
    let certificate = Certificate::from_pem(&house.rsa).unwrap();
    let certificate = base64_simd::STANDARD.encode_to_string(certificate.der());
    assert!(metadata.contains("entityID=\"urn:example:idp\""));
    assert!(metadata.contains(&format!("Location=\"{SOURCE}/token\"")));
    assert!(metadata.contains("<ds:SignatureValue>"));
    assert_eq!(metadata.replace('\n', "").matches(&certificate).count(), 2);
    assert!(house.target().saml_metadata.is_none());
}
