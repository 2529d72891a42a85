//! What a client is told to do better (RFC 9110 §11.6.1).

use std::fmt::Write as _;

use cambist_core::Scope;
use hyper::{
    HeaderMap,
    header::{HeaderValue, WWW_AUTHENTICATE},
};

use super::{
    credential::{Carrier, Place},
    route::StepUpDocument,
};

/// The challenges of one route.
#[derive(Debug)]
pub(super) struct Challenges {
    realm: String,
    is_basic: bool,
    is_bearer: bool,
    scope: Scope,
    step_up: Option<StepUpDocument>,
    resource_metadata: Option<String>,
}

impl Challenges {
    /// Names, scope words, contexts and URLs were checked to hold nothing that would need escaping.
    pub(super) fn new(
        realm: &str,
        carriers: &[Carrier],
        scope: Scope,
        step_up: Option<StepUpDocument>,
        resource_metadata: Option<String>,
    ) -> Self {
        let has = |place: &Place| carriers.iter().any(|carrier| carrier.place == *place);
        let is_basic = has(&Place::Basic);
        Self {
            realm: realm.to_owned(),
            is_basic,
            // A 401 needs a challenge, and other places have no scheme of their own.
            is_bearer: has(&Place::Bearer) || !is_basic,
            scope,
            step_up,
            resource_metadata,
        }
    }

    /// Adds the challenges with what went wrong (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).
    pub(super) fn insert(&self, headers: &mut HeaderMap, error: Option<&'static str>) {
        if self.is_bearer
            && let Ok(value) = HeaderValue::try_from(self.bearer(error))
        {
            headers.append(WWW_AUTHENTICATE, value);
        }
        if self.is_basic {
            let value = format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm);
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        }
    }

    fn bearer(&self, error: Option<&'static str>) -> String {
        let mut text = format!("Bearer realm=\"{}\"", self.realm);
        // Writing to a String cannot fail.
        if let Some(error) = error {
            let _ = write!(text, ", error=\"{error}\"");
        }
        if error == Some("insufficient_scope") && !self.scope.is_empty() {
            let _ = write!(text, ", scope=\"{}\"", self.scope);
        }
        if error == Some("insufficient_user_authentication")
            && let Some(step_up) = &self.step_up
        {
            if !step_up.acr_values.is_empty() {
                let _ = write!(text, ", acr_values=\"{}\"", step_up.acr_values.join(" "));
            }
            if let Some(seconds) = step_up.max_age_seconds {
                let _ = write!(text, ", max_age=\"{seconds}\"");
            }
        }
        if let Some(url) = &self.resource_metadata {
            let _ = write!(text, ", resource_metadata=\"{url}\"");
        }
        text
    }
}
