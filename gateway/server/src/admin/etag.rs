//! Revisions as entity tags (RFC 9110 §8.8.3) and the preconditions over them (§13.1).

use hyper::{HeaderMap, StatusCode, header, header::HeaderValue};

use super::Problem;
use crate::publisher::Precondition;

/// The entity tag of a revision.
pub(super) fn etag(revision: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// What `If-Match` and `If-None-Match` demand of a write.
pub(super) fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let malformed = |name: &str| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_header",
            format!("{name} is not understood"),
            "send one ETag as it was received, or `*`",
        )
    };
    let if_match = headers.get(header::IF_MATCH);
    let if_none_match = headers.get(header::IF_NONE_MATCH);
    match (if_match, if_none_match) {
        (None, None) => Ok(Precondition::None),
        (None, Some(value)) if value == "*" => Ok(Precondition::Absent),
        (None, Some(_)) => Err(malformed("If-None-Match")),
        (Some(value), None) if value == "*" => Ok(Precondition::Present),
        (Some(value), None) => {
            let tag = value.to_str().ok().and_then(|text| {
                text.trim()
                    .strip_prefix('"')?
                    .strip_suffix('"')?
                    .parse()
                    .ok()
            });
            tag.map(Precondition::At)
                .ok_or_else(|| malformed("If-Match"))
        }
        (Some(_), Some(_)) => Err(malformed("If-Match beside If-None-Match")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_are_read() {
        let read = |name: header::HeaderName, value: &str| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
            precondition(&headers)
        };
        assert_eq!(
            read(header::IF_MATCH, "\"12\"").unwrap(),
            Precondition::At(12)
        );
        assert_eq!(read(header::IF_MATCH, "*").unwrap(), Precondition::Present);
        assert_eq!(
            read(header::IF_NONE_MATCH, "*").unwrap(),
            Precondition::Absent
        );
        assert!(read(header::IF_MATCH, "12").is_err());
        assert!(read(header::IF_NONE_MATCH, "\"12\"").is_err());
    }
}
