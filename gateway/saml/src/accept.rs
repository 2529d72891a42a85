//! The accept path: scan, parse, shape of the signatures, cryptography, reading, conditions, replay. Each
//! step is a refusal unless passed, and no step sees what the one before has not accepted.

mod judge;
mod principal;
mod response;

use std::net::IpAddr;

use cambist_core::{BoxFuture, Fault, Rejection, Timestamp, ValidateError};

use crate::{
    decryption::{self, DecryptionKey},
    dom::{self, Node},
    model::{Assertion, NameId, SubjectConfirmation},
    read,
    refusal::Refusal,
    uri,
    verify::{Signatures, TrustedKey, Verified},
};

/// Largest document that is ever accepted, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// Most clock difference that is ever tolerated, in seconds.
pub const MAX_SKEW: u64 = 300;

/// Whom and what to accept.
#[derive(Debug)]
pub struct Acceptance {
    /// Whose assertions. Nobody else's.
    pub issuers: Vec<TrustedIssuer>,
    /// Names of ours. Every audience restriction must hold one, and there must be a restriction.
    pub audiences: Vec<String>,
    /// Where we may be presented with assertions: URIs that a confirmation may name.
    pub recipients: Vec<String>,
    /// Whether a bearer's confirmation must name one of them (RFC 7522 §3 item 5).
    pub recipient_required: bool,
    /// Parties whose word confirms a subject (sender-vouches).
    pub attesters: Vec<String>,
    /// Our keys for encrypted documents.
    pub decryption_keys: Vec<DecryptionKey>,
    /// Tolerated clock difference in seconds; never more than [`MAX_SKEW`] counts.
    pub skew: u64,
    /// The most seconds an assertion may still have to live, which also bounds what a [`Replay`] keeps.
    pub max_lifetime: u64,
    /// The largest document, in bytes; never more than [`MAX_DOCUMENT_BYTES`] counts.
    pub max_bytes: usize,
    /// Which assertions are good only once.
    pub once: Once,
}

/// An issuer whose assertions are accepted.
#[derive(Debug)]
pub struct TrustedIssuer {
    /// Its entity identifier, compared exactly.
    pub entity_id: String,
    /// Its keys: several while it changes them.
    pub keys: Vec<TrustedKey>,
    /// Name qualifiers it may use besides its own identifier. Names with different qualifiers name
    /// different subjects (saml-core §2.2.2), so whoever lists one here says that here they do not.
    pub name_qualifiers: Vec<String>,
    /// Until when what is known of it holds (saml-metadata §2.2.1); none for what was configured by hand.
    pub valid_until: Option<Timestamp>,
}

/// Which assertions are good only once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Once {
    /// All (SM-06).
    #[default]
    Every,
    /// Those that say so with `OneTimeUse`.
    Marked,
}

/// Who presents a document, as far as the transport and client authentication know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presenter<'a> {
    /// The authenticated party, by the name that confirmations and [`Acceptance::attesters`] call it by.
    pub identity: Option<&'a str>,
    /// The certificate whose key the presenter has proved to hold, in DER form.
    pub certificate: Option<&'a [u8]>,
    /// The thumbprint of the key whose possession the presenter has proved for this message (RFC 9449 §6.1).
    pub key_thumbprint: Option<&'a str>,
    /// Its network address.
    pub address: Option<IpAddr>,
    /// Whether a bearer's confirmation must name one of our recipients here, even where
    /// [`Acceptance::recipient_required`] does not ask for it.
    pub recipient_required: bool,
    /// Which request the document must answer.
    pub correlation: Correlation<'a>,
}

/// Which request a document must answer, where it says that it answers one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Correlation<'a> {
    /// This one.
    Answers(&'a str),
    /// That is for somebody else to judge: the assertion was sent to the client that now exchanges it.
    #[default]
    NotJudged,
    /// None: whatever says that it answers a request is refused.
    Unsolicited,
}

/// Remembers which assertions were used, for all nodes and over restarts (SM-06).
pub trait Replay: Send + Sync {
    /// Takes note of a use, atomically, and tells whether it was the first. It may be forgotten at
    /// `until`: from then on the assertion is refused as expired.
    fn is_first_use<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Fault>>;
}

/// An assertion that was accepted, with all encrypted parts opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// How the presenter was confirmed.
    pub confirmation: SubjectConfirmation,
    /// The key that the presenter was confirmed by, if by one.
    pub holder: Option<Holder>,
    /// The address that the presenter was confirmed by, if by one.
    pub address: Option<IpAddr>,
    /// The earliest of all ends it names.
    pub expires_at: Timestamp,
    /// Audiences that all restrictions have in common.
    pub audiences: Vec<String>,
    /// What it says.
    pub assertion: Assertion,
}

/// A key whose holder presented an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// That of this certificate, in DER form, shown by the transport.
    Certificate(Vec<u8>),
    /// One with this RFC 7638 thumbprint, shown by the message.
    Key(String),
}

/// An assertion that would be accepted, had it not perhaps been used before. Only
/// [`redeem`](Self::redeem) gives it out.
#[derive(Debug)]
pub struct Examined {
    accepted: Accepted,
    /// Until when its use must be remembered, if that is asked for.
    remembered_until: Option<Timestamp>,
}

