//! Whose JWTs a validator accepts, and the one path all of them take.

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Declared, Fault, Principal, Rejection, Timestamp, Token, ValidateError,
    Validator,
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use super::{
    principal,
    remembered::{Name, Reader, Remembered},
};
use crate::{
    Bench, BuildError, TrustedIssuer,
    jose::{Algorithm, Expected, KeySet, Keyring, MAX_TOKEN_BYTES, Unverified, Verified},
    settings::Settings,
};

/// The name that stands for tokens this instance issued itself.
const SELF: &str = "self";
/// Tolerated clock difference between the nodes that share our keys, in seconds.
const OWN_LEEWAY: u64 = 30;

/// What separates one kind of JWT from the others (RFC 8725 §3.11, §3.12).
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// The accepted `typ` values; the argument says whether the issuer sets `typ` on access tokens.
    pub(crate) types: fn(TypOf) -> Types,
    /// Whether the claims fit, for tokens whose `typ` leaves the kind open.
    pub(crate) fits: fn(&Verified) -> bool,
}

/// Whether an issuer's access tokens carry their own `typ`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypOf {
    /// Always `at+jwt`.
    Standard,
    /// Perhaps `JWT` or none.
    Lax,
}

/// Accepted `typ` values.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub(crate) names: &'static [&'static str],
    pub(crate) may_be_absent: bool,
}

/// A validator of one kind of JWT from several sources.
pub(crate) struct JwtValidator {
    kind: Kind,
    sources: Vec<Source>,
    declared: Declared,
    reader: Reader,
}

struct Source {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    leeway: u64,
    typ: TypOf,
    client_claim: Option<String>,
    keys: Keys,
}

enum Keys {
    Fetched(Arc<TrustedIssuer>),
    Own(Arc<Keyring>),
}

/// `"name"` or a list of names.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(one) => Ok(Self(vec![one])),
            Value::Array(several) => Vec::deserialize(Value::Array(several))
                .map(Self)
                .map_err(D::Error::custom),
            _ => Err(D::Error::custom("neither a string nor a list")),
        }
    }
}

impl JwtValidator {
    pub(crate) fn build(
        kind: Kind,
        members: &Map<String, Value>,
        bench: &Bench<'_>,
    ) -> Result<Self, BuildError> {
        let settings = Settings::new(
            members,
            &["audiences", "issuers", "scopes", "subject_prefix"],
        )?;
        let hint = "\"self\" or a list of registered issuer names";
        let Names(names) = settings
            .optional("issuers", hint)?
            .ok_or_else(|| BuildError::new("issuers", "missing", hint))?;
        let audience_hint =
            "a non-empty list of `aud` values, or nothing to use the issuer's own list";
        let audiences: Option<Vec<String>> = settings.optional("audiences", audience_hint)?;
        if audiences
            .as_ref()
            .is_some_and(|list| list.is_empty() || list.iter().any(String::is_empty))
        {
            return Err(BuildError::new("audiences", "empty", audience_hint));
        }
        if names.is_empty() {
            return Err(BuildError::new("issuers", "empty", hint));
        }
        let mut sources: Vec<Source> = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let member = format!("issuers[{index}]");
            let source = if name == SELF {
                Source::own(bench, audiences.clone())?
            } else {
                let issuer = (bench.trusted_issuer)(name).ok_or_else(|| {
                    BuildError::new(
                        &member,
                        format!("no issuer is registered as `{name}`"),
                        hint,
                    )
                })?;
                Source::trusted(issuer, audiences.clone())
            };
            if sources.iter().any(|known| known.issuer == source.issuer) {
                let reason = format!("`{name}` has the same `iss` as another of them");
                return Err(BuildError::new(member, reason, "each issuer once"));
            }
            sources.push(source);
        }
        Ok(Self {
            kind,
            sources,
            declared: settings.declared()?,
            reader: Reader::new(),
        })
    }

    /// What a token is remembered by, if any issuer's tokens are.
    fn name(&self, token: &[u8]) -> Option<Name> {
        let remembers = |source: &Source| match &source.keys {
            Keys::Fetched(issuer) => issuer.verified().has_room(),
            Keys::Own(_) => false,
        };
        let remembers = self.sources.iter().any(remembers);
        remembers.then(|| Name::new(self.reader, token))
    }

    /// What is remembered of a token, if verifying it now would give the same.
    async fn recall(&self, name: &Name, now: Timestamp) -> Result<Option<Arc<Principal>>, Fault> {
        for source in &self.sources {
            if let Keys::Fetched(issuer) = &source.keys
                && let Some(known) = issuer.verified().find(name)
            {
                let keys = issuer.keys(known.key_id.as_deref(), now).await?;
                let holds = known.holds(&keys, source.leeway, now);
                return Ok(holds.then(|| Arc::clone(&known.principal)));
            }
        }
        Ok(None)
    }

    /// Whose token it claims to be; nothing of it has been verified.
    fn source(&self, token: &Unverified<'_>, claimed: Option<&str>) -> Result<&Source, Rejection> {
        let mut sources = self.sources.iter();
        match claimed {
            Some(issuer) => sources
                .find(|source| source.issuer == issuer)
                .ok_or(Rejection::UnknownIssuer),
            // A JWT-SVID is its trust domain's, whether or not it names an issuer (JWT-SVID §3).
            None => token
                .subject()
                .and_then(|subject| sources.find(|source| source.holds(&subject)))
                .ok_or(Rejection::Malformed),
        }
    }

    async fn principal(
        &self,
        token: &Token,
        call: &Call<'_>,
    ) -> Result<Arc<Principal>, ValidateError> {
        let bytes = token.as_bytes();
        if bytes.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge.into());
        }
        let name = self.name(bytes);
        if let Some(name) = &name
            && let Some(principal) = self.recall(name, call.now).await?
        {
            return Ok(principal);
        }
        let token = Unverified::parse(bytes, MAX_TOKEN_BYTES)?;
        let claimed = token.issuer();
        let source = self.source(&token, claimed.as_deref())?;
        let types = (self.kind.types)(source.typ);
        token.check_header_against(&source.algorithms, types.names, types.may_be_absent)?;
        let keys = source.keys(token.key_id(), call.now).await?;
        let expected = Expected {
            algorithms: &source.algorithms,
            keys: &keys,
            types: types.names,
            typ_may_be_absent: types.may_be_absent,
            issuer: &source.issuer,
            audiences: &source.audiences,
            leeway: source.leeway,
            now: call.now,
        };
        let verified = match claimed {
            Some(_) => token.verify(&expected)?,
            None => token.verify_whoever_issued(&expected)?,
        };
        if !(self.kind.fits)(&verified) {
            return Err(Rejection::WrongType.into());
        }
        if let Keys::Fetched(issuer) = &source.keys {
            issuer.accept(&verified.claims)?;
        }
        let (valid_from, key_id) = (verified.valid_from, verified.key_id.clone());
        let expires_at = verified.expires_at;
        let (mut principal, carried) = principal::read(verified, source.client_claim.as_deref())?;
        if let Keys::Fetched(issuer) = &source.keys {
            issuer.vouch(&mut principal);
        }
        self.declared.complete(&mut principal, carried);
        let principal = Arc::new(principal);
        if let (Keys::Fetched(issuer), Some(name)) = (&source.keys, name) {
            issuer.verified().insert(name, || Remembered {
                principal: Arc::clone(&principal),
                key_id,
                keys,
                valid_from,
                expires_at,
                length: bytes.len(),
            });
        }
        Ok(principal)
    }
}

