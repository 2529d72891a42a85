//! The names in a certificate (RFC 5280 §4.1.2.6, §4.2.1.6).

use cambist_core::{Rejection, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use x509_cert::{
    Certificate,
    attr::AttributeTypeAndValue,
    der::{
        Decode, Tag, Tagged,
        asn1::{
            Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
        },
    },
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// Longest name that is taken over, in bytes.
const MAX_NAME_BYTES: usize = 1024;
/// Most names of one kind.
const MAX_NAMES: usize = 32;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
const EMAIL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
/// Microsoft's user principal name, in an `otherName`.
const PRINCIPAL_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// Which name of a certificate becomes the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// The common name of the subject.
    CommonName,
    /// The DNS name among the alternative names.
    Dns,
    /// The mail address among the alternative names.
    Email,
    /// Microsoft's user principal name among the alternative names.
    PrincipalName,
    /// The whole subject, written as RFC 4514 has it.
    #[default]
    SubjectDn,
    /// The URI among the alternative names, such as a SPIFFE ID.
    Uri,
    /// The user identifier (`UID`) of the subject.
    UserId,
}

/// What a certificate says about its holder.
pub(super) struct Names {
    subject: String,
    issuer: String,
    serial: String,
    common: Vec<String>,
    user_ids: Vec<String>,
    units: Vec<String>,
    organizations: Vec<String>,
    countries: Vec<String>,
    emails: Vec<String>,
    dns: Vec<String>,
    uris: Vec<String>,
    principals: Vec<String>,
    pub(super) ends_at: Timestamp,
}

impl Names {
    /// Reads a certificate whose chain was verified. Control characters in any name, a NUL above all, refuse
    /// it: whoever compares names further on could see another name than the authority did (SC-08).
    pub(super) fn read(der: &[u8]) -> Result<Self, Rejection> {
        let certificate = Certificate::from_der(der).map_err(|_| Rejection::Malformed)?;
        let certificate = &certificate.tbs_certificate;
        let mut names = Self {
            subject: text(certificate.subject.to_string())?,
            issuer: text(certificate.issuer.to_string())?,
            serial: certificate.serial_number.to_string(),
            common: Vec::new(),
            user_ids: Vec::new(),
            units: Vec::new(),
            organizations: Vec::new(),
            countries: Vec::new(),
            emails: Vec::new(),
            dns: Vec::new(),
            uris: Vec::new(),
            principals: Vec::new(),
            ends_at: Timestamp(certificate.validity.not_after.to_unix_duration().as_secs()),
        };
        let attributes = certificate.subject.0.iter().flat_map(|part| part.0.iter());
        for attribute in attributes {
            names.attribute(attribute)?;
        }
        let alternatives = certificate
            .get::<SubjectAltName>()
            .map_err(|_| Rejection::Malformed)?;
        for name in alternatives.iter().flat_map(|(_, names)| names.0.iter()) {
            names.alternative(name)?;
        }
        let lists = [
            &names.common,
            &names.user_ids,
            &names.units,
            &names.organizations,
            &names.countries,
            &names.emails,
            &names.dns,
            &names.uris,
            &names.principals,
        ];
        if lists.iter().any(|list| list.len() > MAX_NAMES) {
            return Err(Rejection::TooLarge);
        }
        Ok(names)
    }

    fn attribute(&mut self, attribute: &AttributeTypeAndValue) -> Result<(), Rejection> {
        let value = string(attribute)?;
        let list = match attribute.oid {
            COMMON_NAME => &mut self.common,
            USER_ID => &mut self.user_ids,
            UNIT => &mut self.units,
            ORGANIZATION => &mut self.organizations,
            COUNTRY => &mut self.countries,
            EMAIL => &mut self.emails,
            _ => return Ok(()),
        };
        // Of a kind that is no text: not a name of ours.
        list.extend(value);
        Ok(())
    }

    fn alternative(&mut self, name: &GeneralName) -> Result<(), Rejection> {
        match name {
            GeneralName::Rfc822Name(name) => self.emails.push(text(name.to_string())?),
            GeneralName::DnsName(name) => self.dns.push(text(name.to_string())?),
            GeneralName::UniformResourceIdentifier(name) => self.uris.push(text(name.to_string())?),
            GeneralName::OtherName(name) if name.type_id == PRINCIPAL_NAME => {
                let value =
                    Utf8StringRef::try_from(&name.value).map_err(|_| Rejection::Malformed)?;
                self.principals.push(text(value.as_str().to_owned())?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The name that becomes the subject. One that is missing, or there more than once, names nobody.
    pub(super) fn subject(&self, source: NameSource) -> Result<String, Rejection> {
        let names = match source {
            NameSource::SubjectDn if self.subject.is_empty() => return Err(Rejection::Refused),
            NameSource::SubjectDn => return Ok(self.subject.clone()),
            NameSource::CommonName => &self.common,
            NameSource::Dns => &self.dns,
            NameSource::Email => &self.emails,
            NameSource::PrincipalName => &self.principals,
            NameSource::Uri => &self.uris,
            NameSource::UserId => &self.user_ids,
        };
        match names.as_slice() {
            [name] if !name.is_empty() => Ok(name.clone()),
            _ => Err(Rejection::Refused),
        }
    }

    /// The names as claims: text where there is one, a list where there are several.
    pub(super) fn claims(self) -> Map<String, Value> {
        let single = [
            ("subject_dn", self.subject),
            ("issuer_dn", self.issuer),
            ("serial_number", self.serial),
        ];
        let several = [
            ("cn", self.common),
            ("uid", self.user_ids),
            ("ou", self.units),
            ("o", self.organizations),
            ("c", self.countries),
            ("mail", self.emails),
            ("dns", self.dns),
            ("uri", self.uris),
            ("upn", self.principals),
        ];
        let single = single
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Value::String(text)));
        let several = several.into_iter().filter_map(|(name, mut texts)| {
            let value = match texts.len() {
                0 => return None,
                1 => Value::String(texts.remove(0)),
                _ => Value::from(texts),
            };
            Some((name.to_owned(), value))
        });
        single.chain(several).collect()
    }
}

/// The value of an attribute, if it is of a kind of text.
fn string(attribute: &AttributeTypeAndValue) -> Result<Option<String>, Rejection> {
    let value = &attribute.value;
    let read = match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).map(|s| s.as_str().to_owned()),
        Tag::PrintableString => PrintableStringRef::try_from(value).map(|s| s.as_str().to_owned()),
        Tag::Ia5String => Ia5StringRef::try_from(value).map(|s| s.as_str().to_owned()),
        Tag::TeletexString => TeletexStringRef::try_from(value).map(|s| s.as_str().to_owned()),
        _ => return Ok(None),
    };
    read.map_err(|_| Rejection::Malformed)
        .and_then(text)
        .map(Some)
}

fn text(text: String) -> Result<String, Rejection> {
    if text.len() > MAX_NAME_BYTES {
        return Err(Rejection::TooLarge);
    }
    if text.contains(char::is_control) {
        return Err(Rejection::Refused);
    }
    Ok(text)
}
