//! Client authentication: by secret (RFC 6749 §2.3.1), signed assertion (RFC 7523 §2.2, JWT-SVID), or TLS
//! certificate (RFC 8705 §2, X.509-SVID). Exactly one method per request (SC-04), the one agreed on.

mod basic;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use cambist_core::{Fault, Purpose};
use cambist_token::{
    JWT_ASSERTION,
    jose::{MAX_TOKEN_BYTES, Unverified},
};
use hyper::{HeaderMap, header};
use zeroize::Zeroizing;

use super::{
    form::{self, TokenForm},
    refusal::Refusal,
};
use crate::{
    gateway::{Circumstances, Gateway},
    instance::{
        Authentication, PublishedInstance, RegisteredClient, authentication::AssertionError,
    },
};

/// `client_assertion_type` of JWT-SVIDs.
const SPIFFE_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

const FAILED: Refusal = Refusal::InvalidClient("client authentication failed");

/// What a request authenticates with.
enum Credentials<'f> {
    Secret {
        id: String,
        secret: Zeroizing<String>,
    },
    Assertion {
        /// `client_id`, which may be left out beside an assertion (RFC 7521 §4.2).
        id: Option<&'f str>,
        assertion: &'f str,
        is_svid: bool,
    },
    Certificate {
        id: &'f str,
    },
}

/// Reads the form of a request whose sender must be a client of the instance.
pub async fn authenticated_form<'i>(
    gateway: &Gateway,
    instance: &'i PublishedInstance,
    headers: &HeaderMap,
    body: &[u8],
    circumstances: &Circumstances,
) -> Result<(TokenForm, &'i RegisteredClient), Refusal> {
    if !is_form(headers) {
        return Err(Refusal::UnsupportedMediaType);
    }
    let form = form::parse(body)?;
    let client = authenticate(
        gateway,
        instance,
        headers,
        &form,
        circumstances,
        Purpose::Issue,
    )
    .await
    .map_err(|unknown| {
        tracing::info!(
            instance = instance.id,
            correlation = &*circumstances.correlation,
            reason = %unknown.reason,
            "a client did not authenticate"
        );
        unknown.refusal
    })?;
    Ok((form, client))
}

fn is_form(headers: &HeaderMap) -> bool {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    media.split(';').next().is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// A caller that is no client.
#[derive(Debug)]
pub struct Unauthenticated {
    /// What it is told.
    pub refusal: Refusal,
    /// What operators may know.
    pub reason: Cow<'static, str>,
}

impl Unauthenticated {
    fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            refusal: FAILED,
            reason: reason.into(),
        }
    }
}

impl From<Refusal> for Unauthenticated {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.description().into(),
            refusal,
        }
    }
}

impl From<Fault> for Unauthenticated {
    fn from(fault: Fault) -> Self {
        let refusal = match fault {
            Fault::Overloaded(_) | Fault::Unavailable(_) => Refusal::TemporarilyUnavailable,
            _ => Refusal::ServerError,
        };
        Self {
            refusal,
            reason: fault.to_string().into(),
        }
    }
}

