//! What parties configure each other by (saml-metadata §2): written for an identity provider, read for
//! identity providers and relying parties.

mod read;

pub use read::{Entity, MAX_METADATA_BYTES, Origin, Role, read};

use cambist_core::Timestamp;

use crate::{
    certificate::Certificate,
    uri,
    write::{Unsigned, WriteError, instant},
    xml::{Declares, Xml, is_identifier},
};

/// One entity in one or both roles, as its metadata tells it.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// The document's identifier; see [`identifier`](crate::draft::identifier).
    pub id: &'a str,
    /// Its entity identifier: the issuer of its assertions, and what those of others call it.
    pub entity_id: &'a str,
    /// When the document must be fetched anew at the latest.
    pub valid_until: Option<Timestamp>,
    /// The entity as one that issues assertions.
    pub identity_provider: Option<IdentityProvider<'a>>,
    /// The entity as one that accepts them.
    pub service_provider: Option<ServiceProvider<'a>>,
}

/// An entity that issues assertions.
#[derive(Clone, Copy, Debug)]
pub struct IdentityProvider<'a> {
    /// The certificates of all keys it signs with, now or soon; at least one.
    pub signing: &'a [&'a Certificate],
    /// The kinds of names it issues, URIs.
    pub name_id_formats: &'a [&'a str],
    /// Where it can be asked for assertions: binding and location. The schema demands one, so who only
    /// exchanges tokens names the endpoint for that.
    pub single_sign_on: &'a [(&'a str, &'a str)],
}

/// An entity that accepts assertions, all of which must be signed.
#[derive(Clone, Copy, Debug)]
pub struct ServiceProvider<'a> {
    /// The certificates of keys to encrypt to.
    pub encryption: &'a [&'a Certificate],
    /// Where it takes assertions: binding and location; at least one.
    pub assertion_consumers: &'a [(&'a str, &'a str)],
}

impl Description<'_> {
    /// Writes the document, to be signed with [`SigningKey::sign`](crate::signing::SigningKey::sign).
    pub fn write(&self) -> Result<Unsigned, WriteError> {
        if !is_identifier(self.id) {
            return Err(WriteError::Identifier);
        }
        if self.entity_id.is_empty() {
            return Err(WriteError::Missing("entityID"));
        }
        if self.identity_provider.is_none() && self.service_provider.is_none() {
            return Err(WriteError::Missing("RoleDescriptor"));
        }
        let mut xml = Xml::with_capacity(4096);
        let until = self.valid_until.map(instant).transpose()?;
        xml.start("md:EntityDescriptor")
            .namespace("md", uri::METADATA)
            .attribute("ID", self.id)?
            .attribute("entityID", self.entity_id)?
            .optional("validUntil", until.as_deref())?
            .body();
        let signature_at = xml.len();
        if let Some(role) = &self.identity_provider {
            role.write(&mut xml)?;
        }
        if let Some(role) = &self.service_provider {
            role.write(&mut xml)?;
        }
        xml.end("md:EntityDescriptor");
        Ok(Unsigned {
            xml: xml.into_string(),
            id: self.id.to_owned(),
            signature_at,
            names_schema_types: false,
        })
    }
}

impl IdentityProvider<'_> {
    fn write(&self, xml: &mut Xml) -> Result<(), WriteError> {
        if self.signing.is_empty() {
            return Err(WriteError::Missing("KeyDescriptor"));
        }
        if self.single_sign_on.is_empty() {
            return Err(WriteError::Missing("SingleSignOnService"));
        }
        xml.start("md:IDPSSODescriptor")
            .attribute("protocolSupportEnumeration", uri::PROTOCOL)?
            .body();
        for certificate in self.signing {
            xml.start("md:KeyDescriptor")
                .attribute("use", "signing")?
                .body();
            xml.key_info(Declares::Signature, [certificate.der()]);
            xml.end("md:KeyDescriptor");
        }
        for format in self.name_id_formats {
            xml.leaf("md:NameIDFormat", format)?;
        }
        for (binding, location) in self.single_sign_on {
            xml.start("md:SingleSignOnService")
                .attribute("Binding", binding)?
                .attribute("Location", location)?
                .body()
                .end("md:SingleSignOnService");
        }
        xml.end("md:IDPSSODescriptor");
        Ok(())
    }
}

