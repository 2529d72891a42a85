//! The real gateway on loopback: one module per behaviour.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that lacks a member reads as null, and the check fails"
)]

mod delegation;
mod exchange;
mod jwks;
mod oauth_abuse;
mod oauth_answers;
mod oauth_clients;
mod oauth_conformance;
mod oauth_dpop;
mod oauth_explain;
mod oauth_forged;
mod oauth_grants;
mod oauth_guessing;
mod oauth_introspection;
mod oauth_issuers;
mod oauth_keys;
mod oauth_ledger;
mod oauth_mtls;
mod oauth_openapi;
mod oauth_party_keys;
mod oauth_presets;
mod oauth_registered;
mod oauth_token_types;
mod oauth_tokens;
mod plugin_hostile;
mod plugin_lifecycle;
mod plugins;
mod proxy;
mod proxy_broken_upstreams;
mod proxy_certificates;
mod proxy_dpop;
mod proxy_floods;
mod proxy_http2;
mod proxy_hygiene;
mod proxy_keep_alive;
mod proxy_routes;
mod proxy_seeing;
mod proxy_tls;
mod proxy_upstreams;
mod proxy_ways;
mod publish;
mod refusals;
mod rest_sts_authenticators;
mod rest_sts_contexts;
mod rest_sts_custom;
mod rest_sts_guessing;
mod rest_sts_id_tokens;
mod rest_sts_kept;
mod rest_sts_publish;
mod rest_sts_requests;
mod rest_sts_rules;
mod rest_sts_saml2;
mod rest_sts_sessions;
mod rest_sts_tls;
mod restart;
mod saml;
mod saml_confirmed;
mod saml_keys;
mod saml_points;
mod tidy;
mod users;

use cambist_token::jose::Algorithm;
use serde_json::Value;
use tests::{
    documents::{self, WEB},
    gateway::TestGateway,
    http::Failure,
    issuer::Issuer,
};

/// What a test returns.
type Outcome = Result<(), Failure>;

/// The instance most tests publish.
const INSTANCE: &str = "alpha/orders";

/// A gateway with [`documents::with_partner`] published and its issuer registered.
async fn with_partner() -> Result<(TestGateway, Issuer), Failure> {
    with_partner_at(TestGateway::start().await?).await
}

/// The same at this gateway.
async fn with_partner_at(gateway: TestGateway) -> Result<(TestGateway, Issuer), Failure> {
    let issuer = Issuer::start(Algorithm::Es256).await?;
    gateway.put_partner(&issuer).await?;
    gateway
        .put(
            "/admin/v1/instances/alpha/orders",
            &documents::with_partner(),
        )
        .await?;
    Ok((gateway, issuer))
}

/// The error code of a refused token request.
async fn error(
    gateway: &TestGateway,
    token: &str,
    token_type: &str,
    more: &[(&str, &str)],
) -> Result<String, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, token_type, more)
        .await?;
    let body: Value = reply.json();
    assert!(!reply.status.is_success(), "issued: {body}");
    assert_eq!(
        body["correlation_id"].as_str().map(str::len),
        Some(16),
        "{body}"
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    Ok(body["error"].as_str().unwrap_or_default().to_owned())
}
