//! Answers that are signed (RFC 9701).

use cambist_core::Timestamp;
use serde_json::{Map, Value};

use crate::{
    TrustedIssuer,
    jose::{Expected, Unverified},
};

/// Their media type.
pub(super) const MEDIA: &str = "application/token-introspection+jwt";
/// Their `typ` (RFC 9701 §5), which no token has.
const TYPE: &str = "token-introspection+jwt";
/// The member that holds the answer.
const MEMBER: &str = "token_introspection";
/// Most bytes of one: it says more than the token it is about.
const LARGEST: usize = 64 * 1024;

/// The answer in `body`, if `issuer` has made it for `client` just now. Otherwise the reason, for operators.
pub(super) async fn open(
    body: &[u8],
    issuer: &TrustedIssuer,
    client: &str,
    now: Timestamp,
) -> Result<Map<String, Value>, String> {
    let refused = |error| format!("its signed introspection answer: {error}");
    let answer = Unverified::parse(body, LARGEST).map_err(refused)?;
    let keys = issuer.keys(answer.key_id(), now).await;
    let keys = keys.map_err(|fault| fault.to_string())?;
    let expected = Expected {
        algorithms: issuer.algorithms(),
        keys: &keys,
        types: &[TYPE],
        typ_may_be_absent: false,
        issuer: issuer.issuer(),
        audiences: &[client.to_owned()],
        leeway: issuer.leeway_seconds(),
        now,
    };
    let mut claims = answer.verify_answer(&expected).map_err(refused)?;
    match claims.remove(MEMBER) {
        Some(Value::Object(answer)) => Ok(answer),
        _ => Err("its signed introspection answer holds none".to_owned()),
    }
}
