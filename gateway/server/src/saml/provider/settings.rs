//! What an operator may set, and what of it needs no more than reading.

use std::{collections::BTreeMap, sync::Arc};

use cambist_saml::{
    algorithm::SignatureAlgorithm,
    mapping::{AttributeMap, MapError},
    signing::SigningKey,
};
use serde::Deserialize;

use super::{
    super::{
        Frame,
        keys::{CertificateDocument, Kept},
    },
    party::PartySettings,
};
use crate::publish_error::PublishError;

pub(super) const HINT: &str = "a saml2 provider may have `issuer`, `algorithm`, `certificate`, `key`, `sign`, `lifetime_seconds`, \
                               `confirmation`, `holder_certificate`, `authentication`, `authn_context_classes`, \
                               `name_id_format`, `attributes`, `relying_parties`, and plugins as \
                               `authn_context_mapper`, `attribute_mapper`, `conditions`, `subject`, \
                               `authn_statements`, `attribute_statements`, `authz_decision_statements`";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(default)]
    pub(super) issuer: Option<String>,
    #[serde(default)]
    pub(super) algorithm: AlgorithmName,
    #[serde(default)]
    pub(super) certificate: Option<CertificateDocument>,
    #[serde(default)]
    pub(super) key: Option<Kept>,
    #[serde(default = "yes")]
    pub(super) sign: bool,
    #[serde(default)]
    pub(super) lifetime_seconds: Option<u64>,
    #[serde(default)]
    pub(super) confirmation: ConfirmationName,
    #[serde(default)]
    pub(super) holder_certificate: Option<CertificateDocument>,
    #[serde(default)]
    pub(super) authentication: Authentication,
    #[serde(default)]
    pub(super) authn_context_classes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) name_id_format: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) relying_parties: BTreeMap<String, PartySettings>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) enum AlgorithmName {
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ConfirmationName {
    #[default]
    Bearer,
    HolderOfKey,
    SenderVouches,
}

/// Which moment the authentication statement tells when the subject's is not known.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Authentication {
    /// None, and then there is no statement.
    #[default]
    Subject,
    /// That of issuance, as relying parties of a REST STS expect.
    Issuance,
}

/// The key to sign with: one of the gateway's, or one of a key store.
pub(super) fn key(settings: &Settings, frame: &Frame<'_>) -> Result<Arc<SigningKey>, PublishError> {
    let (name, algorithm) = match settings.algorithm {
        AlgorithmName::Rs256 => ("RS256", SignatureAlgorithm::RsaSha256),
        AlgorithmName::Es256 => ("ES256", SignatureAlgorithm::EcdsaSha256),
    };
    let key = if let Some(kept) = &settings.key {
        frame.signing_key("key", kept, algorithm)?
    } else {
        let known = frame.bench.key(algorithm).ok_or_else(|| {
            PublishError::new(
                "algorithm",
                format!("this gateway has no key for `{name}`"),
                "use RS256 or ES256",
            )
        })?;
        Arc::clone(known)
    };
    let Some(document) = &settings.certificate else {
        return Ok(key);
    };
    let certificate = frame.certificate("certificate", document)?;
    key.with_certificate(certificate)
        .map(Arc::new)
        .map_err(|error| {
            PublishError::new(
                "certificate",
                error.to_string(),
                format!(
                    "send a certificate of the {name} key that signs (the gateway's: GET /admin/v1/keys), or leave it out"
                ),
            )
        })
}

pub(super) fn attributes(entries: &BTreeMap<String, String>) -> Result<AttributeMap, PublishError> {
    let hint = "map an attribute to a claim, to `claim;binary` or to a text in double quotes";
    for (name, source) in entries {
        if [name, source]
            .iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(PublishError::new(
                format!("attributes.{name}"),
                "holds a control character",
                hint,
            ));
        }
    }
    let pairs = entries
        .iter()
        .map(|(name, source)| (name.as_str(), source.as_str()));
    AttributeMap::parse(pairs).map_err(|error| {
        let path = match &error {
            MapError::Name(name) | MapError::Source(name) => format!("attributes.{name}"),
            MapError::TooMany => "attributes".to_owned(),
        };
        PublishError::new(path, error.to_string(), hint)
    })
}
