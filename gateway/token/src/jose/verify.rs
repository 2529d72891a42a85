//! Verification of signed tokens: one order of steps, each a refusal unless passed.

use std::{fmt, sync::Arc};

use cambist_core::{Rejection, Timestamp};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    Algorithm, KeySet, base64url,
    header::{self, Header},
    json,
    jwk::{self, Verifier},
};

/// Largest accepted token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How long an answer is one, in seconds: it was asked for just now.
const ANSWER_LIFE: u64 = 30;
/// Most clock difference that is ever tolerated, in seconds.
pub const MAX_LEEWAY: u64 = 60;

const MAX_KEY_ID_BYTES: usize = 256;
const MAX_SIGNATURE_BYTES: usize = 1024;
/// The largest whole number a JSON number holds exactly (RFC 8259 §6).
const LATEST: f64 = 9_007_199_254_740_992.0;

/// What a token must be to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Algorithms the issuer may sign with (RFC 8725 §3.1).
    pub algorithms: &'a [Algorithm],
    /// The issuer's keys.
    pub keys: &'a KeySet,
    /// Accepted `typ` values without `application/`, compared without regard to case (RFC 7515 §4.1.9).
    pub types: &'a [&'a str],
    /// Whether a header without `typ` is accepted too.
    pub typ_may_be_absent: bool,
    /// The exact `iss`.
    pub issuer: &'a str,
    /// Accepted audiences; a token must name at least one. None given, none accepted.
    pub audiences: &'a [String],
    /// Tolerated clock difference in seconds; never more than [`MAX_LEEWAY`] counts.
    pub leeway: u64,
    /// The moment the token is judged at.
    pub now: Timestamp,
}

/// A token whose signature and claims have been verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// All claims.
    pub claims: Map<String, Value>,
    /// The `kid` of the key that verified it, if the header named one.
    pub key_id: Option<String>,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The later of `nbf` and `iat`, whole; zero without either.
    pub valid_from: Timestamp,
    /// `exp`, without its fraction.
    pub expires_at: Timestamp,
    /// `aud`.
    pub audiences: Vec<String>,
    /// Whether the header's `typ` names a kind of token: it is there, and not the `JWT` that any may have.
    pub names_its_kind: bool,
}

/// Verifies a token of at most [`MAX_TOKEN_BYTES`].
pub fn verify(token: &[u8], expected: &Expected<'_>) -> Result<Verified, Rejection> {
    Unverified::parse(token, MAX_TOKEN_BYTES)?.verify(expected)
}

/// The `iss` a token claims to have, to choose whose rules to apply. Nothing about it has been verified.
pub fn peek_issuer(token: &[u8]) -> Option<String> {
    Unverified::parse(token, MAX_TOKEN_BYTES).ok()?.issuer()
}

/// A token taken apart, nothing of it verified.
pub struct Unverified<'a> {
    signing_input: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
    header: Arc<Header>,
    algorithm: Algorithm,
}

impl<'a> Unverified<'a> {
    /// Takes a compact JWS of at most `max_bytes` apart. Only its one canonical spelling is accepted.
    pub fn parse(token: &'a [u8], max_bytes: usize) -> Result<Self, Rejection> {
        if token.len() > max_bytes {
            return Err(Rejection::TooLarge);
        }
        let mut segments = token.splitn(4, |byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) = (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) else {
            return Err(Rejection::Malformed);
        };
        let signing_input = token
            .get(..header.len() + 1 + payload.len())
            .ok_or(Rejection::Malformed)?;
        let decode = |segment| base64url::decode(segment).ok_or(Rejection::Malformed);
        let header = header::of(header)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        if signature.is_empty() || signature.len() > MAX_SIGNATURE_BYTES {
            return Err(Rejection::Malformed);
        }
        let algorithm = header.algorithm.as_deref().ok_or(Rejection::Malformed)?;
        let algorithm = Algorithm::from_name(algorithm).ok_or(Rejection::AlgorithmNotAllowed)?;
        Ok(Self {
            signing_input,
            payload,
            signature,
            header,
            algorithm,
        })
    }

    /// The `kid` of its header.
    pub fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// The `alg` of its header.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `iss` it claims to have.
    pub fn issuer(&self) -> Option<String> {
        self.claimed("iss")
    }

    /// The `sub` it claims to have.
    pub fn subject(&self) -> Option<String> {
        self.claimed("sub")
    }

    fn claimed(&self, name: &'static str) -> Option<String> {
        let mut found = None;
        let mut deserializer = serde_json::Deserializer::from_slice(&self.payload);
        // That reading ended there is no error; whether all of it is JSON is found out by `json`.
        let _ = deserializer.deserialize_map(Only(name, &mut found));
        found
    }

