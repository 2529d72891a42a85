//! Takes what a client presents out of its request. Tokens in the query are never looked for.

mod basic;
pub(super) mod form;

use cambist_core::{Token, TokenType};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue},
};
use zeroize::Zeroizing;

use super::{
    refusal::Refusal,
    route::{CredentialDocument, Encoding},
};
use crate::publish_error::PublishError;

/// Most bytes of a token in a header.
pub(super) const LONGEST_TOKEN: usize = 16 * 1024;

/// One way to present oneself, as a route accepts it.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    pub(super) place: Place,
    pub(super) token_type: TokenType,
    is_base64: bool,
}

/// Where a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Bearer,
    Dpop(Proof),
    Basic,
    Header(HeaderName),
    Cookie(Box<str>),
    Form(Box<str>),
    Certificate,
}

/// What is demanded of the proof beside a token (RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// Whether it must hold a nonce of the gateway.
    pub(super) needs_nonce: bool,
}

impl Carrier {
    /// Reads one member of `credentials`, which is at `path`.
    pub(super) fn build(document: &CredentialDocument, path: &str) -> Result<Self, PublishError> {
        let refuse = |member: &str, reason: &str, hint: &str| {
            Err(PublishError::new(format!("{path}.{member}"), reason, hint))
        };
        let (place, token_type, encoding) = match document {
            CredentialDocument::Bearer { token_type } => {
                (Place::Bearer, token_type, Encoding::Plain)
            }
            CredentialDocument::Dpop {
                token_type,
                nonce_required,
            } => {
                let proof = Proof {
                    needs_nonce: *nonce_required,
                };
                (Place::Dpop(proof), token_type, Encoding::Plain)
            }
            CredentialDocument::Basic { token_type } => (Place::Basic, token_type, Encoding::Plain),
            CredentialDocument::Certificate { token_type } => {
                (Place::Certificate, token_type, Encoding::Plain)
            }
            CredentialDocument::Header {
                name,
                token_type,
                encoding,
            } => match own_header(name) {
                Some(name) => (Place::Header(name), token_type, *encoding),
                None => {
                    return refuse(
                        "name",
                        "is not a header that can hold a credential",
                        "name an end-to-end header other than Authorization, Cookie and Host",
                    );
                }
            },
            CredentialDocument::Cookie { name, token_type } => {
                if !is_cookie_name(name) {
                    return refuse("name", "is not a cookie's name", "see RFC 6265 §4.1.1");
                }
                (
                    Place::Cookie(name.as_str().into()),
                    token_type,
                    Encoding::Plain,
                )
            }
            CredentialDocument::Form {
                name,
                token_type,
                encoding,
            } => {
                if name.is_empty() || name.len() > 256 {
                    return refuse("name", "is empty or too long", "name a field of the form");
                }
                (Place::Form(name.as_str().into()), token_type, *encoding)
            }
        };
        if fluent_uri::Uri::parse(token_type.as_str()).is_err() {
            return refuse("token_type", "is not a URI", "name a token type");
        }
        Ok(Self {
            place,
            token_type: token_type.clone(),
            is_base64: encoding == Encoding::Base64,
        })
    }

    /// The same carrier, for the bearer tokens of a route that names none.
    pub(super) const fn bearer(token_type: TokenType) -> Self {
        Self {
            place: Place::Bearer,
            token_type,
            is_base64: false,
        }
    }

    /// The credential of text that was found in this place.
    fn read(&self, text: &[u8]) -> Result<Found, Refusal> {
        if text.is_empty() || text.len() > form::LONGEST {
            return Err(Refusal::BadCredential);
        }
        if !self.is_base64 {
            return if text.iter().all(u8::is_ascii_graphic) {
                Ok(Found::Made(Zeroizing::new(text.to_vec())))
            } else {
                Err(Refusal::BadCredential)
            };
        }
        // Lines of base64 may be folded.
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(
            text.iter()
                .filter(|b| !b.is_ascii_whitespace())
                .copied()
                .collect(),
        );
        let bytes = base64_simd::STANDARD
            .decode_to_vec(&**text)
            .map(Zeroizing::new)
            .map_err(|_| Refusal::BadCredential)?;
        let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&**bytes);
        Ok(Found::Made(Zeroizing::new(encoded.into_bytes())))
    }
}

