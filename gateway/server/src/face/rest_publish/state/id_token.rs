//! `oidc-id-token-config`: the ID tokens an instance issues.

use std::collections::BTreeMap;

use cambist_token::jose::Algorithm;
use serde_json::{Value, json};

use super::{
    super::{members::Members, secret::Secret},
    PluginTerms,
};
use crate::publish_error::PublishError;

pub(super) const ISSUER: &str = "oidc-issuer";
const REFERENCE: &str = "oidc-public-key-reference-type";
const LIFETIME: &str = "oidc-token-lifetime-seconds";
pub(in super::super) const AUDIENCE: &str = "oidc-audience";
const AUTHORIZED_PARTY: &str = "oidc-authorized-party";
const ALGORITHM: &str = "oidc-signature-algorithm";
pub(super) const CLAIM_MAP: &str = "oidc-claim-map";
const CLAIM_MAPPER: &str = "oidc-custom-claim-mapper-class";
const CONTEXT_MAPPER: &str = "oidc-custom-authn-context-mapper-class";
const METHODS_MAPPER: &str = "oidc-custom-authn-method-references-mapper-class";
pub(in super::super) const KEYSTORE: &str = "oidc-keystore-location";
const KEYSTORE_PASSWORD: &str = "oidc-keystore-password";
pub(in super::super) const KEY_ALIAS: &str = "oidc-signature-key-alias";
const KEY_PASSWORD: &str = "oidc-signature-key-password";
pub(in super::super) const CLIENT_SECRET: &str = "oidc-client-secret";

/// The plugins that decide claims, `acr` and `amr`, and what an ID token provider calls them.
pub(in super::super) const MAPPERS: [(&str, &str); 3] = [
    ("claim_mapper", CLAIM_MAPPER),
    ("acr_mapper", CONTEXT_MAPPER),
    ("amr_mapper", METHODS_MAPPER),
];

pub(super) const ALL: [&str; 15] = [
    ISSUER,
    REFERENCE,
    LIFETIME,
    AUDIENCE,
    AUTHORIZED_PARTY,
    ALGORITHM,
    CLAIM_MAP,
    CLAIM_MAPPER,
    CONTEXT_MAPPER,
    METHODS_MAPPER,
    KEYSTORE,
    KEYSTORE_PASSWORD,
    KEY_ALIAS,
    KEY_PASSWORD,
    CLIENT_SECRET,
];

/// The most audiences: as many targets as one exchange may have.
const MOST_AUDIENCES: usize = 16;
/// The longest life of an issued token, in seconds: a day.
const LONGEST_LIFE: u64 = 86_400;

/// How ID tokens are issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct IdTokenState {
    pub(in super::super) issuer: String,
    pub(in super::super) algorithm: Signing,
    pub(in super::super) embeds_key: bool,
    pub(in super::super) lifetime: u64,
    pub(in super::super) audience: Vec<String>,
    pub(in super::super) authorized_party: Option<String>,
    pub(in super::super) claim_map: BTreeMap<String, String>,
    pub(in super::super) client_secret: Option<Secret>,
    /// In the order of [`MAPPERS`].
    pub(in super::super) mappers: [Option<PluginTerms>; 3],
    keystore: Option<String>,
    keystore_password: Option<Secret>,
    key_alias: Option<String>,
    key_password: Option<Secret>,
}

/// The signature algorithms on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Signing(Algorithm);

/// Those, in the order in which they are told.
const OFFERED: [Algorithm; 8] = [
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
];

impl Signing {
    pub(in super::super) const fn name(self) -> &'static str {
        self.0.name()
    }

    /// The shortest secret: as long as the hash (RFC 7518 §3.2). None for private keys.
    pub(in super::super) const fn shortest_secret(self) -> Option<usize> {
        match self.0 {
            Algorithm::Hs256 => Some(32),
            Algorithm::Hs384 => Some(48),
            Algorithm::Hs512 => Some(64),
            _ => None,
        }
    }

    pub(in super::super) const fn is_rsa(self) -> bool {
        matches!(
            self.0,
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512
        )
    }

    fn read(members: &Members<'_>) -> Result<Self, PublishError> {
        let name = members.required(ALGORITHM)?;
        let found = OFFERED.into_iter().find(|known| known.name() == name);
        found.map(Self).ok_or_else(|| {
            let reason = if name == "NONE" {
                "Unknown JwsAlgorithmType"
            } else {
                "names an algorithm that is not offered"
            };
            let names = OFFERED.map(Algorithm::name).join(", ");
            members.wrong(ALGORITHM, reason, format!("use one of {names}"))
        })
    }
}

impl IdTokenState {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, PublishError> {
        members.only(&ALL)?;
        let state = Self {
            issuer: members.required(ISSUER)?,
            algorithm: Signing::read(members)?,
            embeds_key: embeds_key(members)?,
            lifetime: lifetime(members, LIFETIME)?,
            audience: audience(members)?,
            authorized_party: members.text(AUTHORIZED_PARTY)?,
            claim_map: members.map(CLAIM_MAP)?,
            client_secret: Secret::read(members, CLIENT_SECRET)?,
            mappers: [
                PluginTerms::read(members, CLAIM_MAPPER)?,
                PluginTerms::read(members, CONTEXT_MAPPER)?,
                PluginTerms::read(members, METHODS_MAPPER)?,
            ],
            keystore: members.text(KEYSTORE)?,
            keystore_password: Secret::read(members, KEYSTORE_PASSWORD)?,
            key_alias: members.text(KEY_ALIAS)?,
            key_password: Secret::read(members, KEY_PASSWORD)?,
        };
        Ok(state)
    }

