//! What is encrypted to an instance, and keys of key stores.

use cambist_saml::certificate::Certificate;

use super::*;
use crate::saml::{DECRYPTION, own_keys};

impl House {
    /// Puts a key store into the vault.
    fn keep(&self, name: &str, entries: Value) {
        let entries = serde_json::from_value(entries).unwrap();
        let store = KeyStore::from_entries(entries).unwrap();
        let mut stores = self.stores.borrow_mut();
        stores.insert(name.to_owned(), Arc::new(store));
    }

    fn certificate(&self, name: &str, alias: &str) -> String {
        let stores = self.stores.borrow();
        let der = &stores[name].entry(alias).unwrap().certificates()[0];
        cambist_saml::signing::pem("CERTIFICATE", der)
    }
}

fn sealed_for(certificate: &str, extent: &str) -> Value {
    json!({
        "attributes": {"mail": "mail"},
        "relying_parties": {TARGET: {"encryption": {"certificate": certificate, "extent": extent}}}
    })
}

#[tokio::test]
async fn sm_04_what_is_encrypted_to_an_instance_it_reads_with_its_own_key() {
    let house = House::new().await;
    house.keep(
        &own_keys("beta/target"),
        json!({DECRYPTION: {"generate": "RS256"}}),
    );
    let target = house.target();
    let metadata = target.saml_metadata.as_ref().unwrap().document().unwrap();
    let metadata = std::str::from_utf8(&metadata).unwrap();
    let (_, key) = metadata
        .split_once("<md:KeyDescriptor use=\"encryption\">")
        .unwrap();
    let (_, key) = key.split_once("<ds:X509Certificate>").unwrap();
    let (key, _) = key.split_once("</ds:X509Certificate>").unwrap();
    let der = base64_simd::STANDARD
        .decode_to_vec(key.replace('\n', ""))
        .unwrap();
    let published = cambist_saml::signing::pem("CERTIFICATE", &der);
    assert!(metadata.contains(&format!("entityID=\"{TARGET}\"")));
    for extent in ["assertion", "name-id", "attributes"] {
        let made = assertion(&house.source(sealed_for(&published, extent))).await;
        let accepted = present(&target, made.issued.token.as_bytes(), NOW)
            .await
            .unwrap();
        assert_eq!(accepted.subject, "source:dana", "{extent}");
        // The identifier comes from one fixed draw, and each assertion is used once.
        house.forget_uses().await;
    }
    let other = house.rsa.clone();
    let made = assertion(&house.source(sealed_for(&other, "assertion"))).await;
    let error = present(&target, made.issued.token.as_bytes(), NOW)
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE);
    assert!(error.to_string().contains("not decryptable"), "{error}");
}

#[tokio::test]
async fn sm_04_encrypted_and_signed_by_nobody_is_refused() {
    let house = House::new().await;
    house.keep(
        &own_keys("beta/target"),
        json!({DECRYPTION: {"generate": "RS256"}}),
    );
    let certificate = house.certificate(&own_keys("beta/target"), DECRYPTION);
    let mut settings = sealed_for(&certificate, "assertion");
    settings["sign"] = json!(false);
    let made = assertion(&house.source(settings)).await;
    let error = present(&house.target(), made.issued.token.as_bytes(), NOW)
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE);
    assert!(error.to_string().contains("not signed"), "{error}");
}

#[tokio::test]
async fn keys_and_certificates_may_stand_in_key_stores() {
    let house = House::new().await;
    house.keep(
        "sts.p12",
        json!({"sts-sign": {"generate": "RS256"}, "orders-enc": {"generate": "RS256"}}),
    );
    let mut settings = sealed_for("", "assertion");
    settings["key"] = json!({"keystore": "sts.p12", "alias": "STS-SIGN"});
    settings["relying_parties"][TARGET]["encryption"]["certificate"] =
        json!({"keystore": "sts.p12", "alias": "orders-enc"});
    let source = house.source(settings);
    assert_eq!(source.uses.secrets, ["sts.p12", "sts.p12"]);
    let made = assertion(&source).await;

    let signer = house.certificate("sts.p12", "sts-sign");
    let mut wanted = target(&signer);
    let validator = &mut wanted["validators"]["assertion"];
    validator["decryption_keys"] = json!([{"keystore": "sts.p12", "alias": "orders-enc"}]);
    validator["issuers"][0]["certificates"] = json!([{"keystore": "sts.p12", "alias": "sts-sign"}]);
    let instance = house.build("beta/target", &wanted).unwrap();
    present(&instance, made.issued.token.as_bytes(), NOW)
        .await
        .unwrap();
    let published = instance.saml_metadata.unwrap().document().unwrap();
    let party = house.certificate("sts.p12", "orders-enc");
    let party = Certificate::from_pem(&party).unwrap();
    let party = base64_simd::STANDARD.encode_to_string(party.der());
    let published = String::from_utf8(published.to_vec()).unwrap();
    assert!(published.replace('\n', "").contains(&party));
}

#[tokio::test]
async fn a_reference_into_a_key_store_that_leads_nowhere_is_named() {
    let house = House::new().await;
    house.keep("ec", json!({"only": {"generate": "ES256"}}));
    let path = |settings: Value| {
        let error = house.build("alpha/source", &source(settings)).err();
        error.unwrap().path
    };
    for (kept, member) in [
        (json!({"keystore": "gone", "alias": "only"}), "key.keystore"),
        (json!({"keystore": "ec", "alias": "other"}), "key.alias"),
        (json!({"keystore": "ec", "alias": "only"}), "key.alias"),
        (json!({"keystore": "ec"}), "key"),
    ] {
        let found = path(json!({ "key": kept }));
        assert!(
            found.starts_with(&format!("providers.assertion.{member}")),
            "{found}"
        );
    }
    let mut wanted = target(&house.rsa);
    wanted["validators"]["assertion"]["decryption_keys"] =
        json!([{"keystore": "ec", "alias": "only"}]);
    let error = house.build("beta/target", &wanted).err().unwrap();
    assert_eq!(error.path, "validators.assertion.decryption_keys[0].alias");
}