/// Why a document was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The document's fault.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<AcceptError> for ValidateError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Refused(refusal) => Self::Rejected(Rejection::from(refusal)),
            AcceptError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Acceptance {
    /// Accepts a document (a `saml:Assertion`, a `saml:EncryptedAssertion` or a `samlp:Response` around one
    /// of them) as of `now`, or says why not.
    pub async fn accept(
        &self,
        document: &[u8],
        presenter: &Presenter<'_>,
        now: Timestamp,
        replay: &dyn Replay,
    ) -> Result<Accepted, AcceptError> {
        self.examine(document, presenter, now)?.redeem(replay).await
    }

    /// Everything but the question whether it was used before.
    pub fn examine(
        &self,
        document: &[u8],
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<Examined, Refusal> {
        let mut assertion = self.authentic(document, presenter, now)?;
        let known_until = self.issuer(&assertion.issuer)?.valid_until;
        if known_until.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired("validUntil"));
        }
        decryption::open_parts(&mut assertion, &self.decryption_keys, self.max_bytes())?;
        self.check_name(&assertion)?;
        self.judge(assertion, presenter, now)
    }

    /// Reads an assertion whose origin has been verified.
    fn authentic(
        &self,
        document: &[u8],
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<Assertion, Refusal> {
        let document = dom::parse(document, self.max_bytes())?;
        let root = Node::root(&document)?;
        let signatures = Signatures::find(&document)?;
        if root.is(uri::PROTOCOL, "Response") {
            return self.response(root, signatures, presenter, now);
        }
        if root.is(uri::ASSERTION, "EncryptedAssertion") {
            return self.sealed_assertion(root, None, None);
        }
        if !root.is(uri::ASSERTION, "Assertion") {
            return Err(Refusal::WrongRoot);
        }
        let issuer = self.issuer_of(root)?;
        let covered = signatures.verify(&issuer.keys)?;
        let verified = covered.get(root).ok_or(Refusal::NotSigned)?;
        Self::read(issuer, verified)
    }

    /// Opens an encrypted assertion: a document of its own, with a signature of its own, unless it stood in
    /// something signed (SM-04). If `sender` sent it, it must be the issuer.
    fn sealed_assertion(
        &self,
        node: Node<'_>,
        signed: Option<Verified<'_>>,
        sender: Option<&TrustedIssuer>,
    ) -> Result<Assertion, Refusal> {
        node.attributes_within(&[], "EncryptedAssertion")?;
        let sealed = read::encrypted_element(node)?;
        let plaintext = decryption::open(&sealed, &self.decryption_keys)?;
        let inner = dom::parse(&plaintext, self.max_bytes())?;
        let root = Node::root(&inner)?;
        if !root.is(uri::ASSERTION, "Assertion") {
            return Err(Refusal::WrongRoot);
        }
        let issuer = self.issuer_of(root)?;
        if sender.is_some_and(|sender| sender.entity_id != issuer.entity_id) {
            return Err(Refusal::IssuerMismatch);
        }
        let covered = Signatures::find(&inner)?.verify(&issuer.keys)?;
        let verified = match (covered.get(root), signed) {
            (Some(verified), _) => verified,
            // A response was verified under its sender's keys, so there is a sender.
            (None, Some(outer)) if sender.is_some() => outer.decrypted_within(root),
            _ => return Err(Refusal::NotSigned),
        };
        Self::read(issuer, verified)
    }

    /// Reads, and makes sure that the issuer whose keys were used is the one that was read.
    fn read(issuer: &TrustedIssuer, verified: Verified<'_>) -> Result<Assertion, Refusal> {
        let assertion = read::assertion(verified)?;
        if assertion.issuer.value == issuer.entity_id {
            Ok(assertion)
        } else {
            Err(Refusal::UnknownIssuer)
        }
    }

    /// The issuer an element names, if it is trusted. Whose keys to try is all that this decides.
    fn issuer_of(&self, node: Node<'_>) -> Result<&TrustedIssuer, Refusal> {
        let name = node
            .elements("Issuer")?
            .take(uri::ASSERTION, "Issuer")
            .ok_or(Refusal::Missing("Issuer"))?;
        self.issuer(&read::name_id(name)?)
    }

    fn issuer(&self, name: &NameId) -> Result<&TrustedIssuer, Refusal> {
        // An issuer is an entity, and an entity's name is not qualified (saml-core §8.3.6).
        let is_entity = name
            .format
            .as_deref()
            .is_none_or(|format| format == uri::NAME_ID_ENTITY)
            && name.name_qualifier.is_none()
            && name.sp_name_qualifier.is_none()
            && name.sp_provided_id.is_none();
        self.issuers
            .iter()
            .find(|issuer| is_entity && issuer.entity_id == name.value)
            .ok_or(Refusal::UnknownIssuer)
    }

    fn max_bytes(&self) -> usize {
        self.max_bytes.min(MAX_DOCUMENT_BYTES)
    }

    fn skew(&self) -> u64 {
        self.skew.min(MAX_SKEW)
    }
}

impl Examined {
    /// The subject's name, for logs; nothing is accepted yet.
    pub fn name(&self) -> &str {
        self.accepted.name_id().map_or("", |name| &name.value)
    }

    /// Takes note of the use, and gives the assertion out if it was the first.
    pub async fn redeem(self, replay: &dyn Replay) -> Result<Accepted, AcceptError> {
        let Self {
            accepted,
            remembered_until,
        } = self;
        if let Some(until) = remembered_until {
            let Assertion { issuer, id, .. } = &accepted.assertion;
            if !replay.is_first_use(&issuer.value, id, until).await? {
                return Err(Refusal::Replayed.into());
            }
        }
        Ok(accepted)
    }
}

#[cfg(test)]
mod tests;
