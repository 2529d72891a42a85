//! The real gateway, on free ports of loopback, in a directory that vanishes.

use std::path::Path;

use bytes::Bytes;
use cambist::{
    config::Config,
    serve::{Running, start},
};
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    documents,
    http::{self, Failure, Reply},
    issuer::Issuer,
};

/// A running gateway.
pub struct TestGateway {
    running: Option<Running>,
    directory: Option<TempDir>,
    token: String,
    /// Base URL of the public listener.
    pub public: String,
    /// Base URL of the admin listener.
    pub admin: String,
}

impl TestGateway {
    /// Starts a gateway that may fetch keys from loopback.
    pub async fn start() -> Result<Self, Failure> {
        Self::start_with(|_| {}).await
    }

    /// Starts a gateway after `adjust` has changed its configuration.
    pub async fn start_with(adjust: impl FnOnce(&mut Config)) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let mut config = Config::default();
        config.egress.allow = vec!["127.0.0.1".parse()?];
        adjust(&mut config);
        let mut gateway = Self::start_in(&directory.path().join("data"), config).await?;
        gateway.directory = Some(directory);
        Ok(gateway)
    }

    /// Starts a gateway over an existing data directory.
    pub async fn start_in(data: &Path, mut config: Config) -> Result<Self, Failure> {
        data.clone_into(&mut config.data_dir);
        config.public.listen = "127.0.0.1:0".parse()?;
        config.admin.listen = "127.0.0.1:0".parse()?;
        // The gateway makes runtimes of its own, which a thread of this one may not.
        let running = tokio::task::spawn_blocking(|| start(config)).await??;
        let token = running.gateway.admin_token.reveal().to_owned();
        let config = &running.gateway.config;
        let (public, admin) = (
            format!("{}://{}", config.public.tls.scheme(), running.public),
            format!("{}://{}", config.admin.tls.scheme(), running.admin),
        );
        Ok(Self {
            running: Some(running),
            directory: None,
            token,
            public,
            admin,
        })
    }

    /// Base URL of a further listener.
    pub fn further(&self, name: &str) -> Option<String> {
        let further = &self.running.as_ref()?.further;
        let (_, address) = further.iter().find(|(known, _)| known == name)?;
        Some(format!("http://{address}"))
    }

    /// The admin token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its data directory, if it has one of its own.
    pub fn data(&self) -> Option<std::path::PathBuf> {
        self.directory
            .as_ref()
            .map(|directory| directory.path().join("data"))
    }

    /// Stops it, draining.
    pub async fn stop(mut self) -> Result<Option<TempDir>, Failure> {
        if let Some(running) = self.running.take() {
            tokio::task::spawn_blocking(move || running.stop()).await?;
        }
        Ok(self.directory.take())
    }

    /// A request to the admin API with the admin token.
    pub async fn admin(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, Failure> {
        self.admin_with(method, path, &[], body).await
    }

    /// The same with further headers.
    pub async fn admin_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, Failure> {
        let credential = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", credential.as_str())];
        all.extend_from_slice(headers);
        http::send(method, &format!("{}{path}", self.admin), &all, body).await
    }

    /// PUTs a document and expects success.
    pub async fn put(&self, path: &str, document: &Value) -> Result<Value, Failure> {
        let reply = self.admin(Method::PUT, path, document.to_string()).await?;
        if reply.status.is_success() {
            Ok(reply.json())
        } else {
            Err(format!("PUT {path}: {} {}", reply.status, reply.text()).into())
        }
    }

    /// Registers an issuer as `partner`, with [`documents::partner`].
    pub async fn put_partner(&self, issuer: &Issuer) -> Result<Value, Failure> {
        self.put(
            "/admin/v1/issuers/partner",
            &documents::partner(&issuer.url()),
        )
        .await
    }

    /// PUTs a component as a plugin and expects success.
    pub async fn put_plugin(&self, name: &str, component: &'static [u8]) -> Result<Value, Failure> {
        let reply = self
            .admin(Method::PUT, &format!("/admin/v1/plugins/{name}"), component)
            .await?;
        if reply.status.is_success() {
            Ok(reply.json())
        } else {
            Err(format!("plugin {name}: {} {}", reply.status, reply.text()).into())
        }
    }

    /// Adds a user.
    pub async fn put_user(
        &self,
        realm: &str,
        username: &str,
        password: &str,
        attributes: Value,
    ) -> Result<(), Failure> {
        let user = json!({"realm": realm, "username": username, "password": password, "attributes": attributes});
        let reply = self
            .admin(Method::POST, "/admin/v1/users", user.to_string())
            .await?;
        if reply.status.is_success() {
            Ok(())
        } else {
            Err(format!("user {username}: {}", reply.text()).into())
        }
    }

    /// Posts a form to an instance's token endpoint with `client_secret_basic`.
    pub async fn token_request(
        &self,
        instance: &str,
        client: (&str, &str),
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Failure> {
        let credential = basic(client);
        let headers = [
            ("authorization", credential.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        http::send(
            Method::POST,
            &format!("{}/oauth2/{instance}/token", self.public),
            &headers,
            http::form(parameters),
        )
        .await
    }

    /// Exchanges a token.
    pub async fn exchange(
        &self,
        instance: &str,
        client: (&str, &str),
        token: &str,
        token_type: &str,
        more: &[(&str, &str)],
    ) -> Result<Reply, Failure> {
        let mut parameters = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", token),
            ("subject_token_type", token_type),
        ];
        parameters.extend_from_slice(more);
        self.token_request(instance, client, &parameters).await
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // A runtime must not be dropped on a thread of another.
            let _ = std::thread::spawn(move || running.stop()).join();
        }
    }
}

/// The grant type of RFC 8693.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Token types of RFC 8693 §3.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Token types of RFC 8693 §3.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// A user name and password.
pub const USERNAME: &str = "urn:cambist:token-type:username";

/// A Basic credential.
pub fn basic((id, secret): (&str, &str)) -> String {
    format!(
        "Basic {}",
        base64_simd::STANDARD.encode_to_string(format!("{id}:{secret}"))
    )
}
