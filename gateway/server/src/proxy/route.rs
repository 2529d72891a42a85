//! A route: which requests it takes, what their tokens are exchanged for, and where they go.

use std::{collections::BTreeSet, time::Duration};

use cambist_core::{Client, MayPresent, Scope, TokenType};
use hyper::{Uri, http::uri::PathAndQuery};
use serde::{Deserialize, Serialize};

use super::{
    cache::ExchangeCache,
    hygiene::{is_host, is_normalised},
    upstream::Origin,
};
use crate::publish_error::PublishError;

/// Longest `path_prefix` and base path, in bytes.
const LONGEST_PATH: usize = 1024;
/// Longest name.
const LONGEST_NAME: usize = 64;

/// A route as JSON, the body of `PUT /admin/v1/routes/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// The host it serves, without port, in any case; every host when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The beginning of the paths it serves: whole segments, so `/a` takes `/a` and `/a/b`, not `/ab`.
    #[serde(default = "default_prefix")]
    pub path_prefix: String,
    /// Where requests go: `http://host[:port][/base/path]`, or `https`.
    pub upstream: String,
    /// The id of the published instance that exchanges the tokens.
    pub instance: String,
    /// The relying party to exchange for.
    pub audience: String,
    /// The scope the route may obtain at most; the relying party's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scope>,
    /// The type of the tokens that clients present.
    #[serde(default = "default_token_type")]
    pub subject_token_type: TokenType,
    /// Whether `path_prefix` is taken off before the base path is put on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip_prefix: bool,
    /// Longest wait for the head of the response, counted from the last progress of the request's body;
    /// also for an exchange. 1 to 3600 seconds.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// Longest silence within the body of the response. 1 to 86400 seconds.
    #[serde(default = "default_idle")]
    pub idle_seconds: u64,
}

fn default_prefix() -> String {
    "/".to_owned()
}

const fn default_token_type() -> TokenType {
    TokenType::ACCESS_TOKEN
}

const fn default_timeout() -> u64 {
    30
}

const fn default_idle() -> u64 {
    60
}

/// A route, checked and ready to serve. It owns the exchanges made through it.
pub struct Route {
    name: String,
    revision: u64,
    host: Option<String>,
    prefix: String,
    strip_prefix: bool,
    base: String,
    instance: String,
    audience: String,
    client: Client,
    pub(super) subject_token_type: TokenType,
    pub(super) origin: Origin,
    pub(super) cache: ExchangeCache,
    pub(super) timeout: Duration,
    pub(super) idle: Duration,
}

impl Route {
    /// Checks a document. `scope` is the relying party's; it counts when the document names none.
    /// `revision` is that of the document.
    pub fn build(
        name: &str,
        document: RouteDocument,
        revision: u64,
        scope: Scope,
    ) -> Result<Self, PublishError> {
        check_name(name)?;
        let host = document.host.as_deref().map(check_host).transpose()?;
        let prefix = check_path("path_prefix", &document.path_prefix)?;
        let (origin, base) = check_upstream(&document.upstream)?;
        let timeout = check_seconds("timeout_seconds", document.timeout_seconds, 3600)?;
        let idle = check_seconds("idle_seconds", document.idle_seconds, 86400)?;
        check_present("instance", &document.instance)?;
        check_present("audience", &document.audience)?;
        if fluent_uri::Uri::parse(document.subject_token_type.as_str()).is_err() {
            return Err(PublishError::new(
                "subject_token_type",
                "is not a URI",
                format!("name a token type, for example {}", TokenType::ACCESS_TOKEN),
            ));
        }
        let client = Client {
            id: format!("route:{name}"),
            audiences: BTreeSet::from([document.audience.clone()]),
            scope: document.scopes.unwrap_or(scope),
            may_present: MayPresent::Any,
            impersonation: true,
            is_named: false,
            actors: Vec::new(),
            max_lifetime: None,
            binding: cambist_core::Binding::default(),
        };
        Ok(Self {
            name: name.to_owned(),
            revision,
            host,
            prefix,
            strip_prefix: document.strip_prefix,
            base,
            instance: document.instance,
            audience: document.audience,
            client,
            subject_token_type: document.subject_token_type,
            origin,
            cache: ExchangeCache::new(),
            timeout,
            idle,
        })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The revision of the document it was built from.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The id of the instance that exchanges its tokens.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The type its callers' tokens are validated as.
    pub const fn subject_token_type(&self) -> &TokenType {
        &self.subject_token_type
    }

    /// The relying party it exchanges for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The policy under which it exchanges: any subject token that validates, for its one audience.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The host it serves, in lower case.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The prefix without a slash at its end, so empty for every path.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The request target the upstream receives, in origin form. None if it cannot be one.
    pub(super) fn target(&self, uri: &Uri) -> Option<Uri> {
        let asked = uri.path_and_query()?;
        let rest = asked
            .path()
            .strip_prefix(&*self.prefix)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        let stripped = if self.strip_prefix {
            rest
        } else {
            asked.path()
        };
        let target = if self.base.is_empty() && stripped.len() == asked.path().len() {
            asked.clone()
        } else {
            let mut target = String::with_capacity(self.base.len() + asked.as_str().len() + 1);
            target.push_str(&self.base);
            target.push_str(stripped);
            if target.is_empty() {
                target.push('/');
            }
            if let Some(query) = asked.query() {
                target.push('?');
                target.push_str(query);
            }
            PathAndQuery::try_from(target).ok()?
        };
        Some(Uri::from(target))
    }
}

/// The name stands in challenges and logs, so it holds nothing that would need escaping.
fn check_name(name: &str) -> Result<(), PublishError> {
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

fn check_host(host: &str) -> Result<String, PublishError> {
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

fn check_path(member: &str, path: &str) -> Result<String, PublishError> {
    if path.len() > LONGEST_PATH || !is_normalised(path) || path.contains('?') {
        let hint = format!(
            "begin with '/', without empty, '.' or '..' segments, at most {LONGEST_PATH} bytes"
        );
        return Err(PublishError::new(member, "is not a normalised path", hint));
    }
    Ok(path.strip_suffix('/').unwrap_or(path).to_owned())
}

fn check_upstream(text: &str) -> Result<(Origin, String), PublishError> {
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

fn check_seconds(member: &str, seconds: u64, most: u64) -> Result<Duration, PublishError> {
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

fn check_present(member: &str, text: &str) -> Result<(), PublishError> {
    if text.is_empty() {
        Err(PublishError::new(
            member,
            "is empty",
            "name one that is published",
        ))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
