//! What a provider is asked for, and what it makes.

use std::fmt;

use crate::Principal;

/// One party of a delegation chain (RFC 8693 §4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Actor {
    /// Who vouched for it, if that is known.
    pub issuer: Option<String>,
    /// Its subject identifier.
    pub subject: String,
}

impl Actor {
    /// An actor of whom nothing but the identifier is known.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            issuer: None,
            subject: subject.into(),
        }
    }
}

/// A permission to issue one token. Policy has been asked; nothing here may be widened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Issuance {
    /// The issuer identifier of the instance.
    pub issuer: String,
    /// Whom the token will speak of.
    pub subject: Principal,
    /// The client the token is issued to; none where callers are not clients.
    pub client: Option<String>,
    /// Who acts for the subject, newest first. Empty when nobody does.
    pub actors: Vec<Actor>,
    /// Whom the token is for; never empty.
    pub audiences: Vec<String>,
    /// The granted scope.
    pub scopes: Vec<String>,
    /// The moment after which the token must not be valid, if something limits it, in seconds since
    /// 1970-01-01T00:00:00Z.
    pub not_after: Option<u64>,
    /// A value of the caller's, to be copied into the token.
    pub nonce: Option<String>,
    /// Drawn for this token and no other: 32 hexadecimal digits, fit for its identifier.
    pub id: String,
}

impl Issuance {
    /// A permission for one audience, with an identifier that is always the same, for tests.
    pub fn new(issuer: impl Into<String>, subject: Principal, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject,
            audiences: vec![audience.into()],
            id: "000102030405060708090a0b0c0d0e0f".to_owned(),
            ..Self::default()
        }
    }

    /// Says which client asks, for tests.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
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

    /// Says which scope is granted, for tests.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Limits the token's validity, for tests.
    pub fn not_after(mut self, time: u64) -> Self {
        self.not_after = Some(time);
        self
    }

    /// Gives a value to be copied into the token, for tests.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// When a token that would live so many seconds from `now` has to end.
    pub fn end(&self, now: u64, lifetime: u64) -> u64 {
        let end = now.saturating_add(lifetime);
        self.not_after.map_or(end, |limit| end.min(limit))
    }
}

/// How the holder uses a token (`token_type` of RFC 8693 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Presented as a bearer access token (RFC 6750).
    Bearer,
    /// Not an access token: the response says `N_A`.
    NotApplicable,
}

/// A made token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Issued {
    /// Its bytes. They reach the client as text if they are UTF-8, else in base64url.
    pub token: Vec<u8>,
    /// How it is used.
    pub usage: Usage,
    /// When it ends, in seconds since 1970-01-01T00:00:00Z; in the future, and not after
    /// [`Issuance::not_after`].
    pub expires_at: u64,
    /// Its identifier, for the gateway's records. None takes [`Issuance::id`].
    pub id: Option<String>,
}

impl Issued {
    /// A bearer access token that ends at `expires_at`.
    pub fn bearer(token: impl Into<Vec<u8>>, expires_at: u64) -> Self {
        Self {
            token: token.into(),
            usage: Usage::Bearer,
            expires_at,
            id: None,
        }
    }

    /// A token that is not an access token, and ends at `expires_at`.
    pub fn not_applicable(token: impl Into<Vec<u8>>, expires_at: u64) -> Self {
        Self {
            usage: Usage::NotApplicable,
            ..Self::bearer(token, expires_at)
        }
    }

    /// Says which identifier is in it.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("token", &self.token.len())
            .field("usage", &self.usage)
            .field("expires_at", &self.expires_at)
            .field("id", &self.id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_within_what_was_permitted() {
        let issuance = Issuance::new("https://sts.example", Principal::new("dana"), "orders");
        assert_eq!(issuance.end(1_000, 300), 1_300);
        assert_eq!(issuance.clone().not_after(1_100).end(1_000, 300), 1_100);
        assert_eq!(issuance.end(1_000, u64::MAX), u64::MAX);
    }

    #[test]
    fn debugging_does_not_show_the_token() {
        assert!(!format!("{:?}", Issued::bearer("hunter2", 7)).contains("hunter2"));
    }
}
