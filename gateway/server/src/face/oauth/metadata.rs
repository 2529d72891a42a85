//! Authorization server metadata (RFC 8414 §2), which also answers old `OpenID` clients.

use std::collections::BTreeSet;

use bytes::Bytes;
use cambist_core::RelyingParty;
use cambist_token::jose::Algorithm;
use serde_json::json;

use super::grant::Grant;

/// The document of the instance with this issuer identifier: exactly what it offers. `algorithms` are those
/// it signs with and publishes keys for.
pub fn document<'a>(
    issuer: &str,
    parties: impl Iterator<Item = &'a RelyingParty>,
    algorithms: &[Algorithm],
    grants: impl Iterator<Item = Grant>,
    methods: &BTreeSet<&'static str>,
) -> Bytes {
    let grants: Vec<&str> = grants.map(Grant::name).collect();
    let scopes: BTreeSet<&str> = parties.flat_map(|party| party.scope.words()).collect();
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "grant_types_supported": grants,
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "scopes_supported": scopes,
    });
    Bytes::from(document.to_string())
}
