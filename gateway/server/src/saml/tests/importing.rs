//! Metadata of others within a document.

use cambist_saml::certificate::Certificate;

use super::*;

fn print(pem: &str) -> String {
    let certificate = Certificate::from_pem(pem).unwrap();
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(certificate.thumbprint())
}

fn published(instance: &PublishedInstance) -> String {
    String::from_utf8(
        instance
            .saml_metadata
            .as_ref()
            .unwrap()
            .document()
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

/// [`target`] with an issuer known by its metadata.
fn trusting(metadata: &Value) -> Value {
    let mut document = target("");
    document["validators"]["assertion"]["issuers"] = json!([{ "metadata": metadata }]);
    document
}

#[tokio::test]
async fn an_issuer_is_known_by_its_metadata() {
    let house = House::new().await;
    let source = house.source(provider());
    let xml = published(&source);
    for (metadata, is_signed) in [
        (json!({"xml": xml}), false),
        (json!({"xml": xml, "signed_by": house.rsa}), true),
    ] {
        let target = house.build("beta/target", &trusting(&metadata)).unwrap();
        let [taken] = &*target.imported else {
            panic!("{:?}", target.imported)
        };
        assert_eq!(taken.path, "validators.assertion.issuers[0].metadata");
        assert_eq!(
            (&*taken.entity_id, taken.role),
            (SOURCE, "identity_provider")
        );
        assert_eq!(taken.is_signed, is_signed);
        assert_eq!(taken.signing, [print(&house.rsa)]);
        let made = assertion(&source).await;
        present(&target, made.issued.token.as_bytes(), NOW)
            .await
            .unwrap();
        house.forget_uses().await;
    }
}

#[tokio::test]
async fn sm_05_metadata_that_is_not_what_it_should_be_is_refused() {
    let house = House::new().await;
    let xml = published(&house.source(provider()));
    let refused = |metadata: Value| {
        let error = house.build("beta/target", &trusting(&metadata)).err();
        error.unwrap_or_else(|| panic!("built: {metadata}"))
    };
    let at = "validators.assertion.issuers[0].metadata";
    for (metadata, member) in [
        (json!({"xml": xml, "signed_by": house.ec}), ".xml"),
        (
            json!({"xml": xml.replace("alpha/source", "alpha/evil"), "signed_by": house.rsa}),
            ".xml",
        ),
        (json!({"xml": format!("<!DOCTYPE a>{xml}")}), ".xml"),
        (json!({"xml": "<a/>"}), ".xml"),
        (json!({"xml": xml, "signed_by": "x"}), ".signed_by"),
    ] {
        assert_eq!(refused(metadata).path, format!("{at}{member}"));
    }
    let mut both = trusting(&json!({"xml": xml}));
    both["validators"]["assertion"]["issuers"][0]["entity_id"] = json!(SOURCE);
    let error = house.build("beta/target", &both).err().unwrap();
    assert_eq!(error.path, "validators.assertion.issuers[0]");
}

#[tokio::test]
async fn metadata_ends_when_it_says_so() {
    let house = House::new().await;
    let source = house.source(provider());
    let xml = published(&source).replace(
        " entityID=",
        " validUntil=\"2030-03-17T17:46:41Z\" entityID=",
    );
    let end = Timestamp(1_900_000_001);
    let metadata = json!({ "xml": xml });
    let target = house.build("beta/target", &trusting(&metadata)).unwrap();
    assert_eq!(target.imported[0].valid_until, Some(end.0));
    target.imported[0].check(NOW).unwrap();
    let error = target.imported[0].check(end).unwrap_err();
    assert_eq!(error.path, "validators.assertion.issuers[0].metadata.xml");
    let made = assertion(&source).await;
    let token = made.issued.token.as_bytes();
    let error = present(&target, token, end).await.unwrap_err();
    assert!(error.to_string().contains("validUntil is over"), "{error}");
    present(&target, token, NOW).await.unwrap();
}

#[tokio::test]
async fn a_relying_party_is_known_by_its_metadata() {
    let house = House::new().await;
    let party = key(SignatureAlgorithm::RsaSha256);
    let der = Certificate::from_pem(&party.certificate).unwrap();
    let der = base64_simd::STANDARD.encode_to_string(der.der());
    let xml = format!(
        "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata' entityID='{TARGET}'>\
         <SPSSODescriptor protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>\
         <KeyDescriptor use='encryption'><KeyInfo xmlns='http://www.w3.org/2000/09/xmldsig#'><X509Data>\
         <X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>\
         <NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</NameIDFormat>\
         <AssertionConsumerService Binding='urn:x' Location='https://sp.example/acs' index='0'/>\
         </SPSSODescriptor></EntityDescriptor>"
    );
    let with = |settings: Value, extra: Value| {
        let mut provider = json!({"relying_parties": {TARGET: {"metadata": {"xml": xml}}}});
        for (member, value) in settings.as_object().unwrap() {
            provider["relying_parties"][TARGET][member] = value.clone();
        }
        for (member, value) in extra.as_object().unwrap() {
            provider[member] = value.clone();
        }
        provider
    };
    let source = house.source(with(json!({}), json!({})));
    let [taken] = &*source.imported else {
        panic!("{:?}", source.imported)
    };
    assert_eq!(
        (&*taken.entity_id, taken.role),
        (TARGET, "service_provider")
    );
    assert_eq!(taken.recipient.as_deref(), Some("https://sp.example/acs"));
    assert_eq!(taken.encryption, [print(&party.certificate)]);
    let xml_out = text(&assertion(&source).await.issued.token);
    assert!(xml_out.contains("Recipient=\"https://sp.example/acs\""));

    let sealed = house.source(with(json!({"encryption": {}}), json!({})));
    let xml_out = text(&assertion(&sealed).await.issued.token);
    assert!(xml_out.starts_with("<saml:EncryptedAssertion"), "{xml_out}");

    let path = |provider: Value| {
        let error = house.build("alpha/source", &self::source(provider)).err();
        error.unwrap().path
    };
    let at = format!("providers.assertion.relying_parties.{TARGET}.metadata.xml");
    let format = json!({"name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"});
    assert_eq!(path(with(json!({}), format)), at);
    let other = xml.replace(TARGET, "urn:other");
    let other = json!({"metadata": {"xml": other}});
    assert_eq!(path(with(other, json!({}))), at);
}
