//! From a document to a published instance: everything that can fail, fails here.

pub(crate) mod bindings;
mod parties;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use cambist_core::{Declared, Instance, Limits, Provider, TokenType, Transformation, Validator};
use cambist_plugin::{GrantedSecret, Plugin, PluginKey, Point};
use cambist_token::{
    BUILTINS, Bench, PasswordDirectory, TrustedIssuer,
    jose::{Algorithm, Keyring},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    bindings::{Binder, GrantsDocument, PluginDocument},
    parties::{Parties, check_audiences, clients, relying_parties},
};
use super::{PublishedInstance, Uses, realm};
use crate::{
    document::{InstanceDocument, PartDocument},
    face::{oauth::metadata, rest_sts::RestFace},
    publish_error::PublishError,
    saml::{self, SamlBench, SamlProvider, SamlValidator},
};

/// What instances are built from: shared things by name.
pub struct Shelf<'a> {
    /// The base of every issuer identifier, without a trailing slash.
    pub base_url: &'a str,
    /// Signing keys.
    pub keyring: &'a Arc<Keyring>,
    /// What SAML assertions are signed with and remembered by.
    pub saml: &'a SamlBench,
    /// Where user names and passwords are checked.
    pub directory: &'a Arc<dyn PasswordDirectory>,
    /// Registered issuers.
    pub issuer: &'a dyn Fn(&str) -> Option<Arc<TrustedIssuer>>,
    /// Plugins by reference: `name`, `name@1.2.0` or `name@sha256:…`.
    pub plugin: &'a dyn Fn(&str) -> Option<Arc<Plugin>>,
    /// Secrets of the vault.
    pub secret: &'a dyn Fn(&str) -> Option<GrantedSecret>,
    /// Keys of the vault.
    pub key: &'a dyn Fn(&str) -> Option<Arc<dyn PluginKey>>,
}

struct BuiltValidator {
    token_type: TokenType,
    validator: Arc<dyn Validator>,
    declared: Declared,
    /// Whether it speaks of subjects that some other party named.
    is_foreign: bool,
}

type Validators = BTreeMap<String, BuiltValidator>;
type Providers = BTreeMap<String, Arc<dyn Provider>>;

/// All providers of an instance, and what relying parties verify their tokens by.
#[derive(Default)]
struct BuiltProviders {
    by_name: Providers,
    algorithms: Vec<Algorithm>,
    saml: Vec<Arc<SamlProvider>>,
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
    let binder = Binder {
        instance: id,
        issuer: &issuer,
        shelf,
        uses: RefCell::default(),
    };
    let bench = Bench {
        issuer: &issuer,
        realm: &realm,
        keyring: shelf.keyring,
        directory: shelf.directory,
        trusted_issuer: shelf.issuer,
        mappers: &binder,
    };
    let validators = validators(document, &bench, &binder)?;
    check_subject_namespaces(document, &validators)?;
    let BuiltProviders {
        by_name: providers,
        algorithms,
        saml,
    } = providers(document, &bench, &binder)?;
    let deciders = binder.deciders(&document.policy)?;
    let transformations = transformations(document, &validators, &providers)?;
    let actors = actors(document, &validators)?;
    let (relying_parties, resources) = relying_parties(document)?;
    let clients = clients(document, &relying_parties)?;
    let rest = rest(document, &validators, &providers, &relying_parties)?;
    let jwks = Bytes::from(shelf.keyring.jwks(&algorithms).to_string());
    let metadata = metadata::document(
        &issuer,
        relying_parties.values().map(|party| &**party),
        &algorithms,
    );
    let saml_metadata = saml::metadata::document(&issuer, revision, &saml)?;
    let limits = Limits {
        chain_depth: document.limits.chain_depth.clamp(1, 8),
        ..Limits::default()
    };
    let engine = Instance {
        transformations,
        actors,
        relying_parties,
        resources,
        deciders,
        limits,
    };
    let uses = binder.uses.into_inner();
    Ok(PublishedInstance {
        id: id.to_owned(),
        revision,
        issuer,
        engine,
        clients,
        rest,
        jwks,
        metadata,
        saml_metadata,
        uses,
    })
}

