//! The key an issuer signs with, and its signature over an assertion: enveloped, exclusive
//! canonicalization, SHA-256 of the content (saml-core §5.4).

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    algorithm::SignatureAlgorithm,
    certificate::{Certificate, CertificateError},
    self_signed::{self, SelfSigned},
    uri,
    write::Unsigned,
    xml::{Declares, WriteError, Xml},
};

/// A private key with its certificate and the one algorithm it signs with, parsed once.
pub struct SigningKey {
    algorithm: SignatureAlgorithm,
    pair: Arc<Pair>,
    certificate: Certificate,
    /// What stands between the digest and the signature value, and behind that value; both depend on the
    /// key alone.
    key_info: String,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Why a key is not one, or could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The certificate cannot be used.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate holds another key.
    #[error("the certificate does not belong to the key")]
    Mismatch,
    /// Not a PEM file with an unencrypted `PRIVATE KEY` (PKCS#8) section.
    #[error("not an unencrypted PKCS#8 private key in PEM form")]
    NotPem,
    /// A certificate could not be made.
    #[error("no certificate can be made: {0}")]
    SelfSigned(String),
    /// The key is of another kind than the algorithm needs, or is not acceptable.
    #[error("not a key for {algorithm:?}: {reason}")]
    Unfit {
        /// The algorithm it was meant for.
        algorithm: SignatureAlgorithm,
        /// What is wrong.
        reason: String,
    },
    /// The cryptographic library refused to work.
    #[error("the cryptographic operation failed")]
    Failed,
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

/// A new key and its certificate.
pub struct Generated {
    /// The key, ready to sign.
    pub key: SigningKey,
    /// The private key as PKCS#8 PEM.
    pub private_key: Zeroizing<String>,
    /// The certificate as PEM.
    pub certificate: String,
}

impl SigningKey {
    /// Reads an unencrypted PKCS#8 private key and its certificate, both in PEM form.
    pub fn from_pem(
        private_key: &str,
        certificate: &str,
        algorithm: SignatureAlgorithm,
    ) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.as_bytes())
            .map_err(|_| KeyError::NotPem)?;
        let certificate = Certificate::from_pem(certificate)?;
        Self::new(der.secret_pkcs8_der(), certificate, algorithm)
    }

    /// Makes a new key (RSA keys have 2048 bits) and signs a certificate for it with itself.
    pub fn generate(
        algorithm: SignatureAlgorithm,
        certificate: &SelfSigned<'_>,
    ) -> Result<Generated, KeyError> {
        let der = if let Some(curve) = curve(algorithm) {
            let der = EcdsaKeyPair::generate(curve)?.to_pkcs8v1()?;
            Zeroizing::new(der.as_ref().to_vec())
        } else {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
            Zeroizing::new(der.as_ref().to_vec())
        };
        let made = self_signed::make(&der, algorithm, certificate)?;
        Ok(Generated {
            key: Self::new(&der, Certificate::from_der(&made)?, algorithm)?,
            private_key: Zeroizing::new(pem("PRIVATE KEY", &der)),
            certificate: pem("CERTIFICATE", &made),
        })
    }

    /// Signs a certificate for a private key (PKCS#8 PEM) with that key, and returns it as PEM.
    pub fn self_signed(
        private_key: &str,
        algorithm: SignatureAlgorithm,
        certificate: &SelfSigned<'_>,
    ) -> Result<String, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.as_bytes())
            .map_err(|_| KeyError::NotPem)?;
        let made = self_signed::make(der.secret_pkcs8_der(), algorithm, certificate)?;
        Ok(pem("CERTIFICATE", &made))
    }

    /// The same key under another certificate of it.
    pub fn with_certificate(&self, certificate: Certificate) -> Result<Self, KeyError> {
        Self::of(Arc::clone(&self.pair), certificate, self.algorithm)
    }

    fn new(
        pkcs8: &[u8],
        certificate: Certificate,
        algorithm: SignatureAlgorithm,
    ) -> Result<Self, KeyError> {
        let unfit = |reason: String| KeyError::Unfit { algorithm, reason };
        let pair = match curve(algorithm) {
            Some(curve) => Pair::Ecdsa(
                EcdsaKeyPair::from_pkcs8(curve, pkcs8).map_err(|error| unfit(error.to_string()))?,
            ),
            None => Pair::Rsa(
                RsaKeyPair::from_pkcs8(pkcs8).map_err(|error| unfit(error.to_string()))?,
                rsa_encoding(algorithm),
            ),
        };
        Self::of(Arc::new(pair), certificate, algorithm)
    }

    fn of(
        pair: Arc<Pair>,
        certificate: Certificate,
        algorithm: SignatureAlgorithm,
    ) -> Result<Self, KeyError> {
        let public = match &*pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair, _) => pair.public_key().as_ref(),
        };
        if certificate.kind() != algorithm.key_kind() || certificate.key() != public {
            return Err(KeyError::Mismatch);
        }
        let mut key_info = Xml::default();
        key_info.key_info(Declares::Nothing, [certificate.der()]);
        Ok(Self {
            algorithm,
            pair,
            certificate,
            key_info: key_info.into_string(),
        })
    }

    /// The algorithm it signs with.
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The certificate that relying parties know it by.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs a document: the signature goes right behind its issuer.
    pub fn sign(&self, document: &Unsigned) -> Result<String, SignError> {
        let digest = digest::digest(&digest::SHA256, document.xml.as_bytes());
        let mut info = Xml::with_capacity(1024);
        self.signed_info(&mut info, document, digest.as_ref())?;
        let info = info.into_string();

        // On its own, `SignedInfo` declares the prefix that in its place `Signature` has declared.
        let mut alone = Xml::with_capacity(info.len() + 80);
        alone
            .start("ds:SignedInfo")
            .namespace("ds", uri::SIGNATURE)
            .body();
        alone.markup(&info).end("ds:SignedInfo");
        let value = self.pair.sign(alone.into_string().as_bytes())?;

        let (head, tail) = document
            .xml
            .split_at_checked(document.signature_at)
            .ok_or(SignError::Failed)?;
        let mut signed =
            Xml::with_capacity(document.xml.len() + info.len() + self.key_info.len() + 1024);
        signed.markup(head);
        signed
            .start("ds:Signature")
            .namespace("ds", uri::SIGNATURE)
            .body();
        signed.start("ds:SignedInfo").body();
        signed.markup(&info).end("ds:SignedInfo");
        signed.start("ds:SignatureValue").body();
        signed.base64(&value).end("ds:SignatureValue");
        signed
            .markup(&self.key_info)
            .end("ds:Signature")
            .markup(tail);
        Ok(signed.into_string())
    }

    /// What stands within `SignedInfo`.
    fn signed_info(
        &self,
        xml: &mut Xml,
        document: &Unsigned,
        digest: &[u8],
    ) -> Result<(), WriteError> {
        let method = |xml: &mut Xml, element, algorithm| -> Result<(), WriteError> {
            xml.start(element)
                .attribute("Algorithm", algorithm)?
                .body()
                .end(element);
            Ok(())
        };
        method(xml, "ds:CanonicalizationMethod", uri::EXCLUSIVE_C14N)?;
        method(xml, "ds:SignatureMethod", self.algorithm.uri())?;
        xml.start("ds:Reference")
            .attribute("URI", &format!("#{}", document.id))?
            .body();
        xml.start("ds:Transforms").body();
        method(xml, "ds:Transform", uri::ENVELOPED_SIGNATURE)?;
        xml.start("ds:Transform")
            .attribute("Algorithm", uri::EXCLUSIVE_C14N)?
            .body();
        if document.names_schema_types {
            // The prefix stands in values only, which exclusive canonicalization does not look into.
            xml.start("ec:InclusiveNamespaces")
                .namespace("ec", uri::EXCLUSIVE_C14N)
                .attribute("PrefixList", "xs")?
                .body()
                .end("ec:InclusiveNamespaces");
        }
        xml.end("ds:Transform").end("ds:Transforms");
        method(xml, "ds:DigestMethod", uri::SHA256)?;
        xml.start("ds:DigestValue").body();
        xml.base64(digest).end("ds:DigestValue").end("ds:Reference");
        Ok(())
    }
}

/// Why a document could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The cryptographic library refused to work.
    #[error("the cryptographic operation failed")]
    Failed,
    /// The signature cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Unspecified> for SignError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

impl Pair {
    /// The signature value: for ECDSA both numbers side by side (RFC 9231 §2.3.6).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut value)?;
                Ok(value)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.algorithm)
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generated({:?})", self.key.algorithm)
    }
}

fn curve(algorithm: SignatureAlgorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        SignatureAlgorithm::EcdsaSha256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        SignatureAlgorithm::EcdsaSha384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => None,
    }
}

fn rsa_encoding(algorithm: SignatureAlgorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        SignatureAlgorithm::RsaSha384 => &signature::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RsaSha512 => &signature::RSA_PKCS1_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

/// The textual encoding of RFC 7468.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = Zeroizing::new(base64_simd::STANDARD.encode_to_string(der));
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests;
