//! Argon2id with the parameters of RFC 9106's low-memory advice reduced to what OWASP still recommends:
//! 19 MiB, two passes, one lane.

mod memory;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use aws_lc_rs::{constant_time, rand};
use cambist_core::Fault;
use zeroize::Zeroizing;

/// Longest password in bytes. Longer ones are refused unhashed.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// What the password of an unknown user is compared with: the same parameters, and a hash that no
/// password is known to have.
pub(super) const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Bytes of a fresh hash.
const HASH_BYTES: usize = 32;

fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::Internal(format!("a password cannot be hashed: {error}"))
}

/// The PHC string of a password, freshly salted.
pub(crate) fn hash(password: &[u8]) -> Result<String, Fault> {
    let mut salt = [0; 16];
    rand::fill(&mut salt)
        .map_err(|_| Fault::Internal("the random number generator failed".to_owned()))?;
    let blocks = u32::try_from(memory::USUAL).map_err(broken)?;
    let params = Params::new(blocks, 2, 1, None).map_err(broken)?;
    let written = ParamsString::try_from(&params).map_err(broken)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let made = derive(&argon2, password, &salt, HASH_BYTES)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: written,
        salt: Some(Salt::new(&salt).map_err(broken)?),
        hash: Some(Output::new(&made).map_err(broken)?),
    };
    Ok(hash.to_string())
}

fn derive(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut made = Zeroizing::new(vec![0; length]);
    let blocks = argon2.params().block_count();
    let outcome = memory::lend(blocks, |blocks| {
        argon2.hash_password_into_with_memory(password, salt, &mut made, blocks)
    });
    outcome?.map_err(broken)?;
    Ok(made)
}

/// Whether `text` is the PHC string of an argon2id hash.
pub(crate) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok()
}

/// Whether `password` is the one `stored` was made of.
pub(crate) fn verify(password: &[u8], stored: &str) -> Result<bool, Fault> {
    fn unusable(error: impl std::fmt::Display) -> Fault {
        Fault::Internal(format!("a stored password hash cannot be used: {error}"))
    }
    let stored = PasswordHash::new(stored).map_err(unusable)?;
    let (Some(salt), Some(known)) = (&stored.salt, &stored.hash) else {
        return Err(unusable("it has no salt or no hash"));
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(unusable)?;
    let version = stored.version.map(Version::try_from).transpose();
    let version = version.map_err(unusable)?.unwrap_or_default();
    let params = Params::try_from(&stored).map_err(unusable)?;
    let made = derive(
        &Argon2::new(algorithm, version, params),
        password,
        salt,
        known.len(),
    )?;
    Ok(constant_time::verify_slices_are_equal(&made, known.as_bytes()).is_ok())
}
