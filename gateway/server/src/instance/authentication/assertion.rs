//! Signed client assertions: `private_key_jwt` (RFC 7523 §3, as RFC 7523bis narrows its audience) and
//! JWT-SVIDs.

use std::sync::Arc;

use cambist_core::{Fault, Rejection, Timestamp};
use cambist_token::{
    TrustedIssuer,
    jose::{Expected, MAX_TOKEN_BYTES, Unverified},
};
use serde_json::Value;

/// Furthest end of an assertion, in seconds from now (SC-02).
const LONGEST_LIFE: u64 = 300;
/// Most bytes of its identifier.
const MAX_ID_BYTES: usize = 256;

/// What an acceptable assertion asks to be remembered, so that it serves once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its identifier; none for a JWT-SVID, which may serve again while it lasts.
    pub id: Option<String>,
    /// When it ends, with all tolerance.
    pub until: Timestamp,
}

/// Why an assertion is not accepted. For operators: the client learns none of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is not addressed to us, or not to us alone (SC-01).
    #[error("the assertion is not addressed to this issuer alone")]
    Audience,
    /// It could not be judged.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It has no `jti`, or a very long one.
    #[error("the assertion has no usable jti")]
    Identifier,
    /// It could be used for too long (SC-02).
    #[error("the assertion ends more than {LONGEST_LIFE} seconds from now")]
    Lifetime,
    /// The client was registered with another way to prove itself.
    #[error("the client does not authenticate by such an assertion")]
    Method,
    /// Its signature, times, or form.
    #[error("the assertion was not accepted: {0}")]
    Rejected(#[from] Rejection),
    /// It speaks of somebody else.
    #[error("the assertion does not speak of this client")]
    Subject,
}

/// Whose assertions are accepted as one client.
pub struct Assertions {
    pub(super) keys: Arc<TrustedIssuer>,
    pub(super) audiences: Vec<String>,
    pub(super) subject: Subject,
}

/// Whom an assertion must speak of.
pub(super) enum Subject {
    /// The client, as issuer and as subject.
    Client(String),
    /// A SPIFFE ID, or all below one (`spiffe://td/path/*`).
    Spiffe(String),
}

impl Assertions {
    /// Judges an assertion.
    pub(super) async fn accept(
        &self,
        assertion: &[u8],
        now: Timestamp,
    ) -> Result<Accepted, AssertionError> {
        let token = Unverified::parse(assertion, MAX_TOKEN_BYTES)?;
        let keys = self.keys.keys(token.key_id(), now).await?;
        let leeway = self.keys.leeway_seconds();
        let expected = Expected {
            algorithms: self.keys.algorithms(),
            keys: &keys,
            types: &["JWT", "JOSE", "client-authentication+jwt"],
            typ_may_be_absent: true,
            issuer: self.keys.issuer(),
            audiences: &self.audiences,
            leeway,
            now,
        };
        let verified = match &self.subject {
            Subject::Client(_) => token.verify(&expected),
            Subject::Spiffe(_) => token.verify_whoever_issued(&expected),
        }?;
        if verified.audiences.len() != 1 {
            return Err(AssertionError::Audience);
        }
        let subject = verified.claims.get("sub").and_then(Value::as_str);
        if !subject.is_some_and(|subject| self.subject_fits(subject)) {
            return Err(AssertionError::Subject);
        }
        let until = verified.expires_at.plus(leeway + 1);
        if matches!(self.subject, Subject::Spiffe(_)) {
            return Ok(Accepted { id: None, until });
        }
        let id = verified.claims.get("jti").and_then(Value::as_str);
        let id = id
            .filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()))
            .ok_or(AssertionError::Identifier)?;
        if verified.expires_at > now.plus(LONGEST_LIFE + leeway) {
            return Err(AssertionError::Lifetime);
        }
        Ok(Accepted {
            id: Some(id.to_owned()),
            until,
        })
    }

    /// Whether a subject is the one these assertions must speak of.
    pub(super) fn subject_fits(&self, subject: &str) -> bool {
        match &self.subject {
            Subject::Client(id) => subject == id,
            Subject::Spiffe(pattern) => spiffe_fits(pattern, subject),
        }
    }
}

/// Whether a SPIFFE ID is the one named, or lies below a path that ends with `/*`.
pub(super) fn spiffe_fits(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => id
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && is_spiffe_path(rest)),
        None => id == pattern,
    }
}

/// Segments of `[A-Za-z0-9._-]`, none of them empty, `.` or `..` (SPIFFE-ID §2.2).
pub(super) fn is_spiffe_path(path: &str) -> bool {
    path.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spiffe_ids_match_whole_or_below_a_path() {
        assert!(spiffe_fits("spiffe://td/a", "spiffe://td/a"));
        assert!(spiffe_fits("spiffe://td/a/*", "spiffe://td/a/b"));
        assert!(spiffe_fits("spiffe://td/a/*", "spiffe://td/a/b/c"));
        for (pattern, id) in [
            ("spiffe://td/a", "spiffe://td/a/b"),
            ("spiffe://td/a", "spiffe://td/A"),
            ("spiffe://td/a/*", "spiffe://td/a"),
            ("spiffe://td/a/*", "spiffe://td/a/"),
            ("spiffe://td/a/*", "spiffe://td/ab"),
            ("spiffe://td/a/*", "spiffe://td/a/../b"),
            ("spiffe://td/a/*", "spiffe://td/a//b"),
            ("spiffe://td/*", "spiffe://td.evil/a"),
        ] {
            assert!(!spiffe_fits(pattern, id), "{pattern} {id}");
        }
    }
}
