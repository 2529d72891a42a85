//! One public key of a key set (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

use aws_lc_rs::{
    digest, hmac,
    signature::{
        self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
    },
};
use cambist_core::Rejection;
use serde_json::{Map, Value};

use super::{Algorithm, base64url};

/// A parsed key, ready to verify with.
#[derive(Clone)]
pub(super) enum Verifier {
    Mac(Box<hmac::Key>),
    Signature(ParsedPublicKey),
}

impl Verifier {
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Mac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Signature(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// A key and the algorithms it verifies with.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) verifiers: Vec<(Algorithm, Verifier)>,
}

impl Key {
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        self.verifiers
            .iter()
            .find(|(known, _)| *known == algorithm)
            .map(|(_, verifier)| verifier)
    }
}

/// Why a JWK did not become a [`Key`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// A kind of key, or a purpose, that is none of ours.
    Foreign,
    /// It should have been a key of ours and is not acceptable.
    Refused(&'static str),
}

use Unusable::{Foreign, Refused};

/// Members that only private or symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

pub(super) fn is_secret(jwk: &Map<String, Value>) -> bool {
    text(jwk, "kty") == Some("oct") || SECRET_MEMBERS.iter().any(|name| jwk.contains_key(*name))
}

/// Reads one member of a set's `keys`.
pub(super) fn parse(jwk: &Map<String, Value>) -> Result<Key, Unusable> {
    let id = match jwk.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(Refused("`kid` is not a string")),
    };
    check_purpose(jwk)?;
    let declared = match jwk.get("alg") {
        None => None,
        Some(Value::String(name)) => Some(Algorithm::from_name(name).ok_or(Foreign)?),
        Some(_) => return Err(Refused("`alg` is not a string")),
    };
    let mut verifiers = match text(jwk, "kty") {
        Some("EC") => ec(jwk)?,
        Some("OKP") => okp(jwk)?,
        Some("RSA") => rsa(jwk, declared)?,
        Some(_) => return Err(Foreign),
        None => return Err(Refused("`kty` is not a string")),
    };
    if let Some(declared) = declared {
        verifiers.retain(|(algorithm, _)| *algorithm == declared);
        if verifiers.is_empty() {
            return Err(Refused("`alg` does not fit the kind of key"));
        }
    }
    Ok(Key { id, verifiers })
}

/// SJ-03: `use` and `key_ops` must allow verification of signatures.
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    match jwk.get("use") {
        None => {}
        // SPIFFE bundles name the purpose of their JWT keys in their own way (SPIFFE Trust Domain §4.2.2).
        Some(Value::String(purpose)) if purpose == "sig" || purpose == "jwt-svid" => {}
        Some(Value::String(_)) => return Err(Foreign),
        Some(_) => return Err(Refused("`use` is not a string")),
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().all(Value::is_string) => {
            let verifies = operations.iter().any(|operation| operation == "verify");
            if verifies { Ok(()) } else { Err(Foreign) }
        }
        Some(_) => Err(Refused("`key_ops` is not a list of strings")),
    }
}

/// Reads the public key that a proof of possession brings along (RFC 9449 §4.2) and its thumbprint.
pub(super) fn presented(
    jwk: &Map<String, Value>,
    algorithm: Algorithm,
) -> Result<(Verifier, String), Rejection> {
    if is_secret(jwk) {
        return Err(Rejection::Malformed);
    }
    let key = parse(jwk).map_err(|_| Rejection::Malformed)?;
    let verifier = key
        .verifiers
        .into_iter()
        .find(|(known, _)| *known == algorithm)
        .map(|(_, verifier)| verifier)
        .ok_or(Rejection::AlgorithmNotAllowed)?;
    Ok((verifier, thumbprint(jwk).ok_or(Rejection::Malformed)?))
}

/// The SHA-256 thumbprint of a public key (RFC 7638 §3, RFC 8037 §2), in base64url.
pub(super) fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let members: &[&str] = match text(jwk, "kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let covered: Option<Map<String, Value>> = members
        .iter()
        .map(|name| {
            Some((
                (*name).to_owned(),
                Value::String(text(jwk, name)?.to_owned()),
            ))
        })
        .collect();
    // `serde_json` writes members in alphabetical order and without spaces, as RFC 7638 §3.3 wants it.
    let canonical = Value::Object(covered?).to_string();
    let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
    Some(base64url::encode(digest.as_ref()))
}

