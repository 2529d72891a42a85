//! The output side of a `translate` request: what shall be made of the input.

use cambist_core::WantedConfirmation;
use cambist_saml::certificate::{Certificate, MAX_CERTIFICATE_BYTES};
use serde_json::Value;

use super::super::{
    OPENIDCONNECT, SAML2,
    common_rest::{RestError, shown},
};

/// Longest nonce that is copied into a token, in bytes.
pub(super) const LONGEST_NONCE: usize = 512;

/// What the caller wants of the issued token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) nonce: Option<String>,
    pub(super) confirmation: Option<WantedConfirmation>,
}

/// Reads the members that belong to the output type `name`. All others are passed over: callers send the
/// members of every type at once.
pub(super) fn read(name: &str, output: &Value) -> Result<Wanted, RestError> {
    match name {
        OPENIDCONNECT => {
            check_consent(output)?;
            Ok(Wanted {
                nonce: nonce(output)?,
                confirmation: None,
            })
        }
        SAML2 => Ok(Wanted {
            nonce: None,
            confirmation: Some(confirmation(output)?),
        }),
        _ => Ok(Wanted {
            nonce: nonce(output)?,
            confirmation: None,
        }),
    }
}

/// The client's statement that the end user agrees.
fn check_consent(output: &Value) -> Result<(), RestError> {
    if output.get("allow_access") == Some(&Value::Bool(true)) {
        Ok(())
    } else {
        Err(RestError::bad_request(
            "The allow_access must be set to true in the token request, the JSON boolean true and nothing else.",
        ))
    }
}

fn nonce(output: &Value) -> Result<Option<String>, RestError> {
    match output.get("nonce") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(nonce)) if nonce.len() > LONGEST_NONCE => Err(RestError::bad_request(
            format!("The nonce is longer than {LONGEST_NONCE} bytes."),
        )),
        Some(Value::String(nonce)) => Ok(Some(nonce.clone()).filter(|nonce| !nonce.is_empty())),
        Some(_) => Err(RestError::bad_request("The nonce must be a JSON string.")),
    }
}

/// How whoever presents the assertion will be confirmed (saml-profiles §3).
fn confirmation(output: &Value) -> Result<WantedConfirmation, RestError> {
    const WORDS: &str = "use BEARER, HOLDER_OF_KEY or SENDER_VOUCHES";
    let method = match output.get("subject_confirmation") {
        None | Some(Value::Null) => {
            return Err(RestError::bad_request(format!(
                "No subjectConfirmation specified in the subject_confirmation field: {WORDS}."
            )));
        }
        Some(Value::String(method)) => method.as_str(),
        Some(_) => {
            return Err(RestError::bad_request(format!(
                "Invalid subjectConfirmation specified: subject_confirmation must be a JSON string; {WORDS}."
            )));
        }
    };
    match method {
        "BEARER" => Ok(WantedConfirmation::Bearer),
        "SENDER_VOUCHES" => Ok(WantedConfirmation::SenderVouches),
        "HOLDER_OF_KEY" => proof(output).map(|der| WantedConfirmation::HolderOfKey(Some(der))),
        other => Err(RestError::bad_request(format!(
            "Invalid subjectConfirmation specified: {}; {WORDS}.",
            shown(other)
        ))),
    }
}

/// The certificate of the key that the presenter will hold, in DER.
fn proof(output: &Value) -> Result<Vec<u8>, RestError> {
    let state = match output.get("proof_token_state") {
        None | Some(Value::Null) => {
            return Err(RestError::bad_request(
                "If the subject confirmation is HOLDER_OF_KEY, the proofTokenState must also be set: send \
                 proof_token_state with a base64EncodedCertificate.",
            ));
        }
        Some(state) => state,
    };
    let text = state
        .get("base64EncodedCertificate")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            RestError::bad_request(
                "The proof_token_state does not contain a base64EncodedCertificate String entry.",
            )
        })?;
    let dense: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(MAX_CERTIFICATE_BYTES * 2)
        .collect();
    base64_simd::STANDARD
        .decode_to_vec(&dense)
        .ok()
        .filter(|der| Certificate::from_der(der).is_ok())
        .ok_or_else(|| {
            RestError::bad_request(
                "Problem marshalling the certificate of the proof_token_state: base64EncodedCertificate must be \
                 the base64 of an X.509 certificate in DER, without PEM armour.",
            )
        })
}
