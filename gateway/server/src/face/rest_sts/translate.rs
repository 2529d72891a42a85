//! Reading a `translate` request, in the order that decides which error wins.

use cambist_core::{Presented, Token, TokenType, WantedConfirmation};
use serde_json::{Map, Value};

use super::{
    OPENAM, OPENIDCONNECT, RestFace, SAML2, USERNAME, X509,
    common_rest::{RestError, shown},
    offload::Source,
};

mod output;

/// A well-formed `translate` request. Nothing has been validated yet.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The input type's name, as the caller wrote it.
    pub input: String,
    /// The input token.
    pub subject: Presented,
    /// The certificate that an offloader passed on, in DER; the caller holds its key.
    pub certificate: Option<Vec<u8>>,
    /// Whether a session behind the input token ends with the translation.
    pub ends_session: bool,
    /// What to make of it.
    pub requested_token_type: TokenType,
    /// The output type's name, as the caller wrote it.
    pub output: String,
    /// A value to copy into the issued token.
    pub nonce: Option<String>,
    /// How whoever presents the issued token will be confirmed, for types that say so.
    pub confirmation: Option<WantedConfirmation>,
    /// The caller's whole `output_token_state`, for types that only a plugin knows.
    pub described: Option<String>,
    /// Whom it will be addressed to: all audiences the instance was published with for this output.
    pub audiences: Vec<String>,
}

/// Reads a `translate` body that is known to be JSON.
pub(super) fn read(
    body: Value,
    face: &RestFace,
    source: &Source<'_>,
) -> Result<Translation, RestError> {
    let Value::Object(mut body) = body else {
        return Err(RestError::bad_request("The body must be a JSON object"));
    };
    let input = state(
        &mut body,
        "input_token_state",
        "Input token state must be set!",
    )?;
    let output = state(
        &mut body,
        "output_token_state",
        "Output token state must be set!",
    )?;
    let input_name = token_type(&input)?.to_owned();
    let output_name = token_type(&output)?.to_owned();
    let (input_type, output_type, ends_session) = face
        .pair(&input_name, &output_name)
        .ok_or_else(|| unsupported(&input_name, &output_name))?;
    let mut certificate = None;
    let token = match input_name.as_str() {
        X509 => {
            let own = source.certificate(face.offload.as_ref())?;
            certificate = face.offload.is_some().then(|| own.clone());
            Token::new(own)
        }
        USERNAME => username(&input)?,
        OPENAM => Token::new(text(&input, "session_id", "AM Session Token")?),
        OPENIDCONNECT => Token::new(text(&input, "oidc_id_token", "OpenIdConnect Id Token")?),
        _ => Token::new(Value::Object(members(&input).cloned().unwrap_or_default()).to_string()),
    };
    let wanted = output::read(&output_name, &output)?;
    let is_custom = !matches!(output_name.as_str(), OPENIDCONNECT | SAML2);
    Ok(Translation {
        subject: Presented {
            token,
            token_type: input_type.clone(),
        },
        requested_token_type: output_type.clone(),
        certificate,
        ends_session,
        nonce: wanted.nonce,
        confirmation: wanted.confirmation,
        described: is_custom.then(|| output.to_string()),
        audiences: face.audiences(&output_name),
        input: input_name,
        output: output_name,
    })
}

fn state(body: &mut Map<String, Value>, name: &str, message: &str) -> Result<Value, RestError> {
    body.remove(name)
        .filter(|state| !state.is_null())
        .ok_or_else(|| RestError::bad_request(message))
}

fn members(state: &Value) -> Option<&Map<String, Value>> {
    state.as_object()
}

fn token_type(state: &Value) -> Result<&str, RestError> {
    state.get("token_type").and_then(Value::as_str).ok_or_else(|| {
        let found = match members(state) {
            Some(found) => names(found),
            None => "not an object".to_owned(),
        };
        RestError::bad_request(format!(
            "REST STS invocation does not contain token_type String entry. The token state holds: {found}"
        ))
    })
}

/// The members' names but never their values: one of them may be a password.
fn names(members: &Map<String, Value>) -> String {
    const MOST: usize = 16;
    let mut names: Vec<String> = members.keys().take(MOST).map(|name| shown(name)).collect();
    if members.len() > MOST {
        names.push("…".to_owned());
    }
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn unsupported(input: &str, output: &str) -> RestError {
    RestError::bad_request(format!(
        "The desired transformation, from {} to {}, is not a supported token translation.",
        shown(input),
        shown(output)
    ))
}

/// The validator for user names reads a JSON object with exactly these two members.
fn username(input: &Value) -> Result<Token, RestError> {
    const WHAT: &str = "UNT";
    let username = text(input, "username", WHAT)?;
    let password = text(input, "password", WHAT)?;
    Ok(Token::new(
        serde_json::json!({ "username": username, "password": password }).to_string(),
    ))
}

fn text<'v>(input: &'v Value, member: &str, what: &str) -> Result<&'v str, RestError> {
    input.get(member).and_then(Value::as_str).ok_or_else(|| {
        RestError::bad_request(format!(
            "The json representation of a {what} does not contain a {member} field."
        ))
    })
}

#[cfg(test)]
mod tests;
