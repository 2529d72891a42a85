//! From a document to a published instance: everything that can fail, fails here.

mod authenticated;
pub(crate) mod bindings;
mod jwt_bearer;
pub(crate) mod kept_key;
mod one_of;
mod parties;
mod party_keys;
mod rest;
mod validators;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use cambist_core::{
    Fetch, ForClients, Instance, Limits, Provider, TokenType, Transformation, Validator,
};
use cambist_plugin::{GrantedSecret, Plugin, PluginKey, Point};
use cambist_token::{
    BUILTINS, Bench, PasswordDirectory, SessionDirectory, TrustedIssuer,
    jose::{Algorithm, Keyring},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    bindings::{Binder, GrantsDocument, PluginDocument},
    kept_key::KeptKey,
    parties::{clients, relying_parties},
    party_keys::PartyKeys,
    validators::{Validators, validators},
};
use super::{Outline, PublishedInstance, Uses, realm};
use crate::{
    authenticator::Authenticator,
    document::{InstanceDocument, PartDocument},
    face::oauth::metadata::{self, Offered},
    ledger::{Ledger, Persistence},
    opaque::{self, OpaqueProvider},
    publish_error::PublishError,
    saml::{self, Frame, SamlBench, SamlProvider},
    used::UsedAssertions,
    vault::KeyStore,
};

/// What instances are built from: shared things by name.
pub struct Shelf<'a> {
    /// The base of every issuer identifier, without a trailing slash.
    pub base_url: &'a str,
    /// The base of the endpoints for clients with a certificate, without a trailing slash, if they have their
    /// own (RFC 8705 §5).
    pub certificate_url: Option<&'a str>,
    /// Signing keys.
    pub keyring: &'a Arc<Keyring>,
    /// Knows what was issued and what was revoked.
    pub ledger: &'a Arc<Ledger>,
    /// What SAML assertions are signed with and remembered by.
    pub saml: &'a SamlBench,
    /// Where user names and passwords are checked.
    pub directory: &'a Arc<dyn PasswordDirectory>,
    /// The way to clients' keys.
    pub fetch: &'a Arc<dyn Fetch>,
    /// Remembers assertions that were used as grants.
    pub used_grants: &'a UsedAssertions,
    /// Where sessions are looked up.
    pub sessions: &'a Arc<dyn SessionDirectory>,
    /// Authenticators by id.
    pub authenticator: &'a dyn Fn(&str) -> Option<Authenticator>,
    /// Registered issuers.
    pub issuer: &'a dyn Fn(&str) -> Option<Arc<TrustedIssuer>>,
    /// Plugins by reference: `name`, `name@1.2.0` or `name@sha256:…`.
    pub plugin: &'a dyn Fn(&str) -> Option<Arc<Plugin>>,
    /// Secrets of the vault.
    pub secret: &'a dyn Fn(&str) -> Option<GrantedSecret>,
    /// Keys of the vault.
    pub key: &'a dyn Fn(&str) -> Option<Arc<dyn PluginKey>>,
    /// Key stores of the vault.
    pub key_store: &'a dyn Fn(&str) -> Option<Arc<KeyStore>>,
}

type Providers = BTreeMap<String, Arc<dyn Provider>>;

/// All providers of an instance, and what relying parties verify their tokens by.
#[derive(Default)]
struct BuiltProviders {
    by_name: Providers,
    algorithms: Vec<Algorithm>,
    kept_keys: Vec<(Arc<Keyring>, Algorithm)>,
}

