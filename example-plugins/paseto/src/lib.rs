//! Issues PASETO v4.public tokens: claims in JSON under an Ed25519 signature, with nothing to negotiate.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cambist_guest::{Actor, Call, Issuance, Issued, Provider, Refusal, crypto, export};
use serde_json::{Map, Value, json};

const HEADER: &str = "v4.public.";

/// The provider.
pub struct Paseto;

impl Provider for Paseto {
    fn issue(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal> {
        // The claim `aud` of a PASETO is one string.
        let [audience] = &issuance.audiences[..] else {
            return Err(Refusal::refused("one-audience"));
        };
        let lifetime = u64::try_from(call.required_integer("lifetime")?)
            .map_err(|_| Refusal::internal("`lifetime` is negative"))?;
        let end = issuance.end(call.now, lifetime);

        let mut claims = object([
            ("iss", json!(issuance.issuer)),
            ("sub", json!(issuance.subject.subject)),
            ("aud", json!(audience)),
            ("iat", json!(rfc3339(call.now))),
            ("nbf", json!(rfc3339(call.now))),
            ("exp", json!(rfc3339(end))),
            ("jti", json!(issuance.id)),
            ("scope", json!(issuance.scopes.join(" "))),
        ]);
        let client = issuance.client.as_ref().map(|client| json!(client));
        claims.extend(client.map(|client| ("client_id".to_owned(), client)));
        claims.extend(act(&issuance.actors).map(|act| ("act".to_owned(), act)));
        let footer = call
            .text("kid")
            .map_or_else(String::new, |kid| json!({ "kid": kid }).to_string());
        let token = v4_public(&Value::Object(claims).to_string(), &footer)?;
        Ok(Issued::bearer(token, end))
    }
}

export!(Paseto: Provider);

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The chain of actors, the newest outside (RFC 8693 §4.1).
fn act(actors: &[Actor]) -> Option<Value> {
    actors.iter().rev().fold(None, |inner, actor| {
        let mut act = object([("sub", json!(actor.subject))]);
        let issuer = actor.issuer.as_ref().map(|issuer| json!(issuer));
        act.extend(issuer.map(|issuer| ("iss".to_owned(), issuer)));
        act.extend(inner.map(|inner| ("act".to_owned(), inner)));
        Some(Value::Object(act))
    })
}

/// Signs a message by the key `signing`, without an implicit assertion.
fn v4_public(message: &str, footer: &str) -> Result<String, Refusal> {
    let signed = pae(&[HEADER, message, footer, ""]);
    let signature = crypto::key("signing")?.sign(signed)?;
    let body = URL_SAFE_NO_PAD.encode([message.as_bytes(), &signature[..]].concat());
    Ok(if footer.is_empty() {
        format!("{HEADER}{body}")
    } else {
        format!("{HEADER}{body}.{}", URL_SAFE_NO_PAD.encode(footer))
    })
}

/// Pre-authentication encoding: no two lists of pieces have the same one.
fn pae(pieces: &[&str]) -> Vec<u8> {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes();
    let mut encoded = count(pieces.len()).to_vec();
    for piece in pieces {
        encoded.extend(count(piece.len()));
        encoded.extend(piece.as_bytes());
    }
    encoded
}

/// A time in seconds since 1970-01-01T00:00:00Z as PASETO writes it (RFC 3339).
fn rfc3339(time: u64) -> String {
    let (days, second) = (time / 86_400, time % 86_400);
    // Years that begin in March, in eras of 400 of them, have their leap day at the end.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (400 * era + year, month + 3),
        _ => (400 * era + year + 1, month - 9),
    };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests;
