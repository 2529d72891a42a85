//! The plugin host alone, without a gateway around it.

use std::{fs, path::Path, sync::Arc};

use cambist_plugin::{
    Binding, Compilation, Config, Grants, HostLimits, Manifest, Nowhere, Plugin, PluginHost,
    PluginKey, case::cases_from_toml,
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

/// The validator of visitor passes built in `tests/interop/guests/{folder}`, and its manifest with its cases.
/// None if nobody built it.
pub fn visitor_pass(folder: &str) -> Result<Option<(Vec<u8>, Manifest)>, Failure> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("interop/guests")
        .join(folder);
    let Ok(component) = fs::read(project.join("dist/plugin.wasm")) else {
        return Ok(None);
    };
    let mut manifest =
        Manifest::from_toml(&fs::read_to_string(project.join("cambist-plugin.toml"))?)?;
    manifest.cases = cases_from_toml(&fs::read_to_string(project.join("cases.toml"))?)?;
    Ok(Some((component, manifest)))
}

/// The secret that the cases of [`visitor_pass`] sign with.
pub const VISITOR_PASS_KEY: &str = "the reception's key, 32 bytes or more";

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
