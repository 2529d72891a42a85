//! Encrypted documents: opened with our key, and trusted only for what was signed.

use super::*;
use crate::{
    algorithm::{Cipher, KeyTransport},
    encryption::EncryptedElement,
    fixture::OTHER_RSA,
    issue::{Extent, Sealing},
};

fn recipient(cipher: Cipher, transport: KeyTransport) -> RecipientKey {
    RecipientKey::new(OTHER_RSA.key.certificate(), cipher, transport).unwrap()
}

pub(super) fn with_key() -> Acceptance {
    Acceptance {
        decryption_keys: vec![
            DecryptionKey::from_pem(&RSA.private_key).unwrap(),
            DecryptionKey::from_pem(&OTHER_RSA.private_key).unwrap(),
        ],
        ..acceptance()
    }
}

fn open(document: &str) -> Result<Assertion, Refusal> {
    static ACCEPTANCE: LazyLock<Acceptance> = LazyLock::new(with_key);
    examine_by(&ACCEPTANCE, document, &Presenter::default()).map(|accepted| accepted.assertion)
}

fn sealed(recipient: &RecipientKey, extent: Extent, is_signed: bool) -> String {
    let protection = Protection {
        signing: is_signed.then_some(&RSA.key),
        sealing: Some(Sealing { recipient, extent }),
        ..Protection::default()
    };
    issue(&fixture::bearer(), &protection).unwrap()
}

/// A signed assertion of which the name and all attributes are encrypted.
pub(super) fn sealed_for_us() -> String {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    sealed(&key, Extent::NameIdAndAttributes, true)
}

const EXTENTS: [Extent; 4] = [
    Extent::Assertion,
    Extent::Attributes,
    Extent::NameId,
    Extent::NameIdAndAttributes,
];

#[test]
fn what_is_sealed_for_us_is_opened() {
    for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
        for transport in [KeyTransport::OaepSha1, KeyTransport::OaepSha256] {
            let key = recipient(cipher, transport);
            for extent in EXTENTS {
                let document = sealed(&key, extent, true);
                assert!(!document.contains("dana<") || extent == Extent::Attributes);
                assert_eq!(open(&document), Ok(fixture::bearer()), "{document}");
                assert_eq!(open(&response(&document)), Ok(fixture::bearer()));
                assert_eq!(open(&sign(&response(&document))), Ok(fixture::bearer()));
                assert_eq!(examine(&document), Err(Refusal::Undecryptable));
            }
        }
    }
}

#[test]
fn the_key_may_stand_behind_the_data() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    let document = sealed(&key, Extent::Assertion, true);
    let start = document.find("<xenc:EncryptedKey>").unwrap();
    let end = document.find("</xenc:EncryptedKey>").unwrap() + "</xenc:EncryptedKey>".len();
    let encrypted_key = &document[start..end];
    let namespaced = encrypted_key
        .replacen(
            "<xenc:EncryptedKey",
            "<xenc:EncryptedKey xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
            1,
        );
    let moved = document.replace(encrypted_key, "").replace(
        "</xenc:EncryptedData>",
        &format!("</xenc:EncryptedData>{namespaced}"),
    );
    assert_eq!(open(&moved), Ok(fixture::bearer()));
    let both = document.replace(
        "</xenc:EncryptedData>",
        &format!("</xenc:EncryptedData>{namespaced}"),
    );
    assert_eq!(open(&both), Err(Refusal::Unexpected("EncryptedKey")));
    let twice = document.replace(encrypted_key, &encrypted_key.repeat(2));
    assert_eq!(open(&twice), Err(Refusal::Unexpected("KeyInfo")));
    let none = document.replace(encrypted_key, "");
    assert_eq!(open(&none), Err(Refusal::Unexpected("EncryptedKey")));
}

#[test]
fn sm_04_what_is_encrypted_must_be_signed_too() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    for extent in EXTENTS {
        let document = sealed(&key, extent, false);
        assert_eq!(open(&document), Err(Refusal::NotSigned), "{extent:?}");
        assert_eq!(
            open(&response(&document)),
            Err(Refusal::NotSigned),
            "{extent:?}"
        );
    }
    // The signed response covers the encrypted assertion.
    let document = sealed(&key, Extent::Assertion, false);
    assert_eq!(open(&sign(&response(&document))), Ok(fixture::bearer()));
    // A signature within that does not hold is no lesser fault for the outer one.
    let twin = sign(&unsigned(&fixture::bearer())).replacen("dana", "admin", 1);
    assert_eq!(
        open(&sign(&response(&seal(&key, &twin)))),
        Err(Refusal::BadSignature)
    );
    assert_eq!(open(&seal(&key, &twin)), Err(Refusal::BadSignature));
}

