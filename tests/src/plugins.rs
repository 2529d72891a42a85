//! The plugin host alone, without a gateway around it.

use std::sync::Arc;

use cambist_plugin::{
    Binding, Compilation, Config, Grants, HostLimits, Nowhere, Plugin, PluginHost, PluginKey,
};
use cambist_token::jose::{Algorithm, SigningKey};
use serde_json::Value;

use crate::http::Failure;

/// A host that compiles in this process.
pub fn host() -> Result<PluginHost, Failure> {
    Ok(PluginHost::new(
        HostLimits::default(),
        Compilation::default(),
        Arc::new(Nowhere),
    )?)
}

/// A component, compiled.
pub fn compiled(component: &[u8]) -> Result<Arc<Plugin>, Failure> {
    Ok(Arc::new(host()?.compile(component)?))
}

/// A binding of the plugin `name` with this configuration and these keys.
pub fn binding(name: &str, config: &Value, keys: &[(&str, Arc<dyn PluginKey>)]) -> Binding {
    Binding {
        name: name.to_owned(),
        config: Config(config.as_object().cloned().unwrap_or_default()),
        grants: Grants {
            keys: keys
                .iter()
                .map(|(name, key)| ((*name).to_owned(), Arc::clone(key)))
                .collect(),
            ..Grants::default()
        },
    }
}

/// A MAC key (HS256) for plugins.
pub fn mac_key(secret: &str) -> Result<Arc<dyn PluginKey>, Failure> {
    let key = SigningKey::hmac(secret.as_bytes(), Algorithm::Hs256)?;
    Ok(held(Arc::new(key)))
}

/// A new signing key for plugins.
pub fn signing_key(algorithm: Algorithm) -> Result<Arc<dyn PluginKey>, Failure> {
    Ok(held(Arc::new(SigningKey::generate(algorithm)?.0)))
}

/// This key, for plugins.
pub fn held(key: Arc<SigningKey>) -> Arc<dyn PluginKey> {
    Arc::new(Held(key))
}

struct Held(Arc<SigningKey>);

impl PluginKey for Held {
    fn algorithm(&self) -> &str {
        self.0.algorithm().name()
    }

    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        self.0.sign_bytes(data).ok()
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> bool {
        self.0.verify_bytes(data, signature)
    }

    fn public_jwk(&self) -> Option<String> {
        self.0.public_jwk().map(|jwk| jwk.to_string())
    }
}