fn validators(
    document: &InstanceDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
) -> Result<Validators, PublishError> {
    let mut built = Validators::new();
    let mut types = HashMap::new();
    for (name, part) in &document.validators {
        let path = format!("validators.{name}");
        let validator = match part.kind.as_str() {
            "plugin" => plugin_validator(part, binder),
            saml::KIND => saml_validator(part, binder),
            _ => builtin_validator(part, bench, binder),
        };
        let validator = validator.map_err(|error| error.within(&path))?;
        if let Some(other) = types.insert(validator.token_type.clone(), name) {
            return Err(PublishError::new(
                path,
                format!(
                    "reads `{}` as does `validators.{other}`",
                    validator.token_type
                ),
                "let one validator read each token type; a builtin may list several issuers",
            ));
        }
        built.insert(name.clone(), validator);
    }
    Ok(built)
}

fn builtin_validator(
    part: &PartDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let known = || {
        BUILTINS
            .iter()
            .filter(|b| b.validator.is_some())
            .map(|b| b.kind)
            .chain([saml::KIND, "plugin"])
    };
    let unknown = || unknown_kind(&part.kind, known());
    let builtin = BUILTINS
        .iter()
        .find(|b| b.kind == part.kind)
        .ok_or_else(unknown)?;
    let make = builtin.validator.ok_or_else(unknown)?;
    let validator = make(&part.settings, bench).map_err(settings_error)?;
    let issuers = part.settings.get("issuers").and_then(Value::as_array);
    binder.uses.borrow_mut().issuers.extend(
        issuers
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|n| *n != "self")
            .map(ToOwned::to_owned),
    );
    let is_foreign = issuers.is_some_and(|names| names.iter().any(|name| name != "self"));
    Ok(BuiltValidator {
        token_type: builtin.token_type.clone(),
        validator,
        declared: declared(&part.settings)?,
        is_foreign,
    })
}

fn saml_validator(
    part: &PartDocument,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let validator = SamlValidator::build(&part.settings, binder.issuer, binder.shelf.saml)?;
    Ok(BuiltValidator {
        token_type: TokenType::SAML2,
        declared: validator.declared().clone(),
        validator: Arc::new(validator),
        is_foreign: true,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginValidatorSettings {
    plugin: String,
    token_type: TokenType,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    grants: GrantsDocument,
    #[serde(default)]
    subject_prefix: String,
    #[serde(default)]
    scopes: Option<cambist_core::Scope>,
}

fn plugin_validator(
    part: &PartDocument,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let settings: PluginValidatorSettings = bindings::read(
        Value::Object(part.settings.clone()),
        "a plugin validator has `plugin`, `token_type`, and optionally `config`, `grants`, `subject_prefix`, `scopes`",
    )?;
    bindings::check_type(&settings.token_type)?;
    let document = PluginDocument {
        plugin: settings.plugin,
        config: settings.config,
        grants: settings.grants,
    };
    let bound = binder.bind(&document, Point::Validator)?;
    let declared = Declared {
        subject_prefix: settings.subject_prefix,
        scopes: settings.scopes,
    };
    Ok(BuiltValidator {
        validator: bound.validator(settings.token_type.clone(), declared.clone()),
        token_type: settings.token_type,
        declared,
        is_foreign: true,
    })
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
    let bound = binder.bind(&document, Point::Provider)?;
    Ok(bound.provider(settings.token_type, binder.issuer.to_owned()))
}

fn declared(settings: &Map<String, Value>) -> Result<Declared, PublishError> {
    let own = ["subject_prefix", "scopes"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), settings.get(*name)?.clone())));
    serde_json::from_value(Value::Object(own.collect())).map_err(|error| {
        PublishError::new(
            "",
            error.to_string(),
            "`subject_prefix` is text, `scopes` a list of scope words",
        )
    })
}

