//! Reading tokens.

use base64_simd::URL_SAFE_NO_PAD;
use cambist_guest::{Actor, Call, Claim, Principal, Refusal, Token, Value, crypto};
use serde_json::{Map, Value as Json};

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;
/// Claims that stand in a field of their own, or are the gateway's business.
const CONSUMED: [&str; 17] = [
    "acr",
    "act",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "scope",
    "scp",
    "sub",
];

/// The user that the builtin's directory knows in the contract.
pub(crate) fn username(token: &Token) -> Result<Principal, Refusal> {
    let given: Map<String, Json> =
        serde_json::from_slice(&token.bytes).map_err(|_| Refusal::malformed())?;
    let member = |name: &str| given.get(name).and_then(Json::as_str);
    let (Some(user), Some(password)) = (member("username"), member("password")) else {
        return Err(Refusal::malformed());
    };
    if user.is_empty() {
        return Err(Refusal::malformed());
    }
    if (user, password) != ("dana", "open sesame") {
        return Err(Refusal::bad_signature());
    }
    Ok(Principal::new(user)
        .authentication_method("pwd")
        .claim("email", "dana@example.com"))
}

/// A signed JWT of the configured issuer.
pub(crate) fn jwt(token: &Token, kind: &str, call: &Call) -> Result<Principal, Refusal> {
    let text = token.text()?;
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::malformed());
    };
    check_header(&object(header)?, kind)?;
    let signed = &text[..header.len() + 1 + payload.len()];
    crypto::key("jwt")?.verify(signed, decode(signature)?)?;
    principal(&object(payload)?, kind, call)
}

fn check_header(header: &Map<String, Json>, kind: &str) -> Result<(), Refusal> {
    if header.contains_key("crit") {
        return Err(Refusal::malformed());
    }
    if header.get("alg").and_then(Json::as_str) != Some("ES256") {
        return Err(Refusal::refused("algorithm"));
    }
    let typ = header.get("typ").and_then(Json::as_str);
    let fits = match kind {
        "access_token" => typ == Some("at+jwt"),
        _ => typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")),
    };
    if fits {
        Ok(())
    } else {
        Err(Refusal::refused("type"))
    }
}

fn principal(claims: &Map<String, Json>, kind: &str, call: &Call) -> Result<Principal, Refusal> {
    let text = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::malformed()),
    };
    let moment = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(at) => at.as_u64().map(Some).ok_or_else(Refusal::malformed),
    };
    let expires_at = moment("exp")?.ok_or_else(Refusal::malformed)?;
    if expires_at + LEEWAY <= call.now {
        return Err(Refusal::expired());
    }
    if moment("nbf")?.is_some_and(|from| from > call.now + LEEWAY) {
        return Err(Refusal::not_yet_valid());
    }
    let issuer = text("iss")?.ok_or_else(Refusal::malformed)?;
    if issuer != call.required_text("issuer")? {
        return Err(Refusal::refused("issuer"));
    }
    let audiences = strings(claims.get("aud").ok_or_else(Refusal::wrong_audience)?)?;
    let accepted = call.required_texts("audiences")?;
    if !audiences.iter().any(|audience| accepted.contains(audience)) {
        return Err(Refusal::wrong_audience());
    }
    if kind == "id_token" && (!claims.contains_key("iat") || claims.contains_key("scope")) {
        return Err(Refusal::refused("type"));
    }
    if claims.contains_key("cnf") {
        return Err(Refusal::refused("proof"));
    }
    let subject = text("sub")?.ok_or_else(Refusal::malformed)?;
    let mut principal = Principal::new(subject)
        .issuer(issuer)
        .expires_at(expires_at);
    principal.audiences = audiences;
    principal.client = text("client_id")?.or(text("azp")?);
    principal.authenticated_at = moment("auth_time")?;
    principal.authentication_context = text("acr")?;
    principal.authentication_methods = claims
        .get("amr")
        .map(strings)
        .transpose()?
        .unwrap_or_default();
    principal.scopes = text("scope")?.map(|scope| scope.split(' ').map(str::to_owned).collect());
    principal.actors = actors(claims.get("act"))?;
    principal.may_act = match claims.get("may_act") {
        None => None,
        Some(Json::Object(members)) => Some(members.iter().map(claim).collect()),
        Some(_) => return Err(Refusal::malformed()),
    };
    principal.claims = claims
        .iter()
        .filter(|(name, _)| !CONSUMED.contains(&name.as_str()))
        .map(claim)
        .collect();
    Ok(principal)
}

fn actors(act: Option<&Json>) -> Result<Vec<Actor>, Refusal> {
    let mut actors = Vec::new();
    let mut next = act;
    while let Some(act) = next {
        let act = act.as_object().ok_or_else(Refusal::malformed)?;
        let subject = act
            .get("sub")
            .and_then(Json::as_str)
            .ok_or_else(Refusal::malformed)?;
        let mut actor = Actor::new(subject);
        actor.issuer = act.get("iss").and_then(Json::as_str).map(str::to_owned);
        actors.push(actor);
        next = act.get("act");
    }
    Ok(actors)
}

fn claim((name, value): (&String, &Json)) -> Claim {
    let value = match value {
        Json::String(text) => Value::Text(text.clone()),
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Json(number.to_string()), Value::Integer),
        Json::Array(_) => {
            strings(value).map_or_else(|_| Value::Json(value.to_string()), Value::Texts)
        }
        Json::Null | Json::Object(_) => Value::Json(value.to_string()),
    };
    Claim::new(name, value)
}

fn strings(value: &Json) -> Result<Vec<String>, Refusal> {
    match value {
        Json::String(one) => Ok(vec![one.clone()]),
        Json::Array(several) => several
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(Refusal::malformed),
        _ => Err(Refusal::malformed()),
    }
}

fn object(part: &str) -> Result<Map<String, Json>, Refusal> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Refusal::malformed())
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode_to_vec(part)
        .map_err(|_| Refusal::malformed())
}