impl Validator for JwtValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(self.principal(token, call))
    }

    fn recognises(&self, token: &Token) -> bool {
        Unverified::parse(token.as_bytes(), MAX_TOKEN_BYTES)
            .is_ok_and(|token| self.source(&token, token.issuer().as_deref()).is_ok())
    }
}

impl Source {
    fn own(bench: &Bench<'_>, audiences: Option<Vec<String>>) -> Result<Self, BuildError> {
        let audiences = audiences.ok_or_else(|| {
            let hint = "the `aud` values that make a token of ours acceptable here again";
            BuildError::new("audiences", "missing, and needed for `self`", hint)
        })?;
        if bench.keyring.verification_keys().is_empty() {
            let hint = "a signing key for this instance, or other issuers";
            return Err(BuildError::new(
                "issuers",
                "`self` has no key that others could verify",
                hint,
            ));
        }
        Ok(Self {
            issuer: bench.issuer.to_owned(),
            audiences,
            algorithms: Algorithm::ASYMMETRIC.to_vec(),
            leeway: OWN_LEEWAY,
            typ: TypOf::Standard,
            client_claim: None,
            keys: Keys::Own(Arc::clone(bench.keyring)),
        })
    }

    fn trusted(issuer: Arc<TrustedIssuer>, audiences: Option<Vec<String>>) -> Self {
        Self {
            issuer: issuer.issuer().to_owned(),
            audiences: audiences.unwrap_or_else(|| issuer.audiences().to_vec()),
            algorithms: issuer.algorithms().to_vec(),
            leeway: issuer.leeway_seconds(),
            typ: if issuer.access_token_typ_is_optional() {
                TypOf::Lax
            } else {
                TypOf::Standard
            },
            client_claim: issuer.client_claim().map(ToOwned::to_owned),
            keys: Keys::Fetched(issuer),
        }
    }

    fn holds(&self, subject: &str) -> bool {
        matches!(&self.keys, Keys::Fetched(issuer) if issuer.holds_domain_of(subject))
    }

    async fn keys(&self, kid: Option<&str>, now: Timestamp) -> Result<Arc<KeySet>, Fault> {
        match &self.keys {
            Keys::Fetched(issuer) => issuer.keys(kid, now).await,
            Keys::Own(keys) => Ok(keys.verification_keys()),
        }
    }
}
