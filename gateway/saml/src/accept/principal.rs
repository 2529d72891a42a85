//! An accepted assertion in the terms every provider understands.

use cambist_core::Principal;
use serde_json::{Map, Value, json};

use super::{Accepted, Holder};
use crate::{
    certificate,
    model::{Attribute, AttributeValue, NameId, Sealable},
};

/// Claims that mean something to whoever reads a principal. An attribute of such a name says nothing of
/// the kind, so it is left out.
const MEANINGFUL: [&str; 20] = [
    "acr",
    "act",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cnf",
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
    "typ",
];

impl From<&Accepted> for Principal {
    /// The subject is the name, with no prefix yet; attributes become claims under their names, with one
    /// value as it is and with several as a list.
    fn from(accepted: &Accepted) -> Self {
        let assertion = &accepted.assertion;
        let mut claims = Map::new();
        let attributes = assertion
            .attribute_statements
            .iter()
            .flat_map(|statement| &statement.attributes)
            .filter_map(Sealable::open)
            .filter(|attribute| !MEANINGFUL.contains(&attribute.name.as_str()));
        for attribute in attributes {
            add(&mut claims, attribute);
        }
        // What is issued in exchange for a key's holder can be bound to that key again.
        if let Some(holder) = &accepted.holder {
            claims.insert("cnf".to_owned(), holder.confirmation());
        }
        // The latest is how the subject authenticated for what is told here.
        let authn = assertion
            .authn_statements
            .iter()
            .max_by_key(|statement| statement.authn_instant);
        Self {
            subject: accepted
                .name_id()
                .map(|name| name.value.clone())
                .unwrap_or_default(),
            issuer: Some(assertion.issuer.value.clone()),
            audiences: accepted.audiences.clone(),
            expires_at: Some(accepted.expires_at),
            authenticated_at: authn.map(|statement| statement.authn_instant),
            authentication_context: authn
                .and_then(|statement| statement.authn_context.class_ref.clone()),
            only_from: accepted.address,
            claims,
            ..Self::default()
        }
    }
}

impl Holder {
    /// The key as a `cnf` claim (RFC 8705 §3.1, RFC 9449 §6.1).
    fn confirmation(&self) -> Value {
        match self {
            Self::Certificate(der) => {
                let print = certificate::thumbprint(der);
                let print = base64_simd::URL_SAFE_NO_PAD.encode_to_string(print);
                json!({ "x5t#S256": print })
            }
            Self::Key(thumbprint) => json!({ "jkt": thumbprint }),
        }
    }
}

fn add(claims: &mut Map<String, Value>, attribute: &Attribute) {
    for value in &attribute.values {
        let value = match value {
            AttributeValue::Text(text) => json!(text),
            AttributeValue::Integer(number) => json!(number),
            AttributeValue::Boolean(truth) => json!(truth),
            AttributeValue::DateTime(moment) => json!(moment.0),
            AttributeValue::Binary(bytes) => {
                json!(base64_simd::STANDARD.encode_to_string(bytes))
            }
            AttributeValue::NameId(NameId { value, .. }) => json!(value),
            AttributeValue::Null => continue,
        };
        match claims.get_mut(&attribute.name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                claims.insert(attribute.name.clone(), value);
            }
        }
    }
}
