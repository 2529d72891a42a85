//! Typed values, and the claims made of them.

/// A value of a claim or of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Several texts, in order.
    Texts(Vec<String>),
    /// Anything else, as JSON text. Never in a configuration.
    Json(String),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The truth, if it is one.
    pub const fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The one text or the several; nothing of any other value.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Texts(texts) => texts,
            _ => &[],
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<i32> for Value {
    fn from(integer: i32) -> Self {
        Self::Integer(integer.into())
    }
}

impl From<u32> for Value {
    fn from(integer: u32) -> Self {
        Self::Integer(integer.into())
    }
}

impl<S: Into<String>> From<Vec<S>> for Value {
    fn from(texts: Vec<S>) -> Self {
        texts.into_iter().collect()
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Value {
    fn from(texts: [S; N]) -> Self {
        texts.into_iter().collect()
    }
}

impl<S: Into<String>> FromIterator<S> for Value {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }
}

/// A statement about the subject. Names that carry meaning of their own in a token, such as `sub`, `iss`,
/// `aud`, `exp`, `act` or `scope`, are refused by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Claim {
    /// A claim of this name.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_reads_as_several() {
        assert_eq!(Value::from("sales").texts(), ["sales"]);
        assert_eq!(Value::from(["sales", "ops"]).texts(), ["sales", "ops"]);
        assert!(Value::from(7).texts().is_empty());
        assert_eq!(Value::from(["sales"]).as_text(), None);
    }
}
