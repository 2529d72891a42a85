//! What must hold between the members of a state, and what this build offers of the whole protocol.

use std::collections::BTreeSet;

use super::{CustomOperation, InstanceState, Transform, deployment::MAPPINGS, name};
use crate::{
    face::rest_sts::{OPENAM, OPENIDCONNECT, SAML2, USERNAME, X509},
    publish_error::PublishError,
};

const BUILTIN_INPUTS: [&str; 4] = [USERNAME, OPENIDCONNECT, X509, OPENAM];
const BUILTIN_OUTPUTS: [&str; 2] = [SAML2, OPENIDCONNECT];
/// The mapping-context member without which an ID token cannot be handed on.
pub(in super::super) const HEADER_NAME: &str = "oidc_id_token_auth_target_header_key";
/// The same for a certificate.
pub(in super::super) const CERTIFICATE_HEADER_NAME: &str = "x509_token_auth_target_header_key";

pub(super) fn check(state: &InstanceState) -> Result<(), PublishError> {
    if state.keeps_text && !state.persists {
        return Err(PublishError::new(
            name::KEEP_TEXT,
            "is true, and issued tokens are not kept",
            format!("set {} to \"true\" too, or leave it out", name::PERSIST),
        ));
    }
    if state.pairs().next().is_none() {
        return Err(PublishError::new(
            name::TRANSFORMS,
            "is empty: Neither standard nor custom token transforms have been specified.",
            "list at least one transform",
        ));
    }
    for (list, operations) in [
        (name::CUSTOM_VALIDATORS, &state.custom_validators),
        (name::CUSTOM_PROVIDERS, &state.custom_providers),
    ] {
        custom_names(list, operations)?;
        told_once(state, list, operations)?;
    }
    for (index, transform) in state.transforms.iter().enumerate() {
        let path = format!("{}[{index}]", name::TRANSFORMS);
        builtin_names(transform, &path)?;
        offered(state, transform, &path)?;
    }
    for (index, transform) in state.custom_transforms.iter().enumerate() {
        let path = format!("{}[{index}]", name::CUSTOM_TRANSFORMS);
        uses_custom(state, transform, &path)?;
        offered(state, transform, &path)?;
    }
    let mut pairs = BTreeSet::new();
    if let Some(repeated) = state.pairs().find(|t| !pairs.insert((&t.input, &t.output))) {
        return Err(PublishError::new(
            name::TRANSFORMS,
            format!(
                "Only a single transform of a specified input token type can be selected: {} to {}",
                repeated.input, repeated.output
            ),
            "list each pair once",
        ));
    }
    Ok(())
}

fn custom_names(list: &str, operations: &[CustomOperation]) -> Result<(), PublishError> {
    let mut seen = BTreeSet::new();
    for (index, operation) in operations.iter().enumerate() {
        let name = operation.token_type.as_str();
        let wrong = |reason, hint| {
            Err(PublishError::new(
                format!("{list}[{index}].customTokenName"),
                reason,
                hint,
            ))
        };
        if BUILTIN_INPUTS.contains(&name) || BUILTIN_OUTPUTS.contains(&name) {
            return wrong("is the name of a builtin type", "choose another name");
        }
        if name.len() > 64
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        {
            return wrong("is not a name", "use 1 to 64 of [A-Za-z0-9._-]");
        }
        if !seen.insert(name) {
            return wrong("stands twice", "list each custom type once");
        }
    }
    Ok(())
}

/// What a plugin is told stands beside its name or in the mapping of its type, not in both.
fn told_once(
    state: &InstanceState,
    list: &str,
    operations: &[CustomOperation],
) -> Result<(), PublishError> {
    let is_twice = |operation: &CustomOperation| {
        let mapping = state.deployment.mappings.get(&operation.token_type);
        operation.plugin.has_config() && mapping.is_some_and(|mapping| !mapping.context.is_empty())
    };
    match operations.iter().position(is_twice) {
        None => Ok(()),
        Some(index) => Err(PublishError::new(
            format!("{list}[{index}].customOperationClassName.config"),
            "stands beside a mapping-context of the same type",
            "tell the plugin everything in one of them",
        )),
    }
}

