//! Reading an object member by member, so that every complaint names the member.
//!
//! Booleans and numbers may come native or as text: clients of this protocol send text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::publish_error::PublishError;

/// The most elements or members that one list or map may hold.
const MOST: usize = 256;
/// The longest text, in bytes.
const LONGEST: usize = 4096;

/// An object being read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    path: String,
    object: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    /// Reads `value`, which stands at `path` (empty for the root).
    pub(super) fn of(value: &'a Value, path: impl Into<String>) -> Result<Self, PublishError> {
        let path = path.into();
        let Value::Object(object) = value else {
            return Err(PublishError::new(
                path,
                "is not a JSON object",
                "send an object",
            ));
        };
        Ok(Self { path, object })
    }

    /// The path of a member.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// An error about a member.
    pub(super) fn wrong(
        &self,
        name: &str,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> PublishError {
        PublishError::new(self.at(name), reason, hint)
    }

    /// A member that is there and not null.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text; empty counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, PublishError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => {
                let text = text(value, &self.at(name))?;
                Ok(Some(text).filter(|text| !text.is_empty()))
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, PublishError> {
        self.text(name)?
            .ok_or_else(|| self.wrong(name, "is missing or empty", "send a JSON string"))
    }

    /// A boolean, native or as text.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, PublishError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(
                name,
                "is neither true nor false",
                "send \"true\" or \"false\"",
            )),
        }
    }

    /// A whole number, native or as text.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, PublishError> {
        let number = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| {
            self.wrong(
                name,
                "is not a whole number",
                "send decimal digits, such as \"600\"",
            )
        })
    }

    /// A list of objects; empty when absent.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, PublishError> {
        let items = self.list(name)?.iter().enumerate();
        items
            .map(|(index, value)| Members::of(value, format!("{}[{index}]", self.at(name))))
            .collect()
    }

    /// A list of texts; empty when absent.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, PublishError> {
        let items = self.list(name)?.iter().enumerate();
        items
            .map(|(index, value)| text(value, &format!("{}[{index}]", self.at(name))))
            .collect()
    }

    /// A map from text to text; empty when absent.
    pub(super) fn map(&self, name: &str) -> Result<BTreeMap<String, String>, PublishError> {
        let Some(value) = self.value(name) else {
            return Ok(BTreeMap::new());
        };
        let inner = Members::of(value, self.at(name))?;
        inner.check_count(name, inner.object.len())?;
        inner
            .object
            .iter()
            .map(|(key, value)| Ok((key.clone(), text(value, &inner.at(key))?)))
            .collect()
    }

    /// An object's members, each an object itself; none when absent.
    pub(super) fn nested(&self, name: &str) -> Result<Vec<(String, Self)>, PublishError> {
        let Some(value) = self.value(name) else {
            return Ok(Vec::new());
        };
        let inner = Members::of(value, self.at(name))?;
        inner.check_count(name, inner.object.len())?;
        inner
            .object
            .iter()
            .map(|(key, value)| Ok((key.clone(), Members::of(value, inner.at(key))?)))
            .collect()
    }

    /// Refuses members that nobody reads: a misspelt setting must not be lost in silence.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), PublishError> {
        let Some(unknown) = self
            .object
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let nearest = known.iter().max_by(|a, b| {
            strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown))
        });
        let hint = nearest.map_or_else(String::new, |name| {
            format!("the nearest known member is `{name}`")
        });
        Err(PublishError::new(
            self.at(&unknown.chars().take(64).collect::<String>()),
            "is not a member of this object",
            hint,
        ))
    }

    fn list(&self, name: &str) -> Result<&'a [Value], PublishError> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => {
                self.check_count(name, items.len())?;
                Ok(items)
            }
            Some(_) => Err(self.wrong(name, "is not a list", "send a JSON array")),
        }
    }

    fn check_count(&self, name: &str, count: usize) -> Result<(), PublishError> {
        if count > MOST {
            return Err(self.wrong(
                name,
                format!("holds {count} elements"),
                format!("send at most {MOST}"),
            ));
        }
        Ok(())
    }
}

fn text(value: &Value, path: &str) -> Result<String, PublishError> {
    match value {
        Value::String(text) if text.len() > LONGEST => Err(PublishError::new(
            path,
            "is too long",
            format!("send at most {LONGEST} bytes"),
        )),
        Value::String(text) => Ok(text.clone()),
        _ => Err(PublishError::new(path, "is not text", "send a JSON string")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_and_lengths_are_capped() {
        let many: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        let value = json!({"list": many, "text": "x".repeat(LONGEST + 1)});
        let members = Members::of(&value, "").unwrap();
        assert!(members.texts("list").unwrap_err().reason.contains("257"));
        assert!(
            members
                .text("text")
                .unwrap_err()
                .reason
                .contains("too long")
        );
    }

    #[test]
    fn an_unknown_member_is_refused_with_the_nearest_known() {
        let value = json!({"oidc-isuer": "i"});
        let error = Members::of(&value, "block")
            .unwrap()
            .only(&["oidc-audience", "oidc-issuer"])
            .unwrap_err();
        assert_eq!(error.path, "block.oidc-isuer");
        assert!(error.hint.contains("`oidc-issuer`"));
    }

    #[test]
    fn empty_text_and_null_count_as_absent() {
        let value = json!({"a": "", "b": null});
        let members = Members::of(&value, "").unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(members.text(name).unwrap(), None);
            assert_eq!(members.flag(name).unwrap(), None);
            assert_eq!(members.number(name).unwrap(), None);
        }
    }
}
