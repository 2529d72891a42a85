//! The provider behind `saml2-config`, and where its author looks for what is wrong with it.

use cambist_core::TokenType;
use cambist_saml::uri;
use serde_json::{Map, Value, json};

use super::super::state::{Encrypted, Saml2State, name, saml2};
use crate::publish_error::PublishError;

const AES_128_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const AES_192_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes192-cbc";
const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const TRIPLE_DES: &str = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc";
const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";

/// The settings of a provider of kind `saml2` that issues what `state` describes.
pub(super) fn provider(state: &Saml2State) -> Result<Map<String, Value>, PublishError> {
    let mut party = Map::new();
    if let Some(recipient) = state.text(saml2::ACS) {
        party.insert("recipient".to_owned(), json!(recipient));
    }
    if let Some(extent) = state.encrypted() {
        party.insert("encryption".to_owned(), encryption(state, extent)?);
    }
    let mut settings = Map::from_iter([
        ("issuer".to_owned(), json!(state.issuer())),
        ("sign".to_owned(), json!(state.signs())),
        ("lifetime_seconds".to_owned(), json!(state.lifetime)),
        ("attributes".to_owned(), json!(state.attribute_map)),
        ("authentication".to_owned(), json!("issuance")),
        ("authn_context_classes".to_owned(), contexts()),
        (
            "relying_parties".to_owned(),
            json!({ state.party(): party }),
        ),
    ]);
    if state.signs() {
        let key = entry(state, saml2::SIGNATURE_ALIAS);
        settings.insert("key".to_owned(), key);
    }
    if let Some(format) = state.text(saml2::NAME_ID_FORMAT) {
        settings.insert("name_id_format".to_owned(), json!(format));
    }
    for (ours, theirs) in saml2::PLUGINS {
        if let Some(plugin) = state.plugin(theirs) {
            settings.insert(ours.to_owned(), Value::Object(plugin.binding()));
        }
    }
    Ok(settings)
}

/// An entry of the key store, which the vault has by the file's name: where it lay elsewhere says nothing here.
fn entry(state: &Saml2State, alias: &str) -> Value {
    let file = state.text(saml2::KEYSTORE).unwrap_or_default();
    json!({ "keystore": super::key_store(file), "alias": state.text(alias) })
}

/// How strongly a subject has authenticated that came by a token of each type; what is not listed is
/// `unspecified`.
fn contexts() -> Value {
    json!({
        TokenType::USERNAME.as_str(): uri::PASSWORD_PROTECTED_TRANSPORT,
        TokenType::ID_TOKEN.as_str(): uri::PASSWORD_PROTECTED_TRANSPORT,
        TokenType::SESSION.as_str(): uri::PREVIOUS_SESSION,
        TokenType::X509.as_str(): uri::X509,
    })
}

fn encryption(state: &Saml2State, extent: Encrypted) -> Result<Value, PublishError> {
    let wrong = |member: &str, reason: String, hint: &str| {
        Err(PublishError::new(
            format!("{}.{member}", name::SAML2),
            reason,
            hint,
        ))
    };
    let algorithm = state.text(saml2::ENCRYPTION).unwrap_or_default();
    let (cipher, strength) = match algorithm {
        uri::AES128_GCM => ("aes128-gcm", 128),
        uri::AES256_GCM => ("aes256-gcm", 256),
        AES_128_CBC | AES_192_CBC | AES_256_CBC | TRIPLE_DES => {
            return wrong(
                saml2::ENCRYPTION,
                format!(
                    "is `{algorithm}`, which tells its plaintext to whoever may try often enough"
                ),
                "use http://www.w3.org/2009/xmlenc11#aes128-gcm or #aes256-gcm",
            );
        }
        other => {
            return wrong(
                saml2::ENCRYPTION,
                format!("`{other}` is not offered"),
                "use http://www.w3.org/2009/xmlenc11#aes128-gcm or #aes256-gcm",
            );
        }
    };
    if state.strength != strength {
        return wrong(
            saml2::STRENGTH,
            format!("is {}, and the algorithm's is {strength}", state.strength),
            "let the strength agree with the algorithm",
        );
    }
    let transport = match state.text(saml2::KEY_TRANSPORT) {
        None | Some(uri::RSA_OAEP_MGF1P) => "rsa-oaep",
        Some(uri::RSA_OAEP) => "rsa-oaep-sha256",
        Some(other) => {
            let reason = match other {
                RSA_1_5 => "is rsa-1_5, whose padding tells its plaintext".to_owned(),
                other => format!("`{other}` is not offered"),
            };
            return wrong(
                saml2::KEY_TRANSPORT,
                reason,
                "use http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p or http://www.w3.org/2009/xmlenc11#rsa-oaep",
            );
        }
    };
    Ok(json!({
        "extent": match extent {
            Encrypted::Assertion => json!("assertion"),
            Encrypted::Parts { name_id, attributes } => {
                let parts = [("name-id", name_id), ("attributes", attributes)];
                parts.iter().filter(|(_, is_set)| *is_set).map(|(part, _)| json!(part)).collect()
            }
        },
        "certificate": entry(state, saml2::ENCRYPTION_ALIAS),
        "cipher": cipher,
        "key_transport": transport,
    }))
}

/// The member of the block behind the path of an error below the provider.
pub(super) fn member(rest: &str) -> Option<(&'static str, &str)> {
    const MEMBERS: [(&str, &str); 8] = [
        ("attributes", saml2::ATTRIBUTE_MAP),
        ("issuer", saml2::ISSUER),
        ("key.alias", saml2::SIGNATURE_ALIAS),
        ("key.keystore", saml2::KEYSTORE),
        ("lifetime_seconds", saml2::LIFETIME),
        ("name_id_format", saml2::NAME_ID_FORMAT),
        ("recipient", saml2::ACS),
        ("relying_parties", saml2::SP),
    ];
    // The relying party's own members stand at the end, behind a name that may hold dots.
    for (ours, theirs) in [
        ("recipient", saml2::ACS),
        (".certificate", saml2::ENCRYPTION_ALIAS),
        (".certificate.alias", saml2::ENCRYPTION_ALIAS),
        (".certificate.keystore", saml2::KEYSTORE),
    ] {
        if rest.starts_with("relying_parties.") && rest.ends_with(ours) {
            return Some((theirs, ""));
        }
    }
    MEMBERS
        .iter()
        .chain(&saml2::PLUGINS)
        .find_map(|(ours, theirs)| Some((*theirs, rest.strip_prefix(ours)?)))
        .map(|(theirs, rest)| (theirs, if theirs == saml2::SP { "" } else { rest }))
}
