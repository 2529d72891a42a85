//! Who asks for an exchange, and what that party may ask for.

use std::collections::BTreeSet;

use crate::{Actor, Scope};

/// How tokens issued to a client are tied to keys it proved to hold. A token made from a bound one stays
/// bound unless [`may_unbind`](Self::may_unbind) says otherwise, and a `DPoP` proof on the request always
/// asks for a bound token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Every token must be bound to a key proven by `DPoP` (RFC 9449 §5.2).
    pub to_dpop_key: bool,
    /// Every token must be bound to the client's certificate (RFC 8705 §3.4).
    pub to_certificate: bool,
    /// It may receive an unbound token for a bound one whose proof it gave (DP-42). For a gateway that
    /// verified the holder's proof itself and is the only one to use the result.
    pub may_unbind: bool,
}

/// Which subject tokens a client may present (TX-14): by default only those addressed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayPresent {
    /// Tokens whose audience holds one of these, and tokens of types that are addressed to nobody.
    AddressedTo(BTreeSet<String>),
    /// Any token that validates. For routes and REST instances, where the operator named the pair.
    Any,
}

/// A party that may call an instance, with its allow-lists. Empty lists allow nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identifier, `client_id` on the wire.
    pub id: String,
    /// Audiences it may ask for, each a relying party of the instance.
    pub audiences: BTreeSet<String>,
    /// Scope it may ask for.
    pub scope: Scope,
    /// Subject tokens it may present.
    pub may_present: MayPresent,
    /// Whether it may receive a token that does not name it as the actor (SX-17).
    pub impersonation: bool,
    /// Whether the issued token names it in `client_id`. False for a face without clients.
    pub is_named: bool,
    /// Parties besides itself whose tokens it may present as actor.
    pub actors: Vec<Actor>,
    /// Longest life of a token issued to it, in seconds.
    pub max_lifetime: Option<u64>,
    /// How issued tokens are tied to its keys.
    pub binding: Binding,
}
