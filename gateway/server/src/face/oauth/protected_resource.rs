//! Protected resource metadata (RFC 9728): what a client of a route needs to know to get a token for it.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{proxy::Route, registry::Registry};

/// Where all such documents are; a resource's path follows (RFC 9728 §3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path of the document about the resource at `route`.
pub fn path(route: &Route) -> String {
    format!("{WELL_KNOWN}{}", route.prefix().trim_end_matches('/'))
}

/// The document about the resource at `path`, if a route begins exactly there. `host` is the one that was
/// asked for; a route without a host of its own is known under `base_url`.
pub fn document(registry: &Registry, base_url: &str, host: &str, path: &str) -> Option<Bytes> {
    let whole = if path.is_empty() { "/" } else { path };
    let route = registry.route_table.find(host, whole)?;
    let prefix = route.prefix().trim_end_matches('/');
    if prefix != path.trim_end_matches('/') {
        return None;
    }
    let instance = registry.instance(route.instance())?;
    let origin = match (route.host(), base_url.split_once("://")) {
        (Some(_), Some((scheme, _))) => format!("{scheme}://{host}"),
        _ => base_url.to_owned(),
    };
    let mut document = Map::new();
    let mut say = |name: &str, value: Value| {
        document.insert(name.to_owned(), value);
    };
    say("resource", json!(format!("{origin}{prefix}")));
    say(
        "authorization_servers",
        json!(
            instance
                .sources
                .get(route.subject_token_type())
                .map_or(&[][..], Vec::as_slice)
        ),
    );
    say("bearer_methods_supported", json!(["header"]));
    let scopes: Vec<&str> = route.client().scope.words().collect();
    if !scopes.is_empty() {
        say("scopes_supported", json!(scopes));
    }
    Some(Bytes::from(Value::Object(document).to_string()))
}
