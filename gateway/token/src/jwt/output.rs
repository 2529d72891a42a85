//! Issuing JWTs: what every JWT provider does alike.

mod wording;

use std::{collections::BTreeMap, sync::Arc};

use cambist_core::{
    Actor, ActorChain, Call, Confirmation, Fault, Issuance, IssueError, IssuedToken,
    RESERVED_CLAIMS, Scope, Timestamp, Token, TokenType, Usage,
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value};

use wording::{Authentication, KeyReference, Wording};

use super::mapped::{Mappers, Parts};
use crate::{
    Bench, BuildError,
    jose::{Algorithm, KeyError, Keyring, MAX_TOKEN_BYTES, SigningKey},
    settings::{Secret, Settings},
};

const MAX_LIFETIME: u64 = 24 * 3600;

/// Signs tokens with one key for one lifetime.
pub(crate) struct JwtOutput {
    signer: Signer,
    issuer: String,
    lifetime: u64,
    mapped: BTreeMap<String, String>,
    wording: Wording,
    mappers: Mappers,
}

/// What differs between kinds.
pub(crate) struct Shape {
    /// `typ` of the header.
    pub(crate) typ: &'static str,
    /// The type of the issued token.
    pub(crate) token_type: TokenType,
    /// How it is used.
    pub(crate) usage: Usage,
}

/// The claims that only some kinds have.
#[derive(Default, Serialize)]
pub(crate) struct Special<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Words<'a>>,
}

impl JwtOutput {
    /// Reads provider settings; those of [`Wording`] only if `is_worded`. The algorithm is returned unless
    /// relying parties share a secret.
    pub(crate) fn build(
        members: &Map<String, Value>,
        bench: &Bench<'_>,
        default_lifetime: u64,
        is_worded: bool,
    ) -> Result<(Self, Option<Algorithm>), BuildError> {
        let mut known = vec!["algorithm", "claims", "lifetime_seconds", "secret"];
        if is_worded {
            known.extend(Wording::MEMBERS);
            known.extend(Mappers::MEMBERS);
        }
        let settings = Settings::new(members, &known)?;
        let wording = Wording::read(settings)?;
        let algorithm = settings
            .optional(
                "algorithm",
                "one of ES256, ES384, EdDSA, RS256 to PS512, or HS256 to HS512 with a `secret`",
            )?
            .unwrap_or(Algorithm::Es256);
        let mapped = mapped(settings)?;
        let output = Self {
            signer: signer(settings, algorithm, bench)?,
            issuer: wording
                .issuer
                .clone()
                .unwrap_or_else(|| bench.issuer.to_owned()),
            lifetime: settings.seconds("lifetime_seconds", default_lifetime, MAX_LIFETIME)?,
            mappers: Mappers::read(settings, bench, &mapped)?,
            mapped,
            wording,
        };
        Ok((output, (!algorithm.is_symmetric()).then_some(algorithm)))
    }

    /// The `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who decides parts of its tokens.
    pub(crate) const fn mappers(&self) -> &Mappers {
        &self.mappers
    }

    /// Issues one token. `parts` were decided by somebody else.
    pub(crate) fn issue(
        &self,
        shape: &Shape,
        special: Special<'_>,
        parts: &Parts,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> Result<IssuedToken, IssueError> {
        let subject = issuance.subject();
        let expires_at = issuance.ends_at(call.now, self.lifetime);
        let wording = &self.wording;
        let id = wording.identifier.write(call.random);
        let told = match wording.authentication {
            Authentication::Subject => (
                subject.authenticated_at,
                subject.authentication_context.as_deref(),
                subject.authentication_methods.as_slice(),
            ),
            Authentication::Issuance => (Some(call.now), None, [].as_slice()),
        };
        let (auth_time, acr, amr) = told;
        let acr = parts.acr.as_ref().map_or(acr, Option::as_deref);
        let amr = parts.amr.as_deref().unwrap_or(amr);
        let special = Special {
            azp: wording.authorized_party.as_deref().or(special.azp),
            ..special
        };
        let claims = Claims {
            iss: &self.issuer,
            sub: &subject.subject,
            aud: Audience(issuance.audiences()),
            exp: expires_at,
            iat: call.now,
            jti: &id,
            special,
            auth_time,
            acr,
            amr,
            act: Act(issuance.actors().map_or(&[], ActorChain::as_slice)),
            cnf: issuance.confirmation().map(Cnf::of),
            mapped: Mapped {
                names: &self.mapped,
                claims: &subject.claims,
                made: parts.claims.as_ref(),
                wording,
            },
        };
        let key = self.signer.at(call.now)?;
        let signed = match wording.key_reference {
            KeyReference::Kid => key.sign_jwt(shape.typ, &claims),
            KeyReference::Jwk => key.sign_jwt_embedding_key(shape.typ, &claims),
            KeyReference::None => key.sign_jwt_naming_no_key(shape.typ, &claims),
        };
        let token = signed.map_err(|error: KeyError| {
            IssueError::Fault(Fault::Internal(format!("cannot sign a token: {error}")))
        })?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IssueError::Impossible(
                "the token would be larger than any party accepts",
            ));
        }
        Ok(IssuedToken {
            token: Token::new(token),
            token_type: shape.token_type.clone(),
            usage: shape.usage,
            expires_at,
            id: Some(id),
        })
    }
}

