//! Validators that leave the checking to an authenticator of their realm.

use std::sync::Arc;

use cambist_core::{Declared, Scope, TokenType};
use cambist_token::{Bench, PasswordDirectory};
use hyper::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Shelf,
    bindings::{self, Binder},
    validators::{self, BuiltValidator},
};
use crate::{authenticator, document::PartDocument, publish_error::PublishError};

/// The member that names one.
pub(super) const MEMBER: &str = "authenticator";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthenticatedSettings {
    authenticator: String,
    #[serde(default)]
    header: Option<String>,
    #[serde(default)]
    subject_prefix: String,
    #[serde(default)]
    scopes: Option<Scope>,
}

/// Who checks passwords where a document names nobody: the realm's default, or the gateway's own users.
pub(super) fn passwords(shelf: &Shelf<'_>, realm: &str) -> Arc<dyn PasswordDirectory> {
    let usual = (shelf.authenticator)(&authenticator::id(realm, authenticator::DEFAULT));
    usual
        .and_then(|usual| usual.passwords())
        .unwrap_or_else(|| Arc::clone(shelf.directory))
}

/// Builds the validator of `part`, which names an authenticator.
pub(super) fn validator(
    part: &PartDocument,
    bench: &Bench<'_>,
    binder: &Binder<'_>,
) -> Result<BuiltValidator, PublishError> {
    let settings: AuthenticatedSettings = bindings::read(
        Value::Object(part.settings.clone()),
        "a validator with an `authenticator` has, beside it, only `header`, `subject_prefix` and `scopes`",
    )?;
    let id = authenticator::id(bench.realm, &settings.authenticator);
    let found = (binder.shelf.authenticator)(&id).ok_or_else(|| {
        PublishError::new(
            MEMBER,
            format!(
                "`{}` is not an authenticator of realm `{}`",
                settings.authenticator, bench.realm
            ),
            format!("publish it first: PUT /admin/v1/authenticators/{id}"),
        )
    })?;
    let unfit = |what: &str| {
        PublishError::new(
            MEMBER,
            format!("`{}` checks no {what}", settings.authenticator),
            "name one of another kind",
        )
    };
    binder.uses.borrow_mut().authenticators.push(id);
    let declared = Declared {
        subject_prefix: settings.subject_prefix.clone(),
        scopes: settings.scopes.clone(),
    };
    let (token_type, what) = match part.kind.as_str() {
        "username" => {
            let directory = found.passwords().ok_or_else(|| unfit("passwords"))?;
            let bench = Bench {
                directory: &directory,
                ..*bench
            };
            let mut own = part.clone();
            own.settings.remove(MEMBER);
            return validators::builtin_validator(&own, &bench, binder);
        }
        "id_token" => (TokenType::ID_TOKEN, "ID tokens"),
        "session" => (TokenType::SESSION, "sessions"),
        "x509" => (TokenType::X509, "certificates"),
        kind => {
            return Err(PublishError::new(
                MEMBER,
                format!("stands in a validator of kind `{kind}`"),
                "only username, id_token, session and x509 may have one",
            ));
        }
    };
    let header = settings
        .header
        .as_deref()
        .map(|name| HeaderName::from_bytes(name.as_bytes()))
        .transpose()
        .map_err(|_| {
            PublishError::new(
                "header",
                "is no name of a header",
                "use letters, digits and hyphens",
            )
        })?;
    let validator = found
        .validator(&token_type, header, declared.clone())
        .ok_or_else(|| unfit(what))?;
    Ok(BuiltValidator {
        token_type,
        validator: Arc::clone(&validator),
        declared,
        prefixes: Vec::new(),
        is_foreign: true,
    })
}
