//! From an `instance_state` to the document that every instance is published from, and from an error in
//! the one to the member of the other.

mod saml2;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    secret::Secret,
    state::{self, CustomOperation, IdTokenState, InstanceState, MAPPERS, Saml2State, name},
};
use crate::{
    authenticator,
    document::{
        InstanceDocument, PartDocument, RelyingPartyDocument, RestStsDocument,
        RestTransformDocument, TransformationDocument,
    },
    face::rest_sts::{OPENAM, OPENIDCONNECT, SAML2, USERNAME, X509},
    publish_error::PublishError,
    saml,
};

/// What plugin token types are called here: this and the custom name.
const CUSTOM_TYPE: &str = "urn:cambist:rest-sts:";

/// The document that publishes `state`. `previous` is what the same id was published from before; a secret
/// that was sent back redacted, or left out, is taken from there.
pub(super) fn document(
    mut state: InstanceState,
    previous: Option<&InstanceDocument>,
    has_authenticator: impl Fn(&str) -> bool,
) -> Result<InstanceDocument, PublishError> {
    if let Some(before) = previous.and_then(stored_state) {
        state.inherit(before);
    }
    state.check_keys()?;
    let mut document = InstanceDocument {
        shared_subjects: true,
        ..InstanceDocument::default()
    };
    let mut rest = RestStsDocument {
        keeps_tokens: state.persists,
        keeps_text: state.keeps_text,
        ..RestStsDocument::default()
    };
    for transform in state.pairs() {
        if !document.validators.contains_key(&transform.input) {
            document
                .validators
                .insert(transform.input.clone(), validator(&state, &transform.input));
            rest.inputs
                .insert(transform.input.clone(), transform.input.clone());
        }
        document.transformations.push(TransformationDocument {
            subject: transform.input.clone(),
            issue: transform.output.clone(),
        });
        rest.transforms.push(RestTransformDocument {
            input: transform.input.clone(),
            output: transform.output.clone(),
            invalidate_interim_session: transform.invalidates,
        });
    }
    if let Some(id_token) = &state.id_token {
        document.providers.insert(
            OPENIDCONNECT.to_owned(),
            id_token_provider(id_token, previous)?,
        );
        rest.outputs
            .insert(OPENIDCONNECT.to_owned(), OPENIDCONNECT.to_owned());
        let audience: BTreeSet<String> = id_token.audience.iter().cloned().collect();
        rest.output_audiences
            .insert(OPENIDCONNECT.to_owned(), audience);
    }
    if let Some(saml2) = &state.saml2 {
        let provider = PartDocument {
            kind: saml::KIND.to_owned(),
            settings: saml2::provider(saml2)?,
        };
        document.providers.insert(SAML2.to_owned(), provider);
        rest.outputs.insert(SAML2.to_owned(), SAML2.to_owned());
        rest.output_audiences
            .insert(SAML2.to_owned(), [saml2.party().to_owned()].into());
    }
    for transform in &state.custom_transforms {
        if let Some(operation) = named(&state.custom_providers, &transform.output) {
            let output = &operation.token_type;
            let settings = plugin(&state, operation);
            document
                .providers
                .insert(output.clone(), part("plugin", settings));
            rest.outputs.insert(output.clone(), output.clone());
            rest.output_audiences
                .insert(output.clone(), custom_audience(&state, output));
        }
    }
    rest.audiences = rest.output_audiences.values().flatten().cloned().collect();
    let parties = rest
        .audiences
        .iter()
        .map(|name| (name.clone(), RelyingPartyDocument::default()));
    document.relying_parties = parties.collect();
    choose_authenticators(&mut document, &state, has_authenticator);
    rest.client_certificate = state.deployment.offload()?;
    rest.instance_state = Some(state.to_json());
    document.rest_sts = Some(rest);
    Ok(document)
}

/// The state an instance was published from through this service; none if it came another way.
pub(super) fn stored_state(document: &InstanceDocument) -> Option<&Value> {
    document.rest_sts.as_ref()?.instance_state.as_ref()
}

