//! Whose signing keys are.

/// An instance, or one of its relying parties. Keys without an owner are shared by all instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyOwner {
    /// The instance.
    pub instance: String,
    /// Its relying party whose tokens alone they sign; none signs for all that have no keys of their own.
    pub relying_party: Option<String>,
}

impl KeyOwner {
    /// An instance as a whole.
    pub fn instance(id: &str) -> Self {
        Self {
            instance: id.to_owned(),
            relying_party: None,
        }
    }

    /// One of its relying parties.
    pub fn party(id: &str, audience: &str) -> Self {
        Self {
            instance: id.to_owned(),
            relying_party: Some(audience.to_owned()),
        }
    }
}
