//! OAuth scope: a set of case-sensitive words (RFC 6749 §3.3).

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most words a scope may hold; more is refused when it is parsed.
pub const MAX_WORDS: usize = 128;

/// A set of scope words. Empty means "no scope", never "any scope". A copy shares its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(
    /// None if there would be no word.
    Option<Arc<Words>>,
);

type Words = BTreeSet<Box<str>>;

/// Why text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
    #[error("a scope word may hold only visible ASCII without quote and backslash")]
    Character,
    /// More than [`MAX_WORDS`] words.
    #[error("a scope may hold at most {MAX_WORDS} words")]
    TooMany,
}

impl Scope {
    /// Reads a space-delimited list. Repeated words and extra spaces are folded.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        Self::from_words(text.split(' ').filter(|word| !word.is_empty()))
    }

    /// Builds a scope from its words.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut set = BTreeSet::new();
        for word in words {
            if word.is_empty()
                || !word
                    .bytes()
                    .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
            {
                return Err(ScopeError::Character);
            }
            set.insert(Box::from(word));
            if set.len() > MAX_WORDS {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(Self::of(set))
    }

    fn of(words: Words) -> Self {
        Self((!words.is_empty()).then(|| Arc::new(words)))
    }

    /// Whether every word of `self` is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(others)) => Arc::ptr_eq(own, others) || own.is_subset(others),
        }
    }

    /// The words both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if self.is_within(other) {
            return self.clone();
        }
        match (&self.0, &other.0) {
            (Some(own), Some(others)) => Self::of(own.intersection(others).cloned().collect()),
            _ => Self::default(),
        }
    }

    /// Whether it holds no word.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The words, sorted.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|words| words.iter())
            .map(AsRef::as_ref)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Self::from_words(words.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_spaces_and_repeats() {
        let scope = Scope::parse("b  a b").unwrap();
        assert_eq!(scope.to_string(), "a b");
    }

    #[test]
    fn refuses_control_and_quote_characters() {
        for text in ["a\tb", "a\"", "a\\b", "ä"] {
            assert_eq!(Scope::parse(text), Err(ScopeError::Character), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn intersection_is_within_both(a in "[a-d ]{0,12}", b in "[a-d ]{0,12}") {
            let (a, b) = (Scope::parse(&a).unwrap(), Scope::parse(&b).unwrap());
            let both = a.intersection(&b);
            prop_assert!(both.is_within(&a) && both.is_within(&b));
        }

        #[test]
        fn what_is_printed_reads_back(text in "[!-~ ]{0,40}") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(Scope::parse(&scope.to_string()).unwrap(), scope);
            }
        }
    }
}
