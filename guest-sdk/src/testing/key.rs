use hmac::{Hmac, Mac};
use sha2::Sha256;

type Sign = dyn Fn(&[u8]) -> Vec<u8>;
type Verify = dyn Fn(&[u8], &[u8]) -> bool;

/// A key on the bench.
pub(crate) struct BenchKey {
    pub(crate) algorithm: String,
    pub(crate) sign: Box<Sign>,
    pub(crate) verify: Box<Verify>,
    pub(crate) public_jwk: Option<String>,
}

impl BenchKey {
    pub(crate) fn hmac(secret: &[u8]) -> Self {
        // HMAC pads or hashes a key of any length (RFC 2104 §2).
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        let verifying = mac.clone();
        Self {
            algorithm: "HS256".to_owned(),
            sign: Box::new(move |data| {
                mac.clone()
                    .chain_update(data)
                    .finalize()
                    .into_bytes()
                    .to_vec()
            }),
            verify: Box::new(move |data, signature| {
                verifying
                    .clone()
                    .chain_update(data)
                    .verify_slice(signature)
                    .is_ok()
            }),
            public_jwk: None,
        }
    }
}