    /// Takes over what an update left out: an absent secret means the secret as it was.
    pub(in super::super) fn inherit(&mut self, members_before: &Value) {
        let had = |name: &str| members_before.get(name).is_some_and(Value::is_string);
        let kept = |secret: &mut Option<Secret>, name: &str| {
            if secret.is_none() && had(name) {
                *secret = Some(Secret::Unchanged);
            }
        };
        kept(&mut self.client_secret, CLIENT_SECRET);
        kept(&mut self.keystore_password, KEYSTORE_PASSWORD);
        kept(&mut self.key_password, KEY_PASSWORD);
    }

    /// RSA needs the four keystore members, HMAC needs the secret; elliptic curves need all four or none.
    pub(in super::super) fn check_keys(&self) -> Result<(), PublishError> {
        let keystore = [
            (KEYSTORE, self.keystore.is_some()),
            (KEYSTORE_PASSWORD, self.keystore_password.is_some()),
            (KEY_ALIAS, self.key_alias.is_some()),
            (KEY_PASSWORD, self.key_password.is_some()),
        ];
        let members: &[(&str, bool)] = if self.algorithm.is_rsa() {
            &keystore
        } else if self.algorithm.shortest_secret().is_some() {
            &[(CLIENT_SECRET, self.client_secret.is_some())]
        } else if self.keystore.is_some() || self.key_alias.is_some() {
            &keystore
        } else {
            // Nothing of an elliptic curve came before: such tokens may have the gateway's own key.
            &[]
        };
        match members.iter().find(|(_, is_there)| !is_there) {
            None => Ok(()),
            Some((missing, _)) => Err(PublishError::new(
                format!("{}.{missing}", super::name::ID_TOKEN),
                format!("is missing, and {} needs it", self.algorithm.name()),
                "send a JSON string",
            )),
        }
    }

    /// The key store and the alias of the key to sign with; none to sign with a secret or the gateway's key.
    pub(in super::super) fn key(&self) -> Option<(&str, &str)> {
        let named = self.keystore.as_deref().zip(self.key_alias.as_deref());
        named.filter(|_| self.algorithm.shortest_secret().is_none())
    }

    pub(super) fn to_json(&self) -> Value {
        let [claims, context, methods] = self
            .mappers
            .each_ref()
            .map(|mapper| mapper.as_ref().map(PluginTerms::to_json));
        json!({
            ISSUER: self.issuer,
            REFERENCE: if self.embeds_key { "JWK" } else { "NONE" },
            LIFETIME: self.lifetime.to_string(),
            AUDIENCE: self.audience,
            AUTHORIZED_PARTY: self.authorized_party,
            ALGORITHM: self.algorithm.name(),
            CLAIM_MAP: self.claim_map,
            CLAIM_MAPPER: claims,
            CONTEXT_MAPPER: context,
            METHODS_MAPPER: methods,
            KEYSTORE: self.keystore,
            KEYSTORE_PASSWORD: Secret::redacted(self.keystore_password.as_ref()),
            KEY_ALIAS: self.key_alias,
            KEY_PASSWORD: Secret::redacted(self.key_password.as_ref()),
            CLIENT_SECRET: Secret::redacted(self.client_secret.as_ref()),
        })
    }
}

fn embeds_key(members: &Members<'_>) -> Result<bool, PublishError> {
    match members.text(REFERENCE)?.as_deref() {
        None | Some("NONE") => Ok(false),
        Some("JWK") => Ok(true),
        Some(_) => Err(members.wrong(
            REFERENCE,
            "is an unsupported public key reference type",
            "use NONE or JWK",
        )),
    }
}

/// A lifetime in seconds, 600 by default.
pub(super) fn lifetime(members: &Members<'_>, name: &str) -> Result<u64, PublishError> {
    match members.number(name)?.unwrap_or(600) {
        seconds @ 1..=LONGEST_LIFE => Ok(seconds),
        _ => Err(members.wrong(
            name,
            "is out of range",
            format!("use 1 to {LONGEST_LIFE} seconds"),
        )),
    }
}

fn audience(members: &Members<'_>) -> Result<Vec<String>, PublishError> {
    let mut audience: Vec<String> = Vec::new();
    for name in members.texts(AUDIENCE)? {
        if !name.is_empty() && !audience.contains(&name) {
            audience.push(name);
        }
    }
    if audience.is_empty() {
        return Err(members.wrong(AUDIENCE, "names nobody", "list at least one audience"));
    }
    if audience.len() > MOST_AUDIENCES {
        return Err(members.wrong(
            AUDIENCE,
            "names too many",
            format!("list at most {MOST_AUDIENCES}"),
        ));
    }
    Ok(audience)
}
