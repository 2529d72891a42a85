//! Why a document was not accepted: the exact reason for operators, and one of few for everybody else.

use cambist_core::Rejection;

/// Why a document was not accepted. No client sees more of it than "not accepted".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// An algorithm that is not accepted, or not for this key (SM-10).
    #[error("{0}: algorithm not accepted")]
    Algorithm(&'static str),
    /// A signature does not verify under any key of the issuer.
    #[error("the signature does not verify")]
    BadSignature,
    /// Text that is not base64, in whichever alphabet it had to be.
    #[error("not base64")]
    Base64,
    /// A CDATA section (SM-03).
    #[error("a CDATA section")]
    Cdata,
    /// A comment (SM-03).
    #[error("a comment")]
    Comment,
    /// An XML declaration that is not one of version 1.0 in UTF-8.
    #[error("an XML declaration that is not accepted")]
    Declaration,
    /// Elements within elements, too deep.
    #[error("nested too deep")]
    Depth,
    /// A response that was sent to another place.
    #[error("the response was sent to another place")]
    Destination,
    /// A document type declaration (SM-09).
    #[error("a document type declaration")]
    Doctype,
    /// Two elements have one identifier.
    #[error("an identifier stands twice")]
    DuplicateIdentifier,
    /// The end is over.
    #[error("{0} is over")]
    Expired(&'static str),
    /// An identifier where none belongs, or that is none.
    #[error("an identifier that is not accepted")]
    Identifier,
    /// An answer to a request nobody here has made.
    #[error("an answer to another request")]
    InResponseTo,
    /// The response comes from somebody else than its assertion.
    #[error("response and assertion have different issuers")]
    IssuerMismatch,
    /// It would hold longer than is accepted.
    #[error("it would hold for too long")]
    Lifetime,
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A name that is none in XML with namespaces.
    #[error("a name that is not accepted")]
    Name,
    /// A namespace that is not an absolute URI.
    #[error("a namespace that is not an absolute URI")]
    Namespace,
    /// Its time has not come.
    #[error("{0} lies in the future")]
    NotYetValid(&'static str),
    /// Not well-formed XML.
    #[error("not well-formed XML")]
    NotXml,
    /// Neither the assertion nor what it stands in is signed (SM-04).
    #[error("not signed")]
    NotSigned,
    /// A processing instruction (SM-03).
    #[error("a processing instruction")]
    ProcessingInstruction,
    /// It may not be passed on, which any exchange would do (saml-core §2.5.1.6).
    #[error("it may not be passed on")]
    ProxyRestriction,
    /// The subject's name is qualified by another domain than its issuer's or ours.
    #[error("a name of another domain")]
    Qualified,
    /// Not a reference to the element that holds the signature (SM-01).
    #[error("the signature covers something else than where it stands")]
    Reference,
    /// It was used before (SM-06).
    #[error("used before")]
    Replayed,
    /// More than one assertion, wherever they stand (SM-01).
    #[error("more than one assertion")]
    SeveralAssertions,
    /// A signature that is not made as it must be.
    #[error("{0}: not shaped as a signature must be")]
    SignatureShape(&'static str),
    /// A signature where none belongs, or too many of them.
    #[error("a signature where none belongs")]
    SignaturePosition,
    /// The response does not report success.
    #[error("the response does not report success")]
    Status,
    /// Larger than accepted.
    #[error("{0}: too large or too many")]
    TooLarge(&'static str),
    /// Other transforms than the two that must be there (SM-10).
    #[error("transforms that are not accepted")]
    Transforms,
    /// Nobody confirms the presenter; the reason of the confirmation that was tried last.
    #[error("not confirmed: {0}")]
    Unconfirmed(Unconfirmed),
    /// Encrypted content that cannot be had: wrong key, wrong form, or not intact.
    #[error("not decryptable")]
    Undecryptable,
    /// An element or attribute where none belongs.
    #[error("{0}: something is in it that is not accepted")]
    Unexpected(&'static str),
    /// A condition nobody here can judge (saml-core §2.5.1.1).
    #[error("an unknown condition")]
    UnknownCondition,
    /// The issuer is not trusted.
    #[error("unknown issuer")]
    UnknownIssuer,
    /// A value that is not one of its type.
    #[error("{0}: not a value of its type")]
    Value(&'static str),
    /// A version other than 2.0.
    #[error("not SAML 2.0")]
    Version,
    /// White space in an attribute that XML processors read differently.
    #[error("unescaped white space in an attribute")]
    Whitespace,
    /// Addressed to somebody else.
    #[error("wrong audience")]
    WrongAudience,
    /// Another document than an assertion or a response.
    #[error("neither an assertion nor a response")]
    WrongRoot,
}

/// Why a subject confirmation does not confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unconfirmed {
    /// It may only be presented from another address, or ours is not known.
    #[error("another address")]
    Address,
    /// It is over.
    #[error("over")]
    Expired,
    /// It answers another request.
    #[error("an answer to another request")]
    InResponseTo,
    /// Only another party may present it.
    #[error("another presenter")]
    Name,
    /// Its key was not shown, or it names none.
    #[error("not the holder of the key")]
    Key,
    /// The method is unknown or not accepted.
    #[error("the method is not accepted")]
    Method,
    /// There is no confirmation at all.
    #[error("there is no confirmation")]
    None,
    /// Whoever presents it is not one who may attest.
    #[error("the presenter may not attest")]
    NotAttested,
    /// Its time has not come.
    #[error("not yet")]
    NotYetValid,
    /// It may only be presented elsewhere.
    #[error("another recipient")]
    Recipient,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Algorithm(_) | Refusal::Transforms => Self::AlgorithmNotAllowed,
            Refusal::BadSignature
            | Refusal::NotSigned
            | Refusal::Reference
            | Refusal::SeveralAssertions
            | Refusal::SignaturePosition
            | Refusal::SignatureShape(_)
            | Refusal::Undecryptable => Self::BadSignature,
            Refusal::Depth | Refusal::TooLarge(_) => Self::TooLarge,
            Refusal::Expired(_) | Refusal::Unconfirmed(Unconfirmed::Expired) => Self::Expired,
            Refusal::NotYetValid(_) | Refusal::Unconfirmed(Unconfirmed::NotYetValid) => {
                Self::NotYetValid
            }
            Refusal::UnknownIssuer | Refusal::IssuerMismatch => Self::UnknownIssuer,
            Refusal::WrongAudience
            | Refusal::Destination
            | Refusal::Unconfirmed(Unconfirmed::Recipient) => Self::WrongAudience,
            Refusal::Unconfirmed(Unconfirmed::Address) => Self::WrongAddress,
            Refusal::Version | Refusal::WrongRoot => Self::WrongType,
            Refusal::InResponseTo
            | Refusal::Lifetime
            | Refusal::ProxyRestriction
            | Refusal::Qualified
            | Refusal::Replayed
            | Refusal::Status
            | Refusal::Unconfirmed(_)
            | Refusal::UnknownCondition => Self::Refused,
            Refusal::Base64
            | Refusal::Cdata
            | Refusal::Comment
            | Refusal::Declaration
            | Refusal::Doctype
            | Refusal::DuplicateIdentifier
            | Refusal::Identifier
            | Refusal::Missing(_)
            | Refusal::Name
            | Refusal::Namespace
            | Refusal::NotXml
            | Refusal::ProcessingInstruction
            | Refusal::Unexpected(_)
            | Refusal::Value(_)
            | Refusal::Whitespace => Self::Malformed,
        }
    }
}
