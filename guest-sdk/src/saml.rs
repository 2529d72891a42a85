//! The parts of a SAML 2.0 assertion, and the points that make them. The gateway writes, signs and encrypts
//! the XML; a plugin only ever says what stands in it.

pub use crate::bindings::shared::cambist::sts::saml::{
    Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
    AuthzDecisionStatement, ConditionSet, ConfirmationMethod, DecisionType, Evidence, NameId,
    ProxyRestriction, SubjectConfirmation, SubjectLocality, SubjectStatement,
};
use crate::{Call, Principal, Refusal, Token};

/// The assertion that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Assertion {
    /// Its issuer.
    pub issuer: String,
    /// The relying party's entity identifier.
    pub relying_party: String,
    /// Where the relying party takes assertions (its assertion consumer service), if known.
    pub recipient: Option<String>,
    /// When it is issued, in seconds since 1970-01-01T00:00:00Z.
    pub issued_at: u64,
    /// When it ends, in the same unit.
    pub expires_at: u64,
    /// How its presenter will be confirmed.
    pub confirmation: ConfirmationMethod,
    /// Whom it speaks of.
    pub subject: Principal,
    /// The type (a URI) of the token it is made from.
    pub subject_token_type: String,
}

impl Assertion {
    /// A bearer assertion for five minutes, for tests.
    pub fn new(
        issuer: impl Into<String>,
        relying_party: impl Into<String>,
        subject: Principal,
        issued_at: u64,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            relying_party: relying_party.into(),
            recipient: None,
            issued_at,
            expires_at: issued_at.saturating_add(300),
            confirmation: ConfirmationMethod::Bearer,
            subject,
            subject_token_type: String::new(),
        }
    }

    /// Says where the relying party takes assertions, for tests.
    pub fn recipient(mut self, recipient: impl Into<String>) -> Self {
        self.recipient = Some(recipient.into());
        self
    }

    /// Says how its presenter will be confirmed, for tests.
    pub fn confirmation(mut self, method: ConfirmationMethod) -> Self {
        self.confirmation = method;
        self
    }

    /// Says which type of token it is made from, for tests.
    pub fn subject_token_type(mut self, token_type: impl Into<String>) -> Self {
        self.subject_token_type = token_type.into();
        self
    }
}

impl Attribute {
    /// An attribute with these values.
    #[must_use]
    pub fn new<V: Into<AttributeValue>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            name: name.into(),
            name_format: None,
            friendly_name: None,
            values: values.into_iter().map(Into::into).collect(),
        }
    }

    /// Says by a URI how the name is to be read.
    #[must_use]
    pub fn name_format(mut self, format: impl Into<String>) -> Self {
        self.name_format = Some(format.into());
        self
    }

    /// Gives it a name for people.
    #[must_use]
    pub fn friendly_name(mut self, name: impl Into<String>) -> Self {
        self.friendly_name = Some(name.into());
        self
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for AttributeValue {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<bool> for AttributeValue {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

/// Makes the conditions of an assertion.
pub trait Conditions {
    /// `standard` is what the gateway would write. The answer may not hold longer or for others; it may begin
    /// up to five minutes earlier, for relying parties whose clocks are slow.
    fn make_conditions(
        assertion: &Assertion,
        standard: ConditionSet,
        call: &Call,
    ) -> Result<ConditionSet, Refusal>;
}

/// Makes the subject of an assertion.
pub trait Subject {
    /// `standard` is what the gateway would write. The confirmation method stays what was asked for.
    fn make_subject(
        assertion: &Assertion,
        standard: SubjectStatement,
        call: &Call,
    ) -> Result<SubjectStatement, Refusal>;
}

/// Makes the authentication statements of an assertion.
pub trait AuthnStatements {
    /// `standard` is what the gateway would write. An empty list leaves them out.
    fn make_authn_statements(
        assertion: &Assertion,
        standard: Vec<AuthnStatement>,
        call: &Call,
    ) -> Result<Vec<AuthnStatement>, Refusal>;
}

/// Makes the attribute statements of an assertion.
pub trait AttributeStatements {
    /// `standard` is what the gateway would write, or the attribute mapper's attributes. An empty list
    /// leaves them out.
    fn make_attribute_statements(
        assertion: &Assertion,
        standard: Vec<AttributeStatement>,
        call: &Call,
    ) -> Result<Vec<AttributeStatement>, Refusal>;
}

/// Makes the authorization decision statements of an assertion.
pub trait AuthzDecisionStatements {
    /// An empty list leaves them out.
    fn make_authz_decision_statements(
        assertion: &Assertion,
        call: &Call,
    ) -> Result<Vec<AuthzDecisionStatement>, Refusal>;
}

/// Makes the attributes of an assertion out of the subject's claims.
pub trait AttributeMapper {
    /// `wanted` is the operator's map: the attribute to make, and what to make it from.
    fn map_attributes(
        assertion: &Assertion,
        wanted: &[(String, String)],
        call: &Call,
    ) -> Result<Vec<Attribute>, Refusal>;
}

/// Decides the authentication context class of an assertion.
pub trait AuthnContextMapper {
    /// A class reference, a URI. `token` is the subject token as it was presented.
    fn map_authn_context(
        token: &Token,
        subject: &Principal,
        call: &Call,
    ) -> Result<String, Refusal>;
}
