//! A client of the REST STS: instances published and tokens translated in that protocol's own terms.

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    gateway::TestGateway,
    http::{self, Failure, Reply},
};

const JSON: (&str, &str) = ("content-type", "application/json");

/// The one user of [`state`]'s realm.
pub const DANA: (&str, &str) = ("dana", "S3cr3t-42-long");

/// An instance `{realm}/{element}` that makes ID tokens (HS256) and unsigned assertions out of passwords.
pub fn state(realm: &str, element: &str) -> Value {
    let transform = |output: &str| json!({"inputTokenType": "USERNAME", "outputTokenType": output, "invalidateInterimOpenAMSession": true});
    json!({
        "persist-issued-tokens-in-cts": "false",
        "supported-token-transforms": [transform("SAML2"), transform("OPENIDCONNECT")],
        "deployment-config": {
            "deployment-realm": realm,
            "deployment-url-element": element,
            "deployment-auth-target-mappings": {
                "USERNAME": {"mapping-auth-index-type": "service", "mapping-auth-index-value": "StsLogin"}
            }
        },
        "saml2-config": {
            "issuer-name": "https://idp.example.net/sts",
            "saml2-sp-entity-id": "urn:example:orders-sp",
            "saml2-sp-acs-url": "https://orders.example.com/acs",
            "saml2-name-id-format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            "saml2-token-lifetime-seconds": "600",
            "saml2-encryption-algorithm-strength": "0",
            "saml2-attribute-map": {"EmailAddress": "mail"}
        },
        "oidc-id-token-config": {
            "oidc-issuer": "https://idp.example.net/sts",
            "oidc-token-lifetime-seconds": "600",
            "oidc-audience": ["orders-api"],
            "oidc-authorized-party": "orders-web",
            "oidc-signature-algorithm": "HS256",
            "oidc-public-key-reference-type": "NONE",
            "oidc-client-secret": "a-long-shared-secret-of-32-bytes!",
            "oidc-claim-map": {"email": "mail"}
        }
    })
}

/// The body that publishes `state`.
pub fn envelope(state: &Value) -> Value {
    json!({"invocation_context": "invocation_context_client_sdk", "instance_state": state})
}

/// Dana's password as an input.
pub fn password() -> Value {
    json!({"token_type": "USERNAME", "username": DANA.0, "password": DANA.1})
}

/// A wish for an assertion.
pub fn assertion(confirmation: &str) -> Value {
    json!({"token_type": "SAML2", "subject_confirmation": confirmation})
}

/// A wish for an ID token.
pub fn id_token() -> Value {
    json!({"token_type": "OPENIDCONNECT", "nonce": "n-77aa01", "allow_access": true})
}

/// Talks to a gateway as a `PingAM` client does.
pub struct Sts {
    /// The gateway.
    pub gateway: TestGateway,
}

impl Sts {
    /// A gateway with dana in `/alpha`.
    pub async fn start() -> Result<Self, Failure> {
        let gateway = TestGateway::start().await?;
        let attributes = json!({"mail": "dana@example.com", "groups": ["sales", "ops"],
            "photo": "AAH/", "none": []});
        gateway
            .put_user("/alpha", DANA.0, DANA.1, attributes)
            .await?;
        Ok(Self { gateway })
    }

    /// Puts a key store `keys.p12` into the vault: `sts-sign` to sign with, `orders-enc` to encrypt for.
    pub async fn key_store(&self) -> Result<(), Failure> {
        let entries = json!({
            "sts-sign": {"generate": "RS256", "common_name": "sts"},
            "orders-enc": {"generate": "RS256", "common_name": "orders"}
        });
        let document = json!({ "entries": entries });
        self.gateway
            .put("/admin/v1/secrets/keys.p12", &document)
            .await
            .map(drop)
    }

    /// A request to the publish service, as an administrator.
    pub async fn publish(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, Failure> {
        let session = ("iPlanetDirectoryPro", self.gateway.token());
        let mut all = vec![session, JSON];
        all.extend_from_slice(headers);
        let url = format!("{}/am/sts-publish/rest{path}", self.gateway.admin);
        http::send(method, &url, &all, body.to_string()).await
    }

    /// Signs dana in and returns the session.
    pub async fn session(&self) -> Result<String, Failure> {
        let url = format!(
            "{}/json/realms/root/realms/alpha/authenticate",
            self.gateway.public
        );
        let headers = [("x-openam-username", DANA.0), ("x-openam-password", DANA.1)];
        let reply = http::send(Method::POST, &url, &headers, "").await?;
        let body = reply.json();
        let session = body.get("tokenId").and_then(Value::as_str);
        Ok(session.ok_or("no session")?.to_owned())
    }

    /// Publishes `state` and expects success; its id.
    pub async fn create(&self, state: &Value) -> Result<String, Failure> {
        let reply = self
            .publish(Method::POST, "?_action=create", &[], &envelope(state))
            .await?;
        if reply.status != 201 {
            return Err(format!("create: {} {}", reply.status, reply.text()).into());
        }
        let id = reply.json();
        let id = id.get("_id").and_then(Value::as_str).unwrap_or_default();
        Ok(id.to_owned())
    }

    /// An action at an instance.
    pub async fn act(&self, id: &str, action: &str, body: &Value) -> Result<Reply, Failure> {
        let url = format!("{}/am/rest-sts/{id}?_action={action}", self.gateway.public);
        http::send(Method::POST, &url, &[JSON], body.to_string()).await
    }

    /// Translates.
    pub async fn translate(
        &self,
        id: &str,
        input: &Value,
        output: &Value,
    ) -> Result<Reply, Failure> {
        let body = json!({"input_token_state": input, "output_token_state": output});
        self.act(id, "translate", &body).await
    }

    /// Translates and expects a token.
    pub async fn issued(&self, id: &str, input: &Value, output: &Value) -> Result<String, Failure> {
        let reply = self.translate(id, input, output).await?;
        let body = reply.json();
        match body.get("issued_token").and_then(Value::as_str) {
            Some(token) if reply.status == 200 => Ok(token.to_owned()),
            _ => Err(format!("translate: {} {}", reply.status, reply.text()).into()),
        }
    }
}
