//! Why a response did not come, or did not come whole.

use std::io;

use crate::{body::Cut, http1::Misframed};

/// What went wrong between a request and the end of its response.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection to the upstream broke.
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    /// The upstream ended the connection within its response, or before it.
    #[error("the connection ended too early")]
    Ended,
    /// What came is not the head of a response (RFC 9112 §4).
    #[error("not the head of a response")]
    Head,
    /// The head of a response, or its trailers, are longer than any should be.
    #[error("the head or the trailers are too long")]
    Long,
    /// The length of the body is said twice, in two ways, or not plainly (RFC 9112 §6).
    #[error("the length of the body is said twice or in doubt")]
    Length,
    /// A chunk is not written as RFC 9112 §7.1 says.
    #[error("not a chunk")]
    Chunk,
    /// The request's own body broke off, or is not as long as it said.
    #[error("the request's body broke off")]
    Request(#[source] Option<Cut>),
    /// Whatever hyper says of an HTTP/2 connection.
    #[error(transparent)]
    Http2(hyper::Error),
}

impl From<Misframed> for Broken {
    fn from(misframed: Misframed) -> Self {
        match misframed {
            Misframed::Field => Self::Head,
            Misframed::Chunk | Misframed::Trailer => Self::Chunk,
            Misframed::Long => Self::Long,
        }
    }
}

impl Broken {
    /// Whether the client's request is to blame, and not the upstream.
    pub(in crate::proxy) fn is_clients(&self) -> bool {
        match self {
            Self::Request(_) => true,
            Self::Http2(error) => error.is_user(),
            _ => false,
        }
    }
}
