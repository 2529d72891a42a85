//! Keys of 32 random bytes that the gateway draws for itself.

use std::path::Path;

use aws_lc_rs::rand;
use base64_simd::{Out, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{DataDirectoryError, read_secret, write_secret};

/// Of 32 bytes in base64url without padding.
const CHARACTERS: usize = 43;

/// The key in the file at `path`, drawn the first time. `damaged` says what to do about a file that does
/// not hold one.
pub(super) fn read_or_create(
    path: &Path,
    damaged: &'static str,
) -> Result<Zeroizing<[u8; 32]>, DataDirectoryError> {
    let mut key = Zeroizing::new([0; 32]);
    if let Some(text) = read_secret(path)? {
        let text = text.trim_end_matches(['\r', '\n']).as_bytes();
        // The decoder wants room for whatever it is given.
        let is_whole = text.len() == CHARACTERS
            && URL_SAFE_NO_PAD
                .decode(text, Out::from_slice(key.as_mut_slice()))
                .is_ok();
        return if is_whole {
            Ok(key)
        } else {
            Err(DataDirectoryError::Damaged {
                path: path.display().to_string(),
                what: damaged,
            })
        };
    }
    rand::fill(&mut *key).map_err(|_| DataDirectoryError::NotMade {
        path: path.display().to_string(),
        source: "the random number generator failed".into(),
    })?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(key.as_slice()));
    write_secret(path, Zeroizing::new(format!("{}\n", *text)).as_bytes())?;
    Ok(key)
}
