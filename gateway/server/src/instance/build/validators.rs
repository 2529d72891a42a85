//! The input side of an instance: which validators it has, and whose subjects they speak of.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cambist_core::{Declared, TokenType, Validator};
use cambist_plugin::Point;
use cambist_token::{BUILTINS, Bench};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    authenticated,
    bindings::{self, Binder, GrantsDocument, PluginDocument},
    one_of, settings_error, unknown_kind,
};
use crate::{
    document::{InstanceDocument, PartDocument},
    opaque::{self, OpaqueValidator},
    publish_error::PublishError,
    saml::{self, Frame, SamlValidator},
    x509::{self, X509Validator},
};

/// A validator and what the rest of an instance asks about it.
pub(super) struct BuiltValidator {
    pub(super) token_type: TokenType,
    pub(super) validator: Arc<dyn Validator>,
    pub(super) declared: Declared,
    /// What each of its issuers puts before a subject, behind the declared prefix. Empty: it has one source.
    pub(super) prefixes: Vec<String>,
    /// Whether it speaks of subjects that some other party named.
    pub(super) is_foreign: bool,
}

/// By the operator's names.
pub(super) type Validators = BTreeMap<String, BuiltValidator>;
pub(super) fn validators(
    document: &InstanceDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
    frame: &Frame<'_>,
) -> Result<Validators, PublishError> {
    let mut built = Validators::new();
    let members = one_of::members(document);
    for (name, part) in &document.validators {
        if part.kind == one_of::KIND {
            continue;
        }
        let path = format!("validators.{name}");
        let validator = match part.kind.as_str() {
            "plugin" => plugin_validator(part, binder),
            opaque::KIND => opaque_validator(part, binder),
            saml::KIND => saml_validator(name, part, frame, document),
            _ if part.settings.contains_key(authenticated::MEMBER) => {
                authenticated::validator(part, bench, binder)
            }
            x509::KIND => x509_validator(part),
            _ => builtin_validator(part, bench, binder),
        };
        let validator = validator.map_err(|error| error.within(&path))?;
        built.insert(name.clone(), validator);
    }
    built.extend(one_of::build(document, &built)?);
    let mut types = HashMap::new();
    for (name, validator) in &built {
        if members.contains(name.as_str()) {
            continue;
        }
        if let Some(other) = types.insert(&validator.token_type, name) {
            return Err(PublishError::new(
                format!("validators.{name}"),
                format!(
                    "reads `{}` as does `validators.{other}`",
                    validator.token_type
                ),
                "let one validator read each token type: a builtin may list several issuers, and one of kind `one_of` several validators",
            ));
        }
    }
    check_subject_namespaces(document, &built)?;
    Ok(built)
}

pub(super) fn builtin_validator(
    part: &PartDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let known = || {
        BUILTINS
            .iter()
            .filter(|b| b.validator.is_some())
            .map(|b| b.kind)
            .chain([opaque::KIND, saml::KIND, x509::KIND, one_of::KIND, "plugin"])
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
    let prefixes = issuers.into_iter().flatten().filter_map(Value::as_str);
    // Its own tokens carry the prefixes of those that they were made from.
    let prefixes = prefixes.filter(|name| *name != "self").map(|name| {
        let issuer = (bench.trusted_issuer)(name);
        issuer.map_or_else(String::new, |issuer| issuer.subject_prefix().to_owned())
    });
    Ok(BuiltValidator {
        prefixes: prefixes.collect(),
        token_type: builtin.token_type.clone(),
        validator,
        declared: declared(&part.settings)?,
        is_foreign,
    })
}

fn opaque_validator(
    part: &PartDocument,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let validator = OpaqueValidator::build(&part.settings, binder.instance, binder.shelf.ledger)?;
    Ok(BuiltValidator {
        prefixes: Vec::new(),
        token_type: TokenType::ACCESS_TOKEN,
        declared: validator.declared().clone(),
        validator: Arc::new(validator),
        is_foreign: false,
    })
}

fn saml_validator(
    name: &str,
    part: &PartDocument,
    frame: &Frame<'_>,
    document: &InstanceDocument,
) -> Result<BuiltValidator, PublishError> {
    let is_client = |id: &str| document.clients.contains_key(id);
    let validator = Arc::new(SamlValidator::build(
        name,
        &part.settings,
        frame,
        is_client,
    )?);
    frame.validators.borrow_mut().push(Arc::clone(&validator));
    Ok(BuiltValidator {
        token_type: TokenType::SAML2,
        declared: validator.declared().clone(),
        // Its issuers have no prefix of their own, so two of them could speak of the same name.
        prefixes: vec![String::new(); validator.issuers()],
        validator,
        is_foreign: true,
    })
}

fn x509_validator(part: &PartDocument) -> Result<BuiltValidator, PublishError> {
    let validator = X509Validator::build(&part.settings)?;
    Ok(BuiltValidator {
        token_type: TokenType::X509,
        declared: validator.declared().clone(),
        validator: Arc::new(validator),
        prefixes: Vec::new(),
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
        prefixes: Vec::new(),
        is_foreign: true,
    })
}

pub(super) fn declared(settings: &Map<String, Value>) -> Result<Declared, PublishError> {
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

/// Stands for `client_credentials` among the names of validators, none of which is empty.
const CLIENTS: &str = "";

/// TX-60: two foreign sources may not speak of the same `sub` by accident.
fn check_subject_namespaces(
    document: &InstanceDocument,
    validators: &Validators,
) -> Result<(), PublishError> {
    if document.shared_subjects {
        return Ok(());
    }
    let mut seen: HashMap<String, &str> = HashMap::new();
    // BC-10: clients are subjects too.
    if let Some(own) = &document.client_credentials {
        seen.insert(own.subject_prefix.clone(), CLIENTS);
    }
    for (name, validator) in validators {
        // What this instance issued itself already carries its source's prefix.
        let is_own = !validator.is_foreign && validator.token_type != TokenType::USERNAME;
        let is_joined = document
            .validators
            .get(name)
            .is_some_and(|part| part.kind == one_of::KIND);
        if is_own || is_joined {
            continue;
        }
        let own = &validator.declared.subject_prefix;
        let effective = match validator.prefixes.as_slice() {
            [] => vec![own.clone()],
            several => several.iter().map(|each| format!("{own}{each}")).collect(),
        };
        for prefix in effective {
            let Some(other) = seen.insert(prefix, name) else {
                continue;
            };
            let other = match other {
                CLIENTS => "the clients of `client_credentials`".to_owned(),
                other if other == name => "another of its issuers".to_owned(),
                other => format!("`validators.{other}`"),
            };
            return Err(PublishError::new(
                format!("validators.{name}.subject_prefix"),
                format!("subjects of `{name}` could be mistaken for those of {other}"),
                "give each source its own `subject_prefix`, here or on the issuer, or set `shared_subjects` to true if they name the same people",
            ));
        }
    }
    Ok(())
}
