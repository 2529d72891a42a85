//! Which tokens of an issuer are accepted, beyond being its own: whom they may speak of, and what they must
//! claim.

use std::collections::BTreeMap;

use cambist_core::Rejection;
use serde_json::{Map, Value};

use crate::settings::BuildError;

/// Most patterns, and most claims, of one issuer.
const MOST: usize = 64;

/// Checks the rules as configured.
pub(super) fn check(
    subjects: &[String],
    claims: &BTreeMap<String, Value>,
    trust_domain: Option<&str>,
) -> Result<(), BuildError> {
    let hint = "a subject, or one that ends a part with `*`: `repo:acme/*`, `system:serviceaccount:shop:*`";
    if subjects.len() > MOST || claims.len() > MOST {
        return Err(BuildError::new(
            "subjects",
            "too many",
            format!("at most {MOST}"),
        ));
    }
    for (index, pattern) in subjects.iter().enumerate() {
        if !is_anchored(pattern) {
            let reason = format!("`{pattern}` could match more than it seems to (AB-10)");
            return Err(BuildError::new(format!("subjects[{index}]"), reason, hint));
        }
    }
    for (name, wanted) in claims {
        let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        let fits = match wanted {
            Value::Array(several) => !several.is_empty() && several.iter().all(is_plain),
            one => is_plain(one),
        };
        if !fits {
            return Err(BuildError::new(
                format!("claims.{name}"),
                "not a value a claim can be compared with",
                "a string, number or boolean, or a non-empty list of them",
            ));
        }
    }
    let is_domain = |domain: &str| {
        !domain.is_empty()
            && domain
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    match trust_domain {
        Some(domain) if !is_domain(domain) => Err(BuildError::new(
            "trust_domain",
            format!("`{domain}` is not a trust domain"),
            "lower-case letters, digits, `.`, `-` and `_`, such as \"example.org\"",
        )),
        _ => Ok(()),
    }
}

/// AB-10: a star stands for whole parts, at the end, behind `/` or `:`.
fn is_anchored(pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => prefix.ends_with(['/', ':']) && !prefix.contains('*'),
        None => !pattern.is_empty() && !pattern.contains('*'),
    }
}

/// Whether a verified token is one of those that are accepted.
pub(crate) fn accept(
    verified: &Map<String, Value>,
    subjects: &[String],
    claims: &BTreeMap<String, Value>,
    trust_domain: Option<&str>,
) -> Result<(), Rejection> {
    let subject = verified
        .get("sub")
        .and_then(Value::as_str)
        .ok_or(Rejection::Malformed)?;
    let is_named = subjects.is_empty() || subjects.iter().any(|pattern| fits(pattern, subject));
    let is_of_domain = trust_domain.is_none_or(|domain| is_of(domain, subject));
    let says = |name: &String, wanted: &Value| {
        verified.get(name).is_some_and(|said| match wanted {
            Value::Array(several) => several.contains(said),
            one => one == said,
        })
    };
    let is_claimed = claims.iter().all(|(name, wanted)| says(name, wanted));
    if is_named && is_of_domain && is_claimed {
        Ok(())
    } else {
        Err(Rejection::Refused)
    }
}

/// Whether a SPIFFE ID lies in a trust domain.
pub(crate) fn is_of(domain: &str, subject: &str) -> bool {
    subject
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.strip_prefix(domain))
        .is_some_and(|path| path.len() > 1 && path.starts_with('/'))
}

fn fits(pattern: &str, subject: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => subject
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty()),
        None => pattern == subject,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judge(subject: &str, pattern: &str) -> bool {
        let Value::Object(verified) = json!({"sub": subject}) else {
            panic!("an object")
        };
        accept(&verified, &[pattern.to_owned()], &BTreeMap::new(), None).is_ok()
    }

    #[test]
    fn ab_10_patterns_are_whole_and_anchored() {
        for pattern in ["repo:acme/*", "system:serviceaccount:*", "alice"] {
            assert!(is_anchored(pattern), "{pattern}");
        }
        for pattern in [
            "",
            "*",
            "repo:acme*",
            "repo:*/main",
            "a*b",
            "repo:**",
            "acme.*",
        ] {
            assert!(!is_anchored(pattern), "{pattern}");
        }
        assert!(judge("repo:acme/shop:ref:refs/heads/main", "repo:acme/*"));
        for subject in [
            "repo:acme-evil/shop",
            "repo:acme/",
            "xrepo:acme/shop",
            "repo:acme",
        ] {
            assert!(!judge(subject, "repo:acme/*"), "{subject}");
        }
    }

    #[test]
    fn as_08_required_claims_must_all_be_there() {
        let rules = BTreeMap::from([
            ("repository_id".to_owned(), json!("7")),
            (
                "ref".to_owned(),
                json!(["refs/heads/main", "refs/heads/next"]),
            ),
        ]);
        let judge = |verified: Value| match verified {
            Value::Object(verified) => accept(&verified, &[], &rules, None),
            _ => panic!("an object"),
        };
        assert!(judge(json!({"sub": "s", "repository_id": "7", "ref": "refs/heads/next"})).is_ok());
        for wrong in [
            json!({"sub": "s", "repository_id": "7"}),
            json!({"sub": "s", "repository_id": 7, "ref": "refs/heads/main"}),
            json!({"sub": "s", "repository_id": "7", "ref": "refs/heads/evil"}),
            json!({"sub": "s", "repository_id": ["7"], "ref": "refs/heads/main"}),
        ] {
            assert_eq!(judge(wrong.clone()), Err(Rejection::Refused), "{wrong}");
        }
    }

    #[test]
    fn a_trust_domain_holds_its_ids_alone() {
        assert!(is_of("example.org", "spiffe://example.org/web"));
        for other in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org.evil/web",
            "https://example.org/web",
        ] {
            assert!(!is_of("example.org", other), "{other}");
        }
    }
}
