//! What relying parties configure an instance by (saml-metadata §2.4.3).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use cambist_saml::{certificate::Certificate, draft::identifier, metadata::IdentityProvider};

use super::SamlProvider;
use crate::publish_error::PublishError;

/// A token endpoint speaks none of SAML's bindings, but the schema demands an endpoint and SOAP is the one
/// that no browser is sent to.
const BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// The signed metadata of the first of `providers` and of all others that issue under its name; none if
/// there are no providers.
pub fn document(
    instance_issuer: &str,
    revision: u64,
    providers: &[Arc<SamlProvider>],
) -> Result<Option<Bytes>, PublishError> {
    let Some(first) = providers.first() else {
        return Ok(None);
    };
    let (mut signing, mut formats): (Vec<&Certificate>, Vec<&str>) = (Vec::new(), Vec::new());
    for provider in providers.iter().filter(|p| p.issuer() == first.issuer()) {
        if !signing.contains(&provider.key().certificate()) {
            signing.push(provider.key().certificate());
        }
        if !formats.contains(&provider.name_id_format()) {
            formats.push(provider.name_id_format());
        }
    }
    // The same publication is the same document.
    let seed = digest(&SHA256, format!("{revision} {instance_issuer}").as_bytes());
    let id = identifier(seed.as_ref().get(..16).unwrap_or_default());
    let endpoint = format!("{instance_issuer}/token");
    let failed = |reason: String| {
        PublishError::new(
            "providers",
            format!("SAML metadata cannot be made: {reason}"),
            "check the issuer and name_id_format of saml2 providers",
        )
    };
    let unsigned = IdentityProvider {
        id: &id,
        entity_id: first.issuer(),
        valid_until: None,
        signing: &signing,
        name_id_formats: &formats,
        single_sign_on: &[(BINDING, &endpoint)],
    }
    .write()
    .map_err(|error| failed(error.to_string()))?;
    let signed = first
        .key()
        .sign(&unsigned)
        .map_err(|error| failed(error.to_string()))?;
    Ok(Some(Bytes::from(signed)))
}
