//! What an exchange gives to a request: the headers that the upstream receives, and what later requests
//! with the same credential are judged by.

use std::net::IpAddr;

use cambist_core::{Exchanged, Timestamp, Usage};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    cache::Basis,
    credential::{LONGEST_TOKEN, is_token68, own_header},
    refusal::Refusal,
    route::{SendDocument, StepUpDocument},
};
use crate::publish_error::PublishError;

/// Longest value of a header that is made of a claim.
const LONGEST_CLAIM: usize = 4096;

/// Where the issued token goes.
#[derive(Clone, Debug)]
pub(super) enum Delivery {
    Bearer,
    Header(HeaderName),
    Saml(HeaderName),
    Nothing,
}

impl Delivery {
    pub(super) fn build(document: &SendDocument) -> Result<Self, PublishError> {
        let header = |name: &str| {
            own_header(name).ok_or_else(|| {
                PublishError::new(
                    "send.name",
                    "is not a header that can hold a token",
                    "name an end-to-end header other than Authorization, Cookie and Host",
                )
            })
        };
        Ok(match document {
            SendDocument::Bearer => Self::Bearer,
            SendDocument::Header { name } => Self::Header(header(name)?),
            SendDocument::Saml { name } => Self::Saml(header(name)?),
            SendDocument::Nothing => Self::Nothing,
        })
    }

