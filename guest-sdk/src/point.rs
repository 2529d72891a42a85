//! The points that a plugin may fill, a trait for each. Those of an assertion are in [`saml`](crate::saml).

use crate::{Call, Claim, Decision, Issuance, Issued, Principal, Refusal, Token, policy::Request};

/// The input role of a transformation: reads tokens of one kind.
pub trait Validator {
    /// Judges `token` as of `call.now`. The gateway checks what is returned: an end that has passed, an
    /// empty subject or a reserved claim is not accepted whatever the plugin says.
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal>;
}

/// The output role of a transformation: makes tokens of one kind.
pub trait Provider {
    /// Makes one token.
    fn issue(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal>;
}

/// The output role of a custom type of the REST STS: makes what a caller describes. A component that fills this
/// point and [`Provider`] is asked here.
pub trait CustomProvider {
    /// Makes one token. `presented` is the input token as it was presented. `wanted` is the caller's whole
    /// `output_token_state` as JSON text, which nobody has checked; an empty object where callers describe
    /// nothing. A JSON object is the whole answer to the caller; anything else becomes its `issued_token`.
    fn issue_custom(
        presented: &Token,
        wanted: &str,
        issuance: &Issuance,
        call: &Call,
    ) -> Result<Issued, Refusal>;
}

/// An exchange policy of the operator's own, asked after the gateway's. It may only narrow or refuse.
pub trait Policy {
    /// Decides. A refusal ends the exchange.
    fn decide(request: &Request, call: &Call) -> Result<Decision, Refusal>;
}

/// Makes the claims of an ID token out of the subject's.
pub trait ClaimMapper {
    /// The claims to put into the token. `wanted` is the operator's map: the claim to make, and what to
    /// make it from.
    fn map_claims(
        issuance: &Issuance,
        wanted: &[(String, String)],
        call: &Call,
    ) -> Result<Vec<Claim>, Refusal>;
}

/// Decides the `acr` of an ID token.
pub trait AcrMapper {
    /// None leaves the claim out. `token` is the subject token as it was presented.
    fn map_acr(token: &Token, subject: &Principal, call: &Call) -> Result<Option<String>, Refusal>;
}

/// Decides the `amr` of an ID token.
pub trait AmrMapper {
    /// An empty list leaves the claim out. `token` is the subject token as it was presented.
    fn map_amr(token: &Token, subject: &Principal, call: &Call) -> Result<Vec<String>, Refusal>;
}
