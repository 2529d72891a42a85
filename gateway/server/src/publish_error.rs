//! Why something was not published.

/// A document that cannot be built. Nothing of it has taken effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}; {hint}")]
pub struct PublishError {
    /// The member at fault, as a dotted path from the document's root; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be right.
    pub hint: String,
}

impl PublishError {
    /// Names the member, what is wrong and what would be right.
    pub fn new(
        path: impl Into<String>,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    /// The same error seen from a document that holds this one at `prefix`.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.path = if self.path.is_empty() {
            prefix.to_owned()
        } else {
            format!("{prefix}.{}", self.path)
        };
        self
    }
}
