//! Assertions out.

mod confirmation;
mod party;
mod settings;

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use cambist_core::{
    BoxFuture, Call, Issuance, IssueError, IssuedToken, Provider, Token, TokenType, Usage,
};
use cambist_plugin::{Bound, Point};
use cambist_saml::{
    draft::{Draft, identifier},
    issue::{Protection, issue},
    mapping::AttributeMap,
    model::NameId,
    signing::SigningKey,
    transport, uri,
};
use serde_json::{Map, Value};

use super::{Frame, check_entity, check_seconds, check_uri, points::Points, read};
use crate::publish_error::PublishError;
use confirmation::OwnConfirmation;
use party::Party;
use settings::{Authentication, Settings};

const TOKEN_TYPE: TokenType = TokenType::SAML2;
const DEFAULT_LIFETIME: u64 = 600;
const LONGEST_LIFETIME: u64 = 86_400;

/// Issues signed assertions, encrypted for relying parties that want it.
pub struct SamlProvider {
    token_type: TokenType,
    issuer: String,
    key: Arc<SigningKey>,
    signs: bool,
    lifetime: u64,
    confirmation: OwnConfirmation,
    authentication: Authentication,
    authn_context_classes: HashMap<TokenType, String>,
    name_id_format: Option<String>,
    attributes: AttributeMap,
    points: Points,
    parties: HashMap<String, Party>,
}

impl SamlProvider {
    /// Builds one as `name` for an instance, whose issuer identifier is also the issuer of its assertions
    /// unless `issuer` says otherwise. `is_party` knows the instance's relying parties; `bind` binds the
    /// plugins that the settings name.
    pub fn build(
        name: &str,
        settings: &Map<String, Value>,
        frame: &Frame<'_>,
        is_party: impl Fn(&str) -> bool,
        bind: impl Fn(&Value, Point) -> Result<Bound, PublishError>,
    ) -> Result<Self, PublishError> {
        let mut settings = settings.clone();
        let points = Points::take(&mut settings, bind)?;
        let settings: Settings = read(&settings, settings::HINT)?;
        let issuer = settings
            .issuer
            .clone()
            .unwrap_or_else(|| frame.issuer.to_owned());
        check_entity("issuer", &issuer)?;
        let lifetime = settings.lifetime_seconds.unwrap_or(DEFAULT_LIFETIME);
        check_seconds("lifetime_seconds", lifetime, LONGEST_LIFETIME)?;
        if let Some(format) = &settings.name_id_format {
            check_uri("name_id_format", format, uri::NAME_ID_UNSPECIFIED)?;
        }
        let mut parties = HashMap::new();
        for (audience, wanted) in &settings.relying_parties {
            let path = format!("relying_parties.{audience}");
            if !is_party(audience) {
                return Err(PublishError::new(
                    path,
                    format!("`{audience}` is not a relying party"),
                    "name only members of the instance's `relying_parties`",
                ));
            }
            let format = settings.name_id_format.as_deref();
            let party = Party::build(
                audience,
                wanted,
                format,
                &format!("providers.{name}"),
                frame,
            )?;
            parties.insert(audience.clone(), party);
        }
        for (token_type, class) in &settings.authn_context_classes {
            let path = format!("authn_context_classes.{token_type}");
            check_uri(&path, class, uri::PASSWORD_PROTECTED_TRANSPORT)?;
        }
        Ok(Self {
            token_type: TOKEN_TYPE,
            issuer,
            key: settings::key(&settings, frame)?,
            signs: settings.sign,
            lifetime,
            confirmation: OwnConfirmation::build(
                settings.confirmation,
                settings.holder_certificate.as_ref(),
                frame,
            )?,
            authentication: settings.authentication,
            attributes: if points.map_attributes() {
                AttributeMap::default()
            } else {
                settings::attributes(&settings.attributes)?
            },
            points: points.with_map(&settings.attributes),
            authn_context_classes: settings
                .authn_context_classes
                .into_iter()
                .map(|(token_type, class)| (TokenType::new(token_type), class))
                .collect(),
            name_id_format: settings.name_id_format,
            parties,
        })
    }

    /// The entity identifier it issues under.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key it signs with.
    pub const fn key(&self) -> &Arc<SigningKey> {
        &self.key
    }

    /// The kind of names it issues.
    pub fn name_id_format(&self) -> &str {
        self.name_id_format
            .as_deref()
            .unwrap_or(uri::NAME_ID_UNSPECIFIED)
    }

    /// As the subject's source named it, or as the operator says of tokens of its type. Who tells the moment of
    /// issuance tells nothing of what the source said.
    fn authn_context_class<'a>(&'a self, issuance: &Issuance<'a>) -> &'a str {
        let told = issuance.subject().authentication_context.as_deref();
        told.filter(|_| self.authentication == Authentication::Subject)
            .filter(|context| fluent_uri::Uri::parse(*context).is_ok())
            .or_else(|| {
                let known = &self.authn_context_classes;
                known
                    .get(&issuance.presented().token_type)
                    .map(String::as_str)
            })
            .unwrap_or(uri::UNSPECIFIED)
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
        let id = long_identifier(&call.random);
        let draft = Draft {
            id: id.clone(),
            issuer: &self.issuer,
            relying_party: audience,
            recipient: party.and_then(Party::recipient),
            issued_at: call.now,
            expires_at,
            confirmation: self.confirmation.for_one(issuance, call)?,
            name_id: NameId {
                format: self.name_id_format.clone(),
                ..NameId::new(subject.subject.as_str())
            },
            authenticated_at: subject.authenticated_at.unwrap_or(call.now).min(call.now),
            authn_context_class: self.authn_context_class(issuance),
            attributes: self.attributes.attributes(subject),
        };
        // When it was may not be known, and then no other moment is true.
        let authenticated =
            subject.authenticated_at.is_some() || self.authentication != Authentication::Subject;
        let assertion = self
            .points
            .assemble(draft, authenticated, issuance, call)
            .await?;
        let conditions = assertion.conditions.as_ref();
        let expires_at = conditions
            .and_then(|conditions| conditions.not_on_or_after)
            .unwrap_or(expires_at);
        let protection = Protection {
            signing: self.signs.then_some(&*self.key),
            sealing: party.and_then(Party::sealing),
            spelling: party.map(Party::spelling).unwrap_or_default(),
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

/// Forty hexadecimal digits, as readers of a REST STS's assertions expect; what was drawn is shorter.
fn long_identifier(random: &[u8]) -> String {
    let spread = digest(&SHA256, random);
    identifier(spread.as_ref().get(..20).unwrap_or(random))
}

impl Provider for SamlProvider {
    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn can_bind(&self) -> bool {
        self.confirmation.is_callers_key()
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        Box::pin(self.make(issuance, call))
    }
}
