//! Decryption of what others have encrypted for us. Every failure looks the same.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    algorithm::Cipher,
    dom::{self, Node},
    encryption::{EncryptedElement, oaep},
    model::{Assertion, Sealable, Subject},
    read,
    refusal::Refusal,
    uri,
};

/// Our private key for what is encrypted to us. Clones share it.
#[derive(Clone)]
pub struct DecryptionKey(Arc<OaepPrivateDecryptingKey>);

/// Not an unencrypted PKCS#8 RSA key of 2048 to 8192 bits in PEM form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an unencrypted PKCS#8 RSA key of 2048 to 8192 bits in PEM form")]
pub struct NotADecryptionKey;

impl DecryptionKey {
    /// Reads an unencrypted PKCS#8 RSA key in PEM form.
    pub fn from_pem(private_key: &str) -> Result<Self, NotADecryptionKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.as_bytes())
            .map_err(|_| NotADecryptionKey)?;
        let key = PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_| NotADecryptionKey)?;
        OaepPrivateDecryptingKey::new(key)
            .map(|key| Self(Arc::new(key)))
            .map_err(|_| NotADecryptionKey)
    }

    fn open(&self, sealed: &EncryptedElement) -> Option<Zeroizing<Vec<u8>>> {
        let mut secret = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let secret = self
            .0
            .decrypt(
                oaep(sealed.transport),
                &sealed.wrapped_key,
                &mut secret,
                None,
            )
            .ok()?;
        let algorithm = match sealed.cipher {
            Cipher::Aes128Gcm => &AES_128_GCM,
            Cipher::Aes256Gcm => &AES_256_GCM,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, secret).ok()?);
        let (nonce, content) = sealed.content.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = Zeroizing::new(content.to_vec());
        let length = key
            .open_in_place(nonce, Aad::empty(), &mut content)
            .ok()?
            .len();
        content.truncate(length);
        Some(content)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecryptionKey")
    }
}

/// Decrypts with whichever key fits.
pub(crate) fn open(
    sealed: &EncryptedElement,
    keys: &[DecryptionKey],
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    keys.iter()
        .find_map(|key| key.open(sealed))
        .ok_or(Refusal::Undecryptable)
}

/// Decrypts all encrypted parts of an assertion that was read. Each is a document of its own.
pub(crate) fn open_parts(
    assertion: &mut Assertion,
    keys: &[DecryptionKey],
    max_bytes: usize,
) -> Result<(), Refusal> {
    if let Some(subject) = &mut assertion.subject {
        let Subject {
            name_id,
            confirmations,
        } = subject;
        let confirming = confirmations
            .iter_mut()
            .filter_map(|confirmation| confirmation.name_id.as_mut());
        for name in name_id.iter_mut().chain(confirming) {
            open_part(name, keys, max_bytes, "NameID", read::name_id)?;
        }
    }
    for statement in &mut assertion.attribute_statements {
        for attribute in &mut statement.attributes {
            open_part(attribute, keys, max_bytes, "Attribute", read::attribute)?;
        }
    }
    Ok(())
}

fn open_part<T>(
    part: &mut Sealable<T>,
    keys: &[DecryptionKey],
    max_bytes: usize,
    element: &str,
    read: impl Fn(Node<'_>) -> Result<T, Refusal>,
) -> Result<(), Refusal> {
    let Sealable::Sealed(sealed) = part else {
        return Ok(());
    };
    let plaintext = open(sealed, keys)?;
    let uniform = |_| Refusal::Undecryptable;
    let document = dom::parse(&plaintext, max_bytes).map_err(uniform)?;
    let root = Node::root(&document).map_err(uniform)?;
    if !root.is(uri::ASSERTION, element) {
        return Err(Refusal::Undecryptable);
    }
    *part = Sealable::Open(read(root).map_err(uniform)?);
    Ok(())
}
