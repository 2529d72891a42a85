//! A real publisher over an empty store, and requests to it.

use std::sync::Arc;

use bytes::Bytes;
use cambist_core::{
    BoxFuture, Call, Fetch, FetchError, Fetched, Rejection, Timestamp, ValidateError,
};
use cambist_plugin::{Compilation, HostLimits, PluginHost};
use cambist_saml::{SelfSigned, algorithm::SignatureAlgorithm};
use cambist_token::{
    Keyring, PasswordDirectory, Profile,
    jose::{Algorithm, SigningKey},
};
use hyper::{
    HeaderMap, Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::handle;
use crate::{
    face::rest_sts::{
        self,
        common_rest::{Caller, RestRequest, RestResponse},
    },
    heavy::HeavyPool,
    publisher::{Precondition, Publisher, RealmDocument, Workshop},
    registry::{Published, Registry},
    saml::SamlBench,
    store::Store,
    vault::Vault,
};

/// Knows `dana`.
struct Dana;

impl PasswordDirectory for Dana {
    fn authenticate<'a>(
        &'a self,
        realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            if (realm, username, password) != ("/alpha", "dana", "S3cr3t-42") {
                return Err(Rejection::BadSignature.into());
            }
            let attributes =
                json!({"mail": "dana@example.com", "groups": ["sales", "ops"], "sn": []});
            Ok(Profile {
                username: username.to_owned(),
                attributes: serde_json::from_value(attributes).unwrap(),
                session: None,
            })
        })
    }
}

/// There is no network here.
struct Nowhere;

impl Fetch for Nowhere {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { Err(FetchError::Unreachable(url.to_owned())) })
    }
}

pub(super) struct Desk {
    pub(super) publisher: Publisher,
    pub(super) published: Arc<Published>,
    _directory: TempDir,
}

pub(super) async fn desk() -> Desk {
    let directory = tempfile::tempdir().unwrap();
    let keys = [Algorithm::Rs256, Algorithm::Es256]
        .map(|algorithm| Arc::new(SigningKey::generate(algorithm).unwrap().0));
    let heavy = HeavyPool::new(tokio::runtime::Handle::current(), 1, 4);
    let published = Arc::new(Published::new(Registry::default()));
    let store = Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap();
    let workshop = Workshop {
        base_url: "http://127.0.0.1:8080".to_owned(),
        certificate_url: None,
        ledger: crate::ledger::Ledger::open(
            store.clone(),
            tokio::runtime::Handle::current(),
            Timestamp(1_700_000_000),
        )
        .await
        .unwrap(),
        saml: SamlBench::new(
            vec![saml_key()],
            store.clone(),
            tokio::runtime::Handle::current(),
        ),
        store,
        plugin_host: Arc::new(
            PluginHost::new(
                HostLimits {
                    concurrent_calls: 1,
                    ..HostLimits::default()
                },
                Compilation::default(),
                Arc::new(cambist_plugin::Nowhere),
            )
            .unwrap(),
        ),
        keyring: Arc::new(Keyring::new(keys.into())),
        vault: Vault::new(&[0; 32]).unwrap(),
        directory: Arc::new(Dana),
        sessions: Arc::new(cambist_token::NoSessions),
        fetch: Arc::new(Nowhere),
        egress: crate::egress::Egress::new(
            crate::egress::EgressRules {
                allow: Vec::new(),
                timeout: std::time::Duration::from_secs(1),
                body_bytes: 1024,
            },
            crate::egress::tls::trusting(rustls::RootCertStore::empty()).unwrap(),
            tokio::runtime::Handle::current(),
        ),
        handle: tokio::runtime::Handle::current(),
        heavy: heavy.clone(),
        compilation: heavy,
    };
    let publisher = Publisher::new(workshop, Arc::clone(&published));
    for realm in ["alpha", "fred/bobo"] {
        let document = RealmDocument::default();
        let made = publisher.put_realm(realm, &document, Precondition::Absent);
        made.await.unwrap();
    }
    Desk {
        publisher,
        published,
        _directory: directory,
    }
}

fn saml_key() -> cambist_saml::signing::SigningKey {
    let certificate = SelfSigned {
        name: "test",
        now: Timestamp(1_900_000_000),
        days: 30,
        random: [7; 16],
    };
    cambist_saml::signing::SigningKey::generate(SignatureAlgorithm::RsaSha256, &certificate)
        .unwrap()
        .key
}

