//! What one relying party needs.

use cambist_saml::{
    algorithm::{Cipher, KeyTransport},
    encryption::RecipientKey,
    issue::{Extent, Sealing},
    write::Spelling,
};
use serde::Deserialize;

use super::super::{certificate, check_uri};
use crate::publish_error::PublishError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartySettings {
    #[serde(default)]
    recipient: Option<String>,
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
    certificate: Option<String>,
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
    pub(super) fn build(settings: PartySettings) -> Result<Self, PublishError> {
        if let Some(recipient) = &settings.recipient {
            check_uri("recipient", recipient, "https://sp.example/acs")?;
        }
        let sealing = settings
            .encryption
            .map(sealing)
            .transpose()
            .map_err(|error| error.within("encryption"))?;
        Ok(Self {
            recipient: settings.recipient,
            sealing,
            spelling: Spelling {
                typed_key_confirmation: settings.spelling.typed_key_confirmation,
                typed_values: settings.spelling.typed_values,
            },
        })
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

fn sealing(settings: EncryptionSettings) -> Result<(RecipientKey, Extent), PublishError> {
    let extent = extent(&settings.extent)?;
    let pem = settings.certificate.ok_or_else(|| {
        PublishError::new(
            "certificate",
            "is missing",
            "send the relying party's certificate as PEM, or leave `encryption` out",
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
    let key = RecipientKey::new(&certificate("certificate", &pem)?, cipher, transport).map_err(
        |error| {
            PublishError::new(
                "certificate",
                error.to_string(),
                "ask the relying party for a certificate with an RSA key",
            )
        },
    )?;
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
