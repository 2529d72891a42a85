//! Signatures of others: first their shape, strictly, then their cryptography under configured keys.
//! Nothing that a document says about keys is looked at.

mod shape;

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use bergshamra::{
    DsigContext, KeysManager, VerifyResult, dsig::verify::verify_all_document,
    xml::uppsala::Document,
};
use kryptering::algorithm::{EcCurve, HashAlgorithm, SignatureAlgorithm as Declared};

use crate::{algorithm::SignatureAlgorithm, certificate::Certificate, dom::Node, refusal::Refusal};
use shape::Found;

/// A key of a trusted issuer, parsed once for each algorithm it may sign with.
pub struct TrustedKey {
    contexts: Vec<(SignatureAlgorithm, DsigContext)>,
}

/// A certificate's key cannot be trusted: RSA keys need 2048 to 8192 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate's key is not acceptable")]
pub struct UnacceptableKey;

impl TrustedKey {
    /// Trusts the key of a certificate. Nothing else about the certificate is asked: it was configured.
    pub fn new(certificate: &Certificate) -> Result<Self, UnacceptableKey> {
        let contexts = SignatureAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.key_kind() == certificate.kind())
            .map(|algorithm| {
                let (method, declared) = method(algorithm);
                let key = ParsedPublicKey::new(method, certificate.key_with_algorithm())
                    .map_err(|_| UnacceptableKey)?;
                let verifier = Box::new(KnownKey { declared, key });
                let context = DsigContext::new(KeysManager::new()).with_hsm_verifier(verifier);
                Ok((algorithm, context))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { contexts })
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.contexts.iter().map(|(algorithm, _)| algorithm);
        f.debug_list().entries(algorithms).finish()
    }
}

/// An element whose signature has been verified: what stands in it, and nothing else, is authentic.
#[derive(Clone, Copy)]
pub(crate) struct Verified<'d>(Node<'d>);

impl<'d> Verified<'d> {
    /// For tests of what comes behind verification.
    #[cfg(test)]
    pub(crate) const fn unchecked(node: Node<'d>) -> Self {
        Self(node)
    }

    pub(crate) const fn node(self) -> Node<'d> {
        self.0
    }

    /// An element within one that was verified is verified too.
    pub(crate) fn within(self, node: Node<'d>) -> Option<Self> {
        let mut ancestor = node.parent();
        while let Some(found) = ancestor {
            if found.id() == self.0.id() {
                return Some(Self(node));
            }
            ancestor = found.parent();
        }
        None
    }

    /// The plaintext of something that stood, encrypted, within a verified element.
    pub(crate) const fn decrypted_within(self, root: Node<'d>) -> Self {
        let _ = self;
        Self(root)
    }
}

/// The signatures of a document, shaped as they must be, not verified yet.
pub(crate) struct Signatures<'d> {
    document: &'d Document<'d>,
    found: Vec<Found<'d>>,
}

impl<'d> Signatures<'d> {
    /// Finds all signatures and refuses any that is not where and how it must be.
    pub(crate) fn find(document: &'d Document<'d>) -> Result<Self, Refusal> {
        Ok(Self {
            document,
            found: shape::find(document)?,
        })
    }

    /// Verifies all of them, each under one key of the issuer, and tells what they cover.
    pub(crate) fn verify(self, keys: &[TrustedKey]) -> Result<Covered<'d>, Refusal> {
        let mut verified = Vec::with_capacity(self.found.len());
        for (algorithm, context) in keys.iter().flat_map(|key| &key.contexts) {
            if verified.len() == self.found.len() {
                break;
            }
            if self.found.iter().any(|one| one.algorithm == *algorithm) {
                self.verify_under(context, &mut verified);
            }
        }
        if verified.len() == self.found.len() {
            Ok(Covered(verified))
        } else {
            Err(Refusal::BadSignature)
        }
    }

    fn verify_under(&self, context: &DsigContext, verified: &mut Vec<Verified<'d>>) {
        let Ok(results) = verify_all_document(context, self.document) else {
            return;
        };
        for result in results {
            let all_digests_match = result.all_reference_digests_verified();
            let VerifyResult::Valid {
                signature_node,
                references,
                ..
            } = result
            else {
                continue;
            };
            // What was digested must be what the signature stands in, which is what will be read (SM-01).
            let covered = self.found.iter().find(|one| {
                one.signature.id() == signature_node
                    && references
                        .iter()
                        .all(|reference| reference.resolved_node == Some(one.parent.id()))
            });
            if let Some(one) = covered
                && all_digests_match
                && references.len() == 1
                && verified.iter().all(|known| known.0.id() != one.parent.id())
            {
                verified.push(Verified(one.parent));
            }
        }
    }
}

/// What the signatures of a document cover.
pub(crate) struct Covered<'d>(Vec<Verified<'d>>);

impl<'d> Covered<'d> {
    /// The element as one that has been verified: it was signed itself, or all that it stands in was.
    pub(crate) fn get(&self, node: Node<'d>) -> Option<Verified<'d>> {
        self.0.iter().find_map(|verified| {
            if verified.0.id() == node.id() {
                Some(*verified)
            } else {
                verified.within(node)
            }
        })
    }
}

struct KnownKey {
    declared: Declared,
    key: ParsedPublicKey,
}

impl kryptering::Verifier for KnownKey {
    fn algorithm(&self) -> Declared {
        self.declared
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> kryptering::error::Result<bool> {
        Ok(self.key.verify_sig(data, signature).is_ok())
    }
}

fn method(algorithm: SignatureAlgorithm) -> (&'static dyn VerificationAlgorithm, Declared) {
    match algorithm {
        SignatureAlgorithm::EcdsaSha256 => (
            &ECDSA_P256_SHA256_FIXED,
            Declared::Ecdsa(EcCurve::P256, HashAlgorithm::Sha256),
        ),
        SignatureAlgorithm::EcdsaSha384 => (
            &ECDSA_P384_SHA384_FIXED,
            Declared::Ecdsa(EcCurve::P384, HashAlgorithm::Sha384),
        ),
        SignatureAlgorithm::RsaSha256 => (
            &RSA_PKCS1_2048_8192_SHA256,
            Declared::RsaPkcs1v15(HashAlgorithm::Sha256),
        ),
        SignatureAlgorithm::RsaSha384 => (
            &RSA_PKCS1_2048_8192_SHA384,
            Declared::RsaPkcs1v15(HashAlgorithm::Sha384),
        ),
        SignatureAlgorithm::RsaSha512 => (
            &RSA_PKCS1_2048_8192_SHA512,
            Declared::RsaPkcs1v15(HashAlgorithm::Sha512),
        ),
    }
}
