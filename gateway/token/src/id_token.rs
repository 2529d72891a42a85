//! ID tokens (`OpenID` Connect Core §2).

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Issuance, IssueError, IssuedToken, Provider, TokenType, Usage, Validator,
};
use serde_json::{Map, Value};

use crate::{
    Bench, BuildError, Builtin,
    jose::{Algorithm, Verified},
    jwt::{
        mapped::Parts,
        output::{JwtOutput, Shape, Special},
        source::{JwtValidator, Kind, Types},
    },
};

const DEFAULT_LIFETIME: u64 = 600;

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "id_token",
    token_type: TokenType::ID_TOKEN,
    validator: Some(build_validator),
    provider: Some(build_provider),
};

const KIND: Kind = Kind {
    types: |_| Types {
        names: &["JWT"],
        may_be_absent: true,
    },
    fits: is_id_token,
};

/// SX-10: ID tokens have no `typ` of their own, so what only access tokens, logout tokens and the like
/// carry tells them apart. `iat` is required (`OpenID` Connect Core §2).
fn is_id_token(token: &Verified) -> bool {
    let says = |value: &Value, wanted: &str| {
        let text = value.as_str();
        text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    };
    let fits = |(name, value): (&String, &Value)| match name.as_str() {
        "client_id" | "events" | "gty" | "scope" | "scp" => false,
        "typ" => says(value, "ID"),
        "token_use" => says(value, "id"),
        _ => true,
    };
    token.claims.contains_key("iat") && token.claims.iter().all(fits)
}

fn build_validator(
    settings: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<Arc<dyn Validator>, BuildError> {
    Ok(Arc::new(JwtValidator::build(KIND, settings, bench)?))
}

fn build_provider(
    settings: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<(Arc<dyn Provider>, Option<Algorithm>), BuildError> {
    let (output, algorithm) = JwtOutput::build(settings, bench, DEFAULT_LIFETIME, true)?;
    Ok((Arc::new(IdToken(output)), algorithm))
}

static SHAPE: Shape = Shape {
    typ: "JWT",
    token_type: TokenType::ID_TOKEN,
    usage: Usage::NotApplicable,
};

struct IdToken(JwtOutput);

impl Provider for IdToken {
    fn token_type(&self) -> &TokenType {
        &SHAPE.token_type
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0.issuer())
    }

    fn can_bind(&self) -> bool {
        true
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        let special = Special {
            azp: issuance.client_id(),
            nonce: issuance.nonce(),
            ..Special::default()
        };
        let output = &self.0;
        if output.mappers().is_empty() {
            let issued = output.issue(&SHAPE, special, &Parts::default(), issuance, call);
            return Box::pin(std::future::ready(issued));
        }
        Box::pin(async move {
            let parts = output.mappers().decide(issuance, call).await?;
            output.issue(&SHAPE, special, &parts, issuance, call)
        })
    }
}

#[cfg(test)]
mod tests;
