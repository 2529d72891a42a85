//! Believes every token. For measuring what a sandbox costs, and nothing else.

use cambist_guest::{Call, Principal, Refusal, Token, Validator, export};

/// The validator: the token is the subject.
pub struct Echo;

impl Validator for Echo {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        Ok(Principal::new(token.text()?).expires_at(call.now + 60))
    }
}

export!(Echo: Validator);
