//! What each listener answers by itself, described as `OpenAPI` 3.1. `openapi/*.json` are the source, and tests
//! hold them against the paths that the router and the admin API tell apart.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Where it is served, on the listener that it describes.
pub const PATH: &str = "/openapi.json";

const PUBLIC: &str = include_str!("openapi/public.json");
const ADMIN: &str = include_str!("openapi/admin.json");

/// About the public listener: its faces below `base_url`.
pub fn public(base_url: &str, has_sessions: bool) -> Bytes {
    described(PUBLIC, |document| {
        document.insert("servers".to_owned(), json!([{"url": base_url}]));
        if let Some(Value::Object(paths)) = document.get_mut("paths") {
            paths.retain(|path, _| has_sessions || !path.starts_with("/json/"));
        }
    })
}

/// About the admin listener.
pub fn admin() -> Bytes {
    static DESCRIBED: LazyLock<Bytes> = LazyLock::new(|| described(ADMIN, |_| {}));
    DESCRIBED.clone()
}

fn described(source: &'static str, adjust: impl FnOnce(&mut Map<String, Value>)) -> Bytes {
    // A test reads both.
    let Ok(mut document) = serde_json::from_str::<Map<String, Value>>(source) else {
        return Bytes::from_static(source.as_bytes());
    };
    if let Some(Value::Object(info)) = document.get_mut("info") {
        info.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    }
    adjust(&mut document);
    Bytes::from(Value::Object(document).to_string())
}

#[cfg(test)]
pub(crate) mod tests;
