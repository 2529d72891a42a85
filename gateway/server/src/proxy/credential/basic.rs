//! A user name and password (RFC 7617) as the token the engine knows.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{LONGEST_TOKEN, Refusal};

#[derive(Serialize)]
struct Password<'t> {
    username: &'t str,
    password: &'t str,
}

/// `{"username": …, "password": …}` of base64 of `username:password`.
pub(super) fn read(encoded: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if encoded.len() > LONGEST_TOKEN {
        return Err(Refusal::BadCredential);
    }
    let decoded = base64_simd::STANDARD
        .decode_to_vec(encoded)
        .map(Zeroizing::new)
        .map_err(|_| Refusal::BadCredential)?;
    let (username, password) = std::str::from_utf8(&decoded)
        .ok()
        .and_then(|text| text.split_once(':'))
        .filter(|(username, _)| !username.is_empty())
        .ok_or(Refusal::BadCredential)?;
    // Text always serialises.
    serde_json::to_vec(&Password { username, password })
        .map(Zeroizing::new)
        .map_err(|_| Refusal::BadCredential)
}
