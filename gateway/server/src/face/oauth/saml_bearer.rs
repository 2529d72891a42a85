//! The SAML 2.0 bearer assertion grant (RFC 7522 §2.1): an assertion in, an access token out.

use cambist_core::{ExchangeError, TokenType};

use super::refusal::Refusal;

/// The grant type. As the type of a presented token it asks for what RFC 7522 §3 demands of one.
pub const SAML2_BEARER: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// What a token of this grant is presented as.
pub const PRESENTED_TYPE: TokenType = TokenType::from_static(SAML2_BEARER);

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
