//! Exchange policies of an operator's own.

use crate::{BoxFuture, Call, Fault, Issuance, Scope, Timestamp, TokenType};

/// Asked after [`policy::authorize`](crate::policy::authorize) and before a provider. It may refuse or
/// narrow; [`Issuance`] takes nothing wider from it.
pub trait Decider: Send + Sync {
    /// Decides about `issuance`, from a token of the type `subject` to one of the type `issued`.
    fn decide<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        subject: &'a TokenType,
        issued: &'a TokenType,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Decision, DecideError>>;
}

/// What remains of a grant. None leaves a part as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// A scope within the granted one.
    pub scope: Option<Scope>,
    /// Some of the granted audiences, at least one.
    pub audiences: Option<Vec<String>>,
    /// An earlier end.
    pub not_after: Option<Timestamp>,
}

/// Why there is no decision in favour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// It said no.
    #[error("{code}")]
    Refused {
        /// Its own code.
        code: String,
        /// A text it allows the client to see.
        message: Option<String>,
    },
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A decision that would have widened the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Widened {
    /// An audience that was not granted, or none at all.
    #[error("a decision names audiences beyond the granted ones, or none")]
    Audiences,
    /// An end that is later than the granted one, or past.
    #[error("a decision ends later than granted, or not in the future")]
    End,
    /// A word beyond the granted scope.
    #[error("a decision has a scope beyond the granted one")]
    Scope,
}
