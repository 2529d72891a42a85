//! `saml2-config`: the assertions an instance issues.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{members::Members, secret::Secret},
    PluginTerms,
    id_token::lifetime,
    name,
};
use crate::publish_error::PublishError;

pub(in super::super) const ISSUER: &str = "issuer-name";
pub(in super::super) const SP: &str = "saml2-sp-entity-id";
pub(in super::super) const ACS: &str = "saml2-sp-acs-url";
pub(in super::super) const NAME_ID_FORMAT: &str = "saml2-name-id-format";
pub(in super::super) const LIFETIME: &str = "saml2-token-lifetime-seconds";
pub(in super::super) const KEY_TRANSPORT: &str = "saml2-key-transport-algorithm";
pub(in super::super) const ATTRIBUTE_MAP: &str = "saml2-attribute-map";
const SIGN: &str = "saml2-sign-assertion";
const ENCRYPT_ASSERTION: &str = "saml2-encrypt-assertion";
const ENCRYPT_ATTRIBUTES: &str = "saml2-encrypt-attributes";
const ENCRYPT_NAME_ID: &str = "saml2-encrypt-nameid";
pub(in super::super) const ENCRYPTION: &str = "saml2-encryption-algorithm";
pub(in super::super) const STRENGTH: &str = "saml2-encryption-algorithm-strength";
pub(in super::super) const KEYSTORE: &str = "saml2-keystore-filename";
const KEYSTORE_PASSWORD: &str = "saml2-keystore-password";
pub(in super::super) const ENCRYPTION_ALIAS: &str = "saml2-encryption-key-alias";
pub(in super::super) const SIGNATURE_ALIAS: &str = "saml2-signature-key-alias";
const SIGNATURE_PASSWORD: &str = "saml2-signature-key-password";

const FLAGS: [&str; 4] = [SIGN, ENCRYPT_ASSERTION, ENCRYPT_ATTRIBUTES, ENCRYPT_NAME_ID];
const SECRETS: [&str; 2] = [KEYSTORE_PASSWORD, SIGNATURE_PASSWORD];
const TEXTS: [&str; 9] = [
    ISSUER,
    SP,
    ACS,
    NAME_ID_FORMAT,
    ENCRYPTION,
    KEY_TRANSPORT,
    KEYSTORE,
    ENCRYPTION_ALIAS,
    SIGNATURE_ALIAS,
];

/// The plugins that make parts of an assertion: what a provider of assertions calls them, and the members
/// that name them here.
pub(in super::super) const PLUGINS: [(&str, &str); 7] = [
    ("conditions", "saml2-custom-conditions-provider-class-name"),
    ("subject", "saml2-custom-subject-provider-class-name"),
    (
        "authn_statements",
        "saml2-custom-authentication-statements-provider-class-name",
    ),
    (
        "attribute_statements",
        "saml2-custom-attribute-statements-provider-class-name",
    ),
    (
        "authz_decision_statements",
        "saml2-custom-authz-decision-statements-provider-class-name",
    ),
    (
        "attribute_mapper",
        "saml2-custom-attribute-mapper-class-name",
    ),
    (
        "authn_context_mapper",
        "saml2-custom-authn-context-mapper-class-name",
    ),
];

/// Every member's name.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    FLAGS
        .into_iter()
        .chain(SECRETS)
        .chain(TEXTS)
        .chain(plugin_members())
        .chain([LIFETIME, STRENGTH, ATTRIBUTE_MAP])
}

fn plugin_members() -> impl Iterator<Item = &'static str> {
    PLUGINS.into_iter().map(|(_, member)| member)
}

/// How much of an assertion is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Encrypted {
    Assertion,
    Parts { name_id: bool, attributes: bool },
}

/// How assertions are issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Saml2State {
    texts: BTreeMap<&'static str, Option<String>>,
    flags: BTreeMap<&'static str, bool>,
    secrets: BTreeMap<&'static str, Option<Secret>>,
    plugins: BTreeMap<&'static str, Option<PluginTerms>>,
    pub(in super::super) lifetime: u64,
    pub(in super::super) strength: u64,
    pub(in super::super) attribute_map: BTreeMap<String, String>,
}

impl Saml2State {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, PublishError> {
        members.only(&all().collect::<Vec<_>>())?;
        members.required(ISSUER)?;
        members.required(SP)?;
        let mut state = Self {
            texts: BTreeMap::new(),
            flags: BTreeMap::new(),
            secrets: BTreeMap::new(),
            plugins: BTreeMap::new(),
            lifetime: lifetime(members, LIFETIME)?,
            strength: members.number(STRENGTH)?.unwrap_or(0),
            attribute_map: members.map(ATTRIBUTE_MAP)?,
        };
        for name in TEXTS {
            state.texts.insert(name, members.text(name)?);
        }
        for name in plugin_members() {
            state
                .plugins
                .insert(name, PluginTerms::read(members, name)?);
        }
        for name in FLAGS {
            state
                .flags
                .insert(name, members.flag(name)?.unwrap_or(false));
        }
        for name in SECRETS {
            state.secrets.insert(name, Secret::read(members, name)?);
        }
        let encrypts_parts = state.is_set(ENCRYPT_ATTRIBUTES) || state.is_set(ENCRYPT_NAME_ID);
        if state.is_set(ENCRYPT_ASSERTION) && encrypts_parts {
            return Err(members.wrong(
                ENCRYPT_ASSERTION,
                "excludes encrypting the name identifier or the attributes",
                "encrypt either the entire assertion, or name identifier and attributes",
            ));
        }
        Ok(state)
    }

