//! Assertions as authorization grants (RFC 7522).

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Principal, Token, TokenType, Transformation, ValidateError, Validator,
};
use cambist_saml::accept::Presenter;

use super::{Frame, SamlValidator};
use crate::face::oauth::saml_bearer::PRESENTED_TYPE;

/// Judges as RFC 7522 §3 does: a bearer's confirmation has to hold, and it has to name this token endpoint.
struct BearerGrant(Arc<SamlValidator>);

impl Validator for BearerGrant {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        let presenter = Presenter {
            address: call.proofs.address,
            recipient_required: true,
            ..Presenter::default()
        };
        Box::pin(self.0.accept(token, presenter, call))
    }
}

/// The grants of an instance: wherever it makes access tokens out of assertions.
pub fn bearer_grants(frame: &Frame<'_>, transformations: &[Transformation]) -> Vec<Transformation> {
    let validators = frame.validators.borrow();
    let Some(validator) = validators.first() else {
        return Vec::new();
    };
    transformations
        .iter()
        .filter(|made| {
            made.subject == TokenType::SAML2
                && *made.provider.token_type() == TokenType::ACCESS_TOKEN
        })
        .map(|made| Transformation {
            subject: PRESENTED_TYPE,
            validator: Arc::new(BearerGrant(Arc::clone(validator))),
            provider: Arc::clone(&made.provider),
        })
        .collect()
}
