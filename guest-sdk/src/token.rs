//! A token as somebody presented it.

use std::fmt;

use crate::Refusal;

/// A token as somebody presented it. Its `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Token {
    /// The token type (a URI) under which it was presented.
    pub token_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Token {
    /// A token of no particular type, for tests.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            token_type: String::new(),
            bytes: bytes.into(),
        }
    }

    /// Says under which type it was presented, for tests.
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.token_type = token_type.into();
        self
    }

    /// The token as text; malformed if it is none.
    pub fn text(&self) -> Result<&str, Refusal> {
        str::from_utf8(&self.bytes).map_err(|_| Refusal::malformed())
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&[u8]> for Token {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("token_type", &self.token_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_text_is_malformed() {
        assert_eq!(Token::from("v1").text(), Ok("v1"));
        assert_eq!(Token::new([0xff]).text(), Err(Refusal::malformed()));
    }

    #[test]
    fn debugging_does_not_show_the_token() {
        let shown = format!("{:?}", Token::from("hunter2").token_type("urn:x"));
        assert!(shown.contains("urn:x") && !shown.contains("hunter2"));
    }
}
