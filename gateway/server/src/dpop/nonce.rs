//! Nonces without memory: a period of time and a MAC over it (RFC 9449 §8).

use aws_lc_rs::{constant_time, hmac, rand};
use cambist_core::Timestamp;
use zeroize::Zeroizing;

/// How long one nonce is given out, in seconds. It is accepted for one more such period.
const PERIOD: u64 = 60;
/// Bytes of the MAC that a nonce shows.
const MAC_BYTES: usize = 16;

/// Makes and recognises nonces.
pub struct Nonces(hmac::Key);

impl Nonces {
    /// With a fresh key. None when the machine has no randomness to give.
    pub fn new() -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).ok()?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &*key)))
    }

    /// The nonce of this moment.
    pub fn current(&self, now: Timestamp) -> String {
        self.of(now.0 / PERIOD)
    }

    /// Whether `nonce` is that of this period or of the one before.
    pub fn is_ours(&self, nonce: &str, now: Timestamp) -> bool {
        let period = now.0 / PERIOD;
        [period, period.saturating_sub(1)].iter().any(|period| {
            let known = self.of(*period);
            constant_time::verify_slices_are_equal(known.as_bytes(), nonce.as_bytes()).is_ok()
        })
    }

    fn of(&self, period: u64) -> String {
        let tag = hmac::sign(&self.0, &period.to_be_bytes());
        let shown = tag.as_ref().get(..MAC_BYTES).unwrap_or_default();
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(shown)
    }
}
