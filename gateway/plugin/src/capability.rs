//! What a plugin may be granted, and what it was.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Origin;

/// Something of the host's that a component may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// The clock as it runs.
    Clock,
    /// Keys by handle.
    Crypto,
    /// Requests to allowed hosts.
    Http,
    /// A small store.
    Kv,
    /// Lines in the log.
    Log,
    /// Randomness.
    Random,
    /// Secrets by handle.
    Secrets,
}

impl Capability {
    /// All of them, by name.
    pub const ALL: [Self; 7] = [
        Self::Clock,
        Self::Crypto,
        Self::Http,
        Self::Kv,
        Self::Log,
        Self::Random,
        Self::Secrets,
    ];

    /// Its name, that of its interface in the package `cambist:sts`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Crypto => "crypto",
            Self::Http => "http",
            Self::Kv => "kv",
            Self::Log => "log",
            Self::Random => "random",
            Self::Secrets => "secrets",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the operator grants one use of a plugin. The default is nothing.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a grant of its own")]
pub struct Grants {
    /// Whether it may write to the log.
    pub log: bool,
    /// Whether it may read the clock.
    pub clock: bool,
    /// Whether it may draw randomness.
    pub random: bool,
    /// Where it may send requests. Empty: nowhere, and `http` is not granted.
    pub origins: Vec<Origin>,
    /// Its part of the store, if any.
    pub kv: Option<KvSpace>,
    /// Secrets by the names the manifest declares.
    pub secrets: BTreeMap<String, GrantedSecret>,
    /// Keys by the names the manifest declares.
    pub keys: BTreeMap<String, Arc<dyn PluginKey>>,
    /// Whether sandboxes may be used for several calls, if the manifest asks for that.
    pub reuse: bool,
}

impl Grants {
    /// Whether this capability is granted.
    pub fn holds(&self, capability: Capability) -> bool {
        match capability {
            Capability::Clock => self.clock,
            Capability::Crypto => !self.keys.is_empty(),
            Capability::Http => !self.origins.is_empty(),
            Capability::Kv => self.kv.is_some(),
            Capability::Log => self.log,
            Capability::Random => self.random,
            Capability::Secrets => !self.secrets.is_empty(),
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(Capability::ALL.into_iter().filter(|c| self.holds(*c)))
            .finish()
    }
}

/// A plugin's own part of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvSpace {
    /// Tells it from all others: made of the plugin's and the instance's names.
    pub name: String,
    /// Most bytes of keys and values together.
    pub bytes: u64,
}

/// A secret behind a name.
#[derive(Clone)]
pub struct GrantedSecret {
    /// Its bytes.
    pub bytes: Arc<Zeroizing<Vec<u8>>>,
    /// Whether the plugin may see them.
    pub reveal: bool,
}

impl GrantedSecret {
    /// The secret as text, if it is UTF-8.
    pub fn text(&self) -> Option<Zeroizing<String>> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for GrantedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantedSecret")
            .field("reveal", &self.reveal)
            .finish_non_exhaustive()
    }
}

/// A key that works for a plugin and never shows itself.
pub trait PluginKey: Send + Sync {
    /// The one algorithm it is for, by its JOSE name (RFC 7518 §3.1).
    fn algorithm(&self) -> &str;
    /// The signature or MAC of `data`. None if the key cannot make one.
    fn sign(&self, data: &[u8]) -> Option<Vec<u8>>;
    /// Whether `signature` is the signature or MAC of `data`; in constant time for a MAC.
    fn verify(&self, data: &[u8], signature: &[u8]) -> bool;
    /// The public half as a JWK (RFC 7517). None for a key without one.
    fn public_jwk(&self) -> Option<String>;
}
