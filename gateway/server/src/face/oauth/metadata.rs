//! Authorization server metadata (RFC 8414 §2), which also answers old `OpenID` clients.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use cambist_core::{Instance, TokenType};
use cambist_token::{Keyring, dpop, jose::Algorithm};
use serde_json::{Map, Value, json};

use super::grant::Grant;
use crate::{instance::RegisteredClient, ledger::Persistence};

/// What an instance offers.
pub struct Offered<'a> {
    /// Its issuer identifier.
    pub issuer: &'a str,
    /// What stands in its place in the endpoints for clients with a certificate.
    pub certificate_base: Option<&'a str>,
    /// What its engine reads.
    pub engine: &'a Instance,
    /// The algorithms it signs with and publishes keys of.
    pub algorithms: &'a [Algorithm],
    /// Keys of key stores that it signs with too.
    pub kept_keys: &'a [(Arc<Keyring>, Algorithm)],
    /// Its clients.
    pub clients: &'a HashMap<String, RegisteredClient>,
    /// What it keeps of what it issues.
    pub persistence: Persistence,
}

/// The document: exactly what is offered.
pub fn document(offered: &Offered<'_>) -> Bytes {
    let (issuer, engine) = (offered.issuer, offered.engine);
    let parties = engine.relying_parties.values();
    let scopes: BTreeSet<&str> = parties.flat_map(|party| party.scope.words()).collect();
    let methods: BTreeSet<&str> = offered
        .clients
        .values()
        .flat_map(|client| client.authentication.names())
        .copied()
        .collect();
    let mut document = Map::new();
    let mut say = |name: &str, value: Value| {
        document.insert(name.to_owned(), value);
    };
    say("issuer", json!(issuer));
    say("token_endpoint", json!(format!("{issuer}/token")));
    say("jwks_uri", json!(format!("{issuer}/jwks")));
    let grants: Vec<&str> = Grant::ALL
        .into_iter()
        .filter(|grant| grant.is_offered(engine))
        .map(Grant::name)
        .collect();
    say("grant_types_supported", json!(grants));
    say("response_types_supported", json!([]));
    say("subject_types_supported", json!(["public"]));
    let mut algorithms = offered.algorithms.to_vec();
    for (_, algorithm) in offered.kept_keys {
        if !algorithms.contains(algorithm) {
            algorithms.push(*algorithm);
        }
    }
    say("id_token_signing_alg_values_supported", json!(algorithms));
    say("token_endpoint_auth_methods_supported", json!(methods));
    say("scopes_supported", json!(scopes));
    if offered.clients.is_empty() {
        return Bytes::from(Value::Object(document).to_string());
    }
    say("dpop_signing_alg_values_supported", json!(dpop::ALGORITHMS));
    let binds_certificates = offered
        .clients
        .values()
        .any(|client| client.client.binding.to_certificate);
    if binds_certificates {
        say("tls_client_certificate_bound_access_tokens", json!(true));
    }
    if offered.persistence != Persistence::None {
        say("revocation_endpoint", json!(format!("{issuer}/revoke")));
        say("revocation_endpoint_auth_methods_supported", json!(methods));
    }
    let has_access_tokens = engine
        .transformations
        .iter()
        .any(|t| *t.provider.token_type() == TokenType::ACCESS_TOKEN);
    if has_access_tokens {
        say(
            "introspection_endpoint",
            json!(format!("{issuer}/introspect")),
        );
        say(
            "introspection_endpoint_auth_methods_supported",
            json!(methods),
        );
        if let Some(algorithm) = offered.algorithms.first() {
            say(
                "introspection_signing_alg_values_supported",
                json!([algorithm]),
            );
        }
    }
    if let Some(base) = offered.certificate_base {
        let aliases = aliases(&document, issuer, base);
        document.insert("mtls_endpoint_aliases".to_owned(), aliases);
    }
    Bytes::from(Value::Object(document).to_string())
}

/// RFC 8705 §5: the endpoints at which clients authenticate, where they can show a certificate.
fn aliases(document: &Map<String, Value>, issuer: &str, base: &str) -> Value {
    let endpoints = [
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
    ];
    let aliased = endpoints.into_iter().filter_map(|name| {
        let path = document.get(name)?.as_str()?.strip_prefix(issuer)?;
        Some((name.to_owned(), json!(format!("{base}{path}"))))
    });
    Value::Object(aliased.collect())
}
