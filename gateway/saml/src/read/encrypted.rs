//! Encrypted elements: one content, one key, and only algorithms that are accepted.

use crate::{
    algorithm::{Cipher, KeyTransport},
    dom::{Node, base64},
    encryption::EncryptedElement,
    refusal::Refusal,
    uri,
};

const WHAT: &str = "EncryptedData";

/// Reads what stands in an `EncryptedAssertion`, `EncryptedID` or `EncryptedAttribute` (saml-core §2.2.4).
/// The key stands within the data, or right behind it.
pub(crate) fn encrypted_element(node: Node<'_>) -> Result<EncryptedElement, Refusal> {
    let mut parts = node.elements(WHAT)?;
    let data = parts.require(uri::ENCRYPTION, "EncryptedData", Refusal::Missing(WHAT))?;
    let sibling = parts.take(uri::ENCRYPTION, "EncryptedKey");
    parts.end()?;
    if let Some(declared) = data.attribute("Type")
        && declared != uri::ENCRYPTED_ELEMENT
    {
        return Err(Refusal::Value("Type"));
    }
    let mut parts = data.elements(WHAT)?;
    let method = parts.require(
        uri::ENCRYPTION,
        "EncryptionMethod",
        Refusal::Missing("EncryptionMethod"),
    )?;
    method.elements("EncryptionMethod")?.end()?;
    let cipher = method
        .attribute("Algorithm")
        .and_then(Cipher::from_uri)
        .ok_or(Refusal::Algorithm("EncryptionMethod"))?;
    let inner = match parts.take(uri::SIGNATURE, "KeyInfo") {
        Some(info) => key_within(info)?,
        None => None,
    };
    let content = cipher_value(parts.take(uri::ENCRYPTION, "CipherData"))?;
    parts.end()?;
    let ((Some(key), None) | (None, Some(key))) = (inner, sibling) else {
        return Err(Refusal::Unexpected("EncryptedKey"));
    };
    let (transport, wrapped_key) = encrypted_key(key)?;
    Ok(EncryptedElement {
        cipher,
        transport,
        wrapped_key,
        content,
    })
}

fn key_within(info: Node<'_>) -> Result<Option<Node<'_>>, Refusal> {
    let mut parts = info.elements("KeyInfo")?;
    let mut key = None;
    while let Some(part) = parts.take_any() {
        if part.is(uri::ENCRYPTION, "EncryptedKey") && key.replace(part).is_some() {
            return Err(Refusal::Unexpected("KeyInfo"));
        }
    }
    Ok(key)
}

fn encrypted_key(node: Node<'_>) -> Result<(KeyTransport, Vec<u8>), Refusal> {
    let mut parts = node.elements("EncryptedKey")?;
    let method = parts.require(
        uri::ENCRYPTION,
        "EncryptionMethod",
        Refusal::Missing("EncryptionMethod"),
    )?;
    let transport = key_transport(method)?;
    // Which of our keys it is for is found out by trying.
    parts.take(uri::SIGNATURE, "KeyInfo");
    let wrapped_key = cipher_value(parts.take(uri::ENCRYPTION, "CipherData"))?;
    Ok((transport, wrapped_key))
}

fn key_transport(method: Node<'_>) -> Result<KeyTransport, Refusal> {
    let refused = Refusal::Algorithm("EncryptedKey");
    let mut parts = method.elements("EncryptionMethod")?;
    let algorithm_of = |node: Option<Node<'_>>| match node {
        Some(node) => node
            .attribute("Algorithm")
            .map(str::to_owned)
            .ok_or(refused)
            .map(Some),
        None => Ok(None),
    };
    let digest = algorithm_of(parts.take(uri::SIGNATURE, "DigestMethod"))?;
    let mask = algorithm_of(parts.take(uri::ENCRYPTION_11, "MGF"))?;
    parts.end().map_err(|_| refused)?;
    match (
        method.attribute("Algorithm"),
        digest.as_deref(),
        mask.as_deref(),
    ) {
        (Some(uri::RSA_OAEP_MGF1P), None | Some(uri::SHA1), None) => Ok(KeyTransport::OaepSha1),
        (Some(uri::RSA_OAEP), Some(uri::SHA256), Some(uri::MGF1_SHA256)) => {
            Ok(KeyTransport::OaepSha256)
        }
        _ => Err(refused),
    }
}

/// Only content that stands there: nothing is ever fetched.
fn cipher_value(data: Option<Node<'_>>) -> Result<Vec<u8>, Refusal> {
    let missing = Refusal::Missing("CipherValue");
    let mut parts = data.ok_or(missing)?.elements("CipherData")?;
    let value = parts.require(uri::ENCRYPTION, "CipherValue", missing)?;
    parts.end()?;
    base64(&value.text("CipherValue")?).ok_or(Refusal::Value("CipherValue"))
}
