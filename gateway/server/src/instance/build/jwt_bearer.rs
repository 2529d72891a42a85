//! JWTs as authorization grants (RFC 7523 §2.1): each serves once (§3, item 7).

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Principal, Purpose, Rejection, Token, TokenType, Transformation,
    ValidateError, Validator,
};

use crate::{
    document::InstanceDocument, face::oauth::grant::Grant, ledger::presented_key,
    used::UsedAssertions,
};

/// How long one is remembered beyond its end, in seconds: no validator tolerates more clock difference.
const GRACE: u64 = 61;
/// How long one is remembered that has no end, in seconds.
const ENDLESS: u64 = 24 * 3600;

/// Accepts what another validator does, and that once.
struct Once {
    inner: Arc<dyn Validator>,
    used: UsedAssertions,
}

impl Once {
    async fn accept(
        &self,
        token: &Token,
        call: &Call<'_>,
    ) -> Result<Arc<Principal>, ValidateError> {
        // Nobody uses up what is not valid.
        let principal = self.inner.validate(token, call).await?;
        let (key, _) = presented_key(token.as_bytes());
        let id = base64_simd::URL_SAFE_NO_PAD.encode_to_string(key);
        let until = principal
            .expires_at
            .map_or(call.now.plus(ENDLESS), |end| end.plus(GRACE));
        let issuer = principal.issuer.as_deref().unwrap_or_default();
        // One memory for all instances: an assertion addressed to two of them serves at one.
        let place = Grant::JwtBearer.name();
        let used = &self.used;
        let is_first = match call.purpose {
            Purpose::Issue => used.is_first(place, issuer, &id, until, call.now).await?,
            Purpose::Explain => used.would_be_first(place, issuer, &id, call.now).await?,
        };
        if is_first {
            return Ok(principal);
        }
        Err(ValidateError::RefusedWith {
            rejection: Rejection::Refused,
            code: "used_before".to_owned(),
            message: None,
        })
    }
}

impl Validator for Once {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(self.accept(token, call))
    }
}

/// The grants of an instance: wherever it makes access tokens out of JWTs.
pub(super) fn grants(
    document: &InstanceDocument,
    transformations: &[Transformation],
    used: &UsedAssertions,
) -> Vec<Transformation> {
    let made = transformations.iter().filter(|made| {
        made.subject == TokenType::JWT && *made.provider.token_type() == TokenType::ACCESS_TOKEN
    });
    let grant = |made: &Transformation| {
        let inner = Arc::clone(&made.validator);
        let validator: Arc<dyn Validator> = if document.jwt_bearer.reusable {
            inner
        } else {
            Arc::new(Once {
                inner,
                used: used.clone(),
            })
        };
        Some(Transformation {
            subject: Grant::JwtBearer.assertion()?,
            validator,
            provider: Arc::clone(&made.provider),
        })
    };
    made.filter_map(grant).collect()
}
