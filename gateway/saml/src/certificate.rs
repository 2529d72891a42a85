//! X.509 certificates as carriers of a key. Whom to trust is configured; a certificate that arrives in a
//! document is never a reason to trust it.

use std::fmt;

use aws_lc_rs::digest;
use cambist_core::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_cert::der::{
    Decode, Encode, Reader, SliceReader,
    asn1::{ObjectIdentifier, UintRef},
};

use crate::algorithm::KeyKind;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Largest accepted certificate, in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// A parsed certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    kind: KeyKind,
    key: Vec<u8>,
    key_with_algorithm: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a PEM file with a `CERTIFICATE` section.
    #[error("not a certificate in PEM form")]
    NotPem,
    /// Not a DER certificate, or larger than [`MAX_CERTIFICATE_BYTES`].
    #[error("not an X.509 certificate")]
    Malformed,
    /// A key of a kind that is not used here.
    #[error("its key is neither RSA nor on P-256 or P-384")]
    UnknownKey,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| CertificateError::NotPem)?;
        Self::from_der(&der)
    }

    /// Reads a certificate in DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::Malformed);
        }
        let parsed =
            x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let body = parsed.tbs_certificate;
        let spki = body.subject_public_key_info;
        let curve = || {
            let parameters = spki.algorithm.parameters.as_ref()?;
            parameters.decode_as::<ObjectIdentifier>().ok()
        };
        let kind = match spki.algorithm.oid {
            RSA => KeyKind::Rsa,
            EC if curve() == Some(P256) => KeyKind::P256,
            EC if curve() == Some(P384) => KeyKind::P384,
            _ => return Err(CertificateError::UnknownKey),
        };
        let moment = |time: x509_cert::time::Time| Timestamp(time.to_unix_duration().as_secs());
        Ok(Self {
            der: der.to_vec(),
            kind,
            key: spki
                .subject_public_key
                .as_bytes()
                .ok_or(CertificateError::Malformed)?
                .to_vec(),
            key_with_algorithm: spki.to_der().map_err(|_| CertificateError::Malformed)?,
            not_before: moment(body.validity.not_before),
            not_after: moment(body.validity.not_after),
        })
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The kind of its key.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// When it begins.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it ends.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The SHA-256 digest of the DER form, as in `x5t#S256` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> [u8; 32] {
        thumbprint(&self.der)
    }

    /// The RFC 7638 thumbprint of its key (base64url of SHA-256), as a `DPoP` proof names it (RFC 9449 §6.1).
    pub fn key_thumbprint(&self) -> Option<String> {
        let text = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        // The members in this order and no space between them (RFC 7638 §3.3).
        let jwk = match self.kind {
            KeyKind::Rsa => {
                let (modulus, exponent) = rsa_parts(&self.key)?;
                let (modulus, exponent) = (text(&modulus), text(&exponent));
                format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#)
            }
            KeyKind::P256 => ec_jwk("P-256", &self.key, 32)?,
            KeyKind::P384 => ec_jwk("P-384", &self.key, 48)?,
        };
        Some(text(&thumbprint(jwk.as_bytes())))
    }

    /// The key alone: an `RSAPublicKey`, or a point of the curve.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The key as `SubjectPublicKeyInfo`.
    pub(crate) fn key_with_algorithm(&self) -> &[u8] {
        &self.key_with_algorithm
    }
}

fn rsa_parts(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(key).ok()?;
    reader
        .sequence(|parts| {
            let (modulus, exponent) = (UintRef::decode(parts)?, UintRef::decode(parts)?);
            Ok((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
        })
        .ok()
}

/// Of a point that is not compressed (SEC 1 §2.3.3).
fn ec_jwk(curve: &str, point: &[u8], size: usize) -> Option<String> {
    let (&form, coordinates) = point.split_first()?;
    let (x, y) = coordinates.split_at_checked(size)?;
    if form != 4 || y.len() != size {
        return None;
    }
    let text = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    let (x, y) = (text(x), text(y));
    Some(format!(
        r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#
    ))
}

/// Whether two certificates (DER) are of one key, of whatever kind it is.
pub(crate) fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    let key = |der: &[u8]| {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return None;
        }
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        parsed.tbs_certificate.subject_public_key_info.to_der().ok()
    };
    one == other || key(one).is_some_and(|found| Some(found) == key(other))
}

/// Whether this is a certificate at all (DER): enough for one that only names a key to somebody else.
pub fn is_certificate(der: &[u8]) -> bool {
    der.len() <= MAX_CERTIFICATE_BYTES && x509_cert::Certificate::from_der(der).is_ok()
}

/// The SHA-256 digest of a certificate in DER form.
pub(crate) fn thumbprint(der: &[u8]) -> [u8; 32] {
    let mut print = [0; 32];
    print.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    print
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, {} bytes)", self.kind, self.der.len())
    }
}
