//! Errors, sorted by whose fault they are. Each face has one table from these to its wire form.

use crate::{DecideError, TokenType};

/// Why a token was not accepted. Small and closed on purpose: it labels metrics and audit events, and
/// no client ever sees more of it than "not accepted".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// The algorithm is unknown, or not allowed for this issuer or key.
    #[error("algorithm not allowed")]
    AlgorithmNotAllowed,
    /// The signature, MAC, password or equivalent does not verify.
    #[error("not authentic")]
    BadSignature,
    /// A delegation chain is deeper or larger than allowed.
    #[error("delegation chain too long")]
    ChainTooLong,
    /// It ended.
    #[error("expired")]
    Expired,
    /// It cannot be read as what it claims to be.
    #[error("malformed")]
    Malformed,
    /// Its time has not come.
    #[error("not yet valid")]
    NotYetValid,
    /// Valid syntax, refused by the party that knows this kind of token.
    #[error("refused")]
    Refused,
    /// It, or a token it was made from, was revoked.
    #[error("revoked")]
    Revoked,
    /// Larger than allowed.
    #[error("too large")]
    TooLarge,
    /// The issuer is not registered here.
    #[error("unknown issuer")]
    UnknownIssuer,
    /// No key of the issuer fits.
    #[error("unknown key")]
    UnknownKey,
    /// It may only be presented from another address. From there it may well be acceptable.
    #[error("wrong address")]
    WrongAddress,
    /// Addressed to somebody else.
    #[error("wrong audience")]
    WrongAudience,
    /// It is a token of another kind than declared.
    #[error("wrong type")]
    WrongType,
}

impl Rejection {
    /// A stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::BadSignature => "bad_signature",
            Self::ChainTooLong => "chain_too_long",
            Self::Expired => "expired",
            Self::Malformed => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
            Self::TooLarge => "too_large",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::WrongAddress => "wrong_address",
            Self::WrongAudience => "wrong_audience",
            Self::WrongType => "wrong_type",
        }
    }
}

/// Something on our side that broke, or that we depend on and that is away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too much work is waiting; trying again later helps.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// A plugin trapped, ran out of time or memory, or answered nonsense.
    #[error("plugin {plugin} failed: {reason}")]
    Plugin {
        /// Its name and digest.
        plugin: String,
        /// What happened, for operators.
        reason: String,
    },
    /// A plugin accepted a token and does not say whose it is.
    #[error("plugin {plugin} failed: bad answer: the subject is empty")]
    Nameless {
        /// Its name and digest.
        plugin: String,
    },
    /// Somebody has failed too often.
    #[error("too many failed attempts: wait {seconds} seconds")]
    Throttled {
        /// How long to wait.
        seconds: u64,
    },
    /// An issuer's keys, the store or a directory cannot be reached; trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A bug or a broken machine.
    #[error("internal: {0}")]
    Internal(String),
}

/// Why a validator did not return a principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    /// The token's fault.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The token's fault, in the words of the plugin that knows it.
    #[error("{rejection}: {code}")]
    RefusedWith {
        /// The closest general reason.
        rejection: Rejection,
        /// The plugin's own code.
        code: String,
        /// A text the plugin allows the client to see.
        message: Option<String>,
    },
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ValidateError {
    /// The general reason, if the token was at fault.
    pub const fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Rejected(rejection) | Self::RefusedWith { rejection, .. } => Some(*rejection),
            Self::Fault(_) => None,
        }
    }
}

/// Why a provider did not issue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// What was asked for lies beyond what this token type can say.
    #[error("cannot be issued: {0}")]
    Impossible(&'static str),
    /// A plugin that makes the token, or a part of it, said no.
    #[error("refused: {code}")]
    Refused {
        /// The plugin's own code.
        code: String,
        /// A text the plugin allows the client to see.
        message: Option<String>,
    },
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is wrong with the requested `audience` and `resource` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// A resource does not belong to any audience named beside it (AB-36).
    #[error("resource and audience name different targets")]
    Conflicting,
    /// The client asked for nothing and may ask for more than one target.
    #[error("several targets are possible, so the request must name one")]
    Missing,
    /// The client may not ask for it.
    #[error("this client may not ask for it")]
    NotAllowed,
    /// No relying party of this instance has it.
    #[error("unknown to this instance")]
    Unknown,
}