    /// Takes over what an update left out: an absent secret means the secret as it was.
    pub(in super::super) fn inherit(&mut self, members_before: &Value) {
        for (name, secret) in &mut self.secrets {
            if secret.is_none() && members_before.get(name).is_some_and(Value::is_string) {
                *secret = Some(Secret::Unchanged);
            }
        }
    }

    /// What signing and encryption need.
    pub(in super::super) fn check_keys(&self) -> Result<(), PublishError> {
        let (signs, encrypts) = (self.signs(), self.encrypted().is_some());
        let is_sized =
            self.strength != 0 || self.has_text(ENCRYPTION, |uri| uri.ends_with("#tripledes-cbc"));
        let needs = [
            (
                KEYSTORE,
                signs || encrypts,
                self.has_text(KEYSTORE, |_| true),
            ),
            (
                KEYSTORE_PASSWORD,
                signs || encrypts,
                self.has_secret(KEYSTORE_PASSWORD),
            ),
            (
                SIGNATURE_ALIAS,
                signs,
                self.has_text(SIGNATURE_ALIAS, |_| true),
            ),
            (
                SIGNATURE_PASSWORD,
                signs,
                self.has_secret(SIGNATURE_PASSWORD),
            ),
            (ENCRYPTION, encrypts, self.has_text(ENCRYPTION, |_| true)),
            (STRENGTH, encrypts, is_sized),
            (
                ENCRYPTION_ALIAS,
                encrypts,
                self.has_text(ENCRYPTION_ALIAS, |_| true),
            ),
        ];
        match needs
            .iter()
            .find(|(_, is_needed, is_there)| *is_needed && !is_there)
        {
            None => Ok(()),
            Some((missing, ..)) => Err(PublishError::new(
                format!("{}.{missing}", name::SAML2),
                "is missing, and signing or encryption needs it",
                "set it, or turn signing and encryption off",
            )),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut members = Map::new();
        for (name, text) in &self.texts {
            members.insert((*name).to_owned(), json!(text));
        }
        for (name, plugin) in &self.plugins {
            let plugin = plugin.as_ref().map(PluginTerms::to_json);
            members.insert((*name).to_owned(), json!(plugin));
        }
        for (name, flag) in &self.flags {
            members.insert((*name).to_owned(), Value::String(flag.to_string()));
        }
        for (name, secret) in &self.secrets {
            members.insert((*name).to_owned(), Secret::redacted(secret.as_ref()));
        }
        members.insert(
            LIFETIME.to_owned(),
            Value::String(self.lifetime.to_string()),
        );
        members.insert(
            STRENGTH.to_owned(),
            Value::String(self.strength.to_string()),
        );
        members.insert(ATTRIBUTE_MAP.to_owned(), json!(self.attribute_map));
        Value::Object(members)
    }

    /// The name of the issuer.
    pub(in super::super) fn issuer(&self) -> &str {
        self.text(ISSUER).unwrap_or_default()
    }

    /// The relying party's entity identifier.
    pub(in super::super) fn party(&self) -> &str {
        self.text(SP).unwrap_or_default()
    }

    pub(in super::super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name)?.as_deref()
    }

    /// The plugin that a member of [`PLUGINS`] names.
    pub(in super::super) fn plugin(&self, name: &str) -> Option<&PluginTerms> {
        self.plugins.get(name)?.as_ref()
    }

    pub(in super::super) fn signs(&self) -> bool {
        self.is_set(SIGN)
    }

    pub(in super::super) fn encrypted(&self) -> Option<Encrypted> {
        let (name_id, attributes) = (
            self.is_set(ENCRYPT_NAME_ID),
            self.is_set(ENCRYPT_ATTRIBUTES),
        );
        if self.is_set(ENCRYPT_ASSERTION) {
            Some(Encrypted::Assertion)
        } else if name_id || attributes {
            Some(Encrypted::Parts {
                name_id,
                attributes,
            })
        } else {
            None
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.flags.get(name) == Some(&true)
    }

    fn has_text(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.texts
            .get(name)
            .and_then(Option::as_deref)
            .is_some_and(fits)
    }

    fn has_secret(&self, name: &str) -> bool {
        self.secrets.get(name).is_some_and(Option::is_some)
    }
}