fn validator(state: &InstanceState, input: &str) -> PartDocument {
    let mapping = state.deployment.mappings.get(input);
    match input {
        USERNAME => part("username", json!({})),
        OPENAM => part("session", json!({})),
        X509 => part(
            "x509",
            json!({
                "authenticator": mapping.map(|mapping| &mapping.value),
                "header": mapping.and_then(|mapping| mapping.context.get(state::CERTIFICATE_HEADER_NAME)),
            }),
        ),
        OPENIDCONNECT => part(
            "id_token",
            json!({ "issuers": [mapping.map(|mapping| &mapping.value)] }),
        ),
        custom => {
            let operation = named(&state.custom_validators, custom);
            part(
                "plugin",
                operation.map_or(Value::Null, |operation| plugin(state, operation)),
            )
        }
    }
}

/// A mapping names an authenticator of the realm, if there is one of this name. If not, passwords are checked
/// by the realm's usual one, sessions are the gateway's own, and ID tokens are those of an issuer of this name.
fn choose_authenticators(
    document: &mut InstanceDocument,
    state: &InstanceState,
    has_authenticator: impl Fn(&str) -> bool,
) {
    for input in [USERNAME, OPENAM, OPENIDCONNECT] {
        let (Some(mapping), Some(validator)) = (
            state.deployment.mappings.get(input),
            document.validators.get_mut(input),
        ) else {
            continue;
        };
        if !has_authenticator(&authenticator::id(
            &state.deployment.realm(),
            &mapping.value,
        )) {
            continue;
        }
        let header = mapping.context.get(state::HEADER_NAME);
        let kind = validator.kind.clone();
        *validator = part(&kind, json!({ "authenticator": mapping.value }));
        if let (OPENIDCONNECT, Some(header)) = (input, header) {
            let header = Value::String(header.clone());
            validator.settings.insert("header".to_owned(), header);
        }
    }
}

fn named<'s>(operations: &'s [CustomOperation], name: &str) -> Option<&'s CustomOperation> {
    operations
        .iter()
        .find(|operation| operation.token_type == name)
}

/// The settings of a plugin: the mapping-context of its token type is what it is told, unless it is told
/// something by itself.
fn plugin(state: &InstanceState, operation: &CustomOperation) -> Value {
    let mapping = state.deployment.mappings.get(&operation.token_type);
    let context: BTreeMap<String, String> = mapping
        .map(|mapping| mapping.context.clone())
        .unwrap_or_default();
    let mut settings = operation.plugin.binding();
    settings.entry("config").or_insert_with(|| json!(context));
    let token_type = format!("{CUSTOM_TYPE}{}", operation.token_type);
    settings.insert("token_type".to_owned(), Value::String(token_type));
    Value::Object(settings)
}

/// Whom a custom token is for: the audience of the instance's ID tokens or assertions; with neither, whoever
/// understands the type.
fn custom_audience(state: &InstanceState, output: &str) -> BTreeSet<String> {
    if let Some(id_token) = &state.id_token {
        return id_token.audience.iter().cloned().collect();
    }
    let party = state.saml2.as_ref().map(Saml2State::party);
    [party.map_or_else(|| format!("{CUSTOM_TYPE}{output}"), ToOwned::to_owned)].into()
}

fn part(kind: &str, settings: Value) -> PartDocument {
    let settings = match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    PartDocument {
        kind: kind.to_owned(),
        settings,
    }
}

fn id_token_provider(
    state: &IdTokenState,
    previous: Option<&InstanceDocument>,
) -> Result<PartDocument, PublishError> {
    let mut provider = part(
        "id_token",
        json!({
            "algorithm": state.algorithm.name(),
            "lifetime_seconds": state.lifetime,
            "claims": state.claim_map,
            "claims_as_text": true,
            "issuer": state.issuer,
            "authentication": "issuance",
            "identifier": "uuid",
            "key_reference": key_reference(state),
        }),
    );
    if let Some((file, alias)) = state.key() {
        let key = json!({ "keystore": key_store(file), "alias": alias });
        provider.settings.insert("key".to_owned(), key);
    }
    if let Some(party) = &state.authorized_party {
        provider
            .settings
            .insert("authorized_party".to_owned(), Value::String(party.clone()));
    }
    for ((ours, _), plugin) in MAPPERS.iter().zip(&state.mappers) {
        if let Some(plugin) = plugin {
            provider
                .settings
                .insert((*ours).to_owned(), Value::Object(plugin.binding()));
        }
    }
    if let Some(shortest) = state.algorithm.shortest_secret() {
        let secret = client_secret(state, previous, shortest)?;
        provider
            .settings
            .insert("secret".to_owned(), Value::String(secret));
    }
    Ok(provider)
}