/// What it signs with.
enum Signer {
    /// A secret that it shares with whoever verifies.
    Secret(Arc<SigningKey>),
    /// The key whose time it is.
    Ring(Arc<Keyring>, Algorithm),
}

impl Signer {
    fn at(&self, now: Timestamp) -> Result<Arc<SigningKey>, Fault> {
        match self {
            Self::Secret(key) => Ok(Arc::clone(key)),
            Self::Ring(ring, algorithm) => ring.signing_at(*algorithm, now).ok_or_else(|| {
                Fault::Unavailable(format!("no key for {algorithm} may sign at this time"))
            }),
        }
    }
}

fn signer(
    settings: Settings<'_>,
    algorithm: Algorithm,
    bench: &Bench<'_>,
) -> Result<Signer, BuildError> {
    let secret: Option<Secret> =
        settings
            .optional("secret", "a string")
            .map_err(|error| BuildError {
                reason: "not a string".to_owned(),
                ..error
            })?;
    match secret {
        Some(secret) if algorithm.is_symmetric() => SigningKey::hmac(secret.as_bytes(), algorithm)
            .map(|key| Signer::Secret(Arc::new(key)))
            .map_err(|error| {
                BuildError::new(
                    "secret",
                    error.to_string(),
                    "random text as long as the hash or longer",
                )
            }),
        Some(_) => Err(BuildError::new(
            "secret",
            format!("{algorithm} signs with the instance's private key"),
            "no `secret`, or HS256, HS384 or HS512 as `algorithm`",
        )),
        None if algorithm.is_symmetric() => Err(BuildError::new(
            "secret",
            format!("missing, and needed for {algorithm}"),
            "random text as long as the hash or longer",
        )),
        None => {
            let known = bench.keyring.algorithms();
            if known.contains(&algorithm) {
                return Ok(Signer::Ring(Arc::clone(bench.keyring), algorithm));
            }
            let known: Vec<&str> = known.into_iter().map(Algorithm::name).collect();
            let hint = format!("one this instance has a key for: {}", known.join(", "));
            Err(BuildError::new(
                "algorithm",
                format!("this instance has no key for {algorithm}"),
                hint,
            ))
        }
    }
}

fn mapped(settings: Settings<'_>) -> Result<BTreeMap<String, String>, BuildError> {
    let hint = "an object from issued claim names to claim names of the subject, e.g. {\"email\": \"mail\"}";
    let mapped: BTreeMap<String, String> = settings.optional("claims", hint)?.unwrap_or_default();
    match mapped
        .keys()
        .find(|name| name.is_empty() || RESERVED_CLAIMS.contains(&name.as_str()))
    {
        Some(name) => Err(BuildError::new(
            format!("claims.{name}"),
            "this claim is set by the provider",
            "a claim name without a meaning of its own in RFC 7519, RFC 8693, RFC 9068 or OpenID Connect",
        )),
        None => Ok(mapped),
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    exp: Timestamp,
    iat: Timestamp,
    jti: &'a str,
    #[serde(flatten)]
    special: Special<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Act::is_empty")]
    act: Act<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Cnf<'a>>,
    #[serde(flatten)]
    mapped: Mapped<'a>,
}

/// A scope as space-delimited text (RFC 8693 §4.2).
pub(crate) struct Words<'a>(pub(crate) &'a Scope);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// One audience as a string, several as a list (RFC 7519 §4.1.3).
struct Audience<'a>(&'a [String]);

impl Serialize for Audience<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => serializer.serialize_str(one),
            several => {
                let mut list = serializer.serialize_seq(Some(several.len()))?;
                several
                    .iter()
                    .try_for_each(|audience| list.serialize_element(audience))?;
                list.end()
            }
        }
    }
}

/// The keys the token is bound to (RFC 7800 §3.1).
#[derive(Serialize)]
struct Cnf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
}

impl<'a> Cnf<'a> {
    fn of(keys: &'a Confirmation) -> Self {
        Self {
            jkt: keys.key.as_deref(),
            certificate: keys.certificate.as_deref(),
        }
    }
}

/// The actors, newest outermost, by identity alone (RFC 8693 §4.1).
struct Act<'a>(&'a [Actor]);

impl Act<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Act<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut act = serializer.serialize_map(None)?;
        if let Some((current, prior)) = self.0.split_first() {
            act.serialize_entry("sub", &current.subject)?;
            if let Some(issuer) = &current.issuer {
                act.serialize_entry("iss", issuer)?;
            }
            if !prior.is_empty() {
                act.serialize_entry("act", &Act(prior))?;
            }
        }
        act.end()
    }
}

/// The subject's claims under the names the operator chose, or those that a mapper made.
struct Mapped<'a> {
    names: &'a BTreeMap<String, String>,
    claims: &'a Map<String, Value>,
    made: Option<&'a Map<String, Value>>,
    wording: &'a Wording,
}

impl Serialize for Mapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(made) = self.made {
            return serializer.collect_map(
                made.iter()
                    .filter_map(|(name, value)| Some((name, self.wording.claim(value)?))),
            );
        }
        serializer.collect_map(self.names.iter().filter_map(|(issued, known)| {
            Some((issued, self.wording.claim(self.claims.get(known)?)?))
        }))
    }
}

#[cfg(test)]
mod tests;
