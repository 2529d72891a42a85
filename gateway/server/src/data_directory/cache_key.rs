//! The key that authenticates compiled plugins.

use std::path::Path;

use aws_lc_rs::rand;
use base64_simd::{Out, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{DataDirectoryError, read_secret, write_secret};

/// Of 32 bytes in base64url without padding.
const CHARACTERS: usize = 43;

pub(super) fn read_or_create(path: &Path) -> Result<Zeroizing<[u8; 32]>, DataDirectoryError> {
    let mut key = Zeroizing::new([0; 32]);
    if let Some(text) = read_secret(path)? {
        let text = text.trim_end().as_bytes();
        // The decoder wants room for whatever it is given.
        let whole = text.len() == CHARACTERS
            && URL_SAFE_NO_PAD
                .decode(text, Out::from_slice(key.as_mut_slice()))
                .is_ok();
        return if whole {
            Ok(key)
        } else {
            Err(DataDirectoryError::Damaged {
                path: path.display().to_string(),
                what: "it does not hold 32 bytes in base64url; remove it, and plugins are compiled again",
            })
        };
    }
    rand::fill(&mut *key).map_err(|_| DataDirectoryError::NotMade {
        path: path.display().to_string(),
        source: "the random number generator failed".into(),
    })?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(key.as_slice()));
    write_secret(path, format!("{}\n", *text).as_bytes())?;
    Ok(key)
}