    /// What the header alone says, checked: algorithm, steering members, `typ`, form of the `kid`. Cheap,
    /// and worth doing before keys are looked for.
    pub fn check_header(&self, expected: &Expected<'_>) -> Result<(), Rejection> {
        self.check_header_against(
            expected.algorithms,
            expected.types,
            expected.typ_may_be_absent,
        )
    }

    pub(crate) fn check_header_against(
        &self,
        algorithms: &[Algorithm],
        types: &[&str],
        typ_may_be_absent: bool,
    ) -> Result<(), Rejection> {
        if !algorithms.contains(&self.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        if self.header.is_steering || self.header.key.is_some() {
            return Err(Rejection::Malformed);
        }
        let fits = match &self.header.typ {
            Some(typ) => {
                let typ = short_type(typ);
                types.iter().any(|wanted| wanted.eq_ignore_ascii_case(typ))
            }
            None => typ_may_be_absent,
        };
        if !fits {
            return Err(Rejection::WrongType);
        }
        if self.key_id().is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
            return Err(Rejection::Malformed);
        }
        Ok(())
    }

    /// Verifies header, signature and claims, in that order.
    pub fn verify(self, expected: &Expected<'_>) -> Result<Verified, Rejection> {
        self.authenticate(expected)?;
        self.judge(expected, Issuer::Expected, Addressee::Expected)
    }

    /// Verifies a token whose key alone says who issued it (JWT-SVID §3): as [`verify`](Self::verify), and
    /// whatever `iss` says.
    pub fn verify_whoever_issued(self, expected: &Expected<'_>) -> Result<Verified, Rejection> {
        self.authenticate(expected)?;
        self.judge(expected, Issuer::Anybody, Addressee::Expected)
    }

    /// The same, whomever the token is addressed to: for the issuer, who is asked about its own.
    pub fn verify_for_any_audience(self, expected: &Expected<'_>) -> Result<Verified, Rejection> {
        self.authenticate(expected)?;
        self.judge(expected, Issuer::Expected, Addressee::Anybody)
    }

    /// Verifies what is no token but an answer that its issuer gives one party (RFC 9701 §5): made just now, and
    /// without a subject or an end of its own. Returns its claims.
    pub(crate) fn verify_answer(
        self,
        expected: &Expected<'_>,
    ) -> Result<Map<String, Value>, Rejection> {
        self.authenticate(expected)?;
        let claims = json::object(&self.payload, json::MAX_DEPTH).ok_or(Rejection::Malformed)?;
        check_issuer(&claims, expected)?;
        let audiences = audiences(&claims)?.unwrap_or_default();
        if audiences.is_empty() || !audiences.iter().all(|one| expected.audiences.contains(one)) {
            return Err(Rejection::WrongAudience);
        }
        let (_, made) = moment(&claims, "iat")?.ok_or(Rejection::Malformed)?;
        let leeway = expected.leeway.min(MAX_LEEWAY);
        if made > expected.now.plus(leeway) {
            return Err(Rejection::NotYetValid);
        }
        if made.plus(ANSWER_LIFE + leeway) < expected.now {
            return Err(Rejection::Expired);
        }
        Ok(claims)
    }

    /// Verifies a proof of possession: signed by the very key its header brings along, which must be a public
    /// one. Returns its claims, the key's thumbprint (RFC 7638) and nothing judged about either.
    pub(crate) fn verify_possession(
        self,
        typ: &str,
        algorithms: &[Algorithm],
    ) -> Result<(Map<String, Value>, String), Rejection> {
        let named = self.header.typ.as_deref().map(short_type);
        if !named.is_some_and(|named| named.eq_ignore_ascii_case(typ)) {
            return Err(Rejection::WrongType);
        }
        if !algorithms.contains(&self.algorithm) || self.algorithm.is_symmetric() {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        if self.header.is_steering {
            return Err(Rejection::Malformed);
        }
        let members = self.header.key.as_ref().ok_or(Rejection::Malformed)?;
        let (verifier, thumbprint) = jwk::presented(members, self.algorithm)?;
        self.check_signature(&verifier)?;
        let claims = json::object(&self.payload, json::MAX_DEPTH).ok_or(Rejection::Malformed)?;
        Ok((claims, thumbprint))
    }

    fn check_signature(&self, verifier: &Verifier) -> Result<(), Rejection> {
        // SJ-14: a fixed length, so that a signature has one spelling and no DER form is tried.
        if self
            .algorithm
            .signature_len()
            .is_some_and(|length| length != self.signature.len())
            || !verifier.verify(self.signing_input, &self.signature)
        {
            return Err(Rejection::BadSignature);
        }
        Ok(())
    }

    /// Verifies header and signature: afterwards it is the issuer that speaks.
    fn authenticate(&self, expected: &Expected<'_>) -> Result<(), Rejection> {
        self.check_header(expected)?;
        let verifier = expected.keys.choose(self.key_id(), self.algorithm)?;
        self.check_signature(verifier)
    }

    fn judge(
        self,
        expected: &Expected<'_>,
        issuer: Issuer,
        addressee: Addressee,
    ) -> Result<Verified, Rejection> {
        let claims = json::object(&self.payload, json::MAX_DEPTH).ok_or(Rejection::Malformed)?;
        if issuer == Issuer::Expected {
            check_issuer(&claims, expected)?;
        }
        let audiences = check_names(&claims, expected, addressee)?;
        let (valid_from, expires_at) = check_times(&claims, expected.leeway, expected.now)?;
        let names_its_kind = self
            .header
            .typ
            .as_deref()
            .is_some_and(|typ| !short_type(typ).eq_ignore_ascii_case("JWT"));
        Ok(Verified {
            claims,
            names_its_kind,
            key_id: self.header.key_id.clone(),
            algorithm: self.algorithm,
            valid_from,
            expires_at,
            audiences,
        })
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Unverified({}, {} bytes)",
            self.algorithm,
            self.signing_input.len()
        )
    }
}

