//! `If-Match` and `If-None-Match`.

use hyper::{HeaderMap, StatusCode, header};

use super::RestError;

/// The revision that `If-Match` demands; none when the header is absent or `*`. A tag that can be no
/// revision matches nothing.
pub fn if_match(headers: &HeaderMap) -> Result<Option<u64>, RestError> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let revision = tag
        .trim_matches('"')
        .parse()
        .map_err(|_| failed("no resource has the revision in If-Match"))?;
    Ok(Some(revision))
}

/// Refuses conditions where they have no meaning: `If-Match` unless `match_allowed`, `If-None-Match`
/// unless `none_match_allowed` says that this value fits.
pub fn refuse_conditions(
    headers: &HeaderMap,
    match_allowed: bool,
    none_match_allowed: impl FnOnce(&str) -> bool,
) -> Result<(), RestError> {
    if !match_allowed && headers.contains_key(header::IF_MATCH) {
        return Err(failed("If-Match is not supported for this request"));
    }
    match headers.get(header::IF_NONE_MATCH) {
        Some(value) if !none_match_allowed(value.to_str().unwrap_or_default().trim()) => {
            Err(failed("If-None-Match is not supported for this request"))
        }
        _ => Ok(()),
    }
}

fn failed(message: &str) -> RestError {
    RestError::new(StatusCode::PRECONDITION_FAILED, message)
}
