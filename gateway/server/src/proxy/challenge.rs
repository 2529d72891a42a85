//! What a client is told to do better (RFC 9110 §11.6.1).

use std::fmt::Write as _;

use cambist_core::Scope;
use cambist_token::dpop;
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
    is_dpop: bool,
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
        let is_dpop = carriers
            .iter()
            .any(|carrier| matches!(carrier.place, Place::Dpop(_)));
        Self {
            realm: realm.to_owned(),
            is_basic,
            // A 401 needs a challenge, and other places have no scheme of their own.
            is_bearer: has(&Place::Bearer) || !(is_basic || is_dpop),
            is_dpop,
            scope,
            step_up,
            resource_metadata,
        }
    }

    /// Adds the challenges with what went wrong (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).
    pub(super) fn insert(&self, headers: &mut HeaderMap, error: Option<&'static str>) {
        self.insert_all(headers, error, error);
    }

    /// The same with what is wrong with a proof, which is nothing to those who send none (RFC 9449 §7.1, §9).
    pub(super) fn insert_proof(&self, headers: &mut HeaderMap, error: &'static str) {
        self.insert_all(headers, None, Some(error));
    }

    fn insert_all(
        &self,
        headers: &mut HeaderMap,
        error: Option<&'static str>,
        proof_error: Option<&'static str>,
    ) {
        if self.is_bearer
            && let Ok(value) = HeaderValue::try_from(self.token("Bearer", error))
        {
            headers.append(WWW_AUTHENTICATE, value);
        }
        if self.is_dpop {
            let mut text = self.token("DPoP", proof_error);
            let names: Vec<&str> = dpop::ALGORITHMS.iter().map(|one| one.name()).collect();
            // Writing to a String cannot fail.
            let _ = write!(text, ", algs=\"{}\"", names.join(" "));
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        }
        if self.is_basic {
            let value = format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm);
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        }
    }

    fn token(&self, scheme: &str, error: Option<&'static str>) -> String {
        let mut text = format!("{scheme} realm=\"{}\"", self.realm);
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
