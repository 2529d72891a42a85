//! The one seam between a token type and the network.

use std::time::Duration;

use crate::BoxFuture;

/// A fetched document.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The body, within the fetcher's size limit.
    pub body: Vec<u8>,
    /// How long the source says it stays fresh (`Cache-Control: max-age`), if it does.
    pub max_age: Option<Duration>,
}

/// Why a document could not be had. Texts are for operators; none reaches a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The egress guard forbids the address or the scheme (KF-01, KF-02).
    #[error("egress to {0} is not allowed")]
    Forbidden(String),
    /// No answer in time.
    #[error("no complete answer within {0:?}")]
    TimedOut(Duration),
    /// More bytes than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// An answer other than 200 with JSON.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// The connection failed.
    #[error("cannot connect: {0}")]
    Unreachable(String),
}

/// Gets a JSON document by URL, or what answers a form. Implementations hold the egress guard: schemes, addresses as connected
/// to, no redirects, size and time limits.
pub trait Fetch: Send + Sync {
    /// Fetches `url`.
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>>;

    /// Posts a form-encoded body to `url`, with this `Authorization` if any; the answer must be of the type
    /// `media`. By default nobody takes one.
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
        form: &'a str,
        media: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let _ = (authorization, form, media);
        Box::pin(std::future::ready(Err(FetchError::Forbidden(
            url.to_owned(),
        ))))
    }
}
