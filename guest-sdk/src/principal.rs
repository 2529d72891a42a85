//! What a validator learned from a token.

use crate::{Actor, Claim, Value};

/// The verified content of a token. Fill in only what the token says: the gateway checks every field again
/// before it believes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Principal {
    /// The subject identifier; never empty.
    pub subject: String,
    /// Who vouched for the subject.
    pub issuer: Option<String>,
    /// Whom the token was addressed to.
    pub audiences: Vec<String>,
    /// The client it was issued to.
    pub client: Option<String>,
    /// Its scope. None if this kind of token knows no scope.
    pub scopes: Option<Vec<String>>,
    /// When it ends, in seconds since 1970-01-01T00:00:00Z.
    pub expires_at: Option<u64>,
    /// When the subject really authenticated, in the same unit.
    pub authenticated_at: Option<u64>,
    /// How strongly (`acr`).
    pub authentication_context: Option<String>,
    /// By which methods (`amr`).
    pub authentication_methods: Vec<String>,
    /// Everything else that was verified.
    pub claims: Vec<Claim>,
    /// Who already acts for the subject, newest first (`act`).
    pub actors: Vec<Actor>,
    /// Who may act for the subject, as claims that must all hold of the actor (`may_act`). None if the token
    /// does not restrict it.
    pub may_act: Option<Vec<Claim>>,
}

impl Principal {
    /// Somebody of whom nothing else is known yet.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..Self::default()
        }
    }

    /// Says who vouched for the subject.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Adds somebody the token was addressed to.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Says which client the token was issued to.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Says which scope the token carries; an empty one means that it carries none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Says when the token ends, in seconds since 1970-01-01T00:00:00Z.
    pub fn expires_at(mut self, time: u64) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Says when the subject really authenticated, in seconds since 1970-01-01T00:00:00Z.
    pub fn authenticated_at(mut self, time: u64) -> Self {
        self.authenticated_at = Some(time);
        self
    }

    /// Says how strongly the subject authenticated (`acr`).
    pub fn authentication_context(mut self, context: impl Into<String>) -> Self {
        self.authentication_context = Some(context.into());
        self
    }

    /// Adds a method by which the subject authenticated (`amr`).
    pub fn authentication_method(mut self, method: impl Into<String>) -> Self {
        self.authentication_methods.push(method.into());
        self
    }

    /// Adds a claim. Every name once.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push(Claim::new(name, value));
        self
    }

    /// Adds somebody who already acts for the subject, behind those who are newer.
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actors.push(actor);
        self
    }

    /// Says who may act for the subject: whoever has all these claims.
    pub fn may_act(mut self, claims: impl IntoIterator<Item = Claim>) -> Self {
        self.may_act = Some(claims.into_iter().collect());
        self
    }

    /// The value of the claim of this name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.claims
            .iter()
            .find(|claim| claim.name == name)
            .map(|claim| &claim.value)
    }
}
