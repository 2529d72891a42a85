//! Sessions of an access manager as input. What it said of one is good for a few seconds, and however many
//! ask about one session at a time, it is asked once.

use std::{fmt, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Timestamp, Token, UsedSession, ValidateError,
    Validator,
};
use cambist_token::Learned;
use serde_json::{Map, Value};

use super::{AccessManager, client::RemoteSession};

/// Sessions that are remembered at a time.
const REMEMBERED: usize = 10_000;
/// Seconds for which a refusal is remembered.
const REFUSED_SECONDS: u64 = 1;
/// Longest session token that is asked about, in bytes. Client-side sessions are long.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What was learned of a session.
type Known = Result<(RemoteSession, Map<String, Value>), ValidateError>;

/// Validates sessions of an access manager.
pub struct RemoteSessions {
    access_manager: Arc<AccessManager>,
    declared: Declared,
    known: Learned<Known>,
}

impl fmt::Debug for RemoteSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access_manager.fmt(f)
    }
}

impl RemoteSessions {
    /// Sessions of one realm of `access_manager`.
    pub fn new(access_manager: Arc<AccessManager>, declared: Declared) -> Self {
        Self {
            access_manager,
            declared,
            known: Learned::new(REMEMBERED),
        }
    }

    async fn learn(&self, token: &Token, now: Timestamp) -> Known {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge.into());
        }
        let text = token.as_str().ok_or(Rejection::Malformed)?;
        let ask = || async {
            let known = self.ask(text, now).await;
            let seconds = match &known {
                Ok(_) => Some(self.access_manager.cache_seconds),
                Err(ValidateError::Rejected(_)) => Some(REFUSED_SECONDS),
                // Not to be remembered: it may be over at once.
                Err(_) => None,
            };
            (known, seconds.map(|seconds| now.plus(seconds)))
        };
        self.known.learn(token.as_bytes(), now, ask).await
    }

    async fn ask(&self, token: &str, now: Timestamp) -> Known {
        let facts = self.access_manager.session(token, now).await?;
        let profile = self
            .access_manager
            .profile(token, &facts.username, now)
            .await?;
        Ok((facts, profile))
    }
}

impl Validator for RemoteSessions {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(async move {
            let (session, claims) = self.learn(token, call.now).await?;
            let idle = session
                .idle_ends_at
                .filter(|_| self.access_manager.respect_idle);
            let mut principal = Principal {
                subject: session.username,
                expires_at: session.ends_at.into_iter().chain(idle).min(),
                session: Some(UsedSession::presented(token.clone())),
                claims,
                ..Principal::default()
            };
            self.declared.complete(&mut principal, None);
            Ok(Arc::new(principal))
        })
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.access_manager.end(session).await;
            self.known.forget(session.as_bytes());
        })
    }
}
