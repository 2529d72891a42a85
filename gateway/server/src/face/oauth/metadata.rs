//! Authorization server metadata (RFC 8414 §2), which also answers old OpenID clients.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use cambist_core::RelyingParty;
use serde_json::json;

use super::token::TOKEN_EXCHANGE;

/// The document of the instance with this issuer identifier: exactly what it offers.
pub fn document(issuer: &str, parties: &HashMap<String, Arc<RelyingParty>>) -> Bytes {
    let scopes: BTreeSet<&str> = parties.values().flat_map(|party| party.scope.words()).collect();
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "grant_types_supported": [TOKEN_EXCHANGE],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes,
    });
    Bytes::from(document.to_string())
}
