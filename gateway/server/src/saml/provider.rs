//! Assertions out.

mod party;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cambist_core::{
    BoxFuture, Call, Issuance, IssueError, IssuedToken, Provider, Token, TokenType, Usage,
};
use cambist_plugin::{Bound, Point};
use cambist_saml::{
    algorithm::SignatureAlgorithm,
    draft::{Confirmation, Draft, identifier},
    issue::{Protection, issue},
    mapping::{AttributeMap, MapError},
    model::NameId,
    signing::SigningKey,
    transport, uri,
    write::Spelling,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{SamlBench, certificate, check_entity, check_seconds, check_uri, points::Points, read};
use crate::publish_error::PublishError;
use party::{Party, PartySettings};

const TOKEN_TYPE: TokenType = TokenType::SAML2;
const DEFAULT_LIFETIME: u64 = 600;
const LONGEST_LIFETIME: u64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    algorithm: AlgorithmName,
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    lifetime_seconds: Option<u64>,
    #[serde(default)]
    confirmation: ConfirmationName,
    #[serde(default)]
    name_id_format: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    relying_parties: BTreeMap<String, PartySettings>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum AlgorithmName {
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConfirmationName {
    #[default]
    Bearer,
    SenderVouches,
}

/// Issues signed assertions, encrypted for relying parties that want it.
pub struct SamlProvider {
    token_type: TokenType,
    issuer: String,
    key: Arc<SigningKey>,
    lifetime: u64,
    confirmation: Confirmation<'static>,
    name_id_format: Option<String>,
    attributes: AttributeMap,
    points: Points,
    parties: HashMap<String, Party>,
}

impl SamlProvider {
    /// Builds one for the instance with this issuer identifier, which is also the issuer of its assertions
    /// unless `issuer` says otherwise. `is_party` knows the instance's relying parties; `bind` binds the
    /// plugins that the settings name.
    pub fn build(
        settings: &Map<String, Value>,
        own_issuer: &str,
        bench: &SamlBench,
        is_party: impl Fn(&str) -> bool,
        bind: impl Fn(&Value, Point) -> Result<Bound, PublishError>,
    ) -> Result<Self, PublishError> {
        let mut settings = settings.clone();
        let points = Points::take(&mut settings, bind)?;
        let settings: Settings = read(
            &settings,
            "a saml2 provider may have `issuer`, `algorithm`, `certificate`, `lifetime_seconds`, `confirmation`, `name_id_format`, `attributes`, `relying_parties`, and plugins as `conditions`, `subject`, `authn_statements`, `attribute_statements`, `authz_decision_statements`, `attribute_mapper`, `authn_context_mapper`",
        )?;
        let issuer = settings.issuer.unwrap_or_else(|| own_issuer.to_owned());
        check_entity("issuer", &issuer)?;
        let lifetime = settings.lifetime_seconds.unwrap_or(DEFAULT_LIFETIME);
        check_seconds("lifetime_seconds", lifetime, LONGEST_LIFETIME)?;
        if let Some(format) = &settings.name_id_format {
            check_uri("name_id_format", format, uri::NAME_ID_UNSPECIFIED)?;
        }
        let mut parties = HashMap::new();
        for (audience, wanted) in settings.relying_parties {
            let path = format!("relying_parties.{audience}");
            if !is_party(&audience) {
                return Err(PublishError::new(
                    path,
                    format!("`{audience}` is not a relying party"),
                    "name only members of the instance's `relying_parties`",
                ));
            }
            let party = Party::build(wanted).map_err(|error| error.within(&path))?;
            parties.insert(audience, party);
        }
        Ok(Self {
            token_type: TOKEN_TYPE,
            issuer,
            key: key(settings.algorithm, settings.certificate.as_deref(), bench)?,
            lifetime,
            confirmation: match settings.confirmation {
                ConfirmationName::Bearer => Confirmation::Bearer,
                ConfirmationName::SenderVouches => Confirmation::SenderVouches,
            },
            name_id_format: settings.name_id_format,
            attributes: if points.map_attributes() {
                AttributeMap::default()
            } else {
                attributes(&settings.attributes)?
            },
            points: points.with_map(&settings.attributes),
            parties,
        })
    }

    /// The entity identifier it issues under.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key it signs with.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The kind of names it issues.
    pub fn name_id_format(&self) -> &str {
        self.name_id_format
            .as_deref()
            .unwrap_or(uri::NAME_ID_UNSPECIFIED)
    }

    async fn make(
        &self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> Result<IssuedToken, IssueError> {
        // A reader would take whom it names for who acts, and history in `act` is never dropped (TX-50).
        if issuance.actors().is_some() {
            return Err(IssueError::Impossible(
                "a SAML assertion does not say who acts for its subject",
            ));
        }
        // Of several audiences each alone suffices (saml-core §2.5.1.4), and each has needs of its own.
        let [audience] = issuance.audiences() else {
            return Err(IssueError::Impossible(
                "a SAML assertion is issued for one relying party",
            ));
        };
        let party = self.parties.get(audience);
        let subject = issuance.subject();
        let expires_at = issuance.ends_at(call.now, self.lifetime);
        let id = identifier(&call.random);
        let context = subject
            .authentication_context
            .as_deref()
            .filter(|context| fluent_uri::Uri::parse(*context).is_ok());
        let draft = Draft {
            id: id.clone(),
            issuer: &self.issuer,
            relying_party: audience,
            recipient: party.and_then(Party::recipient),
            issued_at: call.now,
            expires_at,
            confirmation: self.confirmation,
            name_id: NameId {
                format: self.name_id_format.clone(),
                ..NameId::new(subject.subject.as_str())
            },
            authenticated_at: subject.authenticated_at.unwrap_or(call.now).min(call.now),
            authn_context_class: context.unwrap_or(uri::UNSPECIFIED),
            attributes: self.attributes.attributes(subject),
        };
        // When it was is not known, and no other moment is true.
        let authenticated = subject.authenticated_at.is_some();
        let assertion = self
            .points
            .assemble(draft, authenticated, issuance, call)
            .await?;
        let conditions = assertion.conditions.as_ref();
        let expires_at = conditions
            .and_then(|conditions| conditions.not_on_or_after)
            .unwrap_or(expires_at);
        let protection = Protection {
            signing: Some(&self.key),
            sealing: party.and_then(Party::sealing),
            spelling: Spelling::default(),
        };
        let document = issue(&assertion, &protection)?;
        Ok(IssuedToken {
            token: Token::new(transport::encode_token(&document)),
            token_type: TOKEN_TYPE,
            usage: Usage::NotApplicable,
            expires_at,
            id: Some(id),
        })
    }
}

impl Provider for SamlProvider {
    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        Box::pin(self.make(issuance, call))
    }
}

fn key(
    algorithm: AlgorithmName,
    pem: Option<&str>,
    bench: &SamlBench,
) -> Result<Arc<SigningKey>, PublishError> {
    let (name, algorithm) = match algorithm {
        AlgorithmName::Rs256 => ("RS256", SignatureAlgorithm::RsaSha256),
        AlgorithmName::Es256 => ("ES256", SignatureAlgorithm::EcdsaSha256),
    };
    let key = bench.key(algorithm).ok_or_else(|| {
        PublishError::new(
            "algorithm",
            format!("this gateway has no key for `{name}`"),
            "use RS256 or ES256",
        )
    })?;
    let Some(pem) = pem else {
        return Ok(Arc::clone(key));
    };
    let certificate = certificate("certificate", pem)?;
    key.with_certificate(certificate)
        .map(Arc::new)
        .map_err(|error| {
            PublishError::new(
                "certificate",
                error.to_string(),
                format!(
                    "send a certificate of the gateway's {name} key (GET /admin/v1/keys), or leave it out"
                ),
            )
        })
}

fn attributes(entries: &BTreeMap<String, String>) -> Result<AttributeMap, PublishError> {
    let hint = "map an attribute to a claim, to `claim;binary` or to a text in double quotes";
    for (name, source) in entries {
        if [name, source]
            .iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(PublishError::new(
                format!("attributes.{name}"),
                "holds a control character",
                hint,
            ));
        }
    }
    let pairs = entries
        .iter()
        .map(|(name, source)| (name.as_str(), source.as_str()));
    AttributeMap::parse(pairs).map_err(|error| {
        let path = match &error {
            MapError::Name(name) | MapError::Source(name) => format!("attributes.{name}"),
            MapError::TooMany => "attributes".to_owned(),
        };
        PublishError::new(path, error.to_string(), hint)
    })
}
