//! Finding an issuer's key set through its metadata (`OpenID` Connect Discovery §4, RFC 8414 §3).

use cambist_core::Fetch;
use serde_json::Value;

use super::config::{check_url, is_plain};
use crate::jose::json;

/// Gets the issuer's metadata and returns its `jwks_uri`. The error says what every place answered.
pub(super) async fn jwks_uri(issuer: &str, fetch: &dyn Fetch) -> Result<String, String> {
    let mut answers = Vec::new();
    for place in places(issuer) {
        let answer = match fetch.get(&place).await {
            Ok(document) => read(issuer, &document.body).map_err(ToOwned::to_owned),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(uri) => return Ok(uri),
            Err(reason) => answers.push(format!("{place}: {reason}")),
        }
    }
    Err(answers.join("; "))
}

/// Where the metadata may be. RFC 8414 §3.1 puts its path between host and the issuer's own path.
fn places(issuer: &str) -> Vec<String> {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    let mut places = vec![format!("{issuer}/.well-known/openid-configuration")];
    if let Some((scheme, rest)) = issuer.split_once("://") {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        places.push(format!(
            "{scheme}://{host}/.well-known/oauth-authorization-server{path}"
        ));
    }
    places
}

fn read(issuer: &str, document: &[u8]) -> Result<String, &'static str> {
    let metadata = json::object(document, json::MAX_DEPTH).ok_or("not a JSON object")?;
    // RFC 8414 §3.3: metadata that names another issuer must not be used.
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err("`issuer` in it is another one");
    }
    let uri = metadata
        .get("jwks_uri")
        .and_then(Value::as_str)
        .ok_or("no `jwks_uri` in it")?;
    check_url(uri)?;
    if is_plain(uri) && !is_plain(issuer) {
        return Err("its `jwks_uri` is not an https URL");
    }
    Ok(uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_follow_their_standards() {
        assert_eq!(
            places("https://as.example/tenant/1"),
            [
                "https://as.example/tenant/1/.well-known/openid-configuration",
                "https://as.example/.well-known/oauth-authorization-server/tenant/1",
            ]
        );
        assert_eq!(
            places("https://as.example/"),
            [
                "https://as.example/.well-known/openid-configuration",
                "https://as.example/.well-known/oauth-authorization-server",
            ]
        );
    }

    #[test]
    fn metadata_of_another_issuer_or_pointing_inside_is_refused() {
        let read = |document: &str| read("https://i", document.as_bytes());
        assert_eq!(
            read(r#"{"issuer":"https://i","jwks_uri":"https://i/jwks"}"#).unwrap(),
            "https://i/jwks"
        );
        for document in [
            r#"{"issuer":"https://i/","jwks_uri":"https://i/jwks"}"#,
            r#"{"issuer":"https://evil","jwks_uri":"https://i/jwks"}"#,
            r#"{"jwks_uri":"https://i/jwks"}"#,
            r#"{"issuer":"https://i"}"#,
            r#"{"issuer":"https://i","issuer":"https://i","jwks_uri":"https://i/jwks"}"#,
            r#"{"issuer":"https://i","jwks_uri":"http://127.0.0.1/jwks"}"#,
            r#"{"issuer":"https://i","jwks_uri":"file:///etc/passwd"}"#,
            r#"["issuer"]"#,
        ] {
            assert!(read(document).is_err(), "{document}");
        }
    }
}
