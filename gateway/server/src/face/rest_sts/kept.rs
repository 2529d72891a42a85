//! `validate` and `cancel`, for instances that keep what they issue.
//!
//! A token is valid if this very text was issued by this instance, has not ended, and neither it nor what it
//! was made from was cancelled or revoked. That is more than its signature says.

use std::{fmt, sync::Arc};

use cambist_core::{Call, TokenType};
use cambist_saml::transport;
use hyper::StatusCode;
use serde_json::{Map, Value};

use super::{
    OPENIDCONNECT, RestFace, SAML2,
    common_rest::{Content, RestError, shown},
    failure,
};
use crate::{
    ledger::{Ledger, LedgerError, token_hash},
    rest_token,
    store::{LedgerRow, LedgerState},
};

/// Where an instance keeps its tokens.
#[derive(Clone)]
pub struct Books(pub Arc<Ledger>);

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Books")
    }
}

/// What shall become of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Validate,
    Cancel,
}

impl Deed {
    const fn participle(self) -> &'static str {
        match self {
            Self::Validate => "validated",
            Self::Cancel => "cancelled",
        }
    }
}

/// Judges or cancels the token in `body`.
pub(super) async fn answer(
    deed: Deed,
    body: &Value,
    face: &RestFace,
    call: &Call<'_>,
) -> Result<Content, RestError> {
    let (name, state) = read(deed, body, face)?;
    let books = face.books.as_ref().ok_or_else(|| {
        RestError::new(
            StatusCode::CONFLICT,
            "The rest-sts instance is not configured to persist tokens in the CoreTokenStore, so it can neither \
             validate nor cancel them.",
        )
    })?;
    let found = find(&name, state, &books.0, call).await?;
    let members = match deed {
        Deed::Validate => {
            let is_valid = found.is_some_and(|row| books.0.is_active(&row, call.now));
            Map::from_iter([("token_valid".to_owned(), Value::Bool(is_valid))])
        }
        Deed::Cancel => {
            if let Some(row) = found {
                let (mark, until) = (row.token.mark, Some(row.token.expires_at));
                let done = books
                    .0
                    .revoke(mark, until, LedgerState::Cancelled, None, call.now);
                done.await.map_err(|error| unavailable(&error))?;
            }
            let result = format!("{name} token cancelled successfully.");
            Map::from_iter([("result".to_owned(), Value::String(result))])
        }
    };
    Ok(Content {
        members,
        ..Content::default()
    })
}

fn read<'b>(
    deed: Deed,
    body: &'b Value,
    face: &RestFace,
) -> Result<(String, &'b Value), RestError> {
    let participle = deed.participle();
    let state = body
        .get(format!("{participle}_token_state"))
        .filter(|state| !state.is_null())
        .ok_or_else(|| {
            let subject = match deed {
                Deed::Validate => "Validated",
                Deed::Cancel => "Cancelled",
            };
            RestError::bad_request(format!("{subject} token state must be set!"))
        })?;
    let name = state
        .get("token_type")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            RestError::bad_request("REST STS invocation does not contain token_type String entry.")
        })?;
    if !matches!(name, OPENIDCONNECT | SAML2) {
        return Err(RestError::bad_request(format!(
            "Unsupported to-be-{participle} token type: {}",
            shown(name)
        )));
    }
    if !face.issues(name) {
        let what = match deed {
            Deed::Validate => "IssuedTokenValidators",
            Deed::Cancel => "IssuedTokenCancellers",
        };
        return Err(RestError::bad_request(format!(
            "No {what} available for token type: {name}. Does this sts issue tokens of the specified type?"
        )));
    }
    Ok((name.to_owned(), state))
}

/// The row of exactly the presented token, if this instance issued it.
async fn find(
    name: &str,
    state: &Value,
    ledger: &Ledger,
    call: &Call<'_>,
) -> Result<Option<LedgerRow>, RestError> {
    let (token, token_type) = if name == SAML2 {
        let document = text(state, "saml2_token")?.trim();
        rest_token::of_assertion(document.as_bytes()).map_err(|_| {
            RestError::bad_request(
                "The saml2_token is not XML whose root element is an Assertion with an ID or an EncryptedAssertion \
                 with a CipherValue.",
            )
        })?;
        (transport::encode_token(document), TokenType::SAML2)
    } else {
        let token = text(state, "oidc_id_token")?.trim();
        (token.to_owned(), TokenType::ID_TOKEN)
    };
    let found = ledger
        .find(&token_hash(token.as_bytes()))
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(found.filter(|row| {
        row.token.instance == call.instance && row.token.token_type == token_type.as_str()
    }))
}

fn text<'v>(state: &'v Value, member: &str) -> Result<&'v str, RestError> {
    state.get(member).and_then(Value::as_str).ok_or_else(|| {
        RestError::bad_request(format!(
            "The json representation of the token does not contain a {member} field."
        ))
    })
}

fn unavailable(error: &LedgerError) -> RestError {
    tracing::error!(%error, "the ledger failed under the REST STS");
    failure::try_again("The token store could not be asked")
}
