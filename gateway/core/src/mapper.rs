//! Parts of an issued token that an operator decides in place of its provider.

use crate::{BoxFuture, Call, Issuance, IssueError};

/// Makes one part of a token, such as its claims or its authentication context.
pub trait Mapper<T>: Send + Sync {
    /// The part for this token.
    fn map<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<T, IssueError>>;
}
