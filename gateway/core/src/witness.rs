//! Who looks on while an exchange is decided, and what there is to see.

use crate::{Decision, ForClients, Issuance, IssuedToken, Principal, Role, Transformation};

/// A rule of [`policy::authorize`](crate::policy::authorize), in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Keys that the tokens are bound to were proven (SX-12).
    Proof,
    /// The subject token is the client's to present (TX-14).
    Presentation,
    /// The actor is the one that the subject names (TX-54).
    MayAct,
    /// The actor token is the client's, and belongs to this subject (TX-15).
    Actor,
    /// Who acts, and within which bounds (TX-50, TX-57).
    Delegation,
    /// Whom the token may be for (TX-06, TX-07).
    Targets,
    /// What the token may allow (TX-08, TX-71).
    Scope,
    /// When the token must have ended (TX-70).
    Lifetime,
    /// What the token is bound to (DP-20, DP-42).
    Binding,
}

/// Something that was found to be so. What is found not to be so is the [`ExchangeError`](crate::ExchangeError).
#[derive(Clone, Copy)]
pub enum Step<'a> {
    /// This makes the wanted token out of the presented one.
    Transformation(&'a Transformation),
    /// This makes a client's token of its own.
    ForClients(&'a ForClients),
    /// The token presented in this role speaks of somebody.
    Accepted(Role, &'a Principal),
    /// The token presented in this role was not revoked, as far as anybody keeps the books.
    Admitted(Role),
    /// A rule of the gateway's own allows it.
    Allowed(Rule),
    /// All of them do, within these bounds.
    Granted(&'a Issuance<'a>),
    /// The next exchange policy of the operator's own agrees, and left these bounds.
    Decided(&'a Decision, &'a Issuance<'a>),
    /// What the provider would make. None if it cannot say without effect elsewhere.
    Previewed(Option<&'a IssuedToken>),
}

/// Is told of every step of an exchange, as soon as it is done.
pub trait Witness: Send {
    /// One step more.
    fn saw(&mut self, step: Step<'_>);
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nobody;

impl Witness for Nobody {
    #[inline]
    fn saw(&mut self, _: Step<'_>) {}
}