    /// The header it goes into, if that is one of the route's own.
    pub(super) const fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) | Self::Saml(name) => Some(name),
            Self::Bearer | Self::Nothing => None,
        }
    }

    /// The token as a header. RFC 6750 §2.1 is kept for the upstream's sake as strictly as for ours.
    fn write(&self, exchanged: &Exchanged) -> Result<Option<(HeaderName, HeaderValue)>, Refusal> {
        let token = exchanged.issued.token.as_bytes();
        let (name, text) = match self {
            Self::Nothing => return Ok(None),
            Self::Bearer => {
                if exchanged.issued.usage != Usage::Bearer {
                    return Err(Refusal::Unsendable("it is not an access token"));
                }
                if token.len() > LONGEST_TOKEN || !is_token68(token) {
                    return Err(Refusal::Unsendable(
                        "it is too long or holds other characters",
                    ));
                }
                (AUTHORIZATION, [b"Bearer ", token].concat())
            }
            Self::Header(name) => {
                if token.len() > LONGEST_TOKEN || !token.iter().all(u8::is_ascii_graphic) {
                    return Err(Refusal::Unsendable(
                        "it is too long or holds other characters",
                    ));
                }
                (name.clone(), token.to_vec())
            }
            Self::Saml(name) => {
                let assertion = base64_simd::URL_SAFE_NO_PAD
                    .decode_to_vec(token)
                    .map_err(|_| Refusal::Unsendable("it is not an assertion in base64url"))?;
                (
                    name.clone(),
                    base64_simd::STANDARD
                        .encode_to_string(assertion)
                        .into_bytes(),
                )
            }
        };
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(text))
            .map_err(|_| Refusal::Unsendable("it does not fit into a header"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

/// What the upstream receives of an exchange.
#[derive(Debug)]
pub(super) struct Granted {
    /// The issued token, complete and marked sensitive.
    pub(super) token: Option<(HeaderName, HeaderValue)>,
    /// Headers from claims.
    pub(super) claims: Vec<(HeaderName, HeaderValue)>,
    /// Whom it speaks of, for the access log.
    pub(super) subject: String,
    /// What must not have been revoked.
    pub(super) basis: Basis,
    only_from: Option<IpAddr>,
    context: Option<String>,
    authenticated_at: Option<Timestamp>,
}

impl Granted {
    /// Checks that what was issued can be sent, and makes it ready. `epoch` is that before the exchange.
    pub(super) fn new(
        exchanged: Exchanged,
        epoch: u64,
        send: &Delivery,
        claim_headers: &[(HeaderName, String)],
    ) -> Result<Self, Refusal> {
        if exchanged.confirmation.is_some() {
            return Err(Refusal::Unsendable("it is bound to a key of somebody else"));
        }
        let token = send.write(&exchanged)?;
        let mut claims = Vec::with_capacity(claim_headers.len());
        for (name, claim) in claim_headers {
            if let Some(text) = claim_text(&exchanged, claim) {
                let value = HeaderValue::try_from(text)
                    .ok()
                    .filter(|value| value.len() <= LONGEST_CLAIM)
                    .ok_or(Refusal::Unsendable("a claim is too long for a header"))?;
                claims.push((name.clone(), value));
            }
        }
        let Exchanged {
            subject,
            principal,
            marks,
            ..
        } = exchanged;
        Ok(Self {
            token,
            claims,
            subject,
            basis: Basis::new(marks, epoch),
            only_from: principal.only_from,
            context: principal.authentication_context.clone(),
            authenticated_at: principal.authenticated_at,
        })
    }

    /// One that gives these headers, the first as its token.
    #[cfg(test)]
    pub(super) fn fixture(headers: &[(&'static str, &'static str)]) -> Self {
        let mut headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Self {
            token: headers.next(),
            claims: headers.collect(),
            subject: String::new(),
            basis: Basis::new(std::sync::Arc::default(), 0),
            only_from: None,
            context: None,
            authenticated_at: None,
        }
    }

    /// Bytes it occupies beside its fixed part.
    pub(super) fn weight(&self) -> usize {
        let header = |(name, value): &(HeaderName, HeaderValue)| name.as_str().len() + value.len();
        self.token.as_ref().map_or(0, header)
            + self.claims.iter().map(header).sum::<usize>()
            + self.subject.len()
            + self.context.as_ref().map_or(0, String::len)
    }

    /// Whether the credential that it was made from may come from this address.
    pub(super) fn may_come_from(&self, address: IpAddr) -> bool {
        self.only_from
            .is_none_or(|only| only == address.to_canonical())
    }

    /// Whether the subject authenticated as the route asks (RFC 9470 §2). What is not known is not met.
    pub(super) fn meets(&self, wanted: &StepUpDocument, now: Timestamp) -> bool {
        let strong = wanted.acr_values.is_empty()
            || self
                .context
                .as_ref()
                .is_some_and(|context| wanted.acr_values.contains(context));
        let recent = wanted.max_age_seconds.is_none_or(|most| {
            self.authenticated_at
                .is_some_and(|at| now.since(at) <= most)
        });
        strong && recent
    }
}

/// A claim as the text of a header: what the gateway itself says before what the token said. Objects have
/// no such form.
fn claim_text(exchanged: &Exchanged, claim: &str) -> Option<String> {
    let principal = &exchanged.principal;
    let text = match claim {
        "sub" => escaped(&exchanged.subject, false),
        "scope" => exchanged.scope.to_string(),
        "aud" => list(exchanged.audiences.iter().map(String::as_str)),
        "iss" => escaped(principal.issuer.as_deref()?, false),
        "client_id" | "azp" => escaped(principal.client.as_deref()?, false),
        "acr" => escaped(principal.authentication_context.as_deref()?, false),
        "amr" => list(principal.authentication_methods.iter().map(String::as_str)),
        "auth_time" => principal.authenticated_at?.0.to_string(),
        "exp" => exchanged.issued.expires_at.0.to_string(),
        "act" => escaped(&exchanged.actors.as_ref()?.current()?.subject, false),
        _ => match principal.claims.get(claim)? {
            Value::String(text) => escaped(text, false),
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(items) => {
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| match item {
                        Value::String(text) => Some(text.clone()),
                        Value::Bool(truth) => Some(truth.to_string()),
                        Value::Number(number) => Some(number.to_string()),
                        Value::Null | Value::Array(_) | Value::Object(_) => None,
                    })
                    .collect();
                list(texts?.iter().map(String::as_str))
            }
            Value::Null | Value::Object(_) => return None,
        },
    };
    Some(text)
}

fn list<'t>(items: impl Iterator<Item = &'t str>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&escaped(item, true));
    }
    text
}

/// Percent-encodes whatever is not visible ASCII or a space within, and `%` itself, so that no claim can
/// end a header; and commas where they separate items.
fn escaped(text: &str, is_item: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (index, byte) in text.bytes().enumerate() {
        let stays = match byte {
            b'%' => false,
            b',' => !is_item,
            b' ' => !is_item && index != 0 && index != last,
            _ => byte.is_ascii_graphic(),
        };
        if stays {
            safe.push(char::from(byte));
        } else {
            const DIGITS: [char; 16] = [
                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
            ];
            safe.push('%');
            for digit in [byte >> 4, byte & 15] {
                safe.push(DIGITS.get(usize::from(digit)).copied().unwrap_or('0'));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests;