fn ec(jwk: &Map<String, Value>) -> Result<Vec<(Algorithm, Verifier)>, Unusable> {
    let (algorithm, parameters, length): (_, &'static EcdsaVerificationAlgorithm, _) =
        match text(jwk, "crv").ok_or(Refused("`crv` is not a string"))? {
            "P-256" => (Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED, 32),
            "P-384" => (Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED, 48),
            _ => return Err(Foreign),
        };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(Refused("a coordinate has the wrong length"));
    }
    let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
    let key =
        ParsedPublicKey::new(parameters, point).map_err(|_| Refused("not a point of the curve"))?;
    Ok(vec![(algorithm, Verifier::Signature(key))])
}

/// Encodings of the points of small order, sign bit cleared (RFC 8032 §5.1.7 lets a verifier refuse
/// them): a signature under such a key fits many messages.
const SMALL_ORDER: [[u8; 32]; 7] = {
    const fn near_p(lowest: u8) -> [u8; 32] {
        let mut point = [0xff; 32];
        point[0] = lowest;
        point[31] = 0x7f;
        point
    }
    const fn small(lowest: u8) -> [u8; 32] {
        let mut point = [0; 32];
        point[0] = lowest;
        point
    }
    [
        small(0),
        small(1),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
        near_p(0xec),
        near_p(0xed),
        near_p(0xee),
    ]
};

fn okp(jwk: &Map<String, Value>) -> Result<Vec<(Algorithm, Verifier)>, Unusable> {
    match text(jwk, "crv").ok_or(Refused("`crv` is not a string"))? {
        "Ed25519" => {}
        _ => return Err(Foreign),
    }
    let mut point: [u8; 32] = bytes(jwk, "x")?
        .try_into()
        .map_err(|_| Refused("`x` has the wrong length"))?;
    let key = ParsedPublicKey::new(&signature::ED25519, point)
        .map_err(|_| Refused("not a point of the curve"))?;
    if let Some(highest) = point.last_mut() {
        *highest &= 0x7f;
    }
    if SMALL_ORDER.contains(&point) {
        return Err(Refused("a point of small order"));
    }
    Ok(vec![(Algorithm::EdDsa, Verifier::Signature(key))])
}

fn rsa(
    jwk: &Map<String, Value>,
    declared: Option<Algorithm>,
) -> Result<Vec<(Algorithm, Verifier)>, Unusable> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    check_rsa(&n, &e)?;
    Algorithm::ASYMMETRIC
        .into_iter()
        .filter(|algorithm| declared.is_none_or(|declared| declared == *algorithm))
        .filter_map(|algorithm| Some((algorithm, rsa_parameters(algorithm)?)))
        .map(|(algorithm, parameters)| Ok((algorithm, rsa_verifier(&n, &e, parameters)?)))
        .collect()
}

/// SJ-16: 2048 to 8192 bits, an odd exponent above one that fits in 33 bits.
pub(super) fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), Unusable> {
    let leading = n.first().ok_or(Refused("`n` is empty"))?.leading_zeros();
    let bits = u32::try_from(n.len())
        .ok()
        .and_then(|bytes| bytes.checked_mul(8))
        .ok_or(Refused("`n` is too long"))?;
    if leading == 8 || !(2048..=8192).contains(&(bits - leading)) {
        return Err(Refused("an RSA modulus must have 2048 to 8192 bits"));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|lowest| lowest & 1 == 1);
    let plausible = match e {
        [] | [0, ..] | [1] => false,
        [first, rest @ ..] => rest.len() < 4 || (rest.len() == 4 && *first == 1),
    };
    if plausible && odd(e) && odd(n) {
        Ok(())
    } else {
        Err(Refused(
            "not an RSA key: `e` and `n` must be odd and `e` above 1",
        ))
    }
}

pub(super) fn rsa_verifier(
    n: &[u8],
    e: &[u8],
    parameters: &'static RsaParameters,
) -> Result<Verifier, Unusable> {
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map(Verifier::Signature)
        .map_err(|_| Refused("not an RSA key"))
}

pub(super) fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    })
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    text(jwk, name)
        .and_then(|text| base64url::decode(text.as_bytes()))
        .ok_or(Refused("a member is missing or not canonical base64url"))
}
