//! What one relying party needs.

use cambist_saml::{
    algorithm::{Cipher, KeyKind, KeyTransport},
    certificate::Certificate,
    encryption::RecipientKey,
    issue::{Extent, Sealing},
    metadata::{Entity, Role},
    uri,
    write::Spelling,
};
use serde::Deserialize;

use super::super::{Frame, check_uri, import::MetadataDocument, keys::CertificateDocument};
use crate::publish_error::PublishError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartySettings {
    #[serde(default)]
    recipient: Option<String>,
    #[serde(default)]
    metadata: Option<MetadataDocument>,
    #[serde(default)]
    encryption: Option<EncryptionSettings>,
    #[serde(default)]
    spelling: SpellingSettings,
}

/// What some relying parties cannot read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SpellingSettings {
    typed_key_confirmation: bool,
    typed_values: bool,
}

impl Default for SpellingSettings {
    fn default() -> Self {
        let Spelling {
            typed_key_confirmation,
            typed_values,
        } = Spelling::default();
        Self {
            typed_key_confirmation,
            typed_values,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptionSettings {
    #[serde(default)]
    certificate: Option<CertificateDocument>,
    #[serde(default)]
    extent: ExtentSettings,
    #[serde(default)]
    cipher: CipherName,
    #[serde(default)]
    key_transport: TransportName,
}

/// One word or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExtentSettings {
    One(String),
    Several(Vec<String>),
}

impl Default for ExtentSettings {
    fn default() -> Self {
        Self::One("assertion".to_owned())
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
enum CipherName {
    #[serde(rename = "aes128-gcm")]
    Aes128Gcm,
    #[default]
    #[serde(rename = "aes256-gcm")]
    Aes256Gcm,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum TransportName {
    #[default]
    #[serde(rename = "rsa-oaep")]
    OaepSha1,
    #[serde(rename = "rsa-oaep-sha256")]
    OaepSha256,
}

pub(super) struct Party {
    recipient: Option<String>,
    sealing: Option<(RecipientKey, Extent)>,
    spelling: Spelling,
}

impl Party {
    /// Builds what the relying party `audience` needs, of whom `names` are issued. `provider` is the path of
    /// the provider.
    pub(super) fn build(
        audience: &str,
        settings: &PartySettings,
        names: Option<&str>,
        provider: &str,
        frame: &Frame<'_>,
    ) -> Result<Self, PublishError> {
        let path = format!("relying_parties.{audience}");
        let within = |error: PublishError| error.within(&path);
        let known = match &settings.metadata {
            Some(metadata) => Some(
                Self::import(audience, metadata, names, provider, frame).map_err(|mut error| {
                    if let Some(rest) = error.path.strip_prefix(&format!("{provider}.")) {
                        error.path = rest.to_owned();
                    }
                    error
                })?,
            ),
            None => None,
        };
        if let Some(recipient) = &settings.recipient {
            check_uri("recipient", recipient, "https://sp.example/acs").map_err(within)?;
        }
        let sealing = settings
            .encryption
            .as_ref()
            .map(|wanted| sealing(wanted, known.as_ref(), frame))
            .transpose()
            .map_err(|error| within(error.within("encryption")))?;
        let first = known.and_then(|known| known.assertion_consumers.into_iter().next());
        Ok(Self {
            recipient: settings.recipient.clone().or(first),
            sealing,
            spelling: Spelling {
                typed_key_confirmation: settings.spelling.typed_key_confirmation,
                typed_values: settings.spelling.typed_values,
            },
        })
    }

    fn import(
        audience: &str,
        metadata: &MetadataDocument,
        names: Option<&str>,
        provider: &str,
        frame: &Frame<'_>,
    ) -> Result<Entity, PublishError> {
        let path = format!("{provider}.relying_parties.{audience}.metadata");
        let entity = frame.import(&path, metadata, Role::ServiceProvider)?;
        if entity.entity_id != audience {
            return Err(PublishError::new(
                format!("{path}.xml"),
                format!("is of `{}`", entity.entity_id),
                "name the relying party as its metadata does (entityID)",
            ));
        }
        let takes = |format: &str| {
            format == uri::NAME_ID_UNSPECIFIED
                || entity.name_id_formats.is_empty()
                || entity.name_id_formats.iter().any(|known| known == format)
        };
        if let Some(format) = names.filter(|format| !takes(format)) {
            return Err(PublishError::new(
                format!("{path}.xml"),
                format!("does not list the name format `{format}` that is issued"),
                format!(
                    "set `name_id_format` to one of {}",
                    entity.name_id_formats.join(", ")
                ),
            ));
        }
        Ok(entity)
    }

    pub(super) fn recipient(&self) -> Option<&str> {
        self.recipient.as_deref()
    }

    pub(super) const fn spelling(&self) -> Spelling {
        self.spelling
    }

    pub(super) fn sealing(&self) -> Option<Sealing<'_>> {
        self.sealing.as_ref().map(|(recipient, extent)| Sealing {
            recipient,
            extent: *extent,
        })
    }
}

fn sealing(
    settings: &EncryptionSettings,
    known: Option<&Entity>,
    frame: &Frame<'_>,
) -> Result<(RecipientKey, Extent), PublishError> {
    let extent = extent(&settings.extent)?;
    let certificate = match &settings.certificate {
        Some(document) => Some(frame.certificate("certificate", document)?),
        None => known.and_then(|known| {
            let is_fit = |certificate: &&Certificate| certificate.kind() == KeyKind::Rsa;
            known.encryption.iter().find(is_fit).cloned()
        }),
    };
    let certificate = certificate.ok_or_else(|| {
        PublishError::new(
            "certificate",
            "is missing",
            "send the relying party's certificate as PEM or within its `metadata`, or leave `encryption` out",
        )
    })?;
    let cipher = match settings.cipher {
        CipherName::Aes128Gcm => Cipher::Aes128Gcm,
        CipherName::Aes256Gcm => Cipher::Aes256Gcm,
    };
    let transport = match settings.key_transport {
        TransportName::OaepSha1 => KeyTransport::OaepSha1,
        TransportName::OaepSha256 => KeyTransport::OaepSha256,
    };
    let key = RecipientKey::new(&certificate, cipher, transport).map_err(|error| {
        PublishError::new(
            "certificate",
            error.to_string(),
            "ask the relying party for a certificate with an RSA key",
        )
    })?;
    Ok((key, extent))
}

fn extent(settings: &ExtentSettings) -> Result<Extent, PublishError> {
    let words = match settings {
        ExtentSettings::One(word) => std::slice::from_ref(word),
        ExtentSettings::Several(words) => words,
    };
    let hint = "use `assertion`, or a list of `name-id` and `attributes`";
    let (mut whole, mut name_id, mut attributes) = (false, false, false);
    for word in words {
        match word.as_str() {
            "assertion" => whole = true,
            "name-id" => name_id = true,
            "attributes" => attributes = true,
            _ => {
                return Err(PublishError::new(
                    "extent",
                    format!("`{word}` is unknown"),
                    hint,
                ));
            }
        }
    }
    match (whole, name_id, attributes) {
        (true, false, false) => Ok(Extent::Assertion),
        (false, true, true) => Ok(Extent::NameIdAndAttributes),
        (false, true, false) => Ok(Extent::NameId),
        (false, false, true) => Ok(Extent::Attributes),
        (false, false, false) => Err(PublishError::new("extent", "is empty", hint)),
        (true, ..) => Err(PublishError::new(
            "extent",
            "encrypts the whole assertion and a part of it",
            hint,
        )),
    }
}
