use cambist_core::Timestamp;

use super::Sealable;
use crate::uri;

/// A name of somebody (saml-core §2.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameId {
    /// The name.
    pub value: String,
    /// A URI that tells what kind of name it is.
    pub format: Option<String>,
    /// The domain that qualifies it.
    pub name_qualifier: Option<String>,
    /// The relying party that qualifies it.
    pub sp_name_qualifier: Option<String>,
    /// The relying party's own name for the subject.
    pub sp_provided_id: Option<String>,
}

impl NameId {
    /// A name of which nothing else is said.
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            ..Self::default()
        }
    }

    /// A name of a kind that a URI tells.
    pub fn with_format(value: impl Into<String>, format: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            format: Some(format.into()),
            ..Self::default()
        }
    }
}

/// Whom an assertion speaks of (saml-core §2.4.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// The subject's name (`NameID` or `EncryptedID`).
    pub name_id: Option<Sealable<NameId>>,
    /// How whoever presents the assertion is confirmed; one way suffices.
    pub confirmations: Vec<SubjectConfirmation>,
}

/// How the presenter of an assertion proves to be whom it may be presented by (saml-profiles §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmationMethod {
    /// By having it.
    Bearer,
    /// By a key.
    HolderOfKey,
    /// By the word of whoever attests for the subject.
    SenderVouches,
    /// By some other method, named by a URI. It never confirms anybody here.
    Other(String),
}

impl ConfirmationMethod {
    /// The URI that names it.
    pub fn uri(&self) -> &str {
        match self {
            Self::Bearer => uri::BEARER,
            Self::HolderOfKey => uri::HOLDER_OF_KEY,
            Self::SenderVouches => uri::SENDER_VOUCHES,
            Self::Other(uri) => uri,
        }
    }

    /// The method of this name.
    pub fn from_uri(name: &str) -> Self {
        match name {
            uri::BEARER => Self::Bearer,
            uri::HOLDER_OF_KEY => Self::HolderOfKey,
            uri::SENDER_VOUCHES => Self::SenderVouches,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// One way to confirm the presenter (saml-core §2.4.1.1, with the data of §2.4.1.2).
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectConfirmation {
    /// The method.
    pub method: ConfirmationMethod,
    /// Who confirms, if not the subject.
    pub name_id: Option<Sealable<NameId>>,
    /// From when on.
    pub not_before: Option<Timestamp>,
    /// Until when, exclusively.
    pub not_on_or_after: Option<Timestamp>,
    /// Where it may be presented, a URI.
    pub recipient: Option<String>,
    /// The request it answers.
    pub in_response_to: Option<String>,
    /// The network address whence it may be presented.
    pub address: Option<String>,
    /// The keys that confirm; each names one party (saml-core §2.4.1.3).
    pub keys: Vec<KeyInfo>,
}

impl SubjectConfirmation {
    /// A confirmation of which only the method is said.
    pub const fn new(method: ConfirmationMethod) -> Self {
        Self {
            method,
            name_id: None,
            not_before: None,
            not_on_or_after: None,
            recipient: None,
            in_response_to: None,
            address: None,
            keys: Vec::new(),
        }
    }
}

/// A key, told by its certificate, behind which others may stand that vouch for it (`ds:KeyInfo` with
/// `ds:X509Certificate`). Keys told in other ways are not read: such a confirmation has no certificate and
/// confirms nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyInfo {
    /// The certificates in DER form.
    pub certificates: Vec<Vec<u8>>,
}

impl KeyInfo {
    /// The certificate of the key itself.
    pub fn leaf(&self) -> Option<&[u8]> {
        self.certificates.first().map(Vec::as_slice)
    }
}
