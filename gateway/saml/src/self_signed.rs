//! A certificate that only carries a key: relying parties of SAML trust it because it was configured.

use cambist_core::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
    date_time_ymd,
};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::{algorithm::SignatureAlgorithm, instant, signing::KeyError};

const DAY: u64 = 86_400;
/// The last day of the year 9999.
const LAST_DAY: u64 = 2_932_896;

/// What stands in a self-signed certificate.
#[derive(Clone, Copy, Debug)]
pub struct SelfSigned<'a> {
    /// The common name of subject and issuer.
    pub name: &'a str,
    /// When it begins, rounded down to a day.
    pub now: Timestamp,
    /// After how many days it ends.
    pub days: u32,
    /// Fresh random bytes for its serial number.
    pub random: [u8; 16],
}

pub(crate) fn make(
    pkcs8: &[u8],
    algorithm: SignatureAlgorithm,
    certificate: &SelfSigned<'_>,
) -> Result<Vec<u8>, KeyError> {
    let failed = |error: rcgen::Error| KeyError::SelfSigned(error.to_string());
    let method = match algorithm {
        SignatureAlgorithm::EcdsaSha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        SignatureAlgorithm::EcdsaSha384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        SignatureAlgorithm::RsaSha256 => &rcgen::PKCS_RSA_SHA256,
        SignatureAlgorithm::RsaSha384 => &rcgen::PKCS_RSA_SHA384,
        SignatureAlgorithm::RsaSha512 => &rcgen::PKCS_RSA_SHA512,
    };
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), method)
        .map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, certificate.name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A serial number is positive and has no leading zero (RFC 5280 §4.1.2.2).
    let mut serial = certificate.random;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let first = certificate.now.0 / DAY;
    let (year, month, day_of_month) = day(first)?;
    params.not_before = date_time_ymd(year, month, day_of_month);
    let (year, month, day_of_month) = day(first.saturating_add(certificate.days.into()))?;
    params.not_after = date_time_ymd(year, month, day_of_month);
    Ok(params.self_signed(&pair).map_err(failed)?.der().to_vec())
}

/// Year, month and day of a day counted from 1970-01-01.
fn day(days: u64) -> Result<(i32, u8, u8), KeyError> {
    let no_day = || KeyError::SelfSigned("no such day".to_owned());
    let (year, month, day) = instant::civil(days.min(LAST_DAY + 1));
    if year > 9999 {
        return Err(no_day());
    }
    Ok((
        i32::try_from(year).map_err(|_| no_day())?,
        u8::try_from(month).map_err(|_| no_day())?,
        u8::try_from(day).map_err(|_| no_day())?,
    ))
}