/// Builds `document` as instance `id`. Changes nothing; an error names the member at fault.
pub fn build(
    id: &str,
    revision: u64,
    document: &InstanceDocument,
    shelf: &Shelf<'_>,
) -> Result<PublishedInstance, PublishError> {
    if !super::is_valid_id(id) {
        return Err(PublishError::new(
            "",
            format!("`{id}` is not an instance id"),
            "use realm segments and a name of [A-Za-z0-9._-], such as `alpha/orders`",
        ));
    }
    let issuer = format!("{}/oauth2/{id}", shelf.base_url);
    let realm = realm(id);
    let binder = Binder::new(id, &issuer, shelf);
    let bench = Bench {
        issuer: &issuer,
        realm: &realm,
        keyring: shelf.keyring,
        directory: &authenticated::passwords(shelf, &realm),
        sessions: shelf.sessions,
        trusted_issuer: shelf.issuer,
        secret: &|name: &str| binder.secret_text(name),
        mappers: &binder,
    };
    let key_store = |name: &str| binder.key_store(name);
    let own_keys = (shelf.key_store)(&saml::own_keys(id));
    let frame = Frame::new(&issuer, shelf.saml, &key_store, own_keys);
    let validators = validators(document, &bench, &binder, &frame)?;
    let BuiltProviders {
        by_name: providers,
        algorithms,
        kept_keys,
    } = providers(document, &bench, &binder, &frame)?;
    let deciders = binder.deciders(&document.policy)?;
    let transformations = transformations(document, &validators, &providers, &frame, shelf)?;
    let (relying_parties, resources) = relying_parties(document)?;
    let clients = clients(document, &relying_parties, &issuer, shelf.fetch)?;
    let rest = rest::face(document, &validators, &providers, &relying_parties)?;
    let saml_metadata = saml::metadata::document(&frame, revision)?;
    let engine = Instance {
        transformations,
        actors: actors(document, &validators)?,
        for_clients: for_clients(document, &providers)?,
        relying_parties,
        resources,
        deciders,
        ledger: Some(Arc::new(shelf.ledger.at(id, persistence(document)))),
        limits: limits(document),
    };
    let certificate_base = shelf
        .certificate_url
        .map(|url| format!("{url}/oauth2/{id}"));
    let metadata = metadata::document(&Offered {
        issuer: &issuer,
        certificate_base: certificate_base.as_deref(),
        engine: &engine,
        algorithms: &algorithms,
        kept_keys: &kept_keys,
        clients: &clients,
        persistence: persistence(document),
    });
    Ok(PublishedInstance {
        sources: sources(document, &validators, &issuer, shelf),
        imported: frame.taken.into_inner(),
        uses: binder.uses.into_inner(),
        id: id.to_owned(),
        revision,
        issuer,
        engine,
        clients,
        rest: rest.map(|face| rest::keeping(document, face, shelf)),
        dpop_nonce_required: document.dpop.nonce_required,
        keyring: Arc::clone(shelf.keyring),
        algorithms,
        kept_keys,
        persistence: persistence(document),
        certificate_base,
        metadata,
        saml_metadata,
        outline: outline(document, &validators),
    })
}