/// Keys that need a certificate out of band are named by nobody, as elsewhere. One of the gateway's, which
/// rotates, must be.
fn key_reference(state: &IdTokenState) -> &'static str {
    if state.algorithm.is_rsa() && state.embeds_key {
        "jwk"
    } else if state.algorithm.shortest_secret().is_none() && state.key().is_none() {
        "kid"
    } else {
        "none"
    }
}

/// What the vault calls the key store of this file: where it lay elsewhere says nothing here.
fn key_store(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

fn client_secret(
    state: &IdTokenState,
    previous: Option<&InstanceDocument>,
    shortest: usize,
) -> Result<String, PublishError> {
    let wrong = |reason: String, hint: &str| {
        Err(PublishError::new(
            format!("{}.{}", name::ID_TOKEN, state::CLIENT_SECRET),
            reason,
            hint,
        ))
    };
    let secret = match &state.client_secret {
        Some(Secret::Given(secret)) => (**secret).clone(),
        Some(Secret::Unchanged) | None => {
            let stored = previous
                .and_then(|document| document.providers.get(OPENIDCONNECT))
                .and_then(|provider| provider.settings.get("secret"))
                .and_then(Value::as_str);
            match stored {
                Some(secret) => secret.to_owned(),
                None => {
                    return wrong(
                        "is redacted, and nothing was stored before".to_owned(),
                        "send the secret itself",
                    );
                }
            }
        }
    };
    if secret.len() < shortest {
        return wrong(
            format!("is too short for {}", state.algorithm.name()),
            &format!("use at least {shortest} bytes (RFC 7518 §3.2)"),
        );
    }
    Ok(secret)
}

/// Where in the state the author of a document's error looks: the document is of our making, not theirs.
pub(super) fn in_state(mut error: PublishError) -> PublishError {
    error.path = state_path(&error.path);
    error
}

fn state_path(path: &str) -> String {
    const PROVIDER: [(&str, &str); 8] = [
        ("key.alias", state::KEY_ALIAS),
        ("key.keystore", state::KEYSTORE),
        ("algorithm", "oidc-signature-algorithm"),
        ("authorized_party", "oidc-authorized-party"),
        ("claims", "oidc-claim-map"),
        ("issuer", "oidc-issuer"),
        ("lifetime_seconds", "oidc-token-lifetime-seconds"),
        ("secret", state::CLIENT_SECRET),
    ];
    if let Some(rest) = path.strip_prefix("providers.OPENIDCONNECT") {
        let member = rest.trim_start_matches('.');
        let known = MAPPERS
            .iter()
            .chain(&PROVIDER)
            .find_map(|(ours, theirs)| Some((theirs, member.strip_prefix(ours)?)));
        return match known {
            Some((theirs, rest)) => format!("{}.{theirs}{rest}", name::ID_TOKEN),
            None => name::ID_TOKEN.to_owned(),
        };
    }
    if let Some(rest) = path.strip_prefix("providers.SAML2") {
        return match saml2::member(rest.trim_start_matches('.')) {
            Some((theirs, rest)) => format!("{}.{theirs}{rest}", name::SAML2),
            None => name::SAML2.to_owned(),
        };
    }
    if path.starts_with("validators.OPENIDCONNECT") {
        return state::issuer_path();
    }
    for input in [USERNAME, X509, OPENAM] {
        if path.starts_with(&format!("validators.{input}")) {
            return state::mapping_path(input);
        }
    }
    for (ours, list) in [
        ("validators.", name::CUSTOM_VALIDATORS),
        ("providers.", name::CUSTOM_PROVIDERS),
    ] {
        if let Some(rest) = path.strip_prefix(ours) {
            // What the plugin is told and granted is found under the name of its type.
            let is_told = rest.contains(".config") || rest.contains(".grants");
            return if is_told {
                format!("{list}.{rest}")
            } else {
                list.to_owned()
            };
        }
    }
    if path.starts_with("relying_parties") {
        return format!("{}.{}", name::ID_TOKEN, state::AUDIENCE);
    }
    path.to_owned()
}

#[cfg(test)]
mod tests;