/// Which rule of delegation or presentation said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// The actor token is itself delegated: two histories cannot be told in one chain.
    #[error("the actor token carries a delegation of its own")]
    ActorDelegated,
    /// The actor token is bound to a key that the caller did not prove (DP-43).
    #[error("the actor token is bound to a key that was not proven")]
    ActorNotProven,
    /// The actor already stands in the subject's chain (AB-31).
    #[error("the actor already acted in this chain")]
    ActorRepeats,
    /// The actor is neither the client nor on its list (SX-08).
    #[error("the actor token does not belong to this client")]
    ActorNotAllowed,
    /// The chain would grow beyond the limit (TX-57).
    #[error("the delegation chain is too long")]
    ChainTooLong,
    /// The subject names who may act, and nobody or somebody else came (TX-54).
    #[error("the subject token names another actor")]
    MayActNotMet,
    /// The subject token was not addressed to this client (TX-14).
    #[error("the client may not present this subject token")]
    NotPresentable,
    /// Issued tokens must be bound, and no key was proven to bind them to.
    #[error("tokens of this client must be bound to a key, and none was proven")]
    NothingToBindTo,
    /// The subject token is bound to a key that the caller did not prove (SX-12).
    #[error("the subject token is bound to a key that was not proven")]
    NotProven,
    /// One token in two roles (TX-16).
    #[error("subject and actor are the same token")]
    SameToken,
    /// Subject and actor tokens come from unrelated chains (TX-15).
    #[error("the subject token was not issued towards this actor")]
    Spliced,
    /// Nothing is left of the lifetime.
    #[error("nothing of the lifetime is left")]
    TooLate,
}

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The instance does not make this type out of that.
    #[error("no transformation from {subject} to {requested}")]
    NoTransformation {
        /// The declared subject token type.
        subject: TokenType,
        /// The requested type, or `any`.
        requested: String,
    },
    /// The instance takes no actor tokens of this type.
    #[error("actor tokens of type {0} are not accepted")]
    NoActors(TokenType),
    /// The subject token was not accepted.
    #[error("subject token: {0}")]
    Subject(#[source] ValidateError),
    /// The actor token was not accepted.
    #[error("actor token: {0}")]
    Actor(#[source] ValidateError),
    /// A target is unknown, not permitted, or contradicts another.
    #[error("target: {0}")]
    Target(#[from] TargetRefusal),
    /// The scope is wider than subject, client and target allow.
    #[error("the requested scope is wider than allowed")]
    Scope,
    /// A rule said no.
    #[error("policy: {0}")]
    Policy(#[from] PolicyRefusal),
    /// An exchange policy of the operator's own said no, or could not be asked.
    #[error("exchange policy: {0}")]
    Decided(#[from] DecideError),
    /// The token could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl ExchangeError {
    /// The fault on our side, if it was ours.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Subject(ValidateError::Fault(fault))
            | Self::Actor(ValidateError::Fault(fault))
            | Self::Decided(DecideError::Fault(fault))
            | Self::Issue(IssueError::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    /// The code and the text with which a plugin said no, if one did.
    pub fn words(&self) -> Option<(&str, Option<&str>)> {
        match self {
            Self::Subject(ValidateError::RefusedWith { code, message, .. })
            | Self::Actor(ValidateError::RefusedWith { code, message, .. })
            | Self::Decided(DecideError::Refused { code, message })
            | Self::Issue(IssueError::Refused { code, message }) => {
                Some((code, message.as_deref()))
            }
            _ => None,
        }
    }
}