/// An encrypted assertion around any text.
fn seal(key: &RecipientKey, content: &str) -> String {
    let mut xml = crate::xml::Xml::default();
    xml.start("saml:EncryptedAssertion")
        .namespace("saml", uri::ASSERTION)
        .body();
    crate::encryption::write(&mut xml, &key.seal(content).unwrap()).unwrap();
    xml.end("saml:EncryptedAssertion");
    xml.into_string()
}

#[test]
fn what_was_encrypted_is_a_document_of_its_own() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    let genuine = sign(&unsigned(&fixture::bearer()));
    for (content, expected) in [
        (format!("<!DOCTYPE x>{genuine}"), Refusal::Doctype),
        (format!("{genuine}{genuine}"), Refusal::NotXml),
        (String::new(), Refusal::NotXml),
        (seal(&key, &genuine), Refusal::WrongRoot),
        (response(&genuine), Refusal::WrongRoot),
    ] {
        assert_eq!(open(&seal(&key, &content)), Err(expected));
    }
    // Within a part, there is one reason for everything.
    let name = |content: &str| {
        let mut model = fixture::bearer();
        let sealed = key.seal(content).unwrap();
        model.subject.as_mut().unwrap().name_id = Some(crate::model::Sealable::Sealed(sealed));
        open(&signed(&model)).map(|_| ())
    };
    let genuine = format!(
        "<saml:NameID xmlns:saml=\"{}\">dana</saml:NameID>",
        uri::ASSERTION
    );
    assert_eq!(name(&genuine), Ok(()));
    for content in [
        "",
        "dana",
        "<a/>",
        "<!-- -->",
        &genuine.replace("NameID", "Issuer"),
    ] {
        assert_eq!(name(content), Err(Refusal::Undecryptable), "{content}");
    }
}

#[test]
fn unauthenticated_modes_and_old_padding_are_refused() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    let document = sealed(&key, Extent::Assertion, true);
    for (from, to, expected) in [
        (
            uri::AES256_GCM,
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            "EncryptionMethod",
        ),
        (
            uri::AES256_GCM,
            "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
            "EncryptionMethod",
        ),
        (
            uri::RSA_OAEP_MGF1P,
            "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
            "EncryptedKey",
        ),
        (uri::RSA_OAEP_MGF1P, uri::RSA_OAEP, "EncryptedKey"),
        (uri::SHA1, uri::SHA256, "EncryptedKey"),
    ] {
        let changed = document.replacen(from, to, 1);
        assert_ne!(changed, document);
        assert_eq!(open(&changed), Err(Refusal::Algorithm(expected)), "{to}");
    }
    let fetched = document.replace("xenc:CipherValue", "xenc:CipherReference");
    assert_eq!(open(&fetched), Err(Refusal::Missing("CipherValue")));
}

type Change = fn(&mut EncryptedElement);

#[test]
fn every_failure_to_decrypt_looks_the_same() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    let sealed = key.seal("<a/>").unwrap();
    let keys = with_key().decryption_keys;
    assert_eq!(
        decryption::open(&sealed, &keys).unwrap().as_slice(),
        b"<a/>"
    );
    let changes: [Change; 8] = [
        |e| e.content[0] ^= 1,
        |e| *e.content.last_mut().unwrap() ^= 1,
        |e| e.content.truncate(12),
        |e| e.content.clear(),
        |e| e.wrapped_key[9] ^= 1,
        |e| e.wrapped_key.clear(),
        |e| e.cipher = Cipher::Aes128Gcm,
        |e| e.transport = KeyTransport::OaepSha256,
    ];
    for change in changes {
        let mut changed = sealed.clone();
        change(&mut changed);
        assert_eq!(
            decryption::open(&changed, &keys),
            Err(Refusal::Undecryptable)
        );
    }
    assert_eq!(decryption::open(&sealed, &[]), Err(Refusal::Undecryptable));
}

#[test]
fn each_part_has_a_key_of_its_own() {
    let key = recipient(Cipher::Aes256Gcm, KeyTransport::OaepSha1);
    let (one, other) = (key.seal("<a/>").unwrap(), key.seal("<a/>").unwrap());
    assert_ne!(one.wrapped_key, other.wrapped_key);
    assert_ne!(one.content, other.content);
    let ec = P256.key.certificate();
    assert!(RecipientKey::new(ec, Cipher::Aes256Gcm, KeyTransport::OaepSha1).is_err());
    assert!(DecryptionKey::from_pem(&P256.private_key).is_err());
}
