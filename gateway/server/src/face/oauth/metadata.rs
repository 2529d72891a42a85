//! Authorization server metadata (RFC 8414 §2), which also answers old `OpenID` clients.

use std::collections::BTreeSet;

use bytes::Bytes;
use cambist_core::{RelyingParty, Transformation};
use cambist_token::jose::Algorithm;
use serde_json::json;

use super::{saml_bearer, token::TOKEN_EXCHANGE};

/// The document of the instance with this issuer identifier: exactly what it offers. `algorithms` are those
/// it signs with and publishes keys for.
pub fn document<'a>(
    issuer: &str,
    parties: impl Iterator<Item = &'a RelyingParty>,
    algorithms: &[Algorithm],
    transformations: &[Transformation],
) -> Bytes {
    let mut grants = vec![TOKEN_EXCHANGE];
    if transformations
        .iter()
        .any(|made| made.subject == saml_bearer::PRESENTED_TYPE)
    {
        grants.push(saml_bearer::SAML2_BEARER);
    }
    let scopes: BTreeSet<&str> = parties.flat_map(|party| party.scope.words()).collect();
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "grant_types_supported": grants,
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes,
    });
    Bytes::from(document.to_string())
}
