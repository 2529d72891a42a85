use cambist_core::Timestamp;

use super::{Assertion, NameId, Sealable};

/// That the subject authenticated (saml-core §2.7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthnStatement {
    /// When.
    pub authn_instant: Timestamp,
    /// Which session that made.
    pub session_index: Option<String>,
    /// When that session ends.
    pub session_not_on_or_after: Option<Timestamp>,
    /// Whence.
    pub subject_locality: Option<SubjectLocality>,
    /// How.
    pub authn_context: AuthnContext,
}

/// Whence a subject authenticated (saml-core §2.7.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectLocality {
    /// A network address.
    pub address: Option<String>,
    /// A DNS name.
    pub dns_name: Option<String>,
}

/// How a subject authenticated (saml-core §2.7.2.2). A class or a declaration must be named; a
/// declaration held in the assertion itself is neither written nor accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthnContext {
    /// A URI that names a class of contexts.
    pub class_ref: Option<String>,
    /// A URI that names a context declaration.
    pub declaration_ref: Option<String>,
    /// Who else took part.
    pub authenticating_authorities: Vec<String>,
}

/// What the subject has (saml-core §2.7.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeStatement {
    /// The attributes (`Attribute` or `EncryptedAttribute`), at least one.
    pub attributes: Vec<Sealable<Attribute>>,
}

/// An attribute of the subject (saml-core §2.7.3.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// A URI that tells how the name is to be read.
    pub name_format: Option<String>,
    /// A name for people.
    pub friendly_name: Option<String>,
    /// Its values.
    pub values: Vec<AttributeValue>,
}

/// A value of an attribute (saml-core §2.7.3.1.1), with its XML Schema type.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// `xs:string`. A value of no declared type is read as text.
    Text(String),
    /// `xs:integer`.
    Integer(i64),
    /// `xs:boolean`.
    Boolean(bool),
    /// `xs:dateTime`.
    DateTime(Timestamp),
    /// `xs:base64Binary`.
    Binary(Vec<u8>),
    /// One `NameID`, as a pairwise identifier is carried.
    NameId(NameId),
    /// No value (`xsi:nil`).
    Null,
}

/// What was decided about an access (saml-core §2.7.4).
#[derive(Clone, Debug, PartialEq)]
pub struct AuthzDecisionStatement {
    /// The resource, a URI.
    pub resource: String,
    /// What was decided.
    pub decision: DecisionType,
    /// About doing what; at least one.
    pub actions: Vec<Action>,
    /// Why.
    pub evidence: Option<Evidence>,
}

/// A decision (saml-core §2.7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionType {
    /// It is allowed.
    Permit,
    /// It is not.
    Deny,
    /// That cannot be said.
    Indeterminate,
}

impl DecisionType {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permit => "Permit",
            Self::Deny => "Deny",
            Self::Indeterminate => "Indeterminate",
        }
    }

    /// The decision of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Permit, Self::Deny, Self::Indeterminate]
            .into_iter()
            .find(|decision| decision.name() == name)
    }
}

/// Something to be done to a resource (saml-core §2.7.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// A URI that tells how the action is named.
    pub namespace: String,
    /// The action.
    pub value: String,
}

/// What a decision was based on (saml-core §2.7.4.3); not empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Assertions by identifier (`AssertionIDRef`).
    pub assertion_ids: Vec<String>,
    /// Assertions by URI (`AssertionURIRef`).
    pub assertion_uris: Vec<String>,
    /// Assertions themselves. They can be issued; an accepted document holds one assertion only.
    pub assertions: Vec<Assertion>,
}
