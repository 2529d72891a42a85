//! `saml2-config`: checked, kept and read back. No transform of this build issues SAML2, so none uses it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{members::Members, secret::Secret},
    id_token::lifetime,
    name,
};
use crate::publish_error::PublishError;

pub(super) const ISSUER: &str = "issuer-name";
const SP: &str = "saml2-sp-entity-id";
const LIFETIME: &str = "saml2-token-lifetime-seconds";
pub(super) const ATTRIBUTE_MAP: &str = "saml2-attribute-map";
const SIGN: &str = "saml2-sign-assertion";
const ENCRYPT_ASSERTION: &str = "saml2-encrypt-assertion";
const ENCRYPT_ATTRIBUTES: &str = "saml2-encrypt-attributes";
const ENCRYPT_NAME_ID: &str = "saml2-encrypt-nameid";
const ENCRYPTION: &str = "saml2-encryption-algorithm";
const STRENGTH: &str = "saml2-encryption-algorithm-strength";
const KEYSTORE: &str = "saml2-keystore-filename";
const KEYSTORE_PASSWORD: &str = "saml2-keystore-password";
const ENCRYPTION_ALIAS: &str = "saml2-encryption-key-alias";
const SIGNATURE_ALIAS: &str = "saml2-signature-key-alias";
const SIGNATURE_PASSWORD: &str = "saml2-signature-key-password";

const FLAGS: [&str; 4] = [SIGN, ENCRYPT_ASSERTION, ENCRYPT_ATTRIBUTES, ENCRYPT_NAME_ID];
const SECRETS: [&str; 2] = [KEYSTORE_PASSWORD, SIGNATURE_PASSWORD];
const TEXTS: [&str; 16] = [
    ISSUER,
    SP,
    "saml2-sp-acs-url",
    "saml2-name-id-format",
    "saml2-custom-conditions-provider-class-name",
    "saml2-custom-subject-provider-class-name",
    "saml2-custom-authentication-statements-provider-class-name",
    "saml2-custom-attribute-statements-provider-class-name",
    "saml2-custom-authz-decision-statements-provider-class-name",
    "saml2-custom-attribute-mapper-class-name",
    "saml2-custom-authn-context-mapper-class-name",
    ENCRYPTION,
    "saml2-key-transport-algorithm",
    KEYSTORE,
    ENCRYPTION_ALIAS,
    SIGNATURE_ALIAS,
];

/// Every member's name.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    FLAGS
        .into_iter()
        .chain(SECRETS)
        .chain(TEXTS)
        .chain([LIFETIME, STRENGTH, ATTRIBUTE_MAP])
}

/// How assertions would be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Saml2State {
    texts: BTreeMap<&'static str, Option<String>>,
    flags: BTreeMap<&'static str, bool>,
    secrets: BTreeMap<&'static str, Option<Secret>>,
    lifetime: u64,
    strength: u64,
    attribute_map: BTreeMap<String, String>,
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
            lifetime: lifetime(members, LIFETIME)?,
            strength: members.number(STRENGTH)?.unwrap_or(0),
            attribute_map: members.map(ATTRIBUTE_MAP)?,
        };
        for name in TEXTS {
            state.texts.insert(name, members.text(name)?);
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
        let signs = self.is_set(SIGN);
        let encrypts = [ENCRYPT_ASSERTION, ENCRYPT_ATTRIBUTES, ENCRYPT_NAME_ID]
            .iter()
            .any(|name| self.is_set(name));
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