fn builtin_names(transform: &Transform, path: &str) -> Result<(), PublishError> {
    let unknown = |member: &str, name: &str| {
        PublishError::new(
            format!("{path}.{member}"),
            format!("`{name}` is not a builtin type"),
            format!(
                "list transforms of custom types in {}",
                name::CUSTOM_TRANSFORMS
            ),
        )
    };
    if !BUILTIN_INPUTS.contains(&transform.input.as_str()) {
        return Err(unknown("inputTokenType", &transform.input));
    }
    if !BUILTIN_OUTPUTS.contains(&transform.output.as_str()) {
        return Err(unknown("outputTokenType", &transform.output));
    }
    Ok(())
}

fn uses_custom(
    state: &InstanceState,
    transform: &Transform,
    path: &str,
) -> Result<(), PublishError> {
    let named = |operations: &[CustomOperation], token_type: &str| {
        operations.iter().any(|o| o.token_type == token_type)
    };
    let is_builtin_input = BUILTIN_INPUTS.contains(&transform.input.as_str());
    let is_builtin_output = BUILTIN_OUTPUTS.contains(&transform.output.as_str());
    if !is_builtin_input && !named(&state.custom_validators, &transform.input) {
        return Err(PublishError::new(
            format!("{path}.inputTokenType"),
            format!(
                "No custom token validator found for token type `{}`",
                transform.input
            ),
            format!("name its plugin in {}", name::CUSTOM_VALIDATORS),
        ));
    }
    if !is_builtin_output && !named(&state.custom_providers, &transform.output) {
        return Err(PublishError::new(
            format!("{path}.outputTokenType"),
            format!(
                "No custom token provider found for token type `{}`",
                transform.output
            ),
            format!("name its plugin in {}", name::CUSTOM_PROVIDERS),
        ));
    }
    if is_builtin_input && is_builtin_output {
        return Err(PublishError::new(
            path,
            "has no custom type",
            format!("list it in {}", name::TRANSFORMS),
        ));
    }
    Ok(())
}

/// What this build can do of what the protocol knows, and what that needs.
fn offered(state: &InstanceState, transform: &Transform, path: &str) -> Result<(), PublishError> {
    let missing = match transform.output.as_str() {
        SAML2 => state.saml2.is_none().then_some(name::SAML2),
        OPENIDCONNECT => state.id_token.is_none().then_some(name::ID_TOKEN),
        _ => None,
    };
    if let Some(block) = missing {
        return Err(PublishError::new(
            block,
            format!("is missing, and {path} issues {}", transform.output),
            "describe the tokens to issue",
        ));
    }
    match transform.input.as_str() {
        OPENIDCONNECT => header_mapping(
            state,
            OPENIDCONNECT,
            HEADER_NAME,
            "map OPENIDCONNECT to the name of an issuer registered under /admin/v1/issuers, with that key in its mapping-context",
        ),
        X509 => header_mapping(
            state,
            X509,
            CERTIFICATE_HEADER_NAME,
            "map X509 to the name of an authenticator of the realm, with that key in its mapping-context",
        ),
        _ => Ok(()),
    }
}

/// ID tokens and certificates are handed on to what the mapping names.
fn header_mapping(
    state: &InstanceState,
    input: &str,
    key: &str,
    hint: &str,
) -> Result<(), PublishError> {
    let mapping = state.deployment.mappings.get(input);
    if mapping.is_some_and(|mapping| mapping.context.contains_key(key)) {
        return Ok(());
    }
    Err(PublishError::new(
        format!("{}.{MAPPINGS}.{input}", name::DEPLOYMENT),
        format!(
            "The AuthTarget needs to be configured with a Map containing a String entry referenced by key {key}"
        ),
        hint,
    ))
}
