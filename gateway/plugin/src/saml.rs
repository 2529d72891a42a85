//! What plugins are told of a SAML assertion that is being made, and what they say of it. No XML: the
//! records of the interface, as they are.

use cambist_core::{Issuance, Timestamp};

pub use crate::v0_1::saml::{
    Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
    AuthzDecisionStatement, ConditionSet, ConfirmationMethod, DecisionType, Evidence, NameId,
    ProxyRestriction, SubjectConfirmation, SubjectLocality, SubjectStatement,
};

/// The assertion that is being made, as far as plugins may know it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The permission to make it.
    pub issuance: &'a Issuance<'a>,
    /// Its issuer.
    pub issuer: &'a str,
    /// The relying party's entity identifier.
    pub relying_party: &'a str,
    /// Where the relying party takes assertions, if known.
    pub recipient: Option<&'a str>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How its presenter will be confirmed.
    pub confirmation: ConfirmationMethod,
}
