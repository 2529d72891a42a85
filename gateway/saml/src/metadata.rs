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

/// An identity provider, as its metadata tells it.
#[derive(Clone, Copy, Debug)]
pub struct IdentityProvider<'a> {
    /// The document's identifier; see [`identifier`](crate::draft::identifier).
    pub id: &'a str,
    /// Its entity identifier, the issuer of its assertions.
    pub entity_id: &'a str,
    /// When the document must be fetched anew at the latest.
    pub valid_until: Option<Timestamp>,
    /// The certificates of all keys it signs with, now or soon; at least one.
    pub signing: &'a [&'a Certificate],
    /// The kinds of names it issues, URIs.
    pub name_id_formats: &'a [&'a str],
    /// Where it can be asked for assertions: binding and location. The schema demands one, so who only
    /// exchanges tokens names the endpoint for that.
    pub single_sign_on: &'a [(&'a str, &'a str)],
}

impl IdentityProvider<'_> {
    /// Writes the document, to be signed with [`SigningKey::sign`](crate::signing::SigningKey::sign).
    pub fn write(&self) -> Result<Unsigned, WriteError> {
        if !is_identifier(self.id) {
            return Err(WriteError::Identifier);
        }
        if self.entity_id.is_empty() {
            return Err(WriteError::Missing("entityID"));
        }
        if self.signing.is_empty() {
            return Err(WriteError::Missing("KeyDescriptor"));
        }
        if self.single_sign_on.is_empty() {
            return Err(WriteError::Missing("SingleSignOnService"));
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
        xml.end("md:IDPSSODescriptor").end("md:EntityDescriptor");
        Ok(Unsigned {
            xml: xml.into_string(),
            id: self.id.to_owned(),
            signature_at,
            names_schema_types: false,
        })
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

    fn provider<'a>(signing: &'a [&'a Certificate]) -> IdentityProvider<'a> {
        IdentityProvider {
            id: "_metadata",
            entity_id: "https://idp.example.net/sts?a=1&b=2",
            valid_until: Some(NOW.plus(86_400)),
            signing,
            name_id_formats: &[uri::NAME_ID_UNSPECIFIED],
            single_sign_on: &[(
                "urn:oasis:names:tc:SAML:2.0:bindings:SOAP",
                "https://idp.example.net/sts",
            )],
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
        for (changed, expected) in [
            (IdentityProvider { id: "1", ..good }, WriteError::Identifier),
            (
                IdentityProvider {
                    entity_id: "",
                    ..good
                },
                WriteError::Missing("entityID"),
            ),
            (
                IdentityProvider {
                    signing: &[],
                    ..good
                },
                WriteError::Missing("KeyDescriptor"),
            ),
            (
                IdentityProvider {
                    single_sign_on: &[],
                    ..good
                },
                WriteError::Missing("SingleSignOnService"),
            ),
        ] {
            assert_eq!(changed.write(), Err(expected));
        }
    }
}
