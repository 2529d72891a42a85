//! What an ID token says differently for relying parties with expectations of their own.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::{BuildError, jose, settings::Settings};

/// Settings beyond what every JWT provider has. The default is what `OpenID` Connect expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wording {
    /// `iss`, if not the instance's own issuer identifier.
    pub(crate) issuer: Option<String>,
    /// `azp`, if not the client.
    pub(crate) authorized_party: Option<String>,
    /// What is told about the subject's authentication.
    pub(crate) authentication: Authentication,
    /// How the header names the key.
    pub(crate) key_reference: KeyReference,
    /// How `jti` is written.
    pub(crate) identifier: Identifier,
    /// Whether every mapped claim is text: several values are joined with spaces, none at all are left out.
    pub(crate) claims_as_text: bool,
}

/// What `auth_time`, `acr` and `amr` say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Authentication {
    /// What the subject's source said.
    #[default]
    Subject,
    /// `auth_time` is the moment of issuance; `acr` and `amr` are absent.
    Issuance,
}

/// How a relying party finds the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyReference {
    /// By `kid` in the instance's JWK set.
    #[default]
    Kid,
    /// The header carries the public key.
    Jwk,
    /// It knows.
    None,
}

/// How the sixteen random bytes of a token identifier are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Identifier {
    /// In base64url.
    #[default]
    Compact,
    /// As a version 4 UUID (RFC 9562 §5.4).
    Uuid,
}

impl Wording {
    /// The settings' names.
    pub(crate) const MEMBERS: [&str; 6] = [
        "issuer",
        "authorized_party",
        "authentication",
        "key_reference",
        "identifier",
        "claims_as_text",
    ];

    pub(crate) fn read(settings: Settings<'_>) -> Result<Self, BuildError> {
        let text = |name| {
            let text: Option<String> = settings.optional(name, "text that is not empty")?;
            match text.as_deref() {
                Some("") => Err(BuildError::new(name, "empty", "text that is not empty")),
                _ => Ok(text),
            }
        };
        Ok(Self {
            issuer: text("issuer")?,
            authorized_party: text("authorized_party")?,
            authentication: settings
                .optional("authentication", "`subject` or `issuance`")?
                .unwrap_or_default(),
            key_reference: settings
                .optional("key_reference", "`kid`, `jwk` or `none`")?
                .unwrap_or_default(),
            identifier: settings
                .optional("identifier", "`compact` or `uuid`")?
                .unwrap_or_default(),
            claims_as_text: settings
                .optional("claims_as_text", "true or false")?
                .unwrap_or_default(),
        })
    }

    /// A mapped claim as it is issued; none if it is left out.
    pub(crate) fn claim<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        if !self.claims_as_text {
            return Some(Cow::Borrowed(value));
        }
        let text = match value {
            Value::Array(values) => {
                let texts: Vec<String> = values.iter().filter_map(scalar).collect();
                (!texts.is_empty()).then(|| texts.join(" "))
            }
            single => scalar(single),
        };
        text.map(|text| Cow::Owned(Value::String(text)))
    }
}

impl Identifier {
    pub(crate) fn write(self, random: [u8; 16]) -> String {
        match self {
            Self::Compact => jose::base64url(&random),
            Self::Uuid => uuid(random),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn uuid(random: [u8; 16]) -> String {
    const VERSION_4: u128 = 0x4000 << 64;
    const VARIANT: u128 = 0b10 << 62;
    let bits = u128::from_be_bytes(random) & !(0xf000 << 64) & !(0b11 << 62) | VERSION_4 | VARIANT;
    let (low, rest) = (bits & 0xffff_ffff_ffff, bits >> 48);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{low:012x}",
        rest >> 48,
        (rest >> 32) & 0xffff,
        (rest >> 16) & 0xffff,
        rest & 0xffff
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn rs_52_mapped_claims_are_text_joined_with_spaces_or_left_out() {
        let wording = Wording {
            claims_as_text: true,
            ..Wording::default()
        };
        let cases = [
            (json!("a"), Some("a")),
            (json!(["a", "b"]), Some("a b")),
            (json!([]), None),
            (json!(""), None),
            (json!(null), None),
            (json!({"a": 1}), None),
            (json!(7), Some("7")),
            (json!([true, "x"]), Some("true x")),
        ];
        for (value, expected) in cases {
            let issued = wording.claim(&value).map(Cow::into_owned);
            assert_eq!(issued, expected.map(|text| json!(text)), "{value}");
        }
        assert_eq!(
            Wording::default().claim(&json!(["a"])).as_deref(),
            Some(&json!(["a"]))
        );
    }

    #[test]
    fn a_uuid_shows_its_bytes_in_order() {
        let random = [
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff,
        ];
        assert_eq!(uuid(random), "00112233-4455-4677-8899-aabbccddeeff");
    }

    proptest! {
        #[test]
        fn every_uuid_is_version_4(random: [u8; 16]) {
            let text = uuid(random);
            prop_assert_eq!(text.len(), 36);
            prop_assert_eq!(text.as_bytes()[14], b'4');
            prop_assert!(b"89ab".contains(&text.as_bytes()[19]));
        }
    }
}
