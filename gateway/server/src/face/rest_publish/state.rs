//! What a client publishes (`instance_state`), read and checked.

mod deployment;
mod id_token;
mod plugin;
mod rules;
pub(super) mod saml2;

use serde_json::{Value, json};

pub(super) use deployment::Deployment;
pub(super) use id_token::{AUDIENCE, CLIENT_SECRET, IdTokenState, KEY_ALIAS, KEYSTORE, MAPPERS};
pub(super) use plugin::{PluginTerms, is_object};
pub(super) use rules::{CERTIFICATE_HEADER_NAME, HEADER_NAME};
pub(super) use saml2::{Encrypted, Saml2State};

use super::members::Members;
use crate::publish_error::PublishError;

/// The state of one instance: every member of its JSON form, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InstanceState {
    pub(super) persists: bool,
    pub(super) keeps_text: bool,
    pub(super) is_remote: Option<bool>,
    pub(super) transforms: Vec<Transform>,
    pub(super) custom_validators: Vec<CustomOperation>,
    pub(super) custom_providers: Vec<CustomOperation>,
    pub(super) custom_transforms: Vec<Transform>,
    pub(super) deployment: Deployment,
    pub(super) saml2: Option<Saml2State>,
    pub(super) id_token: Option<IdTokenState>,
}

/// One translatable pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transform {
    pub(super) input: String,
    pub(super) output: String,
    pub(super) invalidates: bool,
}

/// A plugin and the token type it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CustomOperation {
    pub(super) token_type: String,
    pub(super) plugin: PluginTerms,
}

/// Names of the members, in the order of the protocol's documents.
pub(super) mod name {
    pub(crate) const PERSIST: &str = "persist-issued-tokens-in-cts";
    /// Ours: whether the text of issued tokens is kept beside what is known of them.
    pub(crate) const KEEP_TEXT: &str = "persist-issued-token-text";
    pub(crate) const REMOTE: &str = "is-remote-sts-instance";
    pub(crate) const TRANSFORMS: &str = "supported-token-transforms";
    pub(crate) const CUSTOM_VALIDATORS: &str = "custom-token-validators";
    pub(crate) const CUSTOM_PROVIDERS: &str = "custom-token-providers";
    pub(crate) const CUSTOM_TRANSFORMS: &str = "custom-token-transforms";
    pub(crate) const DEPLOYMENT: &str = "deployment-config";
    pub(crate) const SAML2: &str = "saml2-config";
    pub(crate) const ID_TOKEN: &str = "oidc-id-token-config";
    pub(crate) const ALL: [&str; 10] = [
        PERSIST,
        KEEP_TEXT,
        REMOTE,
        TRANSFORMS,
        CUSTOM_VALIDATORS,
        CUSTOM_PROVIDERS,
        CUSTOM_TRANSFORMS,
        DEPLOYMENT,
        SAML2,
        ID_TOKEN,
    ];
}

const INPUT: &str = "inputTokenType";
const OUTPUT: &str = "outputTokenType";
const INVALIDATE: &str = "invalidateInterimOpenAMSession";
const CUSTOM_NAME: &str = "customTokenName";
const CUSTOM_CLASS: &str = "customOperationClassName";

impl InstanceState {
    /// Reads the structured form and applies every rule that needs nothing but the state itself.
    pub(super) fn read(value: &Value) -> Result<Self, PublishError> {
        let members = Members::of(value, "")?;
        members.only(&name::ALL)?;
        let deployment = members.value(name::DEPLOYMENT).ok_or_else(|| {
            members.wrong(
                name::DEPLOYMENT,
                "is missing",
                "say where the instance is deployed",
            )
        })?;
        let block = |name| {
            members
                .value(name)
                .map(|value| Members::of(value, name))
                .transpose()
        };
        let state = Self {
            persists: members.flag(name::PERSIST)?.unwrap_or(false),
            keeps_text: members.flag(name::KEEP_TEXT)?.unwrap_or(false),
            is_remote: members.flag(name::REMOTE)?,
            transforms: transforms(&members, name::TRANSFORMS)?,
            custom_validators: operations(&members, name::CUSTOM_VALIDATORS)?,
            custom_providers: operations(&members, name::CUSTOM_PROVIDERS)?,
            custom_transforms: transforms(&members, name::CUSTOM_TRANSFORMS)?,
            deployment: Deployment::read(&Members::of(deployment, name::DEPLOYMENT)?)?,
            saml2: block(name::SAML2)?
                .map(|block| Saml2State::read(&block))
                .transpose()?,
            id_token: block(name::ID_TOKEN)?
                .map(|block| IdTokenState::read(&block))
                .transpose()?,
        };
        rules::check(&state)?;
        Ok(state)
    }

