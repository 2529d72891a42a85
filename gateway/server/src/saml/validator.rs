//! Assertions in.

use std::{collections::BTreeSet, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Confirmation, Declared, Principal, RESERVED_CLAIMS, Rejection, Scope, Token,
    ValidateError, Validator,
};
use cambist_saml::{
    accept::{AcceptError, Acceptance, MAX_DOCUMENT_BYTES, Once, Presenter, TrustedIssuer},
    certificate::Certificate,
    metadata::Role,
    refusal::Refusal,
    transport,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    DECRYPTION, Frame, check_entity, check_seconds, check_uri,
    import::MetadataDocument,
    keys::{CertificateDocument, Kept},
    read,
    replay::UsedAssertions,
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
    #[serde(default)]
    decryption_keys: Vec<Kept>,
    #[serde(default)]
    sender_vouches: Option<SenderVouches>,
}

/// Who may attest for subjects (saml-profiles §3.2).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderVouches {
    clients: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerSettings {
    #[serde(default)]
    entity_id: Option<String>,
    #[serde(default)]
    certificates: Option<Vec<CertificateDocument>>,
    #[serde(default)]
    metadata: Option<MetadataDocument>,
}

/// Accepts assertions of configured issuers from their bearers, from holders of their keys and from clients
/// that may attest for others, each once.
pub struct SamlValidator {
    acceptance: Acceptance,
    declared: Declared,
    used: UsedAssertions,
    encryption: Vec<Certificate>,
}

impl SamlValidator {
    /// Builds one as `name` for an instance, which is addressed by its issuer identifier unless `audiences`
    /// says otherwise. `is_client` knows the instance's clients.
    pub fn build(
        name: &str,
        settings: &Map<String, Value>,
        frame: &Frame<'_>,
        is_client: impl Fn(&str) -> bool,
    ) -> Result<Self, PublishError> {
        let settings: Settings = read(
            settings,
            "a saml2 validator has `issuers`, and optionally `audiences`, `recipients`, `subject_prefix`, `scopes`, `max_lifetime_seconds`, `decryption_keys`, `sender_vouches`",
        )?;
        let max_lifetime = settings.max_lifetime_seconds.unwrap_or(DEFAULT_LIFETIME);
        check_seconds("max_lifetime_seconds", max_lifetime, LONGEST_LIFETIME)?;
        let audiences = settings
            .audiences
            .unwrap_or_else(|| vec![frame.issuer.to_owned()]);
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
            .unwrap_or_else(|| vec![format!("{}/token", frame.issuer)]);
        for (index, recipient) in recipients.iter().enumerate() {
            let path = format!("recipients[{index}]");
            check_uri(&path, recipient, "https://sts.example/oauth2/orders/token")?;
        }
        let (mut decryption_keys, mut encryption) = (Vec::new(), Vec::new());
        let own = frame
            .own_keys
            .as_ref()
            .and_then(|own| own.entry(DECRYPTION));
        if let Some(own) = own {
            let key = own.decryption_key().map_err(|error| {
                PublishError::new(
                    "",
                    format!("the instance's own key: {error}"),
                    "publish it anew",
                )
            })?;
            decryption_keys.push(key);
            encryption.extend(own.certificate());
        }
        if settings.decryption_keys.len() > MOST_KEYS {
            return Err(PublishError::new(
                "decryption_keys",
                "has too many keys",
                format!("list at most {MOST_KEYS}"),
            ));
        }
        for (index, kept) in settings.decryption_keys.iter().enumerate() {
            let (key, certificate) =
                frame.decryption_key(&format!("decryption_keys[{index}]"), kept)?;
            decryption_keys.push(key);
            encryption.extend(certificate);
        }
        Ok(Self {
            encryption,
            acceptance: Acceptance {
                issuers: issuers(name, &settings.issuers, frame)?,
                audiences,
                recipients,
                recipient_required,
                attesters: attesters(settings.sender_vouches, is_client)?,
                decryption_keys,
                skew: SKEW,
                max_lifetime,
                max_bytes: MAX_DOCUMENT_BYTES,
                once: Once::Every,
            },
            declared: Declared {
                subject_prefix: settings.subject_prefix,
                scopes: settings.scopes,
            },
            used: frame.bench.used.clone(),
        })
    }

    /// What assertions for it may call it; at least one.
    pub fn audiences(&self) -> &[String] {
        &self.acceptance.audiences
    }

    /// How many issuers it trusts.
    pub fn issuers(&self) -> usize {
        self.acceptance.issuers.len()
    }

    /// The certificates of the keys it decrypts with.
    pub fn encryption(&self) -> &[Certificate] {
        &self.encryption
    }

    /// What the operator declared about these assertions.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }
}

fn attesters(
    settings: Option<SenderVouches>,
    is_client: impl Fn(&str) -> bool,
) -> Result<Vec<String>, PublishError> {
    let Some(SenderVouches { clients }) = settings else {
        return Ok(Vec::new());
    };
    if clients.is_empty() {
        return Err(PublishError::new(
            "sender_vouches.clients",
            "is empty, so nobody may attest",
            "list ids of clients, or leave `sender_vouches` out",
        ));
    }
    if let Some(unknown) = clients.iter().find(|id| !is_client(id)) {
        return Err(PublishError::new(
            "sender_vouches.clients",
            format!("`{unknown}` is not in `clients`"),
            "list ids of this instance's clients",
        ));
    }
    Ok(clients.into_iter().collect())
}

