//! A sign-in that takes several rounds. Nothing of it is kept here: the client carries it, under a MAC.

use std::fmt;

use aws_lc_rs::{
    hmac::{HMAC_SHA256, Key, sign, verify},
    rand::SystemRandom,
};
use cambist_core::Timestamp;

/// Seconds that a user may take to type.
const LIFE: u64 = 300;

/// Protects sign-ins under way. It lives as long as the process.
pub struct SignInKey(Key);

impl fmt::Debug for SignInKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInKey(hidden)")
    }
}

impl SignInKey {
    /// A new key. None when the machine has no randomness to give.
    pub fn draw() -> Option<Self> {
        Key::generate(HMAC_SHA256, &SystemRandom::new())
            .ok()
            .map(Self)
    }

    /// An `authId` for a sign-in to `service` of `realm`.
    pub(super) fn begin(&self, realm: &str, service: Option<&str>, now: Timestamp) -> String {
        let until = now.plus(LIFE).0;
        let mac = sign(&self.0, &said(realm, service, until));
        let mac = base64_simd::URL_SAFE_NO_PAD.encode_to_string(mac.as_ref());
        format!("{until}.{mac}")
    }

    /// Whether `id` is such an `authId` and its time is not over.
    pub(super) fn is_begun(
        &self,
        id: &str,
        realm: &str,
        service: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let Some((until, mac)) = id.split_once('.') else {
            return false;
        };
        let (Ok(until), Ok(mac)) = (
            until.parse::<u64>(),
            base64_simd::URL_SAFE_NO_PAD.decode_to_vec(mac),
        ) else {
            return false;
        };
        now.0 < until && verify(&self.0, &said(realm, service, until), &mac).is_ok()
    }
}

fn said(realm: &str, service: Option<&str>, until: u64) -> Vec<u8> {
    format!("{until}\0{realm}\0{}", service.unwrap_or_default()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_belongs_to_its_realm_service_and_time() {
        let (key, other) = (SignInKey::draw().unwrap(), SignInKey::draw().unwrap());
        let now = Timestamp(1000);
        let id = key.begin("/alpha", Some("ldap"), now);
        assert!(key.is_begun(&id, "/alpha", Some("ldap"), now.plus(299)));
        assert!(!key.is_begun(&id, "/alpha", Some("ldap"), now.plus(300)));
        assert!(!key.is_begun(&id, "/", Some("ldap"), now));
        assert!(!key.is_begun(&id, "/alpha", None, now));
        assert!(!other.is_begun(&id, "/alpha", Some("ldap"), now));
        let later = id.replacen("1300", "9300", 1);
        for forged in ["", ".", "1300.", "x", &later] {
            assert!(
                !key.is_begun(forged, "/alpha", Some("ldap"), now),
                "{forged}"
            );
        }
    }
}
