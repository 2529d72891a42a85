use super::*;
use crate::{
    fixture::{NOW, OTHER_RSA, P256, RSA},
    metadata::{Description, IdentityProvider, ServiceProvider},
};

fn provider() -> String {
    let signing = [RSA.key.certificate(), P256.key.certificate()];
    let provider = Description {
        id: "_metadata",
        entity_id: "https://idp.example.net/sts",
        valid_until: Some(NOW.plus(600)),
        identity_provider: Some(IdentityProvider {
            signing: &signing,
            name_id_formats: &[uri::NAME_ID_UNSPECIFIED],
            single_sign_on: &[("urn:x", "https://idp.example.net/sts")],
        }),
        service_provider: Some(ServiceProvider {
            encryption: &[OTHER_RSA.key.certificate()],
            assertion_consumers: &[("urn:x", "https://idp.example.net/token")],
        }),
    };
    RSA.key.sign(&provider.write().unwrap()).unwrap()
}

fn relying_party() -> String {
    let key = |certificate: &Certificate| {
        format!(
            "<ds:KeyInfo xmlns:ds='{}'><ds:KeyName>x</ds:KeyName><ds:X509Data><ds:X509Certificate>\n{}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
            uri::SIGNATURE,
            base64_simd::STANDARD.encode_to_string(certificate.der()),
        )
    };
    format!(
        "<?xml version='1.0'?>\n<!-- ours --><EntityDescriptor xmlns='{}' entityID='urn:sp'>\
         <Extensions><x xmlns='urn:x'/></Extensions>\
         <SPSSODescriptor protocolSupportEnumeration='urn:y {}'><!-- keys -->\
         <KeyDescriptor use='encryption'>{}</KeyDescriptor><KeyDescriptor>{}</KeyDescriptor>\
         <AssertionConsumerService Binding='urn:b' Location='https://sp/3' index='3'/>\
         <AssertionConsumerService Binding='urn:b' Location='https://sp/2' index='2'/>\
         <AssertionConsumerService Binding='urn:b' Location='https://sp/9' index='9' isDefault='true'/>\
         </SPSSODescriptor></EntityDescriptor>",
        uri::METADATA,
        uri::PROTOCOL,
        key(OTHER_RSA.key.certificate()),
        key(RSA.key.certificate()),
    )
}

fn read_provider(document: &str, origin: Origin<'_>) -> Result<Entity, Refusal> {
    read(document.as_bytes(), Role::IdentityProvider, origin, NOW)
}

fn read_relying_party(document: &str) -> Result<Entity, Refusal> {
    read(
        document.as_bytes(),
        Role::ServiceProvider,
        Origin::Configured,
        NOW,
    )
}

#[test]
fn what_is_written_is_read_back_and_trusted_by_its_signature() {
    let trusted =
        |key: &crate::signing::Generated| [TrustedKey::new(key.key.certificate()).unwrap()];
    let document = provider();
    let entity = read_provider(&document, Origin::SignedBy(&trusted(&RSA))).unwrap();
    assert_eq!(entity.entity_id, "https://idp.example.net/sts");
    assert_eq!(entity.valid_until, Some(NOW.plus(600)));
    assert_eq!(
        entity.signing,
        [
            RSA.key.certificate().clone(),
            P256.key.certificate().clone()
        ]
    );
    assert_eq!(entity.encryption, []);
    assert_eq!(entity.name_id_formats, [uri::NAME_ID_UNSPECIFIED]);
    assert_eq!(read_provider(&document, Origin::Configured), Ok(entity));
    let party = read_relying_party(&document).unwrap();
    assert_eq!(party.encryption, [OTHER_RSA.key.certificate().clone()]);
    assert_eq!(party.signing, []);
    assert_eq!(party.assertion_consumers, ["https://idp.example.net/token"]);

    let other = trusted(&OTHER_RSA);
    assert_eq!(
        read_provider(&document, Origin::SignedBy(&other)),
        Err(Refusal::BadSignature)
    );
    let twin = document.replace("entityID=\"https://idp", "entityID=\"https://evil");
    assert_eq!(
        read_provider(&twin, Origin::SignedBy(&trusted(&RSA))),
        Err(Refusal::BadSignature)
    );
    assert_eq!(
        read(
            relying_party().as_bytes(),
            Role::ServiceProvider,
            Origin::SignedBy(&trusted(&RSA)),
            NOW
        ),
        Err(Refusal::NotSigned)
    );
}

