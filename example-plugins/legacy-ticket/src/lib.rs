//! Validates the ticket of a legacy web access manager:
//!
//! ```text
//! v1|user=dana|groups=sales,ops|auth=password|issued=1896317106|expires=1896320706|<64 hex digits>
//! ```
//!
//! The last field is the HMAC-SHA256, by the key `ticket`, of everything before the bar in front of it.

use cambist_guest::{Call, Principal, Refusal, Token, Validator, crypto, export};

/// How far the old system's clock may be ahead of the gateway's, in seconds.
const SKEW: u64 = 30;

/// The validator.
pub struct LegacyTicket;

impl Validator for LegacyTicket {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        // The MAC comes first: nothing of a forged ticket is worth reading.
        let (signed, mac) = token
            .text()?
            .rsplit_once('|')
            .ok_or_else(Refusal::malformed)?;
        let mac = bytes(mac).ok_or_else(Refusal::malformed)?;
        crypto::key("ticket")?.verify(signed, mac)?;

        // From here on the old system itself is speaking.
        let mut fields = signed.split('|');
        if fields.next() != Some("v1") {
            return Err(Refusal::refused("ticket-version"));
        }
        let user = field(&mut fields, "user")?;
        let groups = field(&mut fields, "groups")?;
        let method = field(&mut fields, "auth")?;
        let issued = time(field(&mut fields, "issued")?)?;
        let expires = time(field(&mut fields, "expires")?)?;
        if user.is_empty() || method.is_empty() || fields.next().is_some() {
            return Err(Refusal::malformed());
        }
        if issued > call.now.saturating_add(SKEW) {
            return Err(Refusal::not_yet_valid());
        }
        if expires <= call.now {
            return Err(Refusal::expired());
        }

        let groups: Vec<_> = groups
            .split(',')
            .filter(|group| !group.is_empty())
            .collect();
        let principal = Principal::new(user)
            .issuer(call.text("issuer").unwrap_or("legacy-ticket"))
            .expires_at(expires)
            .authenticated_at(issued.min(call.now))
            .authentication_method(if method == "password" { "pwd" } else { method })
            .claim("groups", groups);
        Ok(if cfg!(feature = "second-edition") {
            principal.claim("edition", "2")
        } else {
            principal
        })
    }
}

export!(LegacyTicket: Validator);

/// The next field, which must have this name.
fn field<'a>(fields: &mut impl Iterator<Item = &'a str>, name: &str) -> Result<&'a str, Refusal> {
    let (found, value) = fields
        .next()
        .and_then(|field| field.split_once('='))
        .ok_or_else(Refusal::malformed)?;
    if found == name {
        Ok(value)
    } else {
        Err(Refusal::malformed())
    }
}

fn time(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::malformed())
}

/// 32 bytes from their hexadecimal digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let bytes: Vec<u8> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
