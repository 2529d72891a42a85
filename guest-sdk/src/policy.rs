//! What a policy is asked, and what it answers.

use crate::{Actor, Principal};

/// What is about to be granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Request {
    /// The client that asks.
    pub client: String,
    /// Whom the token will speak of.
    pub subject: Principal,
    /// The type (a URI) of the subject token.
    pub subject_token_type: String,
    /// The type (a URI) of the token to be issued.
    pub issued_token_type: String,
    /// Who acts, newest first.
    pub actors: Vec<Actor>,
    /// Whom the token is for.
    pub audiences: Vec<String>,
    /// The scope it will carry.
    pub scopes: Vec<String>,
    /// The moment after which it will not be valid, if something limits it, in seconds since
    /// 1970-01-01T00:00:00Z.
    pub not_after: Option<u64>,
}

impl Request {
    /// What a client asks for a subject, for tests.
    pub fn new(client: impl Into<String>, subject: Principal) -> Self {
        Self {
            client: client.into(),
            subject,
            ..Self::default()
        }
    }

    /// Says between which token types, for tests.
    pub fn token_types(mut self, subject: impl Into<String>, issued: impl Into<String>) -> Self {
        self.subject_token_type = subject.into();
        self.issued_token_type = issued.into();
        self
    }

    /// Adds an actor behind those already there, for tests.
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actors.push(actor);
        self
    }

    /// Adds an audience, for tests.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Says which scope it will carry, for tests.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Limits the validity, for tests.
    pub fn not_after(mut self, time: u64) -> Self {
        self.not_after = Some(time);
        self
    }
}

/// What remains of the grant. What is not named stays as it is; nothing may be widened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Decision {
    /// The scope that remains.
    pub scopes: Option<Vec<String>>,
    /// The audiences that remain, at least one.
    pub audiences: Option<Vec<String>>,
    /// An earlier end, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: Option<u64>,
}

impl Decision {
    /// Leaves the grant as it is.
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// Leaves these scope words only.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Leaves these audiences only.
    pub fn audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.audiences = Some(audiences.into_iter().map(Into::into).collect());
        self
    }

    /// Ends the grant at this time, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_after(mut self, time: u64) -> Self {
        self.not_after = Some(time);
        self
    }
}
