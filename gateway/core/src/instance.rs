//! The part of a published instance that the engine reads: immutable, built whole, shared by `Arc`.

use std::{collections::HashMap, sync::Arc};

use crate::{Decider, ExchangeError, Ledger, Provider, Scope, TokenType, Validator};

/// Somebody an instance issues tokens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its logical name, the `aud` of tokens issued for it.
    pub audience: String,
    /// Its resources, absolute URIs in canonical form (RFC 8707 §2).
    pub resources: Vec<String>,
    /// The scope it understands.
    pub scope: Scope,
    /// Longest life of a token issued for it, in seconds.
    pub max_lifetime: Option<u64>,
}

/// What turns one token type into another.
#[derive(Clone)]
pub struct Transformation {
    /// The declared type of the subject token.
    pub subject: TokenType,
    /// Reads the subject token.
    pub validator: Arc<dyn Validator>,
    /// Makes the issued token.
    pub provider: Arc<dyn Provider>,
}

/// What clients get that ask in their own name (`client_credentials`).
#[derive(Clone)]
pub struct ForClients {
    /// Makes the token.
    pub provider: Arc<dyn Provider>,
    /// Put before the client's identifier, so that no client is taken for a user of the same name (BC-10).
    pub subject_prefix: String,
}

/// Bounds on what an exchange may build up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most actors in a chain (TX-57).
    pub chain_depth: usize,
    /// Most bytes of an encoded chain (TX-57).
    pub chain_bytes: usize,
    /// Most audiences and resources in one request.
    pub targets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            chain_depth: 8,
            chain_bytes: 8 * 1024,
            targets: 16,
        }
    }
}

/// A configured exchange: transformations, relying parties, who may act.
///
/// Every name has been resolved by whoever built it; a request does map look-ups only.
#[derive(Clone)]
pub struct Instance {
    /// In the operator's order. Pairs of types are unique.
    pub transformations: Vec<Transformation>,
    /// Validators for actor tokens by declared type; a type that is absent is not accepted.
    pub actors: HashMap<TokenType, Arc<dyn Validator>>,
    /// What clients get for themselves; none if that is not offered.
    pub for_clients: Option<ForClients>,
    /// Relying parties by audience.
    pub relying_parties: HashMap<String, Arc<RelyingParty>>,
    /// Audience of the relying party that owns a resource.
    pub resources: HashMap<String, String>,
    /// Exchange policies of the operator's own, asked in this order.
    pub deciders: Vec<Arc<dyn Decider>>,
    /// Who knows what was revoked, and takes down what is issued. None only where an engine runs by itself.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// Bounds.
    pub limits: Limits,
}

impl Instance {
    /// The transformation for a declared subject type and a requested type. Without a requested type: to
    /// an access token if there is one, otherwise the first in the operator's order (TX-09).
    pub fn transformation(
        &self,
        subject: &TokenType,
        requested: Option<&TokenType>,
    ) -> Result<&Transformation, ExchangeError> {
        let mut candidates = self
            .transformations
            .iter()
            .filter(|t| t.subject == *subject);
        let found = if let Some(wanted) = requested {
            candidates.find(|t| t.provider.token_type() == wanted)
        } else {
            let first = candidates.clone().next();
            candidates
                .find(|t| *t.provider.token_type() == TokenType::ACCESS_TOKEN)
                .or(first)
        };
        found.ok_or_else(|| ExchangeError::NoTransformation {
            subject: subject.clone(),
            requested: requested.map_or_else(|| "any".to_owned(), ToString::to_string),
        })
    }

    /// The relying party with this audience.
    pub fn relying_party(&self, audience: &str) -> Option<&Arc<RelyingParty>> {
        self.relying_parties.get(audience)
    }

    /// The relying party that owns this resource.
    pub fn owner_of(&self, resource: &str) -> Option<&Arc<RelyingParty>> {
        self.relying_parties.get(self.resources.get(resource)?)
    }
}
