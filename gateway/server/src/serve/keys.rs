//! Signing keys: read from the data directory, made at first start.

use std::sync::Arc;

use aws_lc_rs::rand;
use cambist_core::Timestamp;
use cambist_saml::{SelfSigned, algorithm::SignatureAlgorithm, signing};
use cambist_token::jose::{Algorithm, Keyring, SigningKey};
use zeroize::Zeroizing;

use super::ServeError;
use crate::{data_directory::DataDirectory, gateway::now};

/// One key of each kind an instance may sign with.
const KEYS: [(&str, Algorithm); 3] = [
    ("es256", Algorithm::Es256),
    ("rs256", Algorithm::Rs256),
    ("eddsa", Algorithm::EdDsa),
];

/// Those of them that sign SAML assertions, by the algorithm there.
const SAML_KEYS: [(&str, SignatureAlgorithm); 2] = [
    ("es256", SignatureAlgorithm::EcdsaSha256),
    ("rs256", SignatureAlgorithm::RsaSha256),
];

/// Relying parties trust a certificate because they were given it, so it need not end soon.
const CERTIFICATE_DAYS: u32 = 3650;

pub(super) fn open(data: &DataDirectory) -> Result<Keyring, ServeError> {
    let mut keys = Vec::new();
    for (name, algorithm) in KEYS {
        let text =
            data.read_or_create_key(name, || SigningKey::generate(algorithm).map(|(_, pem)| pem))?;
        let key = SigningKey::from_pkcs8_pem(&text, algorithm)
            .map_err(|error| ServeError::Keys(format!("{name}: {error}")))?;
        keys.push(Arc::new(key));
    }
    Ok(Keyring::new(keys))
}

/// The keys of [`open`] that sign SAML assertions, each with the certificate beside it, which is made once.
pub(super) fn open_saml(data: &DataDirectory) -> Result<Vec<signing::SigningKey>, ServeError> {
    let mut keys = Vec::new();
    for (name, algorithm) in SAML_KEYS {
        let absent = || Err::<Zeroizing<String>, _>("its key has not been made");
        let key = data.read_or_create_key(name, absent)?;
        let file = format!("{name}-certificate");
        let certificate = data.read_or_create_key(&file, || certificate(&key, algorithm))?;
        let key = signing::SigningKey::from_pem(&key, &certificate, algorithm)
            .map_err(|error| ServeError::Keys(format!("{file}: {error}")))?;
        keys.push(key);
    }
    Ok(keys)
}

fn certificate(
    key: &str,
    algorithm: SignatureAlgorithm,
) -> Result<Zeroizing<String>, signing::KeyError> {
    let mut random = [0; 16];
    rand::fill(&mut random).map_err(|_| signing::KeyError::Failed)?;
    let wanted = SelfSigned {
        name: "Cambist",
        now: now().unwrap_or(Timestamp(0)),
        days: CERTIFICATE_DAYS,
        random,
    };
    signing::SigningKey::self_signed(key, algorithm, &wanted).map(Zeroizing::new)
}
