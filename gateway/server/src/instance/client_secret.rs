//! Client secrets: what is kept of them and how one is checked.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use aws_lc_rs::{constant_time, digest};
use cambist_core::Fault;

use crate::{directory::password, heavy::HeavyPool, publish_error::PublishError};

/// From this many characters on a secret counts as machine-made, and a single hash keeps it.
const HIGH_ENTROPY_CHARACTERS: usize = 32;
/// Shorter secrets than this are refused: even argon2id cannot save them.
const SHORTEST_CHARACTERS: usize = 12;
/// Longest secret that is looked at.
const LONGEST_BYTES: usize = 512;

/// What is kept of a client's secret.
pub enum ClientSecret {
    /// SHA-256 of a high-entropy secret.
    Digest([u8; 32]),
    /// argon2id of one that a person may have chosen.
    Slow {
        /// The PHC string.
        phc: String,
        /// SHA-256 of the secret that last verified, so that a warm client costs one hash. It lives and
        /// ends with the published instance.
        verified: ArcSwapOption<[u8; 32]>,
    },
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

impl ClientSecret {
    /// Turns a secret in clear into what a document keeps of it. Blocking for low-entropy secrets.
    pub fn hash(secret: &str) -> Result<String, PublishError> {
        let characters = secret.chars().count();
        if characters < SHORTEST_CHARACTERS || secret.len() > LONGEST_BYTES {
            return Err(PublishError::new(
                "secret",
                format!("has {characters} characters"),
                format!(
                    "use {HIGH_ENTROPY_CHARACTERS} or more random ones, for example `openssl rand -hex 32`; at least {SHORTEST_CHARACTERS}, at most {LONGEST_BYTES} bytes"
                ),
            ));
        }
        if characters >= HIGH_ENTROPY_CHARACTERS {
            let hash = digest::digest(&digest::SHA256, secret.as_bytes());
            return Ok(format!("sha256:{}", hex(hash.as_ref())));
        }
        password::hash(secret.as_bytes())
            .map_err(|reason| PublishError::new("secret", reason.to_string(), "try again"))
    }

    /// Reads what a document keeps.
    pub fn parse(kept: &str) -> Result<Self, PublishError> {
        if let Some(digits) = kept.strip_prefix("sha256:") {
            let hash = unhex(digits).ok_or_else(|| {
                PublishError::new(
                    "secret_hash",
                    "is not SHA-256 in hexadecimal",
                    "send `sha256:` and 64 hexadecimal digits",
                )
            })?;
            return Ok(Self::Digest(hash));
        }
        if password::is_hash(kept) {
            return Ok(Self::Slow {
                phc: kept.to_owned(),
                verified: ArcSwapOption::empty(),
            });
        }
        Err(PublishError::new(
            "secret_hash",
            "is of no known form",
            "send `sha256:<hex>` or an argon2id PHC string, or `secret` in clear",
        ))
    }

    /// Whether `presented` is the secret. Constant time in what is compared.
    pub async fn matches(&self, presented: &str, heavy: &HeavyPool) -> Result<bool, Fault> {
        if presented.len() > LONGEST_BYTES {
            return Ok(false);
        }
        let hash = sha256(presented.as_bytes());
        match self {
            Self::Digest(known) => Ok(same(known, &hash)),
            Self::Slow { phc, verified } => {
                if verified
                    .load()
                    .as_ref()
                    .is_some_and(|known| same(known, &hash))
                {
                    return Ok(true);
                }
                let (phc, secret) = (
                    phc.clone(),
                    zeroize::Zeroizing::new(presented.as_bytes().to_vec()),
                );
                let matches = heavy.run(move || password::verify(&secret, &phc)).await??;
                if matches {
                    verified.store(Some(Arc::new(hash)));
                }
                Ok(matches)
            }
        }
    }
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            use fmt::Write;
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
