//! The protected header of a compact JWS (RFC 7515 §4), read without keeping more than is used.

use std::{borrow::Cow, cell::RefCell, fmt, sync::Arc};

use cambist_core::Rejection;
use serde::{
    Deserialize,
    de::{Deserializer, Error, MapAccess, Visitor},
};

use serde_json::{Map, Value};

use super::{base64url, json::Strict};

const MAX_BYTES: usize = 4 * 1024;
const MAX_DEPTH: usize = 4;
const MAX_MEMBERS: usize = 32;

/// Headers that one thread remembers. An issuer's tokens have few different ones.
const REMEMBERED: usize = 8;
/// Longest header, as encoded, that is remembered, in bytes.
const LONGEST_REMEMBERED: usize = 1024;

/// What a header says, in the words that matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// `alg` as written.
    pub(super) algorithm: Option<String>,
    /// `kid`.
    pub(super) key_id: Option<String>,
    /// `typ`.
    pub(super) typ: Option<String>,
    /// `jwk`: the signer's own key, which only proofs of possession may bring along (RFC 9449 §4.2).
    pub(super) key: Option<Map<String, Value>>,
    /// Whether a member stands there that would change how the token is verified: `crit`, `b64`, `zip`
    /// (SJ-07, SJ-21, JE-02), or a pointer to a key (SJ-04).
    pub(super) is_steering: bool,
}

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known { headers: Vec::new(), next: 0 }) };
}

/// The headers that were read last, as encoded. What a header says follows from its bytes alone.
struct Known {
    headers: Vec<(Box<[u8]>, Arc<Header>)>,
    /// Whose place is taken next.
    next: usize,
}

impl Known {
    fn find(&self, encoded: &[u8]) -> Option<Arc<Header>> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| **known == *encoded);
        found.map(|(_, header)| Arc::clone(header))
    }

    fn remember(&mut self, encoded: &[u8], header: &Arc<Header>) {
        let known = (Box::from(encoded), Arc::clone(header));
        match self.headers.get_mut(self.next) {
            Some(place) => *place = known,
            None => self.headers.push(known),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// Reads a header as it stands in a token.
pub(super) fn of(encoded: &[u8]) -> Result<Arc<Header>, Rejection> {
    if let Some(header) = KNOWN.with_borrow(|known| known.find(encoded)) {
        return Ok(header);
    }
    let decoded = base64url::decode(encoded).ok_or(Rejection::Malformed)?;
    let header = Arc::new(read(&decoded)?);
    // A key in a header is one caller's own, and would take the place of those that come again.
    if header.key.is_none() && encoded.len() <= LONGEST_REMEMBERED {
        KNOWN.with_borrow_mut(|known| known.remember(encoded, &header));
    }
    Ok(header)
}

/// The `kid` of a token with a JOSE header that no verification would refuse. Nothing of it has been verified.
pub fn key_id(token: &[u8]) -> Result<Option<String>, Rejection> {
    let mut segments = token.split(|byte| *byte == b'.');
    let (Some(header), Some(_)) = (segments.next(), segments.next()) else {
        return Err(Rejection::Malformed);
    };
    of(header).map(|header| header.key_id.clone())
}

/// Reads a decoded header.
fn read(text: &[u8]) -> Result<Header, Rejection> {
    if text.len() > MAX_BYTES {
        return Err(Rejection::TooLarge);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let header = deserializer
        .deserialize_map(Members)
        .map_err(|_| Rejection::Malformed)?;
    deserializer.end().map_err(|_| Rejection::Malformed)?;
    Ok(header)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(4);
        while let Some(Text(name)) = members.next_key()? {
            if seen.contains(&name) || seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom(
                    "a member stands twice, or there are too many",
                ));
            }
            match name.as_ref() {
                "alg" => header.algorithm = Some(members.next_value::<Text<'de>>()?.0.into_owned()),
                "kid" => header.key_id = Some(members.next_value::<Text<'de>>()?.0.into_owned()),
                "typ" => header.typ = Some(members.next_value::<Text<'de>>()?.0.into_owned()),
                other => {
                    header.is_steering |=
                        matches!(other, "b64" | "crit" | "jku" | "x5c" | "x5u" | "zip");
                    let value = members.next_value_seed(Strict {
                        depth: MAX_DEPTH - 1,
                    })?;
                    match (other, value) {
                        ("jwk", Value::Object(key)) => header.key = Some(key),
                        ("jwk", _) => header.is_steering = true,
                        _ => {}
                    }
                }
            }
            seen.push(name);
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_members_that_matter() {
        let header = read(br#"{"typ":"JWT","alg":"ES256","kid":"k","cty":"x"}"#).unwrap();
        assert_eq!(header.algorithm.as_deref(), Some("ES256"));
        assert_eq!(header.key_id.as_deref(), Some("k"));
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert!(!header.is_steering);
    }

    #[test]
    fn sj_11_duplicate_members_are_refused() {
        for text in [
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","x":1,"x":1}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"alg":"ES256","x":{"y":1,"y":2}}"#,
        ] {
            assert_eq!(read(text.as_bytes()), Err(Rejection::Malformed), "{text}");
        }
    }

    #[test]
    fn sj_05_known_members_must_be_strings() {
        for text in [
            r#"{"alg":1}"#,
            r#"{"kid":1}"#,
            r#"{"kid":null}"#,
            r#"{"kid":["k"]}"#,
            r#"{"typ":{}}"#,
            r#"{"alg":null}"#,
        ] {
            assert_eq!(read(text.as_bytes()), Err(Rejection::Malformed), "{text}");
        }
    }

    #[test]
    fn sj_12_size_depth_and_count_are_capped() {
        let long = format!(r#"{{"kid":"{}"}}"#, "k".repeat(MAX_BYTES));
        assert_eq!(read(long.as_bytes()), Err(Rejection::TooLarge));
        assert!(read(br#"{"a":[[[]]]}"#).is_ok());
        assert_eq!(read(br#"{"a":[[[[]]]]}"#), Err(Rejection::Malformed));
        let many: Vec<String> = (0..=MAX_MEMBERS).map(|n| format!("\"m{n}\":0")).collect();
        assert_eq!(
            read(format!("{{{}}}", many.join(",")).as_bytes()),
            Err(Rejection::Malformed)
        );
    }

    #[test]
    fn only_an_object_is_a_header() {
        for text in ["", "[]", "[\"alg\"]", "null", "{} ,", "\"alg\""] {
            assert_eq!(read(text.as_bytes()), Err(Rejection::Malformed), "{text}");
        }
    }
}
