//! What others configure an instance by (saml-metadata §2.4): as the issuer of its assertions, and as one that
//! accepts those of others.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use cambist_saml::{
    certificate::Certificate,
    draft::identifier,
    metadata::{Description, IdentityProvider, ServiceProvider},
    signing::SigningKey,
    write::Unsigned,
};

use super::Frame;
use crate::{face::oauth::saml_bearer::SAML2_BEARER, publish_error::PublishError};

/// A token endpoint speaks none of SAML's bindings, but the schema demands an endpoint and SOAP is the one
/// that no browser is sent to.
const BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// The metadata of one publication. It is signed when somebody first asks for it: an instance whose metadata
/// nobody reads costs no signature.
pub struct SignedMetadata {
    unsigned: Unsigned,
    key: Arc<SigningKey>,
    signed: OnceLock<Option<Bytes>>,
}

impl SignedMetadata {
    /// The document with its signature. None if the cryptographic library refuses to work.
    pub fn document(&self) -> Option<Bytes> {
        let sign = || {
            let signed = self.key.sign(&self.unsigned);
            if let Err(error) = &signed {
                tracing::error!(%error, "SAML metadata could not be signed");
            }
            signed.ok().map(Bytes::from)
        };
        self.signed.get_or_init(sign).clone()
    }
}

/// The metadata of the first provider and of all others that issue under its name, and of the
/// validator if it goes by the same name; none of an instance that neither issues nor accepts assertions.
pub fn document(frame: &Frame<'_>, revision: u64) -> Result<Option<SignedMetadata>, PublishError> {
    let (providers, validators) = (frame.providers.borrow(), frame.validators.borrow());
    let (mut signing, mut formats): (Vec<&Certificate>, Vec<&str>) = (Vec::new(), Vec::new());
    let entity_id = match (providers.first(), validators.first()) {
        (Some(provider), _) => provider.issuer(),
        (None, Some(validator)) => match validator.audiences().first() {
            Some(name) => name,
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    for provider in providers.iter().filter(|p| p.issuer() == entity_id) {
        if !signing.contains(&provider.key().certificate()) {
            signing.push(provider.key().certificate());
        }
        if !formats.contains(&provider.name_id_format()) {
            formats.push(provider.name_id_format());
        }
    }
    let encryption: Vec<&Certificate> = validators
        .iter()
        .filter(|validator| validator.audiences().iter().any(|name| name == entity_id))
        .flat_map(|validator| validator.encryption())
        .collect();
    let own: Option<&Arc<SigningKey>> = match providers.first() {
        Some(provider) => Some(provider.key()),
        None => frame.bench.any_key(),
    };
    let Some(key) = own else { return Ok(None) };
    let endpoint = format!("{}/token", frame.issuer);
    // The same publication is the same document.
    let seed = digest(&SHA256, format!("{revision} {}", frame.issuer).as_bytes());
    let id = identifier(seed.as_ref().get(..16).unwrap_or_default());
    let (asked, taken) = (
        [(BINDING, endpoint.as_str())],
        [(SAML2_BEARER, endpoint.as_str())],
    );
    let failed = |reason: String| {
        PublishError::new(
            "providers",
            format!("SAML metadata cannot be made: {reason}"),
            "check the issuer and name_id_format of saml2 providers",
        )
    };
    let unsigned = Description {
        id: &id,
        entity_id,
        valid_until: None,
        identity_provider: (!signing.is_empty()).then_some(IdentityProvider {
            signing: &signing,
            name_id_formats: &formats,
            single_sign_on: &asked,
        }),
        service_provider: (!encryption.is_empty()).then_some(ServiceProvider {
            encryption: &encryption,
            assertion_consumers: &taken,
        }),
    };
    if unsigned.identity_provider.is_none() && unsigned.service_provider.is_none() {
        return Ok(None);
    }
    let unsigned = unsigned
        .write()
        .map_err(|error| failed(error.to_string()))?;
    Ok(Some(SignedMetadata {
        unsigned,
        key: Arc::clone(key),
        signed: OnceLock::new(),
    }))
}
