//! Signing keys: read from the data directory, made at first start.

use std::sync::Arc;

use cambist_token::jose::{Algorithm, Keyring, SigningKey};

use super::ServeError;
use crate::data_directory::DataDirectory;

/// One key of each kind an instance may sign with.
const KEYS: [(&str, Algorithm); 3] = [
    ("es256", Algorithm::Es256),
    ("rs256", Algorithm::Rs256),
    ("eddsa", Algorithm::EdDsa),
];

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
