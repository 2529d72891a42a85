//! Checks of the members of a route's document.

use std::time::Duration;

use hyper::Uri;

use super::{
    super::{
        hygiene::{is_host, is_normalised},
        upstream::Origin,
    },
    StepUpDocument,
};
use crate::publish_error::PublishError;

/// Longest `path_prefix` and base path, in bytes.
pub(super) const LONGEST_PATH: usize = 1024;
/// Longest name.
const LONGEST_NAME: usize = 64;
/// Most credentials, claim headers and authentication contexts.
const MOST_PARTS: usize = 32;

pub(super) fn check_count(member: &str, count: usize) -> Result<(), PublishError> {
    if count <= MOST_PARTS {
        Ok(())
    } else {
        Err(PublishError::new(
            member,
            "has too many members",
            format!("give at most {MOST_PARTS}"),
        ))
    }
}

/// What stands in a challenge must need no escaping.
pub(super) fn check_step_up(step_up: Option<&StepUpDocument>) -> Result<(), PublishError> {
    let Some(step_up) = step_up else {
        return Ok(());
    };
    check_count("step_up.acr_values", step_up.acr_values.len())?;
    let sound = step_up.acr_values.iter().all(|value| {
        !value.is_empty()
            && value
                .bytes()
                .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    });
    if !sound || (step_up.acr_values.is_empty() && step_up.max_age_seconds.is_none()) {
        return Err(PublishError::new(
            "step_up",
            "asks for nothing that a challenge could say",
            "give `acr_values` without spaces and quotes, or `max_age_seconds`",
        ));
    }
    Ok(())
}

pub(super) fn check_metadata(url: Option<&str>) -> Result<(), PublishError> {
    let sound = url.is_none_or(|url| {
        fluent_uri::Uri::parse(url).is_ok_and(|url| {
            matches!(url.scheme().as_str(), "https" | "http") && url.authority().is_some()
        })
    });
    if sound {
        Ok(())
    } else {
        Err(PublishError::new(
            "resource_metadata",
            "is not a URL",
            "give the URL of the resource's metadata (RFC 9728 §3.1)",
        ))
    }
}

/// The name stands in challenges and logs, so it holds nothing that would need escaping.
pub(super) fn check_name(name: &str) -> Result<(), PublishError> {
    let sound = (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if sound {
        Ok(())
    } else {
        Err(PublishError::new(
            "",
            "the route's name cannot be used",
            "use 1 to 64 letters, digits, '-', '_' and '.'",
        ))
    }
}

pub(super) fn check_host(host: &str) -> Result<String, PublishError> {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'));
    if !is_host(host) || has_port || host.ends_with('.') {
        return Err(PublishError::new(
            "host",
            "is not a host",
            "give a name or an address without port, or leave it out",
        ));
    }
    Ok(host.to_ascii_lowercase())
}

pub(super) fn check_path(member: &str, path: &str) -> Result<String, PublishError> {
    if path.len() > LONGEST_PATH || !is_normalised(path) || path.contains('?') {
        let hint = format!(
            "begin with '/', without empty, '.' or '..' segments, at most {LONGEST_PATH} bytes"
        );
        return Err(PublishError::new(member, "is not a normalised path", hint));
    }
    Ok(path.strip_suffix('/').unwrap_or(path).to_owned())
}

pub(super) fn check_upstream(text: &str) -> Result<(Origin, String), PublishError> {
    let refuse = |reason: &str| {
        PublishError::new(
            "upstream",
            reason,
            "write it as http://host:port or https://host:port, with an optional base path",
        )
    };
    let uri: Uri = text.parse().map_err(|_| refuse("is not a URL"))?;
    if uri.query().is_some() || text.contains('#') {
        return Err(refuse("has a query or a fragment"));
    }
    let origin =
        Origin::parse(&uri).ok_or_else(|| refuse("is not an http or https URL of a host"))?;
    Ok((origin, check_path("upstream", uri.path())?))
}

pub(super) fn check_seconds(
    member: &str,
    seconds: u64,
    most: u64,
) -> Result<Duration, PublishError> {
    if (1..=most).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(PublishError::new(
            member,
            format!("is {seconds}"),
            format!("choose 1 to {most}"),
        ))
    }
}

pub(super) fn check_present(member: &str, text: Option<&str>) -> Result<String, PublishError> {
    match text {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(PublishError::new(
            member,
            "is missing",
            "name one that is published, or set `anonymous` to \"only\"",
        )),
    }
}
