//! Everything that is published, as one immutable value behind one atomic pointer.
//!
//! A request loads it once. A publication makes the next value out of this one by structural sharing, so
//! that it costs the same with ten instances and with ten thousand.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use cambist_plugin::Plugin;
use cambist_token::{PasswordDirectory, TrustedIssuer};
use rpds::HashTrieMapSync;

use crate::{
    authenticator::{self, Authenticator},
    instance::SharedInstance,
    proxy::{Route, RouteTable},
    publish_error::PublishError,
    vault::VaultEntry,
};

/// A registered issuer and the revision of its document.
#[derive(Clone)]
pub struct RegisteredIssuer {
    /// Its keys and rules.
    pub issuer: Arc<TrustedIssuer>,
    /// Which registration this is.
    pub revision: u64,
}

/// An authenticator and the revision of its document.
#[derive(Clone, Debug)]
pub struct RegisteredAuthenticator {
    /// Itself.
    pub authenticator: Authenticator,
    /// The secret of the vault that it holds.
    pub secret: Option<String>,
    /// Which publication this is.
    pub revision: u64,
}

/// A plugin name and what it stands for now.
#[derive(Clone)]
pub struct NamedPlugin {
    /// The current component.
    pub plugin: Arc<Plugin>,
    /// Which upload this is.
    pub revision: u64,
    /// Digests by the versions that the name has had.
    pub versions: Arc<BTreeMap<String, String>>,
}

/// A published state of the whole gateway.
#[derive(Clone, Default)]
pub struct Registry {
    /// Instances by id.
    pub instances: HashTrieMapSync<String, SharedInstance>,
    /// Ids by their lower-case form: two ids may not differ in case alone.
    pub folded_ids: HashTrieMapSync<String, String>,
    /// Issuers by registered name.
    pub issuers: HashTrieMapSync<String, RegisteredIssuer>,
    /// Authenticators by id: realm without its leading slash, `/`, name.
    pub authenticators: HashTrieMapSync<String, RegisteredAuthenticator>,
    /// Plugins by name.
    pub plugins: HashTrieMapSync<String, NamedPlugin>,
    /// Every component in reach, by digest.
    pub components: HashTrieMapSync<String, Arc<Plugin>>,
    /// The vault: secrets and keys for plugins, by name.
    pub secrets: HashTrieMapSync<String, VaultEntry>,
    /// Realms that were made, without their leading slashes, and their revisions.
    pub realms: HashTrieMapSync<String, u64>,
    /// Routes by name.
    pub routes: Arc<BTreeMap<String, Arc<Route>>>,
    /// The same routes, ready for matching.
    pub route_table: Arc<RouteTable>,
}

impl Registry {
    /// The instance with exactly this id.
    pub fn instance(&self, id: &str) -> Option<&SharedInstance> {
        self.instances.get(id)
    }

    /// The plugin that `name`, `name@1.2.0` or `name@sha256:…` stands for, if its component is in reach.
    pub fn plugin(&self, reference: &str) -> Option<Arc<Plugin>> {
        match reference.split_once('@') {
            None => self
                .plugins
                .get(reference)
                .map(|named| Arc::clone(&named.plugin)),
            Some((name, pin)) => self
                .components
                .get(self.pinned_digest(name, pin)?)
                .map(Arc::clone),
        }
    }

    /// The digest that the part of a reference behind `@` stands for: itself, or that of a version.
    pub fn pinned_digest<'a>(&'a self, name: &str, pin: &'a str) -> Option<&'a str> {
        let named = self.plugins.get(name)?;
        if pin.starts_with("sha256:") {
            Some(pin)
        } else {
            named.versions.get(pin).map(String::as_str)
        }
    }

    /// Who checks the passwords of `realm`: the authenticator of this name, or the realm's default one.
    pub fn passwords(&self, realm: &str, name: &str) -> Option<Arc<dyn PasswordDirectory>> {
        let id = authenticator::id(realm, name);
        self.authenticators.get(&id)?.authenticator.passwords()
    }

    /// The entry of the vault with this name.
    pub fn vault(&self, name: &str) -> Option<&VaultEntry> {
        self.secrets.get(name)
    }

    /// Lets go of those of `digests` that nothing needs any more.
    pub fn release_components<'a>(&mut self, digests: impl IntoIterator<Item = &'a String>) {
        for digest in digests {
            if !self.needs_component(digest) {
                self.components.remove_mut(digest);
            }
        }
    }

    /// Whether a plugin name or an instance still needs the component with this digest.
    fn needs_component(&self, digest: &str) -> bool {
        self.plugins
            .values()
            .any(|named| named.plugin.digest() == digest)
            || self
                .instances
                .values()
                .any(|instance| instance.uses.digests.iter().any(|used| used == digest))
    }

    /// Puts `instance` in place of whatever has its id.
    pub fn put_instance(&mut self, instance: SharedInstance) {
        self.folded_ids
            .insert_mut(instance.id.to_ascii_lowercase(), instance.id.clone());
        self.instances.insert_mut(instance.id.clone(), instance);
    }

    /// Takes the instance with this id away.
    pub fn remove_instance(&mut self, id: &str) {
        self.folded_ids.remove_mut(&id.to_ascii_lowercase());
        self.instances.remove_mut(id);
    }

    /// Puts these routes in place of all. Two that match alike are refused.
    pub fn put_routes(&mut self, routes: BTreeMap<String, Arc<Route>>) -> Result<(), PublishError> {
        self.route_table = Arc::new(RouteTable::new(routes.values().cloned().collect())?);
        self.routes = Arc::new(routes);
        Ok(())
    }
}

/// The one place where the published state changes.
pub struct Published(ArcSwap<Registry>);

impl Published {
    /// Starts with `registry`.
    pub fn new(registry: Registry) -> Self {
        Self(ArcSwap::from_pointee(registry))
    }

    /// The state of this moment, to be kept for the length of one request.
    pub fn load(&self) -> arc_swap::Guard<Arc<Registry>> {
        self.0.load()
    }

    /// Replaces the whole at once.
    pub fn publish(&self, registry: Registry) {
        self.0.store(Arc::new(registry));
    }
}