fn issuers(
    name: &str,
    settings: &[IssuerSettings],
    frame: &Frame<'_>,
) -> Result<Vec<TrustedIssuer>, PublishError> {
    if settings.is_empty() {
        return Err(PublishError::new(
            "issuers",
            "is empty",
            "list {\"entity_id\": …, \"certificates\": [PEM]} or {\"metadata\": …}",
        ));
    }
    let mut built: Vec<TrustedIssuer> = Vec::with_capacity(settings.len());
    for (index, issuer) in settings.iter().enumerate() {
        let path = format!("issuers[{index}]");
        let issuer = match (&issuer.entity_id, &issuer.certificates, &issuer.metadata) {
            (Some(entity_id), Some(certificates), None) => {
                configured(&path, entity_id, certificates, frame)?
            }
            (None, None, Some(metadata)) => imported(name, &path, metadata, frame)?,
            _ => {
                return Err(PublishError::new(
                    path,
                    "is not one issuer",
                    "send `entity_id` and `certificates`, or `metadata` alone",
                ));
            }
        };
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
        built.push(issuer);
    }
    Ok(built)
}

fn configured(
    path: &str,
    entity_id: &str,
    certificates: &[CertificateDocument],
    frame: &Frame<'_>,
) -> Result<TrustedIssuer, PublishError> {
    check_entity(&format!("{path}.entity_id"), entity_id)?;
    if !(1..=MOST_KEYS).contains(&certificates.len()) {
        return Err(PublishError::new(
            format!("{path}.certificates"),
            format!("has {} certificates", certificates.len()),
            format!("list 1 to {MOST_KEYS}: several while the issuer changes its key"),
        ));
    }
    let mut keys = Vec::with_capacity(certificates.len());
    for (index, document) in certificates.iter().enumerate() {
        let path = format!("{path}.certificates[{index}]");
        keys.push(Frame::trusted_key(
            &path,
            &frame.certificate(&path, document)?,
        )?);
    }
    Ok(TrustedIssuer {
        entity_id: entity_id.to_owned(),
        keys,
        name_qualifiers: Vec::new(),
        valid_until: None,
    })
}

fn imported(
    name: &str,
    path: &str,
    metadata: &MetadataDocument,
    frame: &Frame<'_>,
) -> Result<TrustedIssuer, PublishError> {
    let here = format!("validators.{name}.");
    let whole = format!("{here}{path}.metadata");
    let entity = frame
        .import(&whole, metadata, Role::IdentityProvider)
        .map_err(|mut error| {
            if let Some(rest) = error.path.strip_prefix(&here) {
                error.path = rest.to_owned();
            }
            error
        })?;
    let path = format!("{path}.metadata.xml");
    check_entity(&path, &entity.entity_id)?;
    if entity.signing.len() > MOST_KEYS {
        return Err(PublishError::new(
            path,
            format!("has {} signing keys", entity.signing.len()),
            format!("at most {MOST_KEYS} are taken; list them as `certificates`"),
        ));
    }
    let mut keys = Vec::with_capacity(entity.signing.len());
    for certificate in &entity.signing {
        keys.push(Frame::trusted_key(&path, certificate)?);
    }
    Ok(TrustedIssuer {
        entity_id: entity.entity_id,
        keys,
        name_qualifiers: Vec::new(),
        valid_until: entity.valid_until,
    })
}

impl SamlValidator {
    /// Who presents an assertion, as far as the call tells. Nobody goes by a name here but clients that may
    /// attest: what others are called here says nothing to issuers.
    pub(super) fn presenter<'a>(&self, call: &Call<'a>) -> Presenter<'a> {
        let proofs = &call.proofs;
        let attests = |client: &&str| self.acceptance.attesters.iter().any(|one| one == client);
        Presenter {
            identity: proofs.client.filter(attests),
            certificate: proofs.certificates.first().map(Vec::as_slice),
            key_thumbprint: proofs.dpop_thumbprint,
            address: proofs.address,
            ..Presenter::default()
        }
    }

    /// Accepts an assertion from a presenter, and tells what any provider understands of it.
    pub(super) async fn accept(
        &self,
        token: &Token,
        presenter: Presenter<'_>,
        call: &Call<'_>,
    ) -> Result<Arc<Principal>, ValidateError> {
        let document = transport::decode_token(token.as_bytes()).map_err(refused)?;
        let replay = self.used.at(call.now).during(call.purpose);
        let accepted = self
            .acceptance
            .accept(&document, &presenter, call.now, &replay)
            .await
            .map_err(|error| match error {
                AcceptError::Refused(refusal) => refused(refusal),
                AcceptError::Fault(fault) => fault.into(),
            })?;
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
        Ok(Arc::new(principal))
    }
}

/// The exact reason is for the audit record; the presenter learns none.
fn refused(refusal: Refusal) -> ValidateError {
    ValidateError::RefusedWith {
        rejection: Rejection::from(refusal),
        code: refusal.to_string(),
        message: None,
    }
}

impl Validator for SamlValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(self.accept(token, self.presenter(call), call))
    }
}
