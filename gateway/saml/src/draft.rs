//! The assertion the gateway would make by itself, in parts: a caller takes them as they are, or puts
//! others in their place, before [`assemble`](Draft::assemble).

use cambist_core::Timestamp;

use crate::{
    model::{
        Assertion, Attribute, AttributeStatement, AuthnContext, AuthnStatement, Conditions,
        ConfirmationMethod, KeyInfo, NameId, Sealable, Subject, SubjectConfirmation,
    },
    xml::is_identifier,
};

/// What is known of an assertion before it is made.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Its identifier; see [`identifier`].
    pub id: String,
    /// Its issuer, an entity identifier.
    pub issuer: &'a str,
    /// The relying party's entity identifier, its only audience.
    pub relying_party: &'a str,
    /// Where the relying party takes assertions (its assertion consumer service), if known.
    pub recipient: Option<&'a str>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How its presenter will be confirmed.
    pub confirmation: Confirmation<'a>,
    /// The subject's name.
    pub name_id: NameId,
    /// When the subject authenticated.
    pub authenticated_at: Timestamp,
    /// The class of that authentication, a URI.
    pub authn_context_class: &'a str,
    /// The subject's attributes.
    pub attributes: Vec<Attribute>,
}

/// How the presenter will be confirmed, with what that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation<'a> {
    /// By having the assertion.
    Bearer,
    /// By the key of this certificate, in DER form.
    HolderOfKey(&'a [u8]),
    /// By the word of whoever attests.
    SenderVouches,
}

/// An identifier out of fresh random bytes; 16 or more (saml-core §1.3.4).
pub fn identifier(random: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble)).unwrap_or(&b'0'));
    let mut id = String::with_capacity(2 + 2 * random.len());
    id.push_str("s2");
    for byte in random {
        id.push(digit(byte >> 4));
        id.push(digit(byte & 0xf));
    }
    debug_assert!(is_identifier(&id), "at most 127 random bytes");
    id
}

impl Draft<'_> {
    /// Valid from now to the end, for the relying party alone.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            not_before: Some(self.issued_at),
            not_on_or_after: Some(self.expires_at),
            audience_restrictions: vec![vec![self.relying_party.to_owned()]],
            one_time_use: false,
            proxy_restriction: None,
        }
    }

    /// The subject's name and one confirmation; what a bearer needs (saml-profiles §4.1.4.2) binds to the
    /// end and, if known, to the recipient.
    pub fn subject(&self) -> Subject {
        let confirmation = match self.confirmation {
            Confirmation::Bearer => SubjectConfirmation {
                not_on_or_after: Some(self.expires_at),
                recipient: self.recipient.map(str::to_owned),
                ..SubjectConfirmation::new(ConfirmationMethod::Bearer)
            },
            Confirmation::HolderOfKey(certificate) => SubjectConfirmation {
                keys: vec![KeyInfo {
                    certificates: vec![certificate.to_vec()],
                }],
                ..SubjectConfirmation::new(ConfirmationMethod::HolderOfKey)
            },
            Confirmation::SenderVouches => {
                SubjectConfirmation::new(ConfirmationMethod::SenderVouches)
            }
        };
        Subject {
            name_id: Some(Sealable::Open(self.name_id.clone())),
            confirmations: vec![confirmation],
        }
    }

    /// One statement that names the class.
    pub fn authn_statements(&self) -> Vec<AuthnStatement> {
        vec![AuthnStatement {
            authn_instant: self.authenticated_at,
            session_index: None,
            session_not_on_or_after: None,
            subject_locality: None,
            authn_context: AuthnContext {
                class_ref: Some(self.authn_context_class.to_owned()),
                ..AuthnContext::default()
            },
        }]
    }

    /// One statement of all attributes that have a value; none if there is none.
    pub fn attribute_statements(&self) -> Vec<AttributeStatement> {
        let attributes: Vec<_> = self
            .attributes
            .iter()
            .filter(|attribute| !attribute.values.is_empty())
            .cloned()
            .map(Sealable::Open)
            .collect();
        if attributes.is_empty() {
            Vec::new()
        } else {
            vec![AttributeStatement { attributes }]
        }
    }

    /// All of it. Whatever shall be different is replaced in the answer, which
    /// [`issue`](crate::issue::issue) then writes as it stands.
    pub fn assemble(&self) -> Assertion {
        Assertion {
            id: self.id.clone(),
            issued_at: self.issued_at,
            issuer: NameId::new(self.issuer),
            subject: Some(self.subject()),
            conditions: Some(self.conditions()),
            advice: None,
            authn_statements: self.authn_statements(),
            authz_decision_statements: Vec::new(),
            attribute_statements: self.attribute_statements(),
        }
    }
}
