//! Argon2id with the parameters of RFC 9106's low-memory advice reduced to what OWASP still recommends:
//! 19 MiB, two passes, one lane.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::rand;
use cambist_core::Fault;

/// Longest password in bytes. Longer ones are refused unhashed.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// What the password of an unknown user is compared with: the same parameters, and a hash that no
/// password is known to have.
pub(super) const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params =
        Params::new(19 * 1024, 2, 1, None).map_err(|error| Fault::Internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password, freshly salted.
pub(crate) fn hash(password: &[u8]) -> Result<String, Fault> {
    let mut salt = [0; 16];
    rand::fill(&mut salt)
        .map_err(|_| Fault::Internal("the random number generator failed".to_owned()))?;
    let hash = argon2()?
        .hash_password_with_salt(password, &salt)
        .map_err(|error| Fault::Internal(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `text` is the PHC string of an argon2id hash.
pub(crate) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok()
}

/// Whether `password` is the one `stored` was made of.
pub(crate) fn verify(password: &[u8], stored: &str) -> Result<bool, Fault> {
    let broken = |error: password_hash::Error| {
        Fault::Internal(format!("a stored password hash cannot be used: {error}"))
    };
    let stored = PasswordHash::new(stored).map_err(|error| {
        Fault::Internal(format!("a stored password hash cannot be read: {error}"))
    })?;
    match argon2()?.verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(broken(error)),
    }
}
