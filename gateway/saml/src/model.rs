//! What stands in an assertion (saml-core §2), as it is issued and as it is accepted.
//!
//! These are plain records: a caller may replace any part of a draft before it is written.

mod conditions;
mod statement;
mod subject;

pub use conditions::{Conditions, ProxyRestriction};
pub use statement::{
    Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
    AuthzDecisionStatement, DecisionType, Evidence, SubjectLocality,
};
pub use subject::{ConfirmationMethod, KeyInfo, NameId, Subject, SubjectConfirmation};

use cambist_core::Timestamp;

use crate::encryption::EncryptedElement;

/// One assertion (saml-core §2.3.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// Its identifier, an `NCName`.
    pub id: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Who issued it. An entity, unless the format says otherwise (saml-core §2.2.5).
    pub issuer: NameId,
    /// Whom it speaks of.
    pub subject: Option<Subject>,
    /// When and for whom it holds.
    pub conditions: Option<Conditions>,
    /// What may help to judge it.
    pub advice: Option<Advice>,
    /// That the subject authenticated.
    pub authn_statements: Vec<AuthnStatement>,
    /// What was decided about accesses.
    pub authz_decision_statements: Vec<AuthzDecisionStatement>,
    /// What the subject has.
    pub attribute_statements: Vec<AttributeStatement>,
}

/// Other assertions that may help to judge this one, and may be ignored (saml-core §2.6.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// Assertions by identifier (`AssertionIDRef`).
    pub assertion_ids: Vec<String>,
    /// Assertions by URI (`AssertionURIRef`).
    pub assertion_uris: Vec<String>,
    /// Assertions themselves. They can be issued; an accepted document holds one assertion only.
    pub assertions: Vec<Assertion>,
}

/// Something that may be encrypted for the relying party.
#[derive(Clone, Debug, PartialEq)]
pub enum Sealable<T> {
    /// For everybody to read.
    Open(T),
    /// Encrypted.
    Sealed(EncryptedElement),
}

impl<T> Sealable<T> {
    /// The value, unless it is encrypted.
    pub const fn open(&self) -> Option<&T> {
        match self {
            Self::Open(value) => Some(value),
            Self::Sealed(_) => None,
        }
    }
}

impl<T> From<T> for Sealable<T> {
    fn from(value: T) -> Self {
        Self::Open(value)
    }
}
