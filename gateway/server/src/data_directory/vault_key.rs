//! The key under which the vault is encrypted.

use std::path::Path;

use aws_lc_rs::rand;
use base64_simd::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{DataDirectoryError, read_secret, write_secret};

const KEY_BYTES: usize = 32;

pub(super) fn read_or_create(
    path: &Path,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, DataDirectoryError> {
    if let Some(text) = read_secret(path)? {
        let decoded = URL_SAFE_NO_PAD.decode_to_vec(text.trim_end_matches(['\r', '\n']).as_bytes());
        let bytes = Zeroizing::new(decoded.unwrap_or_default());
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            return Err(DataDirectoryError::Damaged {
                path: path.display().to_string(),
                what: "a vault key is one line of 43 characters (base64url of 32 bytes); restore it from a backup, \
                       or remove the file and send every secret again",
            });
        }
        key.copy_from_slice(&bytes);
        return Ok(key);
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(&mut *key).map_err(|_| DataDirectoryError::NotMade {
        path: path.display().to_string(),
        source: "the random number generator failed".into(),
    })?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(key.as_slice()));
    write_secret(path, Zeroizing::new(format!("{}\n", *text)).as_bytes())?;
    Ok(key)
}
