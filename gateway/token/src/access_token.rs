//! JWT access tokens (RFC 9068).

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
        output::{JwtOutput, Shape, Special, Words},
        source::{JwtValidator, Kind, TypOf, Types},
    },
};

const DEFAULT_LIFETIME: u64 = 300;

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "access_token",
    token_type: TokenType::ACCESS_TOKEN,
    validator: Some(build_validator),
    provider: Some(build_provider),
};

const KIND: Kind = Kind {
    types: |typ| match typ {
        TypOf::Standard => Types {
            names: &["at+jwt"],
            may_be_absent: false,
        },
        TypOf::Lax => Types {
            names: &["at+jwt", "JWT"],
            may_be_absent: true,
        },
    },
    fits: is_access_token,
};

/// AT-07: a token without its own `typ` must show by its claims that it is an access token, and by none
/// that it is something else.
fn is_access_token(token: &Verified) -> bool {
    if token.names_its_kind {
        return true;
    }
    let says = |name: &str, wanted: &str| {
        token
            .claims
            .get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    };
    let has = |name: &&str| token.claims.contains_key(*name);
    // Tokens of applications have no scope; `azpacr` says how the application authenticated.
    let is_shown = ["scope", "scp", "client_id", "appid", "azpacr", "gty"]
        .iter()
        .any(has)
        || says("typ", "Bearer")
        || says("token_use", "access");
    let is_other = ["nonce", "at_hash", "c_hash", "s_hash", "events"]
        .iter()
        .any(has)
        || (token.claims.contains_key("typ") && !says("typ", "Bearer"))
        || (token.claims.contains_key("token_use") && !says("token_use", "access"));
    is_shown && !is_other
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
    let (output, algorithm) = JwtOutput::build(settings, bench, DEFAULT_LIFETIME, false)?;
    Ok((Arc::new(AccessToken(output)), algorithm))
}

static SHAPE: Shape = Shape {
    typ: "at+jwt",
    token_type: TokenType::ACCESS_TOKEN,
    usage: Usage::Bearer,
};

struct AccessToken(JwtOutput);

impl Provider for AccessToken {
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
        // AT-04: `scope` stands there exactly when some was granted.
        let scope = Some(issuance.scope())
            .filter(|scope| !scope.is_empty())
            .map(Words);
        let special = Special {
            // Behind a face without clients it is the one the subject token was issued to.
            client_id: issuance
                .client_id()
                .or(issuance.subject().client.as_deref()),
            scope,
            ..Special::default()
        };
        Box::pin(std::future::ready(self.0.issue(
            &SHAPE,
            special,
            &Parts::default(),
            issuance,
            call,
        )))
    }
}

#[cfg(test)]
mod tests;
