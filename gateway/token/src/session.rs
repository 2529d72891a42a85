//! A session of this gateway: an opaque token that is looked up in memory.

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Declared, Principal, Rejection, Timestamp, Token, TokenType, UsedSession,
    ValidateError, Validator,
};
use serde_json::{Map, Value};

use crate::{Bench, BuildError, Builtin, settings::Settings};

/// Longest session token that is looked up, in bytes.
const MAX_TOKEN_BYTES: usize = 256;

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "session",
    token_type: TokenType::SESSION,
    validator: Some(build),
    provider: None,
};

/// Knows the sessions that are there.
pub trait SessionDirectory: Send + Sync {
    /// The session that `token` stands for as of `now`, without I/O. Asking counts as use of it.
    fn find(&self, token: &[u8], now: Timestamp) -> Option<Arc<Session>>;

    /// Ends the session that `token` stands for, for good.
    fn end<'a>(&'a self, token: &'a [u8]) -> BoxFuture<'a, ()>;
}

/// No sessions at all.
#[derive(Clone, Copy, Debug)]
pub struct NoSessions;

impl SessionDirectory for NoSessions {
    fn find(&self, _: &[u8], _: Timestamp) -> Option<Arc<Session>> {
        None
    }

    fn end<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The realm, as a path with its leading slash.
    pub realm: String,
    /// The name in the spelling of the directory that checked the credential.
    pub username: String,
    /// What the directory says about the user; it becomes claims.
    pub attributes: Map<String, Value>,
    /// When the credential was checked.
    pub authenticated_at: Timestamp,
    /// By which methods (RFC 8176).
    pub methods: Vec<String>,
    /// When it ends, used or not.
    pub ends_at: Timestamp,
}

fn build(
    settings: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<Arc<dyn Validator>, BuildError> {
    let declared = Settings::new(settings, &["scopes", "subject_prefix"])?.declared()?;
    Ok(Arc::new(OwnSession {
        realm: bench.realm.to_owned(),
        sessions: Arc::clone(bench.sessions),
        declared,
    }))
}

struct OwnSession {
    realm: String,
    sessions: Arc<dyn SessionDirectory>,
    declared: Declared,
}

impl OwnSession {
    fn check(&self, token: &Token, now: Timestamp) -> Result<Principal, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        let session = self
            .sessions
            .find(token.as_bytes(), now)
            .ok_or(Rejection::Expired)?;
        // A session speaks of the users of its own realm and of no other.
        if session.realm != self.realm {
            return Err(Rejection::WrongAudience);
        }
        let mut principal = Principal {
            subject: session.username.clone(),
            expires_at: Some(session.ends_at),
            authenticated_at: Some(session.authenticated_at),
            authentication_methods: session.methods.clone(),
            session: Some(UsedSession::presented(token.clone())),
            claims: session.attributes.clone(),
            ..Principal::default()
        };
        self.declared.complete(&mut principal, None);
        Ok(principal)
    }
}

impl Validator for OwnSession {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        let checked = self
            .check(token, call.now)
            .map(Arc::new)
            .map_err(Into::into);
        Box::pin(std::future::ready(checked))
    }

    fn end_session<'a>(&'a self, session: &'a Token) -> BoxFuture<'a, ()> {
        self.sessions.end(session.as_bytes())
    }
}

#[cfg(test)]
mod tests;
