//! What a guest says is believed only within these bounds.

pub(crate) mod saml;

use cambist_core::{Actor, ActorChain, RESERVED_CLAIMS, Scope, Timestamp};
use serde_json::{Map, Value};

/// Bytes of a subject, client or authentication context.
pub(crate) const NAME_BYTES: usize = 256;
/// Bytes of an issuer or audience.
pub(crate) const URI_BYTES: usize = 2048;
/// Audiences, claims, or values of one claim.
const COUNT: usize = 64;
/// Actors of a chain.
const ACTORS: usize = 8;
/// Authentication methods.
const METHODS: usize = 16;
/// Bytes of the name of a claim or method.
const WORD_BYTES: usize = 128;
/// Bytes of the value of one claim.
const VALUE_BYTES: usize = 8 << 10;
/// Bytes of all claims together, names included.
const CLAIM_BYTES: usize = 64 << 10;
/// Bytes of an issued token.
pub(crate) const TOKEN_BYTES: usize = 64 << 10;
/// Bytes of a refusal's code.
const CODE_BYTES: usize = 64;
/// Bytes of a text for people.
const TEXT_BYTES: usize = 512;
/// How far ahead of the gateway's clock an authentication may lie, in seconds.
const CLOCK_LEEWAY: u64 = 300;

/// The value of a claim as a guest says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Texts(Vec<String>),
    /// Anything else, as JSON text.
    Json(String),
}

/// An answer that no correct plugin gives. The text never holds what the plugin said, only where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Nonsense {
    #[error("bad answer: {0} is empty")]
    Empty(&'static str),
    /// A token was accepted, and nobody says whose it is.
    #[error("bad answer: the subject is empty")]
    NoSubject,
    #[error("bad answer: {0} has a control character")]
    Control(&'static str),
    #[error("bad answer: {what} has more than {limit} bytes")]
    TooLong { what: &'static str, limit: usize },
    #[error("bad answer: more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("bad answer: a claim is named `{0}`, which is not a plugin's to make")]
    Reserved(&'static str),
    #[error("bad answer: two claims have one name")]
    Repeated,
    #[error("bad answer: {0}")]
    Scope(#[from] cambist_core::scope::ScopeError),
    #[error("bad answer: the authentication lies in the future")]
    Future,
    #[error("bad answer: the value of a claim is not JSON")]
    NotJson,
    #[error("bad answer: the token ends in the past")]
    Past,
    #[error("bad answer: the token ends later than allowed")]
    TooLate,
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

/// Parties of a delegation chain, newest first; none if nobody acts.
pub(crate) fn actors(
    said: impl ExactSizeIterator<Item = (Option<String>, String)>,
) -> Result<Option<ActorChain>, Nonsense> {
    bounded("actors", said.len(), ACTORS)?;
    let actors: Vec<Actor> = said
        .map(|(issuer, subject)| {
            Ok(Actor {
                issuer: optional_name("the issuer of an actor", issuer, URI_BYTES)?,
                subject: name("an actor", subject, NAME_BYTES)?,
            })
        })
        .collect::<Result<_, Nonsense>>()?;
    Ok(ActorChain::from_actors(actors))
}

/// Claims as JSON.
pub(crate) fn claims(
    said: impl ExactSizeIterator<Item = (String, Said)>,
) -> Result<Map<String, Value>, Nonsense> {
    let claims = members(said)?;
    match RESERVED_CLAIMS
        .iter()
        .find(|reserved| claims.contains_key(**reserved))
    {
        Some(reserved) => Err(Nonsense::Reserved(reserved)),
        None => Ok(claims),
    }
}

/// Members of an object, whatever their names.
pub(crate) fn members(
    said: impl ExactSizeIterator<Item = (String, Said)>,
) -> Result<Map<String, Value>, Nonsense> {
    bounded("claims", said.len(), COUNT)?;
    let mut claims = Map::new();
    let mut bytes = 0_usize;
    for (key, said) in said {
        let key = name("the name of a claim", key, WORD_BYTES)?;
        bytes += key.len();
        let claim = match said {
            Said::Integer(number) => Value::from(number),
            Said::Boolean(value) => Value::from(value),
            Said::Text(text) => Value::String(claim_text(text, &mut bytes)?),
            Said::Texts(texts) => {
                bounded("values of one claim", texts.len(), COUNT)?;
                texts
                    .into_iter()
                    .map(|text| claim_text(text, &mut bytes).map(Value::String))
                    .collect::<Result<_, _>>()?
            }
            Said::Json(json) => {
                if json.len() > VALUE_BYTES {
                    return Err(Nonsense::TooLong {
                        what: "the value of a claim",
                        limit: VALUE_BYTES,
                    });
                }
                bytes += json.len();
                serde_json::from_str(&json).map_err(|_| Nonsense::NotJson)?
            }
        };
        if bytes > CLAIM_BYTES {
            return Err(Nonsense::TooLong {
                what: "the list of claims",
                limit: CLAIM_BYTES,
            });
        }
        if claims.insert(key, claim).is_some() {
            return Err(Nonsense::Repeated);
        }
    }
    Ok(claims)
}

fn claim_text(text: String, bytes: &mut usize) -> Result<String, Nonsense> {
    *bytes += text.len();
    value("the value of a claim", text, VALUE_BYTES)
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
