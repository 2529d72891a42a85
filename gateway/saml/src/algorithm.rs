//! The algorithms that are used and accepted: everything else is refused before any cryptography.

use crate::uri;

/// A signature algorithm. SHA-1, HMAC and DSA are none of them (SM-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaSha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-256, which every relying party knows.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaSha512,
}

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
    ];

    /// The URI that names it.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::EcdsaSha256 => uri::ECDSA_SHA256,
            Self::EcdsaSha384 => uri::ECDSA_SHA384,
            Self::RsaSha256 => uri::RSA_SHA256,
            Self::RsaSha384 => uri::RSA_SHA384,
            Self::RsaSha512 => uri::RSA_SHA512,
        }
    }

    /// The algorithm of this name.
    pub fn from_uri(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.uri() == name)
    }

    /// The kind of key it works with.
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::EcdsaSha256 => KeyKind::P256,
            Self::EcdsaSha384 => KeyKind::P384,
            Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => KeyKind::Rsa,
        }
    }
}

/// Kinds of public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An elliptic curve key on P-256.
    P256,
    /// An elliptic curve key on P-384.
    P384,
    /// An RSA key.
    Rsa,
}

/// How content is encrypted. Modes without authentication are none of them: they tell their plaintext to
/// whoever may try often enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    #[default]
    Aes256Gcm,
}

impl Cipher {
    /// The URI that names it.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Aes128Gcm => uri::AES128_GCM,
            Self::Aes256Gcm => uri::AES256_GCM,
        }
    }

    /// The cipher of this name.
    pub fn from_uri(name: &str) -> Option<Self> {
        [Self::Aes128Gcm, Self::Aes256Gcm]
            .into_iter()
            .find(|one| one.uri() == name)
    }

    pub(crate) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm => 32,
        }
    }
}

/// How the content's key is sent. RSA with PKCS #1 v1.5 padding is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyTransport {
    /// RSA-OAEP with SHA-1 in both places, the one form that all relying parties can read. The security of
    /// OAEP does not rest on SHA-1's collision resistance.
    #[default]
    OaepSha1,
    /// RSA-OAEP with SHA-256 in both places.
    OaepSha256,
}