/// A credential as it came, or as it was made of what came.
enum Found {
    /// Still in its header's bytes, behind the scheme.
    Header(HeaderValue, usize),
    Made(Zeroizing<Vec<u8>>),
}

/// What a client presented.
pub(super) struct Credential<'r> {
    pub(super) token_type: &'r TokenType,
    place: &'r Place,
    found: Found,
}

impl<'r> Credential<'r> {
    fn new(carrier: &'r Carrier, found: Found) -> Self {
        Self {
            token_type: &carrier.token_type,
            place: &carrier.place,
            found,
        }
    }

    /// The proof that must stand beside it.
    pub(super) const fn proof(&self) -> Option<Proof> {
        match self.place {
            Place::Dpop(proof) => Some(*proof),
            _ => None,
        }
    }

    /// The token's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.found {
            Found::Header(value, start) => value.as_bytes().get(*start..).unwrap_or_default(),
            Found::Made(bytes) => bytes,
        }
    }

    /// The token, for the engine.
    pub(super) fn token(&self) -> Token {
        Token::new(self.bytes())
    }
}

/// Removes every place that a route takes credentials from, and `Authorization` in any case (AB-21), so that
/// none is passed on; then reads the first there is. None if there is none at all, but an `Authorization`
/// that nobody reads is refused: it was meant to say something.
pub(super) fn take<'r>(
    headers: &mut HeaderMap,
    carriers: &'r [Carrier],
    certificates: &[Vec<u8>],
) -> Result<Option<Credential<'r>>, Refusal> {
    let authorization = headers.remove(AUTHORIZATION);
    let mut first = None;
    for carrier in carriers {
        let found = find(carrier, authorization.as_ref(), headers, certificates);
        if first.is_none() {
            first = match found {
                Ok(None) => None,
                Ok(Some(found)) => Some(Ok(Credential::new(carrier, found))),
                Err(refusal) => Some(Err(refusal)),
            };
        }
    }
    match first {
        None if authorization.is_some() => Err(Refusal::NoCredential),
        None => Ok(None),
        Some(outcome) => outcome.map(Some),
    }
}

/// The credential in one place, which is emptied.
pub(super) fn take_from<'r>(
    headers: &mut HeaderMap,
    carrier: &'r Carrier,
) -> Result<Option<Credential<'r>>, Refusal> {
    let found = find(carrier, None, headers, &[])?;
    Ok(found.map(|found| Credential::new(carrier, found)))
}

fn find(
    carrier: &Carrier,
    authorization: Option<&HeaderValue>,
    headers: &mut HeaderMap,
    certificates: &[Vec<u8>],
) -> Result<Option<Found>, Refusal> {
    match &carrier.place {
        Place::Bearer => token_of(scheme(authorization, b"Bearer")),
        Place::Dpop(_) => token_of(scheme(authorization, b"DPoP")),
        Place::Basic => match scheme(authorization, b"Basic") {
            None => Ok(None),
            Some((value, start)) => {
                let encoded = value.as_bytes().get(start..).unwrap_or_default();
                basic::read(encoded).map(|made| Some(Found::Made(made)))
            }
        },
        Place::Header(name) => {
            let mut values = headers.get_all(name).iter();
            let outcome = match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(value), None) => carrier.read(value.as_bytes()).map(Some),
                (Some(_), Some(_)) => Err(Refusal::BadCredential),
            };
            headers.remove(name);
            outcome
        }
        Place::Cookie(name) => match take_cookie(headers, name)? {
            None => Ok(None),
            Some(value) => carrier.read(&value).map(Some),
        },
        Place::Form(_) => Ok(None),
        Place::Certificate => match certificates.first() {
            None => Ok(None),
            Some(der) => {
                let encoded = base64_simd::STANDARD.encode_to_string(der);
                Ok(Some(Found::Made(Zeroizing::new(encoded.into_bytes()))))
            }
        },
    }
}

