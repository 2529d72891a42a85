//! Well-known kinds of issuers: what is the same for all of a kind, filled in where the operator says
//! nothing else.

use serde_json::{Map, Value, json};

use crate::settings::BuildError;

/// Every preset by name.
pub const PRESETS: [&str; 7] = [
    "entra",
    "github-actions",
    "google",
    "keycloak",
    "kubernetes",
    "oidc",
    "spiffe",
];

const TENANT_HINT: &str =
    "the directory (tenant) id, as in https://login.microsoftonline.com/{tenant}/v2.0";
const DOMAIN_HINT: &str = "the trust domain alone, such as \"example.org\"";

/// Fills in what a registration's `preset` knows. Members that are there stay as they are; a registration
/// without a preset stays as it is.
pub fn expand(mut members: Map<String, Value>) -> Result<Map<String, Value>, BuildError> {
    let Some(preset) = members.get("preset") else {
        return Ok(members);
    };
    let hint = || format!("one of {}", PRESETS.join(", "));
    let name = preset
        .as_str()
        .ok_or_else(|| BuildError::new("preset", "not a string", hint()))?
        .to_owned();
    let defaults = match name.as_str() {
        "entra" => {
            let tenant = taken(&mut members, "tenant", TENANT_HINT)?;
            json!({
                "issuer": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
                "algorithms": ["RS256"], "client_claim": "azp", "access_token_typ_optional": true
            })
        }
        "github-actions" => json!({
            "issuer": "https://token.actions.githubusercontent.com",
            "algorithms": ["RS256"], "never_actor": true
        }),
        "google" => json!({
            "issuer": "https://accounts.google.com",
            "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
            "algorithms": ["RS256"], "client_claim": "azp"
        }),
        "keycloak" => json!({"client_claim": "azp", "access_token_typ_optional": true}),
        "kubernetes" => json!({
            "algorithms": ["RS256", "ES256"], "subjects": ["system:serviceaccount:*"]
        }),
        "oidc" => json!({}),
        "spiffe" => {
            let domain = members
                .get("trust_domain")
                .and_then(Value::as_str)
                .ok_or_else(|| BuildError::new("trust_domain", "missing", DOMAIN_HINT))?;
            json!({
                "issuer": format!("spiffe://{domain}"),
                "algorithms": ["ES256", "ES384", "RS256"]
            })
        }
        unknown => {
            let reason = format!("`{unknown}` is unknown");
            return Err(BuildError::new("preset", reason, hint()));
        }
    };
    let Value::Object(defaults) = defaults else {
        return Ok(members);
    };
    // A place for the keys is one answer to where they are; two would contradict each other.
    let has_keys = members.contains_key("jwks") || members.contains_key("jwks_uri");
    for (member, value) in defaults {
        if !(member == "jwks_uri" && has_keys) {
            members.entry(member).or_insert(value);
        }
    }
    // Subjects of different kinds of issuers do not meet by accident (TX-60).
    members
        .entry("subject_prefix")
        .or_insert_with(|| Value::String(prefix(&name).to_owned()));
    Ok(members)
}

fn prefix(preset: &str) -> &'static str {
    match preset {
        "entra" => "entra:",
        "github-actions" => "github:",
        "google" => "google:",
        "keycloak" => "keycloak:",
        "kubernetes" => "kubernetes:",
        // A SPIFFE ID names its trust domain, and an issuer of no particular kind has no name of its own.
        _ => "",
    }
}

/// A member that only the preset understands.
fn taken(members: &mut Map<String, Value>, name: &str, hint: &str) -> Result<String, BuildError> {
    match members.remove(name) {
        Some(Value::String(text))
            if !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')) =>
        {
            Ok(text)
        }
        Some(_) => Err(BuildError::new(name, "not a plain name", hint)),
        None => Err(BuildError::new(name, "missing", hint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IssuerConfig;

    fn expanded(members: Value) -> Result<IssuerConfig, String> {
        let Value::Object(members) = members else {
            panic!("an object")
        };
        let members = expand(members).map_err(|error| error.to_string())?;
        serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_preset_fills_in_what_it_knows() {
        for (given, issuer, prefix) in [
            (
                json!({"preset": "entra", "tenant": "72f988bf"}),
                "https://login.microsoftonline.com/72f988bf/v2.0",
                "entra:",
            ),
            (
                json!({"preset": "github-actions"}),
                "https://token.actions.githubusercontent.com",
                "github:",
            ),
            (
                json!({"preset": "google"}),
                "https://accounts.google.com",
                "google:",
            ),
            (
                json!({"preset": "keycloak", "issuer": "https://kc.example/realms/a"}),
                "https://kc.example/realms/a",
                "keycloak:",
            ),
            (
                json!({"preset": "kubernetes", "issuer": "https://k8s.example"}),
                "https://k8s.example",
                "kubernetes:",
            ),
            (
                json!({"preset": "oidc", "issuer": "https://op.example"}),
                "https://op.example",
                "",
            ),
            (
                json!({"preset": "spiffe", "trust_domain": "example.org", "jwks_uri": "https://b.example/"}),
                "spiffe://example.org",
                "",
            ),
        ] {
            let mut given = given;
            given["audiences"] = json!(["us"]);
            let config = expanded(given.clone()).unwrap();
            assert_eq!(
                (config.issuer.as_str(), config.subject_prefix.as_str()),
                (issuer, prefix),
                "{given}"
            );
            assert!(config.check().is_ok(), "{given}");
        }
    }

    #[test]
    fn what_the_operator_says_comes_first() {
        let config = expanded(json!({
            "preset": "github-actions", "issuer": "https://ghe.example/_services/token",
            "audiences": ["us"], "subject_prefix": "ghe:", "algorithms": ["ES256"]
        }))
        .unwrap();
        assert_eq!(config.issuer, "https://ghe.example/_services/token");
        assert_eq!(config.subject_prefix, "ghe:");
        assert_eq!(config.algorithms.len(), 1);
        let inline =
            expanded(json!({"preset": "google", "audiences": ["us"], "jwks": {"keys": []}}));
        assert_eq!(inline.unwrap().jwks_uri, None);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (given, said) in [
            (json!({"preset": "okta"}), "preset: `okta` is unknown"),
            (json!({"preset": 1}), "preset: not a string"),
            (json!({"preset": "entra"}), "tenant: missing"),
            (
                json!({"preset": "entra", "tenant": "a/b"}),
                "tenant: not a plain name",
            ),
            (json!({"preset": "spiffe"}), "trust_domain: missing"),
            (json!({"preset": "google"}), "missing field `audiences`"),
            (
                json!({"preset": "keycloak", "audiences": ["us"]}),
                "missing field `issuer`",
            ),
        ] {
            let error = expanded(given.clone()).unwrap_err();
            assert!(error.contains(said), "{given}: {error}");
        }
    }
}
