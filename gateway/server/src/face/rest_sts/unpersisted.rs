//! `validate` and `cancel`, which only an instance that keeps what it issued could answer.

use serde_json::Value;

use super::common_rest::{RestError, shown};

/// Why this request to judge (`participle` is `validated`) or revoke (`cancelled`) a token is refused: what
/// is wrong with the request first, then that no instance keeps its tokens.
pub(super) fn refuse(body: &Value, participle: &str) -> RestError {
    let member = format!("{participle}_token_state");
    let Some(state) = body.get(&member).filter(|state| !state.is_null()) else {
        let mut subject = participle.to_owned();
        if let Some(first) = subject.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        return RestError::bad_request(format!("{subject} token state must be set!"));
    };
    match state.get("token_type").and_then(Value::as_str) {
        None => {
            RestError::bad_request("REST STS invocation does not contain token_type String entry.")
        }
        Some(super::OPENIDCONNECT | "SAML2") => RestError::new(
            hyper::StatusCode::CONFLICT,
            "The rest-sts instance is not configured to persist tokens in the CoreTokenStore, so it can neither \
             validate nor cancel them.",
        ),
        Some(other) => RestError::bad_request(format!(
            "Unsupported to-be-{participle} token type: {}",
            shown(other)
        )),
    }
}
