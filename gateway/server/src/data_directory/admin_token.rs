//! The bearer token of the admin API.

use std::{fmt, path::Path};

use aws_lc_rs::{constant_time, rand};
use base64_simd::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{DataDirectoryError, read_secret, write_secret};

const RANDOM_BYTES: usize = 32;
/// What an operator may put in its place is at least this long.
const MIN_CHARACTERS: usize = 32;

/// The bearer token of the admin API. `Debug` hides it.
#[derive(Clone)]
pub struct AdminToken {
    value: Zeroizing<String>,
    is_new: bool,
}

impl AdminToken {
    /// Whether `presented` is the token. Takes equally long wherever the two differ.
    pub fn matches(&self, presented: &str) -> bool {
        constant_time::verify_slices_are_equal(self.value.as_bytes(), presented.as_bytes()).is_ok()
    }

    /// Whether it was just made, so that it is shown once.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The token itself, for the banner of the first start.
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(hidden)")
    }
}

pub(super) fn read_or_create(path: &Path) -> Result<AdminToken, DataDirectoryError> {
    if let Some(text) = read_secret(path)? {
        let value = text.trim_end_matches(['\r', '\n']);
        if value.len() < MIN_CHARACTERS || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(DataDirectoryError::Damaged {
                path: path.display().to_string(),
                what: "an admin token is one line of at least 32 visible ASCII characters; remove the file to get a new one",
            });
        }
        return Ok(AdminToken {
            value: Zeroizing::new(value.to_owned()),
            is_new: false,
        });
    }
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    rand::fill(&mut *random).map_err(|_| DataDirectoryError::NotMade {
        path: path.display().to_string(),
        source: "the random number generator failed".into(),
    })?;
    let value = Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(random.as_slice()));
    write_secret(path, format!("{}\n", *value).as_bytes())?;
    Ok(AdminToken {
        value,
        is_new: true,
    })
}