/// Who asks. Exactly one method must have been used (SC-04), and it must be the client's own: what another
/// method would prove counts for nothing (SC-03).
pub async fn authenticate<'i>(
    gateway: &Gateway,
    instance: &'i PublishedInstance,
    headers: &HeaderMap,
    form: &TokenForm,
    circumstances: &Circumstances,
    purpose: Purpose,
) -> Result<&'i RegisteredClient, Unauthenticated> {
    let unknown = || Unauthenticated::because("no client of this instance has this id");
    let other_method = || Unauthenticated::because("the client authenticates in another way");
    match credentials(headers, form, circumstances)? {
        Credentials::Secret { id, secret } => {
            let client = instance.clients.get(&id).ok_or_else(unknown)?;
            let Authentication::Secret(known) = &client.authentication else {
                return Err(other_method());
            };
            if known.matches(&secret, &gateway.heavy).await? {
                Ok(client)
            } else {
                Err(Unauthenticated::because("the secret is wrong"))
            }
        }
        Credentials::Assertion {
            id,
            assertion,
            is_svid,
        } => {
            let client = asserted(instance, id, assertion, is_svid).ok_or_else(|| {
                Unauthenticated::because("the assertion names no client of this instance")
            })?;
            let now = circumstances.now;
            let accepted = client
                .authentication
                .accept_assertion(assertion.as_bytes(), is_svid, now)
                .await
                .map_err(|error| match error {
                    AssertionError::Fault(fault) => fault.into(),
                    error => Unauthenticated::because(error.to_string()),
                })?;
            let Some(jti) = accepted.id else {
                return Ok(client);
            };
            let (name, until) = (&client.client.id, accepted.until);
            let used = &gateway.used_assertions;
            let is_first = match purpose {
                Purpose::Issue => used.is_first(&instance.id, name, &jti, until, now).await?,
                Purpose::Explain => used.would_be_first(&instance.id, name, &jti, now).await?,
            };
            if is_first {
                Ok(client)
            } else {
                Err(Unauthenticated::because("the assertion was used before"))
            }
        }
        Credentials::Certificate { id } => {
            let client = instance.clients.get(id).ok_or_else(unknown)?;
            if client.authentication.accepts_certificate(circumstances) {
                Ok(client)
            } else {
                Err(Unauthenticated::because(
                    "the certificate is not this client's",
                ))
            }
        }
    }
}

/// Whose assertion it claims to be; nothing of it has been verified.
fn asserted<'i>(
    instance: &'i PublishedInstance,
    id: Option<&str>,
    assertion: &str,
    is_svid: bool,
) -> Option<&'i RegisteredClient> {
    if let Some(id) = id {
        return instance.clients.get(id);
    }
    let token = Unverified::parse(assertion.as_bytes(), MAX_TOKEN_BYTES).ok()?;
    if !is_svid {
        return instance.clients.get(&token.issuer()?);
    }
    let subject = token.subject()?;
    let mut fitting = instance
        .clients
        .values()
        .filter(|client| client.authentication.is_named_by(&subject));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn credentials<'f>(
    headers: &HeaderMap,
    form: &'f TokenForm,
    circumstances: &Circumstances,
) -> Result<Credentials<'f>, Refusal> {
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (presented.next(), presented.next()) {
        (_, Some(_)) => return Err(FAILED),
        (first, None) => first,
    };
    let has_assertion = form.client_assertion.is_some() || form.client_assertion_type.is_some();
    let used = [
        authorization.is_some(),
        form.client_secret.is_some(),
        has_assertion,
    ];
    if used.into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err(Refusal::InvalidClient(
            "use one client authentication method",
        ));
    }
    if let Some(value) = authorization {
        let (id, secret) = value.to_str().ok().and_then(basic::read).ok_or(FAILED)?;
        let agrees = form.client_id.as_ref().is_none_or(|named| *named == id);
        return if agrees {
            Ok(Credentials::Secret { id, secret })
        } else {
            Err(FAILED)
        };
    }
    if let Some(secret) = &form.client_secret {
        let id = form.client_id.clone().ok_or(FAILED)?;
        let secret = secret.clone();
        return Ok(Credentials::Secret { id, secret });
    }
    if has_assertion {
        return assertion(form);
    }
    match &form.client_id {
        Some(id) if circumstances.certificates.is_some() => Ok(Credentials::Certificate { id }),
        _ => Err(Refusal::InvalidClient("client authentication is required")),
    }
}

fn assertion(form: &TokenForm) -> Result<Credentials<'_>, Refusal> {
    let is_svid = match form.client_assertion_type.as_deref() {
        Some(JWT_ASSERTION) => false,
        Some(SPIFFE_ASSERTION) => true,
        _ => {
            return Err(Refusal::InvalidClient(
                "client assertions of this type are not accepted",
            ));
        }
    };
    let assertion = form.client_assertion.as_deref().ok_or(FAILED)?;
    Ok(Credentials::Assertion {
        id: form.client_id.as_deref(),
        assertion,
        is_svid,
    })
}
