//! An API behind the proxy, which answers with what it received.

use serde_json::{Map, Value, json};

use crate::server::{Received, Server, json as answer};

/// Starts an API that tells the caller what reached it.
pub async fn start() -> std::io::Result<Server> {
    Server::start(|request: Received| {
        let mut headers = Map::new();
        for (name, value) in &request.head.headers {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.insert(name.to_string(), Value::String(text));
        }
        answer(&json!({
            "method": request.head.method.as_str(),
            "path": request.head.uri.to_string(),
            "headers": headers,
            "body_bytes": request.body.len(),
        }))
    })
    .await
}
