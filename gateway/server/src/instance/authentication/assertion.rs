//! Signed client assertions: `private_key_jwt` (RFC 7523 §3, as RFC 7523bis narrows its audience) and
//! JWT-SVIDs.

use std::sync::Arc;

use cambist_core::{Fault, Timestamp};
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
    /// Judges an assertion. None if it is not acceptable; why is nobody's business but the log's.
    pub(super) async fn accept(
        &self,
        assertion: &[u8],
        now: Timestamp,
    ) -> Result<Option<Accepted>, Fault> {
        let Ok(token) = Unverified::parse(assertion, MAX_TOKEN_BYTES) else {
            return Ok(None);
        };
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
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                tracing::info!(%rejection, "a client assertion was not accepted");
                return Ok(None);
            }
        };
        let subject = verified.claims.get("sub").and_then(Value::as_str);
        // SC-01: addressed to us and to nobody else.
        let is_ours_alone = verified.audiences.len() == 1;
        let is_named = subject.is_some_and(|subject| self.subject_fits(subject));
        if !is_ours_alone || !is_named {
            return Ok(None);
        }
        let until = verified.expires_at.plus(leeway + 1);
        if matches!(self.subject, Subject::Spiffe(_)) {
            return Ok(Some(Accepted { id: None, until }));
        }
        let id = verified.claims.get("jti").and_then(Value::as_str);
        let id = id.filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()));
        let ends_soon = verified.expires_at <= now.plus(LONGEST_LIFE + leeway);
        Ok(id.filter(|_| ends_soon).map(|id| Accepted {
            id: Some(id.to_owned()),
            until,
        }))
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