pub(super) fn request(method: Method, id: &str, body: &Value) -> RestRequest {
    let json = (
        HeaderName::from_static("content-type"),
        HeaderValue::from_static("application/json"),
    );
    RestRequest {
        method,
        mount: "/am/sts-publish/rest".to_owned(),
        path: id.split('/').map(ToOwned::to_owned).collect(),
        query: Vec::new(),
        headers: HeaderMap::from_iter([json]),
        body: Bytes::from(body.to_string()),
        caller: Caller::Admin,
    }
}

impl Desk {
    /// Puts the key store of [`rsa_state`] into the vault.
    pub(super) async fn with_key_store(self) -> Self {
        let document = json!({"entries": {"sts-sign": {"generate": "RS256"}}});
        let document = serde_json::from_value(document).unwrap();
        let put = self
            .publisher
            .put_secret("keys.jks", document, Precondition::None);
        put.await.unwrap();
        self
    }

    pub(super) async fn send(&self, request: &RestRequest) -> (u16, Value, RestResponse) {
        let response = handle(request, &self.publisher).await;
        (
            response.status.as_u16(),
            serde_json::from_slice(&response.body).unwrap(),
            response,
        )
    }

    pub(super) async fn call(&self, method: Method, id: &str, body: &Value) -> (u16, Value) {
        let (status, body, _) = self.send(&request(method, id, body)).await;
        (status, body)
    }

    /// Translates dana's password at a published instance.
    pub(super) async fn translate(&self, id: &str) -> (u16, Value) {
        let body = json!({
            "input_token_state": {"token_type": "USERNAME", "username": "dana", "password": "S3cr3t-42"},
            "output_token_state": {"token_type": "OPENIDCONNECT", "nonce": "n-77aa01", "allow_access": true},
        });
        let mut request = request(Method::POST, id, &body);
        request
            .query
            .push(("_action".to_owned(), "translate".to_owned()));
        request.caller = Caller::Anonymous;
        let registry = self.published.load();
        let instance = registry.instance(id);
        let face = instance.and_then(|i| Some((&i.engine, i.rest.as_ref()?)));
        let call = Call {
            now: Timestamp(1_900_000_000),
            instance: id,
            correlation: "c-1",
            random: [7; 16],
            proofs: cambist_core::Proofs::default(),
            purpose: cambist_core::Purpose::Issue,
        };
        let (response, _) = rest_sts::answer(&request, face, &call, None).await;
        (
            response.status.as_u16(),
            serde_json::from_slice(&response.body).unwrap(),
        )
    }
}

/// An instance that makes HS256 ID tokens out of passwords.
pub(super) fn hmac_state(realm: &str, element: &str) -> Value {
    json!({
        "persist-issued-tokens-in-cts": "false",
        "supported-token-transforms": [
            {"inputTokenType": "USERNAME", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": true}
        ],
        "deployment-config": {
            "deployment-realm": realm,
            "deployment-url-element": element,
            "deployment-auth-target-mappings": {
                "USERNAME": {"mapping-auth-index-type": "service", "mapping-auth-index-value": "StsLogin"}
            }
        },
        "oidc-id-token-config": {
            "oidc-issuer": "https://idp.example.net/sts",
            "oidc-token-lifetime-seconds": "600",
            "oidc-audience": ["orders-api"],
            "oidc-authorized-party": "orders-web",
            "oidc-signature-algorithm": "HS256",
            "oidc-public-key-reference-type": "NONE",
            "oidc-client-secret": "a-long-shared-secret-of-32-bytes!",
            "oidc-claim-map": {"email": "mail", "roles": "groups", "family_name": "sn", "phone": "tel"}
        }
    })
}

/// The same with RS256 and a keystore.
pub(super) fn rsa_state(realm: &str, element: &str, reference: &str) -> Value {
    let mut state = hmac_state(realm, element);
    let block = &mut state["oidc-id-token-config"];
    block["oidc-signature-algorithm"] = json!("RS256");
    block["oidc-public-key-reference-type"] = json!(reference);
    block["oidc-client-secret"] = Value::Null;
    block["oidc-keystore-location"] = json!("/opt/sts/keys.jks");
    block["oidc-keystore-password"] = json!("kspw-1");
    block["oidc-signature-key-alias"] = json!("sts-sign");
    block["oidc-signature-key-password"] = json!("keypw-1");
    state
}

/// The body that publishes `state`.
pub(super) fn envelope(state: &Value) -> Value {
    json!({"invocation_context": "invocation_context_client_sdk", "instance_state": state})
}
