//! The builtin token types, one file each, over one strict [`jose`] module.
//!
//! A builtin is a kind with a validator, a provider, or both. [`BUILTINS`] is the whole list; whoever
//! publishes an instance looks a kind up there and builds it from its settings and [`Bench`]. Everything
//! that can be wrong with settings is wrong then, as a [`BuildError`], and never at a request.

mod access_token;
pub mod attempts;
pub mod dpop;
mod id_token;
mod introspection;
pub mod issuer;
pub mod jose;
mod jwt;
mod learned;
mod session;
mod settings;
mod username;

use std::sync::Arc;

use cambist_core::{Provider, TokenType, Validator};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub use attempts::{Allowance, Attempt, Attempts};
pub use introspection::JWT_ASSERTION;
pub use issuer::{IssuerConfig, IssuerConfigError, TrustedIssuer};
pub use jwt::mapped::{AcrMapper, AmrMapper, ClaimMapper, MapperSource};
pub use learned::Learned;
pub use session::{NoSessions, Session, SessionDirectory};
pub use settings::BuildError;
pub use username::{PasswordDirectory, Profile};

pub use jose::Keyring;

use jose::Algorithm;

/// What a builtin is built with.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The instance's own issuer identifier, the `iss` of what it issues.
    pub issuer: &'a str,
    /// The realm whose users it knows.
    pub realm: &'a str,
    /// The keys it signs with.
    pub keyring: &'a Arc<Keyring>,
    /// Where passwords are checked.
    pub directory: &'a Arc<dyn PasswordDirectory>,
    /// Where sessions are looked up.
    pub sessions: &'a Arc<dyn SessionDirectory>,
    /// A trusted issuer by its registered name.
    pub trusted_issuer: &'a dyn Fn(&str) -> Option<Arc<TrustedIssuer>>,
    /// A secret of the vault, as text.
    pub secret: &'a dyn Fn(&str) -> Option<Zeroizing<String>>,
    /// Whoever decides parts of its tokens.
    pub mappers: &'a dyn MapperSource,
}

/// Builds a validator from its settings.
pub type BuildValidator =
    fn(&Map<String, Value>, &Bench<'_>) -> Result<Arc<dyn Validator>, BuildError>;

/// Builds a provider from its settings, with the algorithm whose public keys relying parties need to
/// verify what it issues. None when they share a secret with it instead.
pub type BuildProvider = fn(
    &Map<String, Value>,
    &Bench<'_>,
) -> Result<(Arc<dyn Provider>, Option<Algorithm>), BuildError>;

/// A builtin token type.
#[derive(Clone, Debug)]
pub struct Builtin {
    /// Its name in configuration.
    pub kind: &'static str,
    /// The type of its tokens.
    pub token_type: TokenType,
    /// How to build its validator, if it has one.
    pub validator: Option<BuildValidator>,
    /// How to build its provider, if it has one.
    pub provider: Option<BuildProvider>,
}

/// Every builtin, by kind in alphabetical order.
pub const BUILTINS: &[Builtin] = &[
    access_token::BUILTIN,
    id_token::BUILTIN,
    introspection::BUILTIN,
    jwt::BUILTIN,
    session::BUILTIN,
    username::BUILTIN,
];

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
