//! The secret half of a signing key, as the cryptographic library holds it.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::{KeyRejected, Unspecified},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Algorithm, KeyError, base64url, der};

pub(super) enum Pair {
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    Mac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Makes a new private key, in PKCS#8 form.
pub(super) fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if let Some((curve, _)) = curve(algorithm) {
        return Ok(Zeroizing::new(
            EcdsaKeyPair::generate(curve)?
                .to_pkcs8v1()?
                .as_ref()
                .to_vec(),
        ));
    }
    let der: Pkcs8V1Der<'_> = match algorithm {
        Algorithm::EdDsa => Ed25519KeyPair::generate()?.as_der()?,
        rsa if rsa.is_rsa() => RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?,
        _ => {
            return Err(unfit(
                algorithm,
                "a shared secret is configured, not generated",
            ));
        }
    };
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

impl Pair {
    pub(super) fn from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let rejected = |error: KeyRejected| unfit(algorithm, &error.to_string());
        if let Some((curve, name)) = curve(algorithm) {
            return EcdsaKeyPair::from_pkcs8(curve, der)
                .map(|pair| Self::Ecdsa(pair, name))
                .map_err(rejected);
        }
        if algorithm == Algorithm::EdDsa {
            return Ed25519KeyPair::from_pkcs8(der)
                .map(Self::Ed25519)
                .map_err(rejected);
        }
        let encoding = rsa_encoding(algorithm)
            .ok_or_else(|| unfit(algorithm, "a shared secret is needed, not a private key"))?;
        RsaKeyPair::from_pkcs8(der)
            .map(|pair| Self::Rsa(pair, encoding))
            .map_err(rejected)
    }

    /// The members of its JWK that a thumbprint covers, in their order (RFC 7638 §3.2, RFC 8037 §2). None
    /// for a shared secret.
    pub(super) fn public(&self) -> Option<Value> {
        match self {
            Self::Ecdsa(pair, curve) => {
                let (_, point) = pair.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                Some(
                    json!({"crv": curve, "kty": "EC", "x": base64url::encode(x), "y": base64url::encode(y)}),
                )
            }
            Self::Ed25519(pair) => Some(
                json!({"crv": "Ed25519", "kty": "OKP", "x": base64url::encode(pair.public_key().as_ref())}),
            ),
            Self::Mac(_) => None,
            Self::Rsa(pair, _) => {
                let (n, e) = der::rsa_public_key(pair.public_key().as_ref())?;
                Some(json!({"e": base64url::encode(e), "kty": "RSA", "n": base64url::encode(n)}))
            }
        }
    }

    /// Appends the signature of all that is in `message` so far, behind a dot.
    pub(super) fn finish(&self, message: &mut String) -> Result<(), Unspecified> {
        let made = self.sign(message.as_bytes())?;
        message.push('.');
        base64url::append(made.as_ref(), message);
        Ok(())
    }

    /// The signature or MAC of `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Made, Unspecified> {
        match self {
            Self::Ecdsa(pair, _) => pair.sign(&SystemRandom::new(), message).map(Made::Short),
            Self::Ed25519(pair) => pair.try_sign(message).map(Made::Short),
            Self::Mac(key) => Ok(Made::Tag(hmac::sign(key, message))),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(Made::Long(signature))
            }
        }
    }
}

/// A signature or MAC, as the library hands it out.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one call; a box would cost every signature an allocation"
)]
pub(super) enum Made {
    Long(Vec<u8>),
    Short(signature::Signature),
    Tag(hmac::Tag),
}

impl AsRef<[u8]> for Made {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Long(signature) => signature,
            Self::Short(signature) => signature.as_ref(),
            Self::Tag(tag) => tag.as_ref(),
        }
    }
}

pub(super) fn unfit(algorithm: Algorithm, reason: &str) -> KeyError {
    KeyError::Unfit {
        algorithm,
        reason: reason.to_owned(),
    }
}

fn curve(algorithm: Algorithm) -> Option<(&'static EcdsaSigningAlgorithm, &'static str)> {
    match algorithm {
        Algorithm::Es256 => Some((&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")),
        Algorithm::Es384 => Some((&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
        _ => None,
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        _ => return None,
    })
}
