//! The assertion the gateway would make by itself, in parts: a caller takes them as they are, or puts
//! others in their place, before [`assemble`](Draft::assemble).

use cambist_core::Timestamp;

pub use crate::xml::is_identifier;

use crate::model::{
    Assertion, Attribute, AttributeStatement, AuthnContext, AuthnStatement, Conditions,
    ConfirmationMethod, KeyInfo, NameId, Sealable, Subject, SubjectConfirmation,
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
        statement_of(self.attributes.clone())
    }

    /// All of it. Whatever shall be different is replaced in the answer, which
    /// [`issue`](crate::issue::issue) then writes as it stands.
    pub fn assemble(mut self) -> Assertion {
        let attributes = std::mem::take(&mut self.attributes);
        Assertion {
            issued_at: self.issued_at,
            issuer: NameId::new(self.issuer),
            subject: Some(self.subject()),
            conditions: Some(self.conditions()),
            advice: None,
            authn_statements: self.authn_statements(),
            authz_decision_statements: Vec::new(),
            attribute_statements: statement_of(attributes),
            id: self.id,
        }
    }
}

fn statement_of(attributes: Vec<Attribute>) -> Vec<AttributeStatement> {
    let attributes: Vec<_> = attributes
        .into_iter()
        .filter(|attribute| !attribute.values.is_empty())
        .map(Sealable::Open)
        .collect();
    if attributes.is_empty() {
        Vec::new()
    } else {
        vec![AttributeStatement { attributes }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, bearer, draft};

    #[test]
    fn the_parts_together_are_the_whole() {
        let parts = draft(Confirmation::Bearer);
        let whole = bearer();
        assert_eq!(whole.subject, Some(parts.subject()));
        assert_eq!(whole.conditions, Some(parts.conditions()));
        assert_eq!(whole.authn_statements, parts.authn_statements());
        assert_eq!(whole.attribute_statements, parts.attribute_statements());
    }

    #[test]
    fn each_confirmation_has_what_it_takes_and_no_more() {
        let only = |confirmation| {
            let confirmations = draft(confirmation).subject().confirmations;
            assert_eq!(confirmations.len(), 1);
            confirmations.into_iter().next().unwrap()
        };
        let bearer = only(Confirmation::Bearer);
        assert_eq!(bearer.not_on_or_after, Some(NOW.plus(600)));
        assert_eq!(
            bearer.recipient.as_deref(),
            Some("https://orders.example.com/acs")
        );
        assert_eq!((bearer.not_before, bearer.in_response_to), (None, None));
        let holder = only(Confirmation::HolderOfKey(b"der"));
        assert_eq!(holder.keys.first().unwrap().leaf(), Some(&b"der"[..]));
        assert_eq!((holder.not_on_or_after, holder.recipient), (None, None));
        let vouched = only(Confirmation::SenderVouches);
        let bare = SubjectConfirmation::new(ConfirmationMethod::SenderVouches);
        assert_eq!(vouched, bare);
    }

    #[test]
    fn attributes_without_a_value_are_left_out() {
        let mut draft = draft(Confirmation::Bearer);
        let nothing = Attribute {
            name: "nothing".to_owned(),
            ..Attribute::default()
        };
        draft.attributes.push(nothing.clone());
        let statements = draft.attribute_statements();
        assert_eq!(statements.first().unwrap().attributes.len(), 1);
        draft.attributes = vec![nothing];
        assert_eq!(draft.assemble().attribute_statements, []);
    }

    #[test]
    fn an_identifier_holds_all_of_its_randomness() {
        let id = identifier(&[0x0f, 0xa0, 0xff]);
        assert_eq!(id, "s20fa0ff");
    }
}
