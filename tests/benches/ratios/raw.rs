//! The bare cryptography that an exchange cannot do without.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use tests::http::Failure;

use crate::cpu::median_micros;

/// A message as long as the signed part of a typical access token.
const MESSAGE: [u8; 541] = [b'm'; 541];

/// CPU microseconds of one ES256 signature.
pub(crate) fn es256_sign() -> Result<f64, Failure> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let random = SystemRandom::new();
    Ok(median_micros(400, || {
        let _ = key.sign(&random, &MESSAGE);
    }))
}

/// CPU microseconds of one ES256 verification.
pub(crate) fn es256_verify() -> Result<f64, Failure> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let signature = key.sign(&SystemRandom::new(), &MESSAGE)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key())?;
    assert!(
        public.verify_sig(&MESSAGE, signature.as_ref()).is_ok(),
        "the reference itself must verify"
    );
    Ok(median_micros(400, || {
        let _ = public.verify_sig(&MESSAGE, signature.as_ref());
    }))
}

/// CPU microseconds of one RS256 (2048 bit) verification.
pub(crate) fn rs256_verify() -> Result<f64, Failure> {
    let key = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        &MESSAGE,
        &mut signature,
    )?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key())?;
    assert!(
        public.verify_sig(&MESSAGE, &signature).is_ok(),
        "the reference itself must verify"
    );
    Ok(median_micros(400, || {
        let _ = public.verify_sig(&MESSAGE, &signature);
    }))
}
