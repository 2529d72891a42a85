//! Any signed JWT of a trusted issuer, by format alone; and what all JWT kinds share.

pub(crate) mod mapped;
pub(crate) mod output;
pub(crate) mod principal;
pub(crate) mod remembered;
pub(crate) mod source;

use std::sync::Arc;

use cambist_core::{TokenType, Validator};
use serde_json::{Map, Value};

use self::source::{JwtValidator, Kind, Types};
use crate::{Bench, BuildError, Builtin};

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "jwt",
    token_type: TokenType::JWT,
    validator: Some(build),
    provider: None,
};

const KIND: Kind = Kind {
    types: |_| Types {
        names: &["JWT"],
        may_be_absent: true,
    },
    fits: |_| true,
};

fn build(
    settings: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<Arc<dyn Validator>, BuildError> {
    Ok(Arc::new(JwtValidator::build(KIND, settings, bench)?))
}

#[cfg(test)]
mod tests;
