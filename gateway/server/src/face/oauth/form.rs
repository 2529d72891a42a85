//! The token request's parameters (RFC 8693 §2.1), each exactly once unless it may repeat.

use std::{borrow::Cow, collections::HashSet};

use cambist_core::Scope;
use zeroize::Zeroizing;

use super::{refusal::Refusal, resource};

/// Parameters of other products' exchanges. Ignoring one would run a different exchange than was asked for
/// (TX-12).
const FOREIGN_EXTENSIONS: [&str; 8] = [
    "requested_subject",
    "requested_issuer",
    "requested_actor",
    "subject_issuer",
    "connector_id",
    "authorization_details",
    "request_context",
    "requested_cnf",
];

/// Most parameters in one request.
const MOST_PARAMETERS: usize = 64;

/// A parsed token request.
#[derive(Default)]
pub struct TokenForm {
    /// `grant_type`.
    pub grant_type: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `client_secret`.
    pub client_secret: Option<Zeroizing<String>>,
    /// `client_assertion`.
    pub client_assertion: Option<Zeroizing<String>>,
    /// `client_assertion_type`.
    pub client_assertion_type: Option<String>,
    /// `assertion`, the grant of RFC 7521 §4.1.
    pub assertion: Option<Zeroizing<String>>,
    /// `subject_token`.
    pub subject_token: Option<Zeroizing<String>>,
    /// `subject_token_type`.
    pub subject_token_type: Option<String>,
    /// `token`, of the endpoints that are asked about one.
    pub token: Option<Zeroizing<String>>,
    /// `actor_token`.
    pub actor_token: Option<Zeroizing<String>>,
    /// `actor_token_type`.
    pub actor_token_type: Option<String>,
    /// `requested_token_type`.
    pub requested_token_type: Option<String>,
    /// `audience`, every one.
    pub audiences: Vec<String>,
    /// `resource`, every one, in canonical form.
    pub resources: Vec<String>,
    /// `scope`.
    pub scope: Option<Scope>,
    /// The first parameter that belongs to an exchange this server does not run.
    pub foreign_extension: Option<&'static str>,
}

/// Reads a form body. Parameters without a value count as absent (RFC 6749 §3.2).
pub fn parse(body: &[u8]) -> Result<TokenForm, Refusal> {
    let mut form = TokenForm::default();
    let mut seen: HashSet<Cow<'_, str>> = HashSet::new();
    for (index, (name, value)) in form_urlencoded::parse(body).enumerate() {
        if index == MOST_PARAMETERS {
            return Err(Refusal::InvalidRequest("too many parameters"));
        }
        let repeats = matches!(&*name, "audience" | "resource");
        if !repeats && !seen.insert(name.clone()) {
            return Err(Refusal::InvalidRequest("a parameter is repeated"));
        }
        if !value.is_empty() {
            form.take(&name, value.into_owned())?;
        }
    }
    Ok(form)
}

impl TokenForm {
    fn take(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        match name {
            "grant_type" => self.grant_type = Some(value),
            "client_id" => self.client_id = Some(value),
            "client_secret" => self.client_secret = Some(Zeroizing::new(value)),
            "client_assertion" => self.client_assertion = Some(Zeroizing::new(value)),
            "client_assertion_type" => self.client_assertion_type = Some(value),
            "assertion" => self.assertion = Some(Zeroizing::new(value)),
            "subject_token" => self.subject_token = Some(Zeroizing::new(value)),
            "subject_token_type" => self.subject_token_type = Some(value),
            "token" => self.token = Some(Zeroizing::new(value)),
            "actor_token" => self.actor_token = Some(Zeroizing::new(value)),
            "actor_token_type" => self.actor_token_type = Some(value),
            "requested_token_type" => self.requested_token_type = Some(value),
            "audience" => self.audiences.push(value),
            "resource" => {
                let canonical = resource::canonical(&value).ok_or(Refusal::InvalidTarget(
                    "a resource is not an absolute URI without fragment",
                ))?;
                self.resources.push(canonical);
            }
            "scope" => {
                self.scope = Some(
                    Scope::parse(&value)
                        .map_err(|_| Refusal::InvalidScope("the scope is malformed"))?,
                );
            }
            other => {
                let foreign = FOREIGN_EXTENSIONS.iter().find(|known| **known == other);
                self.foreign_extension = self.foreign_extension.or(foreign.copied());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tx_07_audience_and_resource_may_repeat() {
        let form =
            parse(b"audience=a&audience=b&resource=https%3A%2F%2Fr.example&resource=urn%3Ax%3Ay")
                .unwrap();
        assert_eq!(form.audiences, ["a", "b"]);
        assert_eq!(form.resources, ["https://r.example/", "urn:x:y"]);
    }

    #[test]
    fn tx_11_sx_02_any_other_repeat_is_invalid_request() {
        for name in [
            "subject_token",
            "scope",
            "grant_type",
            "client_id",
            "whatever",
        ] {
            let body = format!("{name}=a&{name}=b");
            assert!(
                matches!(parse(body.as_bytes()), Err(Refusal::InvalidRequest(_))),
                "{name}"
            );
            let blank = format!("{name}=&{name}=b");
            assert!(
                matches!(parse(blank.as_bytes()), Err(Refusal::InvalidRequest(_))),
                "{name} blank"
            );
        }
    }

    #[test]
    fn ab_01_a_blank_subject_token_is_absent() {
        assert!(
            parse(b"subject_token=&subject_token_type=x")
                .unwrap()
                .subject_token
                .is_none()
        );
    }

    #[test]
    fn tx_06_a_relative_resource_is_invalid_target() {
        assert!(matches!(
            parse(b"resource=%2Forders"),
            Err(Refusal::InvalidTarget(_))
        ));
        assert!(matches!(
            parse(b"resource=https%3A%2F%2Fr.example%23x"),
            Err(Refusal::InvalidTarget(_))
        ));
    }

    #[test]
    fn tx_12_foreign_extensions_are_noticed_and_unknown_names_are_not() {
        assert_eq!(
            parse(b"requested_subject=root").unwrap().foreign_extension,
            Some("requested_subject")
        );
        assert_eq!(parse(b"utm_source=x").unwrap().foreign_extension, None);
    }

    #[test]
    fn parameters_are_counted() {
        let body = "a=1&".repeat(3);
        assert!(parse(body.as_bytes()).is_err());
        let many: Vec<String> = (0..65).map(|i| format!("p{i}=1")).collect();
        let many = many.join("&");
        assert!(matches!(
            parse(many.as_bytes()),
            Err(Refusal::InvalidRequest(_))
        ));
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&body);
        }
    }
}