fn outline(document: &InstanceDocument, validators: &Validators) -> Outline {
    let members = one_of::members(document);
    let readers = validators.iter();
    let readers = readers.filter(|(name, _)| !members.contains(name.as_str()));
    let readers = readers.map(|(name, built)| (built.token_type.clone(), name.clone()));
    Outline::of(document, readers.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginProviderSettings {
    plugin: String,
    token_type: TokenType,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    grants: GrantsDocument,
}

fn plugin_provider(
    part: &PartDocument,
    binder: &Binder<'_>,
) -> Result<Arc<dyn Provider>, PublishError> {
    let settings: PluginProviderSettings = bindings::read(
        Value::Object(part.settings.clone()),
        "a plugin provider has `plugin`, `token_type`, and optionally `config`, `grants`",
    )?;
    bindings::check_type(&settings.token_type)?;
    let document = PluginDocument {
        plugin: settings.plugin,
        config: settings.config,
        grants: settings.grants,
    };
    let is_custom = (binder.shelf.plugin)(&document.plugin)
        .is_some_and(|plugin| plugin.points().contains(&Point::CustomProvider));
    let issuer = binder.issuer.to_owned();
    Ok(if is_custom {
        let bound = binder.bind(&document, Point::CustomProvider)?;
        bound.custom_provider(settings.token_type, issuer)
    } else {
        let bound = binder.bind(&document, Point::Provider)?;
        bound.provider(settings.token_type, issuer)
    })
}

fn providers(
    document: &InstanceDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
    frame: &Frame<'_>,
) -> Result<BuiltProviders, PublishError> {
    let mut built = BuiltProviders::default();
    let party_keys = PartyKeys::of(document, bench.keyring)?;
    for (name, part) in &document.providers {
        let path = format!("providers.{name}");
        if part.kind == "plugin" {
            let provider = plugin_provider(part, binder).map_err(|error| error.within(&path))?;
            built.by_name.insert(name.clone(), provider);
            continue;
        }
        if part.kind == opaque::KIND {
            let provider = OpaqueProvider::build(&part.settings, binder.issuer)
                .map_err(|error| error.within(&path))?;
            built.by_name.insert(name.clone(), Arc::new(provider));
            continue;
        }
        if part.kind == saml::KIND {
            let provider = SamlProvider::build(
                name,
                &part.settings,
                frame,
                |audience| document.relying_parties.contains_key(audience),
                |binding, point| binder.bind_value(binding, point),
            );
            let provider = Arc::new(provider.map_err(|error| error.within(&path))?);
            frame.providers.borrow_mut().push(Arc::clone(&provider));
            built.by_name.insert(name.clone(), provider);
            continue;
        }
        let unknown = || {
            unknown_kind(
                &part.kind,
                BUILTINS
                    .iter()
                    .filter(|b| b.provider.is_some())
                    .map(|b| b.kind)
                    .chain([opaque::KIND, saml::KIND, "plugin"]),
            )
            .within(&path)
        };
        let builtin = BUILTINS
            .iter()
            .find(|b| b.kind == part.kind)
            .ok_or_else(unknown)?;
        let make = builtin.provider.ok_or_else(unknown)?;
        if let Some(kept) = KeptKey::of(part, binder).map_err(|error| error.within(&path))? {
            let bench = Bench {
                keyring: &kept.ring,
                ..*bench
            };
            let (provider, _) = make(&kept.part.settings, &bench)
                .map_err(|error| settings_error(error).within(&path))?;
            built.by_name.insert(name.clone(), provider);
            built.kept_keys.push((kept.ring, kept.algorithm));
            continue;
        }
        let (provider, algorithm) =
            make(&part.settings, bench).map_err(|error| settings_error(error).within(&path))?;
        let is_new = |a: &Algorithm| !built.algorithms.contains(a);
        if let Some(algorithm) = algorithm.filter(is_new) {
            built.algorithms.push(algorithm);
        }
        let (settings, known) = (&part.settings, &mut built.algorithms);
        let provider = party_keys.dispatch(provider, make, settings, bench, known)?;
        built.by_name.insert(name.clone(), provider);
    }
    built.by_name = rest::kept(document, built.by_name);
    Ok(built)
}

/// Whose tokens the instance takes, as far as they name themselves.
fn sources(
    document: &InstanceDocument,
    validators: &Validators,
    own: &str,
    shelf: &Shelf<'_>,
) -> HashMap<TokenType, Vec<String>> {
    let mut found: HashMap<TokenType, Vec<String>> = HashMap::new();
    for (name, part) in &document.validators {
        let Some(validator) = validators.get(name) else {
            continue;
        };
        let names: Vec<&str> = match part.settings.get("issuers") {
            _ if part.kind == opaque::KIND => vec!["self"],
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let issuers = names.into_iter().filter_map(|name| match name {
            "self" => Some(own.to_owned()),
            name => Some((shelf.issuer)(name)?.issuer().to_owned()),
        });
        let of_type = found.entry(validator.token_type.clone()).or_default();
        of_type.extend(issuers);
    }
    found
}

fn limits(document: &InstanceDocument) -> Limits {
    Limits {
        chain_depth: document.limits.chain_depth.clamp(1, 8),
        ..Limits::default()
    }
}

fn transformations(
    document: &InstanceDocument,
    validators: &Validators,
    providers: &Providers,
    frame: &Frame<'_>,
    shelf: &Shelf<'_>,
) -> Result<Vec<Transformation>, PublishError> {
    if document.transformations.is_empty() {
        return Err(PublishError::new(
            "transformations",
            "is empty",
            "list at least one {\"subject\": validator, \"issue\": provider}",
        ));
    }
    let mut built = Vec::new();
    let mut pairs = HashSet::new();
    for (index, wanted) in document.transformations.iter().enumerate() {
        let path = format!("transformations[{index}]");
        let validator = validators.get(&wanted.subject).ok_or_else(|| {
            unknown_name(&format!("{path}.subject"), &wanted.subject, "validators")
        })?;
        let provider = providers
            .get(&wanted.issue)
            .ok_or_else(|| unknown_name(&format!("{path}.issue"), &wanted.issue, "providers"))?;
        if !pairs.insert((validator.token_type.clone(), provider.token_type().clone())) {
            return Err(PublishError::new(
                path,
                format!(
                    "makes `{}` out of `{}` a second time",
                    provider.token_type(),
                    validator.token_type
                ),
                "list each pair of token types once",
            ));
        }
        built.push(Transformation {
            subject: validator.token_type.clone(),
            validator: Arc::clone(&validator.validator),
            provider: Arc::clone(provider),
        });
    }
    let of_assertions = saml::bearer_grants(frame, &built);
    let of_jwts = jwt_bearer::grants(document, &built, shelf.used_grants);
    built.extend(of_assertions.into_iter().chain(of_jwts));
    Ok(built)
}

fn actors(
    document: &InstanceDocument,
    validators: &Validators,
) -> Result<HashMap<TokenType, Arc<dyn Validator>>, PublishError> {
    let mut built = HashMap::new();
    for (index, name) in document.actors.iter().enumerate() {
        let validator = validators
            .get(name)
            .ok_or_else(|| unknown_name(&format!("actors[{index}]"), name, "validators"))?;
        built.insert(
            validator.token_type.clone(),
            Arc::clone(&validator.validator),
        );
    }
    Ok(built)
}

/// What must be found again is on disk before it leaves.
fn persistence(document: &InstanceDocument) -> Persistence {
    let keeps = document.rest_sts.as_ref().is_some_and(|r| r.keeps_tokens);
    if keeps {
        Persistence::Synchronous
    } else {
        document.ledger.persistence
    }
}

fn for_clients(
    document: &InstanceDocument,
    providers: &Providers,
) -> Result<Option<ForClients>, PublishError> {
    let Some(wanted) = &document.client_credentials else {
        return Ok(None);
    };
    let provider = providers
        .get(&wanted.issue)
        .ok_or_else(|| unknown_name("client_credentials.issue", &wanted.issue, "providers"))?;
    Ok(Some(ForClients {
        provider: Arc::clone(provider),
        subject_prefix: wanted.subject_prefix.clone(),
    }))
}

fn settings_error(error: cambist_token::BuildError) -> PublishError {
    PublishError::new(error.member, error.reason, error.hint)
}

fn unknown_kind<'a>(kind: &str, known: impl Iterator<Item = &'a str>) -> PublishError {
    let known: Vec<&str> = known.collect();
    PublishError::new(
        "kind",
        format!("`{kind}` is unknown"),
        format!("use one of {}", known.join(", ")),
    )
}

fn unknown_name(path: &str, name: &str, among: &str) -> PublishError {
    PublishError::new(
        path,
        format!("`{name}` is not in `{among}`"),
        format!("name a member of `{among}`"),
    )
}
