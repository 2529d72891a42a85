//! Makes the claims of an ID token as an older client expects them, and says how the subject authenticated in
//! that client's own words. One component, three points.
//!
//! The operator's map says of each claim what to make it from:
//!
//! | from | |
//! |---|---|
//! | `department` | the claim of that name, whatever its type |
//! | `{given_name} {family_name}` | a text; left out if one of its parts is not there |
//! | `=eu-1` | just that |

use cambist_guest::{
    AcrMapper, AmrMapper, Call, Claim, ClaimMapper, Issuance, Principal, Refusal, Token, Value,
    export,
};

/// The plugin.
pub struct ClaimMap;

impl ClaimMapper for ClaimMap {
    fn map_claims(
        issuance: &Issuance,
        wanted: &[(String, String)],
        _: &Call,
    ) -> Result<Vec<Claim>, Refusal> {
        let mut claims = Vec::with_capacity(wanted.len());
        for (name, from) in wanted {
            if let Some(value) = made(from, &issuance.subject)? {
                claims.push(Claim::new(name, value));
            }
        }
        Ok(claims)
    }
}

impl AcrMapper for ClaimMap {
    fn map_acr(_: &Token, subject: &Principal, call: &Call) -> Result<Option<String>, Refusal> {
        // A name that the client does not know says nothing to it.
        Ok(subject
            .authentication_context
            .as_deref()
            .and_then(|name| renamed(name, call))
            .map(str::to_owned))
    }
}

impl AmrMapper for ClaimMap {
    fn map_amr(_: &Token, subject: &Principal, call: &Call) -> Result<Vec<String>, Refusal> {
        let mut methods = Vec::new();
        for method in &subject.authentication_methods {
            let method = renamed(method, call).unwrap_or(method).to_owned();
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Ok(methods)
    }
}

export!(ClaimMap: ClaimMapper, AcrMapper, AmrMapper);

/// What the operator's `names`, each `from=to`, make of a name.
fn renamed<'a>(name: &str, call: &'a Call) -> Option<&'a str> {
    call.texts("names")?
        .iter()
        .filter_map(|pair| pair.rsplit_once('='))
        .find(|(from, _)| *from == name)
        .map(|(_, to)| to)
}

fn made(from: &str, subject: &Principal) -> Result<Option<Value>, Refusal> {
    if let Some(constant) = from.strip_prefix('=') {
        return Ok(Some(constant.into()));
    }
    if from.contains('{') {
        return Ok(filled(from, subject)?.map(Into::into));
    }
    Ok(subject.value(from).cloned())
}

/// A template with the claims in it. None if one of them is not there, or has no text.
fn filled(mut template: &str, subject: &Principal) -> Result<Option<String>, Refusal> {
    let mut text = String::new();
    while let Some((before, rest)) = template.split_once('{') {
        let (name, after) = rest
            .split_once('}')
            .ok_or_else(|| Refusal::internal(format!("a `{{` is not closed in `{template}`")))?;
        text.push_str(before);
        match subject.value(name) {
            Some(Value::Text(value)) => text.push_str(value),
            Some(Value::Integer(value)) => text.push_str(&value.to_string()),
            _ => return Ok(None),
        }
        template = after;
    }
    text.push_str(template);
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