/// The token behind a scheme.
fn token_of(found: Option<(&HeaderValue, usize)>) -> Result<Option<Found>, Refusal> {
    let Some((value, start)) = found else {
        return Ok(None);
    };
    let token = value.as_bytes().get(start..).unwrap_or_default();
    if token.len() <= LONGEST_TOKEN && is_token68(token) {
        Ok(Some(Found::Header(value.clone(), start)))
    } else {
        Err(Refusal::BadCredential)
    }
}

/// The value and where its credentials begin, if it is of this scheme (RFC 9110 §11.4).
fn scheme<'h>(
    authorization: Option<&'h HeaderValue>,
    wanted: &[u8],
) -> Option<(&'h HeaderValue, usize)> {
    let value = authorization?;
    let scheme = value.as_bytes().split(|b| *b == b' ').next()?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then_some((value, wanted.len() + 1))
}

/// Takes one cookie out and leaves the others as they are. A second of the same name is refused: which of
/// them counts is not agreed upon.
fn take_cookie(headers: &mut HeaderMap, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    let is_it = |pair: &[u8]| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'='))
    };
    let pairs = |value: &HeaderValue| -> Vec<Vec<u8>> {
        value
            .as_bytes()
            .split(|b| *b == b';')
            .map(<[u8]>::to_vec)
            .collect()
    };
    let all: Vec<Vec<u8>> = headers.get_all(COOKIE).iter().flat_map(pairs).collect();
    let mut mine = all.iter().filter(|pair| is_it(pair));
    let Some(pair) = mine.next() else {
        return Ok(None);
    };
    let is_only = mine.next().is_none();
    let value = pair
        .iter()
        .position(|b| *b == b'=')
        .and_then(|at| pair.get(at + 1..))
        .unwrap_or_default()
        .trim_ascii();
    let value = value
        .strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(value);
    let value = Zeroizing::new(value.to_vec());
    let others: Vec<&[u8]> = all
        .iter()
        .filter(|pair| !is_it(pair))
        .map(|pair| pair.trim_ascii())
        .filter(|pair| !pair.is_empty())
        .collect();
    headers.remove(COOKIE);
    if !others.is_empty()
        && let Ok(rest) = HeaderValue::from_bytes(&others.join(&b"; "[..]))
    {
        headers.insert(COOKIE, rest);
    }
    if is_only {
        Ok(Some(value))
    } else {
        Err(Refusal::BadCredential)
    }
}

/// A header that may hold a credential or a token: none that frames the message or has a place of its own.
pub(super) fn own_header(name: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let is_reserved = matches!(
        name.as_str(),
        "authorization"
            | "cookie"
            | "dpop"
            | "host"
            | "content-length"
            | "content-type"
            | "via"
            | "expect"
    ) || super::headers::is_hop_by_hop(name.as_str())
        || name.as_str().starts_with("x-forwarded-");
    (!is_reserved).then_some(name)
}

/// `token` of RFC 9110 §5.6.2.
fn is_cookie_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// `token68` of RFC 9110 §11.2, which is `b64token` of RFC 6750 §2.1.
pub(super) fn is_token68(token: &[u8]) -> bool {
    let end = token
        .iter()
        .rposition(|b| *b != b'=')
        .map_or(0, |last| last + 1);
    let body = token.get(..end).unwrap_or_default();
    // Looks at every byte, so that the compiler can look at many at a time.
    let is_sound = |b: u8| {
        (b | 0x20).wrapping_sub(b'a') < 26
            || b.wrapping_sub(b'-') < 13
            || b == b'_'
            || b == b'~'
            || b == b'+'
    };
    !body.is_empty() && body.iter().fold(true, |sound, b| sound & is_sound(*b))
}

#[cfg(test)]
mod tests;
