//! Another access manager (`PingAM`, `OpenAM` and their kin) that checks credentials and knows sessions.
//!
//! Everything goes through the egress guard. A session that checking a credential left over there is named
//! in the principal, for whoever asked to end it or to leave it.

mod client;
mod header;
mod passwords;
mod sessions;

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use cambist_core::Timestamp;
use hyper::{Uri, header::HeaderName};
use serde::{Deserialize, Serialize};

pub use client::NO_TOKEN_ID;
pub use header::HeaderValidator;
pub use passwords::AccessManagerPasswords;
pub use sessions::RemoteSessions;

use crate::{directory::realm_path, egress::Egress, publish_error::PublishError};

/// An access manager as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessManagerDocument {
    /// Its base URL with the context path, such as `https://am.example/am`.
    pub url: String,
    /// The realm over there; the realm of the authenticator when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// The tree that checks credentials; the realm's usual one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Name of its session cookie. Asked of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// Whether credentials are checked without making a session. Nothing is known of the user then but the
    /// name that was typed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_session: bool,
    /// Attributes of the user to fetch; they become claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// Seconds that a session stays accepted without asking again, at most 10.
    #[serde(default = "usual_cache_seconds")]
    pub cache_seconds: u64,
    /// Whether a token may not outlive the idle time that its session has left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub respect_idle: bool,
}

const fn usual_cache_seconds() -> u64 {
    5
}

/// An access manager to talk to.
pub struct AccessManager {
    base: String,
    realm: String,
    service: Option<String>,
    cookie: Cookie,
    no_session: bool,
    attributes: Vec<String>,
    cache_seconds: u64,
    respect_idle: bool,
    egress: Egress,
}

/// What its session cookie is called.
enum Cookie {
    Known(HeaderName),
    /// Asked for, and good for an hour.
    Asked(ArcSwapOption<(HeaderName, Timestamp)>),
}

impl fmt::Debug for AccessManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessManager")
            .field("base", &self.base)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// How long it may take to answer, the egress guard's own limit aside.
const PATIENCE: Duration = Duration::from_secs(10);

impl AccessManager {
    /// Builds it for authenticators of `realm`. Asks nothing of it yet.
    pub fn build(
        document: &AccessManagerDocument,
        realm: &str,
        egress: Egress,
    ) -> Result<Arc<Self>, PublishError> {
        let base = document.url.trim_end_matches('/').to_owned();
        let is_url = base.parse::<Uri>().is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.authority().is_some_and(|a| !a.as_str().contains('@'))
                && url.query().is_none()
        });
        if !is_url {
            return Err(PublishError::new(
                "url",
                "is not the URL of an access manager",
                "write it with its context path, such as `https://am.example/am`",
            ));
        }
        let realm = realm_path(document.realm.as_deref().unwrap_or(realm)).map_err(|error| {
            PublishError::new("realm", error.to_string(), "write it as `/` or `/alpha`")
        })?;
        if document.cache_seconds > 10 {
            return Err(PublishError::new(
                "cache_seconds",
                "is more than 10",
                "a session that ended over there must not be accepted for long",
            ));
        }
        let is_name = |name: &&String| {
            !(1..=64).contains(&name.len())
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if let Some(name) = document.attributes.iter().find(is_name) {
            return Err(PublishError::new(
                "attributes",
                format!("`{name}` is not the name of an attribute"),
                "use 1 to 64 of [A-Za-z0-9._-]",
            ));
        }
        let cookie = match &document.cookie {
            Some(name) => Cookie::Known(cookie_name(name)?),
            None => Cookie::Asked(ArcSwapOption::empty()),
        };
        Ok(Arc::new(Self {
            base,
            realm,
            service: document.service.clone(),
            cookie,
            no_session: document.no_session,
            attributes: document.attributes.clone(),
            cache_seconds: document.cache_seconds,
            respect_idle: document.respect_idle,
            egress,
        }))
    }
}

fn cookie_name(name: &str) -> Result<HeaderName, PublishError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        PublishError::new(
            "cookie",
            "cannot name a header",
            "leave it out, and the access manager is asked",
        )
    })
}
