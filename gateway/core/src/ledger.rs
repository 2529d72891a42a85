//! What is remembered of tokens: the seam between the engine and whoever keeps the books.

use std::sync::Arc;

use crate::{
    BoxFuture, Call, Fault, Issuance, IssuedToken, Presented, Principal, Provider, Rejection,
    Timestamp,
};

/// A digest that stands for one token. The token itself cannot be learned from it.
pub type TokenKey = [u8; 32];

/// The part of an exchange that a token was presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It spoke of the subject.
    Subject,
    /// It spoke of the actor.
    Actor,
}

/// All that one token can be revoked by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The token. None for a credential, of which not even a digest is kept.
    pub key: Option<TokenKey>,
    /// When it was issued, if that is known.
    pub issued_at: Option<Timestamp>,
    /// When it ends. None for credentials.
    pub expires_at: Option<Timestamp>,
    /// Whom it speaks of.
    pub subject: String,
    /// Who acts with it.
    pub actors: Vec<String>,
    /// The client it was issued to.
    pub client: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// The key it was signed with, by its `kid`.
    pub key_id: Option<String>,
}

/// A token that was made and has not left yet.
pub struct Entry<'a> {
    /// The permission it was made by.
    pub issuance: &'a Issuance<'a>,
    /// The token.
    pub issued: &'a IssuedToken,
    /// Who made it.
    pub provider: &'a dyn Provider,
    /// The tokens it was made from: the subject token, then the actor token if there was one.
    pub parents: Vec<Arc<Mark>>,
}

/// Knows what was revoked, and takes down what is issued. [`exchange`](crate::exchange()) asks it on every
/// way to a token, so no face can forget to.
pub trait Ledger: Send + Sync {
    /// Lets a validated token in, or refuses it because it, or what it stands on, was revoked. Does no I/O.
    fn admit(
        &self,
        role: Role,
        presented: &Presented,
        principal: &Principal,
        call: &Call<'_>,
    ) -> Result<Arc<Mark>, Rejection>;

    /// Takes a new token down. Only after this has returned `Ok` may it leave. The marks are those by which
    /// it falls: its own first, then its parents'.
    fn enter<'a>(
        &'a self,
        entry: Entry<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<[Arc<Mark>]>, NotEntered>>;
}

/// Why a token may not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntered {
    /// A token it was made from was revoked meanwhile.
    #[error("a token it was made from was revoked meanwhile")]
    Revoked,
    /// It could not be taken down.
    #[error(transparent)]
    Fault(#[from] Fault),
}