/// RFC 7515 §4.1.9: `application/` may stand before a type that has no other slash.
fn short_type(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest))
            if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') =>
        {
            rest
        }
        _ => typ,
    }
}

/// SJ-08: one string, and exactly the expected one.
fn check_issuer(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Rejection> {
    match claims.get("iss") {
        Some(Value::String(issuer)) if issuer == expected.issuer => Ok(()),
        Some(Value::String(_)) => Err(Rejection::UnknownIssuer),
        _ => Err(Rejection::Malformed),
    }
}

/// Who may have issued a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Issuer {
    Anybody,
    Expected,
}

/// Whom a token may be addressed to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addressee {
    Anybody,
    Expected,
}

fn check_names(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    addressee: Addressee,
) -> Result<Vec<String>, Rejection> {
    let audiences = audiences(claims)?.ok_or(Rejection::WrongAudience)?;
    let is_expected = |audience| expected.audiences.contains(audience);
    if addressee == Addressee::Expected && !audiences.iter().any(is_expected) {
        return Err(Rejection::WrongAudience);
    }
    match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => Ok(audiences),
        _ => Err(Rejection::Malformed),
    }
}

/// `aud`: one name or a list of them. None if it is not there.
pub(crate) fn audiences(claims: &Map<String, Value>) -> Result<Option<Vec<String>>, Rejection> {
    let named = match claims.get("aud") {
        None => return Ok(None),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(several)) => several
            .iter()
            .map(|audience| audience.as_str().map(ToOwned::to_owned))
            .collect(),
        Some(_) => None,
    };
    named.map(Some).ok_or(Rejection::Malformed)
}

/// From when and until when the claims hold, if they hold at `now`. Clocks may differ by `leeway` seconds, of
/// which no more than [`MAX_LEEWAY`] count.
pub(crate) fn check_times(
    claims: &Map<String, Value>,
    leeway: u64,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Rejection> {
    let leeway = leeway.min(MAX_LEEWAY);
    let expires_at = moment(claims, "exp")?.ok_or(Rejection::Malformed)?.0;
    if expires_at.plus(leeway) <= now {
        return Err(Rejection::Expired);
    }
    let mut valid_from = Timestamp(0);
    for name in ["nbf", "iat"] {
        if let Some((_, start)) = moment(claims, name)? {
            if start > now.plus(leeway) {
                return Err(Rejection::NotYetValid);
            }
            valid_from = valid_from.max(start);
        }
    }
    Ok((valid_from, expires_at))
}

/// SJ-10: a number of seconds, whole or fractional, rounded down and rounded up.
pub(crate) fn moment(
    claims: &Map<String, Value>,
    name: &str,
) -> Result<Option<(Timestamp, Timestamp)>, Rejection> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..=LATEST).contains(seconds))
        .ok_or(Rejection::Malformed)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number within 0..=2^53 after the checks above"
    )]
    let whole = |seconds: f64| Timestamp(seconds as u64);
    Ok(Some((whole(seconds.floor()), whole(seconds.ceil()))))
}

/// Looks for the text of one claim, and no further.
struct Only<'f>(&'static str, &'f mut Option<String>);

impl<'de> Visitor<'de> for Only<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Name<'de>>()? {
            if name.0 == self.0 {
                *self.1 = Some(members.next_value::<String>()?);
                break;
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
