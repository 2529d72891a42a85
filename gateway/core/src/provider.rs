//! The output role.

use serde_json::{Map, Value};

use crate::{BoxFuture, Call, Issuance, IssueError, Timestamp, Token, TokenType};

/// Turns a permission to issue into a token of one type.
pub trait Provider: Send + Sync {
    /// The type of what [`issue`](Self::issue) returns, always.
    fn token_type(&self) -> &TokenType;

    /// Who its tokens say issued them, if they name an issuer and an identifier.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// What a token of this issuance stands for, if it means nothing by itself and is looked up in the
    /// ledger. None for tokens that say it themselves.
    fn content(
        &self,
        _: &Issuance<'_>,
        _: &IssuedToken,
        _: &Call<'_>,
    ) -> Option<Map<String, Value>> {
        None
    }

    /// Whether it writes [`Issuance::confirmation`] into its tokens. A grant that must stay bound is refused
    /// otherwise.
    fn can_bind(&self) -> bool {
        false
    }

    /// Issues one token. The permission is proof that policy was asked.
    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>>;

    /// What [`issue`](Self::issue) would make, for somebody who only wants to know and lets nobody have it.
    /// None from a provider whose making has effects elsewhere.
    fn preview<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Option<IssuedToken>, IssueError>> {
        Box::pin(async move { self.issue(issuance, call).await.map(Some) })
    }
}

/// How the holder uses an issued token (`token_type` of RFC 8693 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Presented as a bearer access token (RFC 6750).
    Bearer,
    /// Not an access token: the response says `N_A`.
    NotApplicable,
}

/// A token as it came from its provider.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// What the client receives.
    pub token: Token,
    /// Its type.
    pub token_type: TokenType,
    /// How it is used.
    pub usage: Usage,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its identifier (`jti`, assertion ID), for the audit record.
    pub id: Option<String>,
}
