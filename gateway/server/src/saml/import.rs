//! Metadata of others, given within a document: what is taken from it, and what of that is told to whoever
//! publishes.

use cambist_core::Timestamp;
use cambist_saml::{
    certificate::Certificate,
    metadata::{self, Entity, Origin, Role},
};
use serde::{Deserialize, Serialize};

use super::{Frame, keys::CertificateDocument};
use crate::publish_error::PublishError;

/// Metadata of one entity.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataDocument {
    /// The XML document.
    xml: String,
    /// Whose signature it must have; none trusts whoever configures it.
    #[serde(default)]
    signed_by: Option<CertificateDocument>,
}

/// What was taken from metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The member of the document that holds it.
    pub path: String,
    /// The entity.
    pub entity_id: String,
    /// `identity_provider` or `service_provider`.
    pub role: &'static str,
    /// Whether its signature was asked for, and verified.
    pub is_signed: bool,
    /// Until when it holds, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<u64>,
    /// Where the entity takes assertions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The kinds of names it uses.
    pub name_id_formats: Vec<String>,
    /// `x5t#S256` of the certificates it signs with.
    pub signing: Vec<String>,
    /// `x5t#S256` of the certificates to encrypt to.
    pub encryption: Vec<String>,
}

impl Frame<'_> {
    /// Reads metadata, and notes for the answer what was in it. Whether it is over is asked when it is
    /// published, and on every use: an instance has to come back after a restart.
    pub(super) fn import(
        &self,
        path: &str,
        document: &MetadataDocument,
        role: Role,
    ) -> Result<Entity, PublishError> {
        let signed_by = document
            .signed_by
            .as_ref()
            .map(|signer| {
                let path = format!("{path}.signed_by");
                Self::trusted_key(&path, &self.certificate(&path, signer)?)
            })
            .transpose()?;
        let origin = match &signed_by {
            Some(key) => Origin::SignedBy(std::slice::from_ref(key)),
            None => Origin::Configured,
        };
        let entity = metadata::read(document.xml.as_bytes(), role, origin, Timestamp(0)).map_err(
            |refusal| {
                PublishError::new(
                    format!("{path}.xml"),
                    format!("cannot be used: {refusal}"),
                    match role {
                        Role::IdentityProvider => {
                            "send the md:EntityDescriptor of one identity provider"
                        }
                        Role::ServiceProvider => {
                            "send the md:EntityDescriptor of one service provider"
                        }
                    },
                )
            },
        )?;
        let prints = |certificates: &[Certificate]| {
            let print = |known: &Certificate| {
                base64_simd::URL_SAFE_NO_PAD.encode_to_string(known.thumbprint())
            };
            certificates.iter().map(print).collect()
        };
        self.taken.borrow_mut().push(Taken {
            path: path.to_owned(),
            entity_id: entity.entity_id.clone(),
            role: match role {
                Role::IdentityProvider => "identity_provider",
                Role::ServiceProvider => "service_provider",
            },
            is_signed: signed_by.is_some(),
            valid_until: entity.valid_until.map(|end| end.0),
            recipient: entity.assertion_consumers.first().cloned(),
            name_id_formats: entity.name_id_formats.clone(),
            signing: prints(&entity.signing),
            encryption: prints(&entity.encryption),
        });
        Ok(entity)
    }
}

impl Taken {
    /// Refuses what is over already.
    pub fn check(&self, now: Timestamp) -> Result<(), PublishError> {
        if self.valid_until.is_some_and(|end| end <= now.0) {
            return Err(PublishError::new(
                format!("{}.xml", self.path),
                "its validUntil is over",
                "fetch the metadata anew",
            ));
        }
        Ok(())
    }
}
