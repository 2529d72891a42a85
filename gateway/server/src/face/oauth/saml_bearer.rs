//! The SAML 2.0 bearer assertion grant (RFC 7522 §2.1): an assertion in, an access token out.

use cambist_core::{ExchangeError, ExchangeRequest, Presented, Token, TokenType};

use super::{form::TokenForm, refusal::Refusal};
use crate::instance::RegisteredClient;

/// The grant type. As the type of a presented token it asks for what RFC 7522 §3 demands of one.
pub const SAML2_BEARER: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// What a token of this grant is presented as.
pub const PRESENTED_TYPE: TokenType = TokenType::from_static(SAML2_BEARER);

/// Reads the parameters of the grant. Those of a token exchange have no place beside them.
pub fn request<'c>(
    form: &mut TokenForm,
    client: &'c RegisteredClient,
) -> Result<ExchangeRequest<'c>, Refusal> {
    let of_an_exchange = form.subject_token.is_some()
        || form.subject_token_type.is_some()
        || form.actor_token.is_some()
        || form.actor_token_type.is_some()
        || form.requested_token_type.is_some();
    if of_an_exchange {
        return Err(Refusal::InvalidRequest(
            "parameters of a token exchange do not belong to this grant",
        ));
    }
    if form.foreign_extension.is_some() {
        return Err(Refusal::InvalidRequest(
            "the request uses an extension that is not offered",
        ));
    }
    let mut assertion = form
        .assertion
        .take()
        .ok_or(Refusal::InvalidRequest("assertion is missing"))?;
    Ok(ExchangeRequest {
        client: &client.client,
        subject: Presented {
            token: Token::new(std::mem::take(&mut *assertion).into_bytes()),
            token_type: PRESENTED_TYPE,
        },
        actor: None,
        requested_token_type: Some(TokenType::ACCESS_TOKEN),
        audiences: std::mem::take(&mut form.audiences),
        resources: std::mem::take(&mut form.resources),
        scope: form.scope.take(),
        nonce: None,
        wanted_confirmation: None,
    })
}

/// What the client sees (RFC 7522 §3.1): whatever is wrong with the assertion is one error.
pub fn refusal(error: &ExchangeError) -> Refusal {
    match error {
        ExchangeError::NoTransformation { .. } => Refusal::UnsupportedGrantType,
        ExchangeError::Subject(_) | ExchangeError::Policy(_) if error.fault().is_none() => {
            Refusal::InvalidGrant("the assertion is not acceptable")
        }
        _ => Refusal::from(error),
    }
}