impl ServiceProvider<'_> {
    fn write(&self, xml: &mut Xml) -> Result<(), WriteError> {
        if self.assertion_consumers.is_empty() {
            return Err(WriteError::Missing("AssertionConsumerService"));
        }
        xml.start("md:SPSSODescriptor")
            .attribute("WantAssertionsSigned", "true")?
            .attribute("protocolSupportEnumeration", uri::PROTOCOL)?
            .body();
        for certificate in self.encryption {
            xml.start("md:KeyDescriptor")
                .attribute("use", "encryption")?
                .body();
            xml.key_info(Declares::Signature, [certificate.der()]);
            for algorithm in [uri::AES256_GCM, uri::AES128_GCM, uri::RSA_OAEP_MGF1P] {
                xml.start("md:EncryptionMethod")
                    .attribute("Algorithm", algorithm)?
                    .body()
                    .end("md:EncryptionMethod");
            }
            xml.end("md:KeyDescriptor");
        }
        for (index, (binding, location)) in self.assertion_consumers.iter().enumerate() {
            xml.start("md:AssertionConsumerService")
                .attribute("Binding", binding)?
                .attribute("Location", location)?
                .attribute("index", &index.to_string())?
                .body()
                .end("md:AssertionConsumerService");
        }
        xml.end("md:SPSSODescriptor");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bergshamra::{
        DsigContext, KeysManager,
        c14n::{C14nMode, canonicalize},
        keys::loader::load_x509_cert_der,
    };

    use super::*;
    use crate::fixture::{NOW, P256, RSA};

    const BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

    fn provider<'a>(signing: &'a [&'a Certificate]) -> Description<'a> {
        Description {
            id: "_metadata",
            entity_id: "https://idp.example.net/sts?a=1&b=2",
            valid_until: Some(NOW.plus(86_400)),
            identity_provider: Some(IdentityProvider {
                signing,
                name_id_formats: &[uri::NAME_ID_UNSPECIFIED],
                single_sign_on: &[(BINDING, "https://idp.example.net/sts")],
            }),
            service_provider: Some(ServiceProvider {
                encryption: signing,
                assertion_consumers: &[(BINDING, "https://idp.example.net/sts")],
            }),
        }
    }

    #[test]
    fn metadata_is_canonical_and_its_signature_comes_first() {
        let signing = [RSA.key.certificate(), P256.key.certificate()];
        let unsigned = provider(&signing).write().unwrap();
        let signed = RSA.key.sign(&unsigned).unwrap();
        for xml in [unsigned.as_str(), &signed] {
            let canonical = canonicalize::<&str>(xml, C14nMode::Exclusive, None, &[]).unwrap();
            assert_eq!(String::from_utf8(canonical).unwrap(), xml);
        }
        assert!(signed.contains("validUntil=\"2030-02-04T04:05:06Z\"><ds:Signature "));
        let mut keys = KeysManager::new();
        keys.add_key(load_x509_cert_der(RSA.key.certificate().der()).unwrap());
        let context = DsigContext::new(keys);
        let verifies = |xml: &str| {
            bergshamra::verify(&context, xml)
                .is_ok_and(|result| result.all_reference_digests_verified())
        };
        assert!(verifies(&signed));
        assert!(!verifies(
            &signed.replace("idp.example.net/sts\"", "evil.example/sts\"")
        ));
    }

    #[test]
    fn what_the_schema_demands_must_be_there() {
        let signing = [RSA.key.certificate()];
        let good = provider(&signing);
        let role = good.identity_provider.unwrap();
        let other = good.service_provider.unwrap();
        let missing = WriteError::Missing;
        for (changed, expected) in [
            (Description { id: "1", ..good }, WriteError::Identifier),
            (
                Description {
                    entity_id: "",
                    ..good
                },
                missing("entityID"),
            ),
            (
                Description {
                    identity_provider: None,
                    service_provider: None,
                    ..good
                },
                missing("RoleDescriptor"),
            ),
            (
                Description {
                    identity_provider: Some(IdentityProvider {
                        signing: &[],
                        ..role
                    }),
                    ..good
                },
                missing("KeyDescriptor"),
            ),
            (
                Description {
                    identity_provider: Some(IdentityProvider {
                        single_sign_on: &[],
                        ..role
                    }),
                    ..good
                },
                missing("SingleSignOnService"),
            ),
            (
                Description {
                    service_provider: Some(ServiceProvider {
                        assertion_consumers: &[],
                        ..other
                    }),
                    ..good
                },
                missing("AssertionConsumerService"),
            ),
        ] {
            assert_eq!(changed.write(), Err(expected));
        }
    }
}
