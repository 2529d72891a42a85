//! Encryption for a relying party: AES-GCM content under a fresh key, which RSA-OAEP carries.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, RandomizedNonceKey},
    error::Unspecified,
    rand,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
        PublicEncryptingKey,
    },
};
use zeroize::Zeroizing;

use crate::{
    algorithm::{Cipher, KeyKind, KeyTransport},
    certificate::Certificate,
    uri,
    xml::{WriteError, Xml},
};

/// One encrypted element (`xenc:EncryptedData` with the `xenc:EncryptedKey` of one recipient).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedElement {
    /// How the content is encrypted.
    pub cipher: Cipher,
    /// How its key is.
    pub transport: KeyTransport,
    /// The encrypted key.
    pub wrapped_key: Vec<u8>,
    /// Nonce, encrypted content and tag (XML Encryption 1.1 §5.2.4).
    pub content: Vec<u8>,
}

/// The key of a relying party to encrypt for, and how it wants it done.
pub struct RecipientKey {
    key: OaepPublicEncryptingKey,
    cipher: Cipher,
    transport: KeyTransport,
}

/// Why something could not be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The cryptographic library refused to work.
    #[error("the cryptographic operation failed")]
    Failed,
    /// The relying party's certificate does not hold an acceptable RSA key.
    #[error("encryption needs an RSA key of 2048 to 8192 bits")]
    Unfit,
}

impl From<Unspecified> for SealError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

impl RecipientKey {
    /// Takes the RSA key of the relying party's certificate.
    pub fn new(
        certificate: &Certificate,
        cipher: Cipher,
        transport: KeyTransport,
    ) -> Result<Self, SealError> {
        if certificate.kind() != KeyKind::Rsa {
            return Err(SealError::Unfit);
        }
        let key = PublicEncryptingKey::from_der(certificate.key_with_algorithm())
            .map_err(|_| SealError::Unfit)?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| SealError::Unfit)?;
        Ok(Self {
            key,
            cipher,
            transport,
        })
    }

    /// Encrypts one element under a key of its own.
    pub fn seal(&self, element: &str) -> Result<EncryptedElement, SealError> {
        let mut secret = Zeroizing::new(vec![0; self.cipher.key_bytes()]);
        rand::fill(&mut secret)?;
        let algorithm = match self.cipher {
            Cipher::Aes128Gcm => &AES_128_GCM,
            Cipher::Aes256Gcm => &AES_256_GCM,
        };
        let key = RandomizedNonceKey::new(algorithm, &secret)?;
        let mut encrypted = element.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut encrypted)?;
        let mut content = Vec::with_capacity(nonce.as_ref().len() + encrypted.len());
        content.extend_from_slice(nonce.as_ref());
        content.append(&mut encrypted);

        let mut wrapped_key = vec![0; self.key.ciphertext_size()];
        let length = self
            .key
            .encrypt(oaep(self.transport), &secret, &mut wrapped_key, None)?
            .len();
        wrapped_key.truncate(length);
        Ok(EncryptedElement {
            cipher: self.cipher,
            transport: self.transport,
            wrapped_key,
            content,
        })
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey({:?}, {:?})", self.cipher, self.transport)
    }
}

pub(crate) const fn oaep(transport: KeyTransport) -> &'static OaepAlgorithm {
    match transport {
        KeyTransport::OaepSha1 => &OAEP_SHA1_MGF1SHA1,
        KeyTransport::OaepSha256 => &OAEP_SHA256_MGF1SHA256,
    }
}

/// Writes the `xenc:EncryptedData`.
pub(crate) fn write(xml: &mut Xml, sealed: &EncryptedElement) -> Result<(), WriteError> {
    xml.start("xenc:EncryptedData")
        .namespace("xenc", uri::ENCRYPTION)
        .attribute("Type", uri::ENCRYPTED_ELEMENT)?
        .body();
    xml.start("xenc:EncryptionMethod")
        .attribute("Algorithm", sealed.cipher.uri())?
        .body()
        .end("xenc:EncryptionMethod");
    xml.start("ds:KeyInfo")
        .namespace("ds", uri::SIGNATURE)
        .body();
    xml.start("xenc:EncryptedKey").body();
    let (transport, digest) = match sealed.transport {
        KeyTransport::OaepSha1 => (uri::RSA_OAEP_MGF1P, uri::SHA1),
        KeyTransport::OaepSha256 => (uri::RSA_OAEP, uri::SHA256),
    };
    xml.start("xenc:EncryptionMethod")
        .attribute("Algorithm", transport)?
        .body();
    xml.start("ds:DigestMethod")
        .attribute("Algorithm", digest)?
        .body()
        .end("ds:DigestMethod");
    if sealed.transport == KeyTransport::OaepSha256 {
        xml.start("xenc11:MGF")
            .namespace("xenc11", uri::ENCRYPTION_11)
            .attribute("Algorithm", uri::MGF1_SHA256)?
            .body()
            .end("xenc11:MGF");
    }
    xml.end("xenc:EncryptionMethod");
    cipher_data(xml, &sealed.wrapped_key);
    xml.end("xenc:EncryptedKey").end("ds:KeyInfo");
    cipher_data(xml, &sealed.content);
    xml.end("xenc:EncryptedData");
    Ok(())
}

fn cipher_data(xml: &mut Xml, bytes: &[u8]) {
    xml.start("xenc:CipherData").body();
    xml.start("xenc:CipherValue").body();
    xml.base64(bytes)
        .end("xenc:CipherValue")
        .end("xenc:CipherData");
}
