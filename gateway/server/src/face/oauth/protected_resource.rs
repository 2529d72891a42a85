//! Protected resource metadata (RFC 9728): what a client of a route needs to know to get a token for it.

use std::collections::BTreeSet;

use bytes::Bytes;
use cambist_token::dpop;
use serde_json::{Map, Value, json};

use crate::{proxy::Asked, registry::Registry};

/// Where all such documents are; a resource's path follows (RFC 9728 §3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document about the resource at `path`, if a route begins exactly there. A route for any host is
/// known under `base_url`, another under the host that was `asked`.
pub fn document(
    registry: &Registry,
    base_url: &str,
    asked: Asked<'_>,
    path: &str,
) -> Option<Bytes> {
    let whole = if path.is_empty() { "/" } else { path };
    let at = Asked {
        path: whole,
        ..asked
    };
    let route = registry.route_table.find(at)?;
    if route.path() != path.trim_end_matches('/') {
        return None;
    }
    let instance = registry.instance(route.instance()?)?;
    let origin = match base_url.split_once("://") {
        Some((scheme, _)) if !route.is_for_any_host() => format!("{scheme}://{}", asked.host),
        _ => base_url.to_owned(),
    };
    let issuers: BTreeSet<&String> = route
        .token_types()
        .filter_map(|token_type| instance.sources.get(token_type))
        .flatten()
        .collect();
    let mut document = Map::new();
    let mut say = |name: &str, value: Value| {
        document.insert(name.to_owned(), value);
    };
    say("resource", json!(format!("{origin}{}", route.path())));
    say("authorization_servers", json!(issuers));
    say("bearer_methods_supported", json!(["header"]));
    if let (bearer, true) = route.schemes() {
        say("dpop_signing_alg_values_supported", json!(dpop::ALGORITHMS));
        say("dpop_bound_access_tokens_required", json!(!bearer));
    }
    let scopes: Vec<&str> = route
        .client()
        .into_iter()
        .flat_map(|client| client.scope.words())
        .collect();
    if !scopes.is_empty() {
        say("scopes_supported", json!(scopes));
    }
    Some(Bytes::from(Value::Object(document).to_string()))
}