    /// The form in which it is stored and read back: every member present, booleans and numbers as text,
    /// secrets replaced by the marker that stands for "unchanged".
    pub(super) fn to_json(&self) -> Value {
        let mut value = json!({
            name::PERSIST: self.persists.to_string(),
            name::TRANSFORMS: self.transforms.iter().map(Transform::to_json).collect::<Value>(),
            name::CUSTOM_VALIDATORS: self.custom_validators.iter().map(CustomOperation::to_json).collect::<Value>(),
            name::CUSTOM_PROVIDERS: self.custom_providers.iter().map(CustomOperation::to_json).collect::<Value>(),
            name::CUSTOM_TRANSFORMS: self.custom_transforms.iter().map(Transform::to_json).collect::<Value>(),
            name::DEPLOYMENT: self.deployment.to_json(),
            name::SAML2: self.saml2.as_ref().map(Saml2State::to_json),
            name::ID_TOKEN: self.id_token.as_ref().map(IdTokenState::to_json),
        });
        if let (true, Value::Object(members)) = (self.keeps_text, &mut value) {
            members.insert(name::KEEP_TEXT.to_owned(), json!("true"));
        }
        if let (Some(is_remote), Value::Object(members)) = (self.is_remote, &mut value) {
            members.insert(
                name::REMOTE.to_owned(),
                Value::String(is_remote.to_string()),
            );
        }
        value
    }

    /// All pairs, builtin and custom.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Transform> {
        self.transforms.iter().chain(&self.custom_transforms)
    }

    /// Takes over the secrets that an update left out from the state `before` it.
    pub(super) fn inherit(&mut self, before: &Value) {
        if let (Some(block), Some(before)) = (&mut self.id_token, before.get(name::ID_TOKEN)) {
            block.inherit(before);
        }
        if let (Some(block), Some(before)) = (&mut self.saml2, before.get(name::SAML2)) {
            block.inherit(before);
        }
    }

    /// Whether signing and encryption have what they need. Not part of [`read`](Self::read), because an
    /// update may leave it out.
    pub(super) fn check_keys(&self) -> Result<(), PublishError> {
        self.id_token
            .as_ref()
            .map_or(Ok(()), IdTokenState::check_keys)?;
        self.saml2.as_ref().map_or(Ok(()), Saml2State::check_keys)
    }
}

impl Transform {
    fn to_json(&self) -> Value {
        json!({ INPUT: self.input, OUTPUT: self.output, INVALIDATE: self.invalidates })
    }
}

impl CustomOperation {
    fn to_json(&self) -> Value {
        json!({ CUSTOM_NAME: self.token_type, CUSTOM_CLASS: self.plugin.to_json() })
    }
}

fn transforms(members: &Members<'_>, list: &str) -> Result<Vec<Transform>, PublishError> {
    let read = |item: Members<'_>| {
        item.only(&[INPUT, OUTPUT, INVALIDATE])?;
        let invalidates = item
            .flag(INVALIDATE)?
            .ok_or_else(|| item.wrong(INVALIDATE, "is missing", "send true or false"))?;
        Ok(Transform {
            input: item.required(INPUT)?,
            output: item.required(OUTPUT)?,
            invalidates,
        })
    };
    members.objects(list)?.into_iter().map(read).collect()
}

fn operations(members: &Members<'_>, list: &str) -> Result<Vec<CustomOperation>, PublishError> {
    let read = |item: Members<'_>| {
        item.only(&[CUSTOM_NAME, CUSTOM_CLASS])?;
        Ok(CustomOperation {
            token_type: item.required(CUSTOM_NAME)?,
            plugin: PluginTerms::required(&item, CUSTOM_CLASS)?,
        })
    };
    members.objects(list)?.into_iter().map(read).collect()
}

/// Where a state names the issuer of the ID tokens it takes.
pub(super) fn issuer_path() -> String {
    mapping_path("OPENIDCONNECT")
}

/// Where a state names what authenticates an input.
pub(super) fn mapping_path(input: &str) -> String {
    format!(
        "{}.{}.{input}.{}",
        name::DEPLOYMENT,
        deployment::MAPPINGS,
        deployment::INDEX_VALUE
    )
}

/// How the flat form writes a member.
pub(super) enum Shape {
    /// A list of one.
    One,
    /// A list.
    List,
    /// A list of `name=value`.
    Pairs,
    /// A list of `TYPE|service|value|key=value,…`.
    Mappings,
}

/// How the flat form writes the member of a block.
pub(super) fn shape(member: &str) -> Shape {
    match member {
        deployment::MAPPINGS => Shape::Mappings,
        deployment::OFFLOAD_HOSTS | AUDIENCE => Shape::List,
        saml2::ATTRIBUTE_MAP | id_token::CLAIM_MAP => Shape::Pairs,
        _ => Shape::One,
    }
}

/// The blocks whose members the flat form hoists to the top.
pub(super) fn block_members() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    [
        (name::DEPLOYMENT, deployment::ALL.to_vec()),
        (name::SAML2, saml2::all().collect()),
        (name::ID_TOKEN, id_token::ALL.to_vec()),
    ]
    .into_iter()
}

/// The member whose presence in the flat form means that the block is there; none if it always is.
pub(super) fn block_marker(block: &str) -> Option<&'static str> {
    match block {
        name::SAML2 => Some(saml2::ISSUER),
        name::ID_TOKEN => Some(id_token::ISSUER),
        _ => None,
    }
}
