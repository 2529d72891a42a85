//! A route: which requests it takes, what their tokens are exchanged for, and where they go.

mod check;
mod document;
mod matching;
mod reach;
mod target;

use std::{sync::Arc, time::Duration};

use cambist_core::{Client, Scope, TokenType};
use hyper::{Uri, header::HeaderValue, http::uri::PathAndQuery};

use self::check::{
    check_host, check_metadata, check_name, check_path, check_seconds, check_step_up,
};
pub use self::document::{
    Anonymous, CredentialDocument, Encoding, HeaderCondition, HealthDocument, ProtocolName,
    RouteDocument, SendDocument, StepUpDocument, TlsDocument,
};
pub(super) use self::{
    matching::{HostMatch, Matching, PathMatch},
    target::Target,
};
use super::{challenge::Challenges, counts::Counts, credential::Place, upstream::Origin};
use crate::publish_error::PublishError;

/// A route, checked and ready to serve. It owns the exchanges made through it.
pub struct Route {
    name: String,
    revision: u64,
    matching: Matching,
    strip_prefix: bool,
    base: String,
    /// None when the route is for anonymous requests only.
    pub(super) target: Option<Target>,
    /// Headers that no client may set, as [`folded`] has them.
    pub(super) owned: Vec<Box<str>>,
    pub(super) challenges: Challenges,
    pub(super) origin: Origin,
    pub(super) timeout: Duration,
    pub(super) idle: Duration,
    pub(super) total: Option<Duration>,
    pub(super) upgrades: Vec<HeaderValue>,
    pub(super) counts: Arc<Counts>,
}

impl Route {
    /// Checks a document. `scope` is the relying party's; it counts when the document names none.
    /// `revision` is that of the document.
    pub fn build(
        name: &str,
        document: &RouteDocument,
        revision: u64,
        scope: Scope,
    ) -> Result<Self, PublishError> {
        Self::build_with(name, document, revision, scope, None)
    }

    /// The same with the secret that `tls.key` names.
    pub fn build_with(
        name: &str,
        document: &RouteDocument,
        revision: u64,
        scope: Scope,
        key: Option<&[u8]>,
    ) -> Result<Self, PublishError> {
        check_name(name)?;
        let matching = Matching::build(document)?;
        if document.strip_prefix && document.path.is_some() {
            return Err(PublishError::new(
                "strip_prefix",
                "is given together with `path`",
                "give `path_prefix` instead of `path`",
            ));
        }
        let (origin, base) = reach::origin(document, key, name, revision)?;
        let upgrades = reach::upgrades(document)?;
        let total = reach::total(document)?;
        let timeout = check_seconds("timeout_seconds", document.timeout_seconds, 3600)?;
        let idle = check_seconds("idle_seconds", document.idle_seconds, 86400)?;
        check_step_up(document.step_up.as_ref())?;
        check_metadata(document.resource_metadata.as_deref())?;
        let target = Target::build(name, document, scope)?;
        let carriers = target.as_ref().map_or(&[][..], |target| &target.carriers);
        let challenges = Challenges::new(
            name,
            carriers,
            document.required_scopes.clone(),
            document.step_up.clone(),
            document.resource_metadata.clone(),
        );
        let owned = target.as_ref().map(Target::owned).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            revision,
            matching,
            strip_prefix: document.strip_prefix,
            base,
            target,
            owned,
            challenges,
            origin,
            timeout,
            idle,
            total,
            upgrades,
            counts: Arc::default(),
        })
    }

    /// Goes on counting where an earlier publication of the same route stands.
    pub fn succeed(&mut self, earlier: &Self) {
        self.counts = Arc::clone(&earlier.counts);
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The revision of the document it was built from.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The id of the instance that exchanges its tokens, if it exchanges any.
    pub fn instance(&self) -> Option<&str> {
        self.target.as_ref().map(|target| target.instance.as_str())
    }

    /// The types its callers' tokens are validated as.
    pub fn token_types(&self) -> impl Iterator<Item = &TokenType> {
        self.target
            .iter()
            .flat_map(|target| target.carriers.iter().map(|carrier| &carrier.token_type))
    }

    /// Whether it takes bearer tokens, and tokens with a proof of their key.
    pub fn schemes(&self) -> (bool, bool) {
        let carriers = self
            .target
            .as_ref()
            .map_or(&[][..], |target| &target.carriers);
        let has = |is: fn(&Place) -> bool| carriers.iter().any(|carrier| is(&carrier.place));
        (
            has(|place| matches!(place, Place::Bearer)),
            has(|place| matches!(place, Place::Dpop(_))),
        )
    }

    /// The type of token that is issued through it, if any is.
    pub fn issue(&self) -> Option<&TokenType> {
        self.target.as_ref().map(|target| &target.issue)
    }

    /// The relying party it exchanges for.
    pub fn audience(&self) -> Option<&str> {
        self.target.as_ref().map(|target| target.audience.as_str())
    }

    /// The policy under which it exchanges: any subject token that validates, for its one audience.
    pub fn client(&self) -> Option<&Client> {
        self.target.as_ref().map(|target| &target.client)
    }

    /// Which requests it takes.
    pub(super) const fn matching(&self) -> &Matching {
        &self.matching
    }

    /// The path it takes, or the beginning of those; without a slash at its end.
    pub fn path(&self) -> &str {
        match &self.matching.path {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.trim_end_matches('/'),
        }
    }

    /// Whether it takes requests for any host.
    pub fn is_for_any_host(&self) -> bool {
        self.matching.host == HostMatch::Any
    }

    /// The request target the upstream receives, in origin form. None if it cannot be one.
    pub(super) fn target(&self, uri: &Uri) -> Option<Uri> {
        let asked = uri.path_and_query()?;
        let stripped = match &self.matching.path {
            PathMatch::Exact(path) => (asked.path() == path).then_some(asked.path())?,
            PathMatch::Prefix(prefix) => {
                let rest = asked
                    .path()
                    .strip_prefix(prefix.as_str())
                    .filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
                if self.strip_prefix {
                    rest
                } else {
                    asked.path()
                }
            }
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

#[cfg(test)]
mod tests;
