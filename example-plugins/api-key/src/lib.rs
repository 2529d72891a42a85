//! Validates the API keys that a partner portal hands out:
//!
//! ```text
//! <slot>.<client>.<expires>.<serial>.<base64url of the HMAC-SHA256 of everything before this dot>
//! ```
//!
//! There are two slots, `a` and `b`, each with a key of its own, so that the portal's key can be replaced while
//! keys of both are about.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cambist_guest::{Call, Principal, Refusal, Token, Validator, crypto, export, kv};

/// As long as the gateway's store remembers anything, in seconds.
const MEMORY: u64 = 400 * 24 * 60 * 60;

/// The validator.
pub struct ApiKey;

impl Validator for ApiKey {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        let (signed, mac) = token
            .text()?
            .rsplit_once('.')
            .ok_or_else(Refusal::malformed)?;
        let mac = URL_SAFE_NO_PAD
            .decode(mac)
            .map_err(|_| Refusal::malformed())?;
        let fields: Vec<&str> = signed.split('.').collect();
        let [slot, client, expires, serial] = fields[..] else {
            return Err(Refusal::malformed());
        };
        let key = match slot {
            "a" => "slot-a",
            "b" => "slot-b",
            _ => return Err(Refusal::refused("key-slot")),
        };
        // A slot that the operator left empty is not the operator's mistake: anybody may write its name.
        crypto::key(key)
            .map_err(|_| Refusal::refused("key-slot"))?
            .verify(signed, mac)?;

        let expires: u64 = expires.parse().map_err(|_| Refusal::malformed())?;
        if client.is_empty() || serial.is_empty() {
            return Err(Refusal::malformed());
        }
        if expires <= call.now {
            return Err(Refusal::expired());
        }
        if call.boolean("once") == Some(true) {
            use_up(slot, serial, expires - call.now)?;
        }
        Ok(Principal::new(client)
            .issuer(call.required_text("issuer")?)
            .client(client)
            .expires_at(expires)
            .scopes(call.texts("scopes").unwrap_or_default()))
    }
}

export!(ApiKey: Validator);

/// Refuses a key that was used before. Adding is atomic: of two uses at the same time one fails.
fn use_up(slot: &str, serial: &str, left: u64) -> Result<(), Refusal> {
    // What outlives the memory could be used again after it.
    let left = u32::try_from(left)
        .ok()
        .filter(|left| u64::from(*left) <= MEMORY)
        .ok_or_else(|| Refusal::refused("key-lives-too-long"))?;
    if kv::add(&format!("used:{slot}:{serial}"), "", left)? {
        Ok(())
    } else {
        Err(Refusal::refused("key-used"))
    }
}

#[cfg(test)]
mod tests;
