//! What the rows say.

use cambist_core::{Timestamp, TokenKey};

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerState {
    /// Nothing, as long as it has not ended.
    Active,
    /// Its holder gave it up.
    Cancelled,
    /// It was taken back.
    Revoked,
}

impl LedgerState {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Cancelled => 1,
            Self::Revoked => 2,
        }
    }

    pub(super) const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Active,
            1 => Self::Cancelled,
            2 => Self::Revoked,
            _ => return None,
        })
    }
}

/// An issued token, as it is taken down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLedgerRow {
    /// SHA-256 of the token.
    pub token_hash: TokenKey,
    /// What it is revoked by.
    pub mark: TokenKey,
    /// The mark of the subject token it was made from.
    pub parent: Option<TokenKey>,
    /// The mark of the actor token it was made with.
    pub actor_parent: Option<TokenKey>,
    /// Who issued the subject token.
    pub parent_issuer: Option<String>,
    /// The `kid` that the subject token was signed with.
    pub parent_key: Option<String>,
    /// The instance that issued it.
    pub instance: String,
    /// Its token type identifier.
    pub token_type: String,
    /// Its identifier (`jti`, assertion ID).
    pub token_id: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// The `kid` it was signed with.
    pub key_id: Option<String>,
    /// Whom it speaks of.
    pub subject: String,
    /// Who acts, newest first.
    pub actors: Vec<String>,
    /// The client that asked for it.
    pub client: Option<String>,
    /// Whom it is for.
    pub audiences: Vec<String>,
    /// Its scope.
    pub scope: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it stands for, in JSON, if it does not say so itself.
    pub content: Option<String>,
}

/// An issued token, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its place in the order of issue.
    pub seq: i64,
    /// What was taken down.
    pub token: NewLedgerRow,
    /// What became of it.
    pub state: LedgerState,
    /// When it did.
    pub state_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// Which rows are wanted, newest first. None leaves a condition out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerQuery {
    /// Issued by this instance.
    pub instance: Option<String>,
    /// About this subject.
    pub subject: Option<String>,
    /// For this client.
    pub client: Option<String>,
    /// Of this type.
    pub token_type: Option<String>,
    /// Neither ended, cancelled nor revoked at this moment.
    pub active_at: Option<Timestamp>,
    /// Issued before the row with this number.
    pub before: Option<i64>,
    /// Most rows.
    pub limit: u32,
}

/// Which tokens fall first; all that was made from them falls with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The token with this mark, whoever issued it.
    Mark(TokenKey),
    /// Tokens that a cut-off names.
    CutOff(CutOffRow),
}

/// A token that fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// Its mark.
    pub mark: TokenKey,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A stored revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationRow {
    /// The token's mark.
    pub mark: TokenKey,
    /// When it need not be remembered any more.
    pub until: Timestamp,
}

/// A stored cut-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOffRow {
    /// `subject`, `actor`, `client`, `issuer` or `key`.
    pub kind: &'static str,
    /// Which one.
    pub value: String,
    /// The instance it holds for; empty for all.
    pub instance: String,
    /// What was issued before this moment no longer counts.
    pub before: Timestamp,
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}
