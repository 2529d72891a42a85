//! Does in a sandbox what the builtin token types do without, so that one contract can be held against both.

mod issue;
mod read;

use cambist_guest::{
    Call, Issuance, Issued, Principal, Provider, Refusal, Token, Validator, export,
};

/// The twin of every builtin; `kind` of its configuration says of which.
pub struct Twin;

impl Validator for Twin {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        match call.required_text("kind")? {
            "username" => read::username(token),
            kind => read::jwt(token, kind, call),
        }
    }
}

impl Provider for Twin {
    fn issue(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal> {
        issue::jwt(issuance, call)
    }
}

export!(Twin: Validator, Provider);
