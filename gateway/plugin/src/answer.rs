//! What a guest says is believed only within these bounds.

use cambist_core::{Scope, Timestamp};
use serde_json::{Map, Value};

/// Bytes of a subject, client or authentication context.
pub(crate) const NAME_BYTES: usize = 256;
/// Bytes of an issuer or audience.
pub(crate) const URI_BYTES: usize = 2048;
/// Audiences, attributes, or values of one attribute.
const COUNT: usize = 64;
/// Authentication methods.
const METHODS: usize = 16;
/// Bytes of the name of an attribute or method.
const WORD_BYTES: usize = 128;
/// Bytes of one attribute value.
const VALUE_BYTES: usize = 8 << 10;
/// Bytes of all attributes together, names included.
const ATTRIBUTE_BYTES: usize = 64 << 10;
/// Bytes of a refusal's code.
const CODE_BYTES: usize = 64;
/// Bytes of a text for people.
const TEXT_BYTES: usize = 512;
/// How far ahead of the gateway's clock an authentication may lie, in seconds.
const CLOCK_LEEWAY: u64 = 300;

/// Claims that carry meaning of their own. What they say is decided by the gateway or stands in a field
/// of its own, never in an attribute.
const RESERVED: [&str; 25] = [
    "_claim_names",
    "_claim_sources",
    "acr",
    "act",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "authorization_details",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "events",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "scope",
    "scp",
    "sid",
    "sub",
];

/// An answer that no correct plugin gives. The text never holds what the plugin said, only where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Nonsense {
    #[error("bad answer: {0} is empty")]
    Empty(&'static str),
    #[error("bad answer: {0} has a control character")]
    Control(&'static str),
    #[error("bad answer: {what} has more than {limit} bytes")]
    TooLong { what: &'static str, limit: usize },
    #[error("bad answer: more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("bad answer: an attribute is named `{0}`, which is not one")]
    Reserved(&'static str),
    #[error("bad answer: two attributes have one name")]
    Repeated,
    #[error("bad answer: {0}")]
    Scope(#[from] cambist_core::scope::ScopeError),
    #[error("bad answer: the authentication lies in the future")]
    Future,
}

/// A text that identifies something: not empty, bounded, one line.
pub(crate) fn name(what: &'static str, text: String, limit: usize) -> Result<String, Nonsense> {
    if text.is_empty() {
        return Err(Nonsense::Empty(what));
    }
    value(what, text, limit)
}

/// The same for a text that may be absent.
pub(crate) fn optional_name(
    what: &'static str,
    text: Option<String>,
    limit: usize,
) -> Result<Option<String>, Nonsense> {
    text.map(|text| name(what, text, limit)).transpose()
}

fn value(what: &'static str, text: String, limit: usize) -> Result<String, Nonsense> {
    if text.len() > limit {
        return Err(Nonsense::TooLong { what, limit });
    }
    if text.chars().any(char::is_control) {
        return Err(Nonsense::Control(what));
    }
    Ok(text)
}

/// A list of audiences.
pub(crate) fn audiences(audiences: Vec<String>) -> Result<Vec<String>, Nonsense> {
    bounded("audiences", audiences.len(), COUNT)?;
    audiences
        .into_iter()
        .map(|audience| name("an audience", audience, URI_BYTES))
        .collect()
}

/// A list of authentication methods.
pub(crate) fn methods(methods: Vec<String>) -> Result<Vec<String>, Nonsense> {
    bounded("authentication methods", methods.len(), METHODS)?;
    methods
        .into_iter()
        .map(|method| name("an authentication method", method, WORD_BYTES))
        .collect()
}

/// A scope, if the token carries one.
pub(crate) fn scope(words: Option<Vec<String>>) -> Result<Option<Scope>, Nonsense> {
    Ok(words
        .map(|words| Scope::from_words(words.iter().map(String::as_str)))
        .transpose()?)
}

/// A time in the past, give or take a clock.
pub(crate) fn past(at: Option<u64>, now: Timestamp) -> Result<Option<Timestamp>, Nonsense> {
    match at.map(Timestamp) {
        Some(at) if at > now.plus(CLOCK_LEEWAY) => Err(Nonsense::Future),
        at => Ok(at),
    }
}

/// Attributes as claims: one value is a text, any other number of them a list.
pub(crate) fn claims(
    attributes: impl ExactSizeIterator<Item = (String, Vec<String>)>,
) -> Result<Map<String, Value>, Nonsense> {
    bounded("attributes", attributes.len(), COUNT)?;
    let mut claims = Map::new();
    let mut bytes = 0_usize;
    for (key, values) in attributes {
        bounded("values of one attribute", values.len(), COUNT)?;
        let key = name("the name of an attribute", key, WORD_BYTES)?;
        if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == key) {
            return Err(Nonsense::Reserved(reserved));
        }
        bytes += key.len() + values.iter().map(String::len).sum::<usize>();
        if bytes > ATTRIBUTE_BYTES {
            return Err(Nonsense::TooLong {
                what: "the list of attributes",
                limit: ATTRIBUTE_BYTES,
            });
        }
        let mut values = values
            .into_iter()
            .map(|text| value("the value of an attribute", text, VALUE_BYTES).map(Value::String))
            .collect::<Result<Vec<_>, _>>()?;
        let claim = if values.len() == 1 {
            values.pop().unwrap_or_default()
        } else {
            Value::Array(values)
        };
        if claims.insert(key, claim).is_some() {
            return Err(Nonsense::Repeated);
        }
    }
    Ok(claims)
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), Nonsense> {
    if found > limit {
        Err(Nonsense::TooMany { what, limit })
    } else {
        Ok(())
    }
}

/// A refusal's code, cleaned; none if nothing is left of it.
pub(crate) fn code(text: Option<String>) -> Option<String> {
    cleaned(text, CODE_BYTES)
}

/// A text for people, cleaned; none if nothing is left of it.
pub(crate) fn text(text: Option<String>) -> Option<String> {
    cleaned(text, TEXT_BYTES)
}

fn cleaned(text: Option<String>, limit: usize) -> Option<String> {
    let mut left = limit;
    let text: String = text?
        .chars()
        .filter(|c| !c.is_control())
        .take_while(|c| {
            let fits = c.len_utf8() <= left;
            left = left.saturating_sub(c.len_utf8());
            fits
        })
        .collect();
    if text.trim().is_empty() {
        None
    } else {
        Some(text)
    }
}

#[cfg(test)]
mod tests;
