//! Sessions of an access manager as input. What it said of one is good for a few seconds, and however many
//! ask about one session at a time, it is asked once.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Timestamp, Token, UsedSession, ValidateError,
    Validator,
};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{AccessManager, client::RemoteSession};

/// Sessions that are remembered at a time.
const REMEMBERED: usize = 10_000;
/// Seconds for which a refusal is remembered.
const REFUSED_SECONDS: u64 = 1;
/// Longest session token that is asked about, in bytes. Client-side sessions are long.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

type Key = [u8; 32];

/// What was learned of a session, and until when it counts.
#[derive(Clone)]
struct Answer {
    learned: Result<(RemoteSession, Map<String, Value>), Rejection>,
    until: Timestamp,
}

/// Validates sessions of an access manager.
pub struct RemoteSessions {
    access_manager: Arc<AccessManager>,
    declared: Declared,
    known: Cache<Key, Arc<Mutex<Option<Answer>>>>,
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
            known: Cache::new(REMEMBERED),
        }
    }

    async fn learn(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<(RemoteSession, Map<String, Value>), ValidateError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge.into());
        }
        let text = token.as_str().ok_or(Rejection::Malformed)?;
        let slot = self.slot(token);
        // Whoever comes first asks; the others wait here for what it learns.
        let mut slot = slot.lock().await;
        if let Some(answer) = slot.as_ref().filter(|answer| now < answer.until) {
            return answer.learned.clone().map_err(Into::into);
        }
        let asked = async {
            let facts = self.access_manager.session(text, now).await?;
            let profile = self
                .access_manager
                .profile(text, &facts.username, now)
                .await?;
            Ok((facts, profile))
        }
        .await;
        let learned = match asked {
            Ok(learned) => Ok(learned),
            Err(ValidateError::Rejected(rejection)) => Err(rejection),
            // Not to be remembered: it may be over at once.
            Err(error) => return Err(error),
        };
        let seconds = if learned.is_ok() {
            self.access_manager.cache_seconds
        } else {
            REFUSED_SECONDS
        };
        *slot = Some(Answer {
            learned: learned.clone(),
            until: now.plus(seconds),
        });
        drop(slot);
        learned.map_err(Into::into)
    }

    fn slot(&self, token: &Token) -> Arc<Mutex<Option<Answer>>> {
        let made: Result<_, std::convert::Infallible> = self
            .known
            .get_or_insert_with(&key(token), || Ok(Arc::default()));
        made.unwrap_or_default()
    }
}

fn key(token: &Token) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

impl Validator for RemoteSessions {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Principal, ValidateError>> {
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
            Ok(principal)
        })
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.access_manager.end(session).await;
            self.known.remove(&key(session));
        })
    }
}
