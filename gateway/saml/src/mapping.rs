//! From what is known of a subject to its attributes, by the operator's map.

use std::borrow::Cow;

use cambist_core::Principal;
use serde_json::Value;

use crate::model::{Attribute, AttributeValue};

/// Most entries of one map.
const MAX_ENTRIES: usize = 256;

/// Which attributes to make, and out of what. Parsed once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeMap(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    name_format: Option<String>,
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// Claims that hold base64 text.
    Binary(String),
    /// The claim of this name; `sub` is the subject itself.
    Claim(String),
    /// Always this text.
    Literal(String),
}

/// Why a map is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// An attribute without a name, or a name format that is empty.
    #[error("`{0}` names no attribute")]
    Name(String),
    /// An attribute that is made out of nothing.
    #[error("`{0}` has no source")]
    Source(String),
    /// More than 256 entries.
    #[error("more than {MAX_ENTRIES} attributes")]
    TooMany,
}

impl AttributeMap {
    /// Reads a map from an attribute (`name`, or `format|name` with the URI of a name format) to its
    /// source: the name of a claim, the name with `;binary` for one that holds base64 text, or a literal
    /// text in double quotes.
    pub fn parse<'a>(
        entries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, MapError> {
        let mut map = Vec::new();
        for (attribute, source) in entries {
            if map.len() == MAX_ENTRIES {
                return Err(MapError::TooMany);
            }
            let (name_format, name) = match attribute.split_once('|') {
                Some((format, name)) => (Some(format), name),
                None => (None, attribute),
            };
            if name.is_empty() || name_format == Some("") {
                return Err(MapError::Name(attribute.to_owned()));
            }
            map.push(Entry {
                name: name.to_owned(),
                name_format: name_format.map(str::to_owned),
                source: Source::parse(source)
                    .ok_or_else(|| MapError::Source(attribute.to_owned()))?,
            });
        }
        Ok(Self(map))
    }

    /// The attributes of a principal, in the order of the map. What has no value is left out.
    pub fn attributes(&self, principal: &Principal) -> Vec<Attribute> {
        self.0
            .iter()
            .map(|entry| Attribute {
                name: entry.name.clone(),
                name_format: entry.name_format.clone(),
                friendly_name: None,
                values: entry.source.values(principal),
            })
            .filter(|attribute| !attribute.values.is_empty())
            .collect()
    }
}

impl Source {
    fn parse(source: &str) -> Option<Self> {
        if let Some(literal) = source
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            return Some(Self::Literal(literal.to_owned()));
        }
        let (claim, is_binary) = match source.strip_suffix(";binary") {
            Some(claim) => (claim, true),
            None => (source, false),
        };
        if claim.is_empty() {
            None
        } else if is_binary {
            Some(Self::Binary(claim.to_owned()))
        } else {
            Some(Self::Claim(claim.to_owned()))
        }
    }

    fn values(&self, principal: &Principal) -> Vec<AttributeValue> {
        match self {
            Self::Literal(text) => vec![AttributeValue::Text(text.clone())],
            Self::Claim(name) if name == "sub" => {
                vec![AttributeValue::Text(principal.subject.clone())]
            }
            Self::Claim(name) => texts(principal, name)
                .map(|text| AttributeValue::Text(text.into_owned()))
                .collect(),
            Self::Binary(name) => texts(principal, name)
                .filter_map(|text| {
                    base64_simd::STANDARD
                        .decode_to_vec(text.as_bytes())
                        .ok()
                        .map(AttributeValue::Binary)
                })
                .collect(),
        }
    }
}

/// The values of a claim that are plain text, numbers or truth values; all of them are written as text,
/// which is what relying parties of a REST STS expect.
fn texts<'a>(principal: &'a Principal, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    let values = match principal.claims.get(name) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(|value| match value {
        Value::String(text) => Some(Cow::Borrowed(text.as_str())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Owned(truth.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn principal() -> Principal {
        let Value::Object(claims) = json!({
            "mail": ["a@example.com", "b@example.com"],
            "uid": 7,
            "admin": false,
            "photo": ["AAH/", "not base64"],
            "address": {"city": "x"},
            "nothing": null,
            "empty": [],
        }) else {
            panic!("an object")
        };
        Principal {
            subject: "dana".to_owned(),
            claims,
            ..Principal::default()
        }
    }

    fn made(attribute: &str, source: &str) -> Vec<Attribute> {
        let map = AttributeMap::parse([(attribute, source)]).unwrap();
        map.attributes(&principal())
    }

    fn text(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }

    #[test]
    fn claims_literals_and_binary_become_values() {
        for (source, expected) in [
            ("mail", vec![text("a@example.com"), text("b@example.com")]),
            ("uid", vec![text("7")]),
            ("admin", vec![text("false")]),
            ("sub", vec![text("dana")]),
            ("\"always\"", vec![text("always")]),
            ("\"\"", vec![text("")]),
            (
                "photo;binary",
                vec![AttributeValue::Binary(vec![0, 1, 0xff])],
            ),
        ] {
            let attributes = made("x", source);
            assert_eq!(attributes[0].values, expected, "{source}");
        }
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        for source in ["address", "nothing", "empty", "unknown", "unknown;binary"] {
            assert_eq!(made("x", source), [], "{source}");
        }
    }

    #[test]
    fn a_name_may_have_a_format() {
        let attribute = &made("urn:format|urn:name|x", "sub")[0];
        assert_eq!(attribute.name, "urn:name|x");
        assert_eq!(attribute.name_format.as_deref(), Some("urn:format"));
        let attribute = &made("mail", "sub")[0];
        assert_eq!(
            (attribute.name.as_str(), &attribute.name_format),
            ("mail", &None)
        );
    }

    #[test]
    fn a_map_that_makes_nothing_is_none() {
        let refused = |attribute, source| AttributeMap::parse([(attribute, source)]).unwrap_err();
        assert_eq!(refused("", "mail"), MapError::Name(String::new()));
        assert_eq!(
            refused("urn:f|", "mail"),
            MapError::Name("urn:f|".to_owned())
        );
        assert_eq!(refused("|x", "mail"), MapError::Name("|x".to_owned()));
        assert_eq!(refused("x", ""), MapError::Source("x".to_owned()));
        assert_eq!(refused("x", ";binary"), MapError::Source("x".to_owned()));
        let many = std::iter::repeat_n(("x", "mail"), MAX_ENTRIES + 1);
        assert_eq!(AttributeMap::parse(many), Err(MapError::TooMany));
    }
}
