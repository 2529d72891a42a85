//! Assertions in.

use cambist_core::{
    BoxFuture, Call, Confirmation, Declared, Principal, RESERVED_CLAIMS, Rejection, Scope, Token,
    ValidateError, Validator,
};
use cambist_saml::{
    accept::{Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, TrustedIssuer},
    transport,
    verify::TrustedKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    SamlBench, certificate, check_entity, check_seconds, check_uri, read, replay::UsedAssertions,
};
use crate::publish_error::PublishError;

/// Tolerated clock difference in seconds.
const SKEW: u64 = 60;
/// The longest life that may be accepted: uses are remembered as long.
const LONGEST_LIFETIME: u64 = 86_400;
const DEFAULT_LIFETIME: u64 = 3600;
/// Most keys of one issuer.
const MOST_KEYS: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    issuers: Vec<IssuerSettings>,
    #[serde(default)]
    audiences: Option<Vec<String>>,
    #[serde(default)]
    recipients: Option<Vec<String>>,
    #[serde(default)]
    subject_prefix: String,
    #[serde(default)]
    scopes: Option<Scope>,
    #[serde(default)]
    max_lifetime_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerSettings {
    entity_id: String,
    certificates: Vec<String>,
}

/// Accepts assertions of configured issuers from their bearers and from holders of their keys, each once.
pub struct SamlValidator {
    acceptance: Acceptance,
    declared: Declared,
    used: UsedAssertions,
}

impl SamlValidator {
    /// Builds one for the instance with this issuer identifier, by which the instance is addressed unless
    /// `audiences` says otherwise.
    pub fn build(
        settings: &Map<String, Value>,
        own_issuer: &str,
        bench: &SamlBench,
    ) -> Result<Self, PublishError> {
        let settings: Settings = read(
            settings,
            "a saml2 validator has `issuers`, and optionally `audiences`, `recipients`, `subject_prefix`, `scopes`, `max_lifetime_seconds`",
        )?;
        let max_lifetime = settings.max_lifetime_seconds.unwrap_or(DEFAULT_LIFETIME);
        check_seconds("max_lifetime_seconds", max_lifetime, LONGEST_LIFETIME)?;
        let audiences = settings
            .audiences
            .unwrap_or_else(|| vec![own_issuer.to_owned()]);
        if audiences.is_empty() {
            return Err(PublishError::new(
                "audiences",
                "is empty, so nothing would be accepted",
                "name what assertions call this instance, or leave it out",
            ));
        }
        for (index, audience) in audiences.iter().enumerate() {
            check_entity(&format!("audiences[{index}]"), audience)?;
        }
        // RFC 7522 §3 item 5: unless told otherwise, we are where tokens are exchanged.
        let recipient_required = settings.recipients.is_some();
        let recipients = settings
            .recipients
            .unwrap_or_else(|| vec![format!("{own_issuer}/token")]);
        for (index, recipient) in recipients.iter().enumerate() {
            let path = format!("recipients[{index}]");
            check_uri(&path, recipient, "https://sts.example/oauth2/orders/token")?;
        }
        Ok(Self {
            acceptance: Acceptance {
                issuers: issuers(&settings.issuers)?,
                audiences,
                recipients,
                recipient_required,
                attesters: Vec::new(),
                decryption_keys: Vec::new(),
                skew: SKEW,
                max_lifetime,
                max_bytes: MAX_DOCUMENT_BYTES,
                once: Once::Every,
            },
            declared: Declared {
                subject_prefix: settings.subject_prefix,
                scopes: settings.scopes,
            },
            used: bench.used.clone(),
        })
    }

    /// What the operator declared about these assertions.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }
}

fn issuers(settings: &[IssuerSettings]) -> Result<Vec<TrustedIssuer>, PublishError> {
    if settings.is_empty() {
        return Err(PublishError::new(
            "issuers",
            "is empty",
            "list {\"entity_id\": …, \"certificates\": [PEM]}",
        ));
    }
    let mut built: Vec<TrustedIssuer> = Vec::with_capacity(settings.len());
    for (index, issuer) in settings.iter().enumerate() {
        let path = format!("issuers[{index}]");
        check_entity(&format!("{path}.entity_id"), &issuer.entity_id)?;
        if built
            .iter()
            .any(|other| other.entity_id == issuer.entity_id)
        {
            return Err(PublishError::new(
                format!("{path}.entity_id"),
                format!("`{}` is listed already", issuer.entity_id),
                "list each issuer once, with all of its certificates",
            ));
        }
        if !(1..=MOST_KEYS).contains(&issuer.certificates.len()) {
            return Err(PublishError::new(
                format!("{path}.certificates"),
                format!("has {} certificates", issuer.certificates.len()),
                format!("list 1 to {MOST_KEYS}: several while the issuer changes its key"),
            ));
        }
        let mut keys = Vec::with_capacity(issuer.certificates.len());
        for (index, pem) in issuer.certificates.iter().enumerate() {
            let path = format!("{path}.certificates[{index}]");
            let key = TrustedKey::new(&certificate(&path, pem)?).map_err(|error| {
                PublishError::new(path, error.to_string(), "use RSA keys of 2048 to 8192 bits")
            })?;
            keys.push(key);
        }
        built.push(TrustedIssuer {
            entity_id: issuer.entity_id.clone(),
            keys,
            name_qualifiers: Vec::new(),
        });
    }
    Ok(built)
}

impl Validator for SamlValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Principal, ValidateError>> {
        Box::pin(async move {
            let document = transport::decode_token(token.as_bytes()).map_err(Rejection::from)?;
            let replay = self.used.at(call.now);
            // Who asks is not known here, so nobody can be confirmed by name or by attesting for others.
            let presenter = Presenter {
                certificate: call.proofs.certificates.first().map(Vec::as_slice),
                key_thumbprint: call.proofs.dpop_thumbprint,
                ..Presenter::default()
            };
            let accepted = self
                .acceptance
                .accept(&document, &presenter, call.now, &replay)
                .await?;
            let mut principal = Principal::from(&accepted);
            // The key that was proven to hold it stays with it.
            principal.confirmation = principal
                .claims
                .remove("cnf")
                .map(|cnf| Confirmation::from_claim(&cnf))
                .transpose()?;
            principal
                .claims
                .retain(|name, _| !RESERVED_CLAIMS.contains(&name.as_str()));
            // By this the ledger knows it; the bytes around it could be changed.
            let id = Value::String(accepted.assertion.id.clone());
            principal.claims.insert("jti".to_owned(), id);
            let issued_at = accepted.assertion.issued_at.0.into();
            principal.claims.insert("iat".to_owned(), issued_at);
            self.declared.complete(&mut principal, None);
            Ok(principal)
        })
    }
}