/// TX-60: two foreign sources may not speak of the same `sub` by accident.
fn check_subject_namespaces(
    document: &InstanceDocument,
    validators: &Validators,
) -> Result<(), PublishError> {
    if document.shared_subjects {
        return Ok(());
    }
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (name, validator) in validators {
        let several_issuers = document
            .validators
            .get(name)
            .and_then(|part| part.settings.get("issuers"))
            .and_then(Value::as_array)
            .is_some_and(|issuers| issuers.len() > 1);
        // What this instance issued itself already carries its source's prefix.
        let speaks = validator.is_foreign || validator.token_type == TokenType::USERNAME;
        let clash = speaks
            .then(|| seen.insert(&validator.declared.subject_prefix, name))
            .flatten();
        if clash.is_some() || several_issuers {
            let other = clash.map_or_else(
                || "another of its issuers".to_owned(),
                |other| format!("`validators.{other}`"),
            );
            return Err(PublishError::new(
                format!("validators.{name}.subject_prefix"),
                format!("subjects of `{name}` could be mistaken for those of {other}"),
                "give each source its own `subject_prefix`, or set `shared_subjects` to true if they name the same people",
            ));
        }
    }
    Ok(())
}

fn providers(
    document: &InstanceDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
) -> Result<BuiltProviders, PublishError> {
    let mut built = BuiltProviders::default();
    for (name, part) in &document.providers {
        let path = format!("providers.{name}");
        if part.kind == "plugin" {
            let provider = plugin_provider(part, binder).map_err(|error| error.within(&path))?;
            built.by_name.insert(name.clone(), provider);
            continue;
        }
        if part.kind == saml::KIND {
            let provider = SamlProvider::build(
                &part.settings,
                binder.issuer,
                binder.shelf.saml,
                |audience| document.relying_parties.contains_key(audience),
            );
            let provider = Arc::new(provider.map_err(|error| error.within(&path))?);
            built.saml.push(Arc::clone(&provider));
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
                    .chain([saml::KIND, "plugin"]),
            )
            .within(&path)
        };
        let builtin = BUILTINS
            .iter()
            .find(|b| b.kind == part.kind)
            .ok_or_else(unknown)?;
        let make = builtin.provider.ok_or_else(unknown)?;
        let (provider, algorithm) =
            make(&part.settings, bench).map_err(|error| settings_error(error).within(&path))?;
        built.by_name.insert(name.clone(), provider);
        let is_new = |a: &Algorithm| !built.algorithms.contains(a);
        if let Some(algorithm) = algorithm.filter(is_new) {
            built.algorithms.push(algorithm);
        }
    }
    Ok(built)
}

fn transformations(
    document: &InstanceDocument,
    validators: &Validators,
    providers: &Providers,
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

fn rest(
    document: &InstanceDocument,
    validators: &Validators,
    providers: &Providers,
    parties: &Parties,
) -> Result<Option<RestFace>, PublishError> {
    let Some(rest) = &document.rest_sts else {
        return Ok(None);
    };
    check_audiences("rest_sts.audiences", &rest.audiences, parties)?;
    let mut inputs = HashMap::new();
    for (name, validator) in &rest.inputs {
        let found = validators.get(validator).ok_or_else(|| {
            unknown_name(&format!("rest_sts.inputs.{name}"), validator, "validators")
        })?;
        inputs.insert(name.clone(), found.token_type.clone());
    }
    let mut outputs = HashMap::new();
    for (name, provider) in &rest.outputs {
        let found = providers.get(provider).ok_or_else(|| {
            unknown_name(&format!("rest_sts.outputs.{name}"), provider, "providers")
        })?;
        // RFC 8693 has assertions in base64url, and what asks there expects XML.
        if *found.token_type() == TokenType::SAML2 {
            return Err(PublishError::new(
                format!("rest_sts.outputs.{name}"),
                "issues SAML assertions, which the REST STS does not offer",
                "ask for them at the instance's token endpoint",
            ));
        }
        outputs.insert(name.clone(), found.token_type().clone());
    }
    Ok(Some(RestFace::new(rest, inputs, outputs)))
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
