//! JSON as security tokens need it: no member name twice at any level, bounded depth, finite numbers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

/// Deepest nesting of a token's claims and of a key set.
pub(crate) const MAX_DEPTH: usize = 32;

/// Reads one object. None if the text is anything else, names a member twice (SJ-11), nests deeper than
/// `depth` (SJ-12), holds a number that is not finite, or has something behind it.
pub(crate) fn object(text: &[u8], depth: usize) -> Option<Map<String, Value>> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    match (Strict { depth }).deserialize(&mut deserializer).ok()? {
        Value::Object(members) => deserializer.end().ok().map(|()| members),
        _ => None,
    }
}

/// A value read strictly, nested at most `depth` containers deep.
pub(super) struct Strict {
    pub(super) depth: usize,
}

impl Strict {
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        self.depth
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(Self { depth })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match map.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(members.next_value_seed(Self { depth })?);
                }
                Entry::Occupied(_) => return Err(A::Error::custom("a member stands twice")),
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sj_11_a_member_twice_is_refused_at_every_level() {
        assert!(object(br#"{"a":1,"b":{"a":1}}"#, 4).is_some());
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":1,"\u0061":1}"#,
        ] {
            assert_eq!(object(text.as_bytes(), 4), None, "{text}");
        }
    }

    #[test]
    fn sj_12_depth_is_capped_without_recursion_beyond_it() {
        let nested =
            |depth: usize| format!("{}{}", "{\"a\":".repeat(depth - 1) + "{", "}".repeat(depth));
        assert!(object(nested(32).as_bytes(), 32).is_some());
        assert_eq!(object(nested(33).as_bytes(), 32), None);
        assert_eq!(object(nested(100_000).as_bytes(), 32), None);
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(object(arrays.as_bytes(), 32), None);
    }

    #[test]
    fn only_a_whole_object_is_one() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{} x",
            "{}{}",
            "{",
            "{\"a\":1e400}",
            "{\"a\":NaN}",
            "\u{feff}{}",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert_eq!(object(text.as_bytes(), 4), None, "{text:?}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}", 4), None);
        assert_eq!(object(b"{\"a\":\"\\ud800\"}", 4), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_reader_wherever_it_accepts(text in r#"[{}\[\],:"a0-9. \\u]{0,40}"#) {
            if let Some(strict) = object(text.as_bytes(), 8) {
                prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(&text).unwrap(), strict);
            }
        }
    }
}
