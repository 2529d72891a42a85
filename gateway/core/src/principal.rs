//! What a validator learned about the bearer of a token.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value};

use crate::{ActorChain, Confirmation, Mark, MayAct, Scope, Timestamp, Token};

/// A session that was used to validate a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedSession {
    /// What it goes by.
    pub token: Token,
    /// Whether validating the token made it. Then nobody else knows of it.
    pub is_interim: bool,
}

impl UsedSession {
    /// A session that was presented.
    pub const fn presented(token: Token) -> Self {
        Self {
            token,
            is_interim: false,
        }
    }

    /// A session that validating made.
    pub const fn interim(token: Token) -> Self {
        Self {
            token,
            is_interim: true,
        }
    }
}

/// The verified content of a token, in terms every provider understands.
///
/// A validator fills in only what the token says and the operator's configuration for that token type
/// adds; it never widens anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Principal {
    /// The subject identifier as it will be issued, with the operator's prefix for its source.
    pub subject: String,
    /// Who vouched for it: the token's issuer, or none for a credential checked here.
    pub issuer: Option<String>,
    /// Whom the token was addressed to. Empty for types that are addressed to nobody (a password).
    pub audiences: Vec<String>,
    /// The client it was issued to (`client_id` or `azp`), if it says so.
    pub client: Option<String>,
    /// The scope it carries, or the operator's declared scope for types that carry none.
    pub scope: Scope,
    /// When it ends. None for types without an end of their own.
    pub expires_at: Option<Timestamp>,
    /// When the subject really authenticated, if known (`auth_time`).
    pub authenticated_at: Option<Timestamp>,
    /// How strongly, as the source named it (`acr`).
    pub authentication_context: Option<String>,
    /// By which methods (`amr`).
    pub authentication_methods: Vec<String>,
    /// Who already acts for the subject.
    pub actors: Option<ActorChain>,
    /// Who may act for the subject.
    pub may_act: Option<MayAct>,
    /// The session behind the token, if validating it took or made one. No provider writes it anywhere.
    pub session: Option<UsedSession>,
    /// The keys the token is bound to; policy asks for proof of them (SX-12).
    pub confirmation: Option<Confirmation>,
    /// The only address it may be presented from. Its validator has compared it with that of the call; a
    /// face that remembers the outcome compares it again.
    pub only_from: Option<IpAddr>,
    /// Whether its source's tokens never name an actor, whoever brings them.
    pub never_actor: bool,
    /// Everything else that was verified, by claim name.
    pub claims: Map<String, Value>,
    /// By what the token falls, once the ledger has been asked about it as a subject. It follows from the token's
    /// own bytes and the rest of this.
    pub mark: OnceLock<Arc<Mark>>,
}

/// Claims that carry meaning of their own. What they say is decided by the gateway or stands in a field of
/// its own, never among [`Principal::claims`] or the claims an operator maps.
pub const RESERVED_CLAIMS: [&str; 28] = [
    "_claim_names",
    "_claim_sources",
    "acr",
    "act",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "authorization_details",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "events",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "s_hash",
    "scope",
    "scp",
    "sid",
    "sub",
    "token_use",
    "typ",
];
