//! The input role.

use std::sync::Arc;

use crate::{BoxFuture, Call, Principal, Token, ValidateError};

/// Turns a token of one type into a [`Principal`], or says why not. Builtins and Wasm plugins both
/// implement it, and nothing behind it can tell them apart.
pub trait Validator: Send + Sync {
    /// Validates `token` as of `call.now`. Never partially: an error means that nothing was learned. What was
    /// learned is shared, so that whoever remembers it hands it out again without a copy.
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>>;

    /// Whether a token could be one of those it reads, from its form alone. Where several validators read one
    /// token type, the first that recognises a token reads it. By default any could.
    fn recognises(&self, token: &Token) -> bool {
        let _ = token;
        true
    }

    /// Ends the session that [`Principal::session`] named. Best effort: a failure is the validator's to log, for
    /// nobody waits to hear of it. By default there is nothing to end.
    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        let _ = session;
        Box::pin(std::future::ready(()))
    }
}