#[test]
fn sm_05_a_key_without_a_use_serves_both() {
    let entity = read_relying_party(&relying_party()).unwrap();
    assert_eq!(entity.signing, [RSA.key.certificate().clone()]);
    let encryption = [
        OTHER_RSA.key.certificate().clone(),
        RSA.key.certificate().clone(),
    ];
    assert_eq!(entity.encryption, encryption);
    assert_eq!(
        entity.assertion_consumers,
        ["https://sp/9", "https://sp/2", "https://sp/3"]
    );
}

#[test]
fn sm_05_an_issuer_without_a_signing_key_is_none() {
    let document = provider();
    for (from, to, expected) in [
        (
            "use=\"signing\"",
            "use=\"encryption\"",
            Refusal::Missing("KeyDescriptor"),
        ),
        ("use=\"signing\"", "use=\"\"", Refusal::Value("use")),
        (
            "<ds:X509Certificate>MII",
            "<ds:X509Certificate>MIX",
            Refusal::Value("X509Certificate"),
        ),
        (
            "ds:X509Data",
            "ds:X509Date",
            Refusal::Missing("X509Certificate"),
        ),
        (
            "md:KeyDescriptor",
            "md:KeyDescription",
            Refusal::Missing("KeyDescriptor"),
        ),
        (
            "md:IDPSSODescriptor",
            "md:SPSSODescriptor",
            Refusal::Missing("IDPSSODescriptor"),
        ),
        (
            "SAML:2.0:protocol",
            "SAML:1.1:protocol",
            Refusal::Missing("IDPSSODescriptor"),
        ),
        (
            "md:EntityDescriptor",
            "md:EntitiesDescriptor",
            Refusal::WrongRoot,
        ),
        (
            " entityID=\"https://idp.example.net/sts\"",
            "",
            Refusal::Missing("entityID"),
        ),
        (
            "validUntil=\"2030",
            "validUntil=\"2029",
            Refusal::Expired("validUntil"),
        ),
    ] {
        let changed = document.replace(from, to);
        assert_ne!(changed, document);
        assert_eq!(
            read_provider(&changed, Origin::Configured),
            Err(expected),
            "{to}"
        );
    }
    let start = document.find("<md:IDPSSODescriptor").unwrap();
    let end = document.find("</md:EntityDescriptor>").unwrap();
    let twice = document.replace(&document[start..end], &document[start..end].repeat(2));
    assert_eq!(
        read_provider(&twice, Origin::Configured),
        Err(Refusal::Unexpected("EntityDescriptor"))
    );
}

#[test]
fn sm_09_metadata_is_scanned_like_any_document() {
    let document = relying_party();
    for (from, to, expected) in [
        ("<!-- ours -->", "<!DOCTYPE x>", Refusal::Doctype),
        ("<!-- ours -->", "<?x?>", Refusal::ProcessingInstruction),
        (
            "\nMII",
            "\nM<!-- -->II",
            Refusal::Unexpected("X509Certificate"),
        ),
    ] {
        let changed = document.replace(from, to);
        assert_ne!(changed, document);
        assert_eq!(read_relying_party(&changed), Err(expected), "{to}");
    }
    let large = vec![b' '; MAX_METADATA_BYTES + 1];
    let result = read(&large, Role::ServiceProvider, Origin::Configured, NOW);
    assert_eq!(result, Err(Refusal::TooLarge("document")));
}
