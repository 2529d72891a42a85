//! The flat encoding of an `instance_state`: attribute name to list of texts, as configuration stores keep
//! it. It is rewritten into the structured form and then read like any other.

use serde_json::{Map, Value, json};

use super::{
    members::Members,
    state::{self, name},
};
use crate::publish_error::PublishError;

/// Rewrites the flat form into the structured one.
pub(super) fn structured(value: &Value) -> Result<Value, PublishError> {
    let members = Members::of(value, "")?;
    let known: Vec<&str> = state::block_members()
        .flat_map(|(_, names)| names)
        .chain(
            name::ALL
                .into_iter()
                .filter(|name| state::block_members().all(|(block, _)| block != *name)),
        )
        .collect();
    members.only(&known)?;
    let mut top = Map::new();
    for scalar in [name::PERSIST, name::KEEP_TEXT, name::REMOTE] {
        top.insert(scalar.to_owned(), one(&members, scalar)?);
    }
    for list in [name::TRANSFORMS, name::CUSTOM_TRANSFORMS] {
        top.insert(list.to_owned(), each(&members, list, transform)?);
    }
    for list in [name::CUSTOM_VALIDATORS, name::CUSTOM_PROVIDERS] {
        top.insert(list.to_owned(), each(&members, list, operation)?);
    }
    for (block, names) in state::block_members() {
        let is_there = match state::block_marker(block) {
            Some(marker) => !one(&members, marker)?.is_null(),
            None => true,
        };
        if is_there {
            top.insert(block.to_owned(), hoisted(&members, &names)?);
        }
    }
    Ok(Value::Object(top))
}

fn hoisted(members: &Members<'_>, names: &[&'static str]) -> Result<Value, PublishError> {
    let mut block = Map::new();
    for name in names {
        let value = match state::shape(name) {
            state::Shape::One => one(members, name)?,
            state::Shape::List => json!(members.texts(name)?),
            state::Shape::Pairs => pairs(members, name)?,
            state::Shape::Mappings => mappings(members, name)?,
        };
        block.insert((*name).to_owned(), value);
    }
    Ok(Value::Object(block))
}

/// The only element of a list; null when there is none.
fn one(members: &Members<'_>, name: &str) -> Result<Value, PublishError> {
    let mut texts = members.texts(name)?.into_iter();
    match (texts.next(), texts.next()) {
        (first, None) => Ok(first
            .filter(|text| !text.is_empty())
            .map_or(Value::Null, Value::String)),
        (_, Some(_)) => Err(members.wrong(name, "holds several elements", "send a list of one")),
    }
}

fn each(
    members: &Members<'_>,
    name: &str,
    rewrite: impl Fn(&str) -> Option<Value>,
) -> Result<Value, PublishError> {
    let texts = members.texts(name)?.into_iter().enumerate();
    texts
        .map(|(index, text)| rewrite(&text).ok_or_else(|| malformed(members, name, index)))
        .collect()
}

fn malformed(members: &Members<'_>, name: &str, index: usize) -> PublishError {
    PublishError::new(
        format!("{}[{index}]", members.at(name)),
        "cannot be read",
        "separate the parts by `|`, as in `USERNAME|OPENIDCONNECT|true`, `NAME|plugin`, `NAME|{\"plugin\": …}` or `OPENIDCONNECT|service|issuer|key=value`",
    )
}

fn transform(text: &str) -> Option<Value> {
    let parts: Vec<&str> = text.split('|').collect();
    let [input, output, invalidates] = parts.as_slice() else {
        return None;
    };
    Some(
        json!({ "inputTokenType": input, "outputTokenType": output, "invalidateInterimOpenAMSession": invalidates }),
    )
}

fn operation(text: &str) -> Option<Value> {
    let (token_type, plugin) = text.split_once('|')?;
    // Only within an object's texts a `|` means nothing.
    if plugin.contains('|') && !state::is_object(plugin) {
        return None;
    }
    Some(json!({ "customTokenName": token_type, "customOperationClassName": plugin }))
}

fn pairs(members: &Members<'_>, name: &str) -> Result<Value, PublishError> {
    let mut map = Map::new();
    for (index, text) in members.texts(name)?.iter().enumerate() {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            PublishError::new(
                format!("{}[{index}]", members.at(name)),
                "has no `=`",
                "write `name=source`",
            )
        })?;
        map.insert(key.to_owned(), Value::String(value.to_owned()));
    }
    Ok(Value::Object(map))
}

fn mappings(members: &Members<'_>, name: &str) -> Result<Value, PublishError> {
    let mut map = Map::new();
    for (index, text) in members.texts(name)?.iter().enumerate() {
        let parts: Vec<&str> = text.splitn(4, '|').collect();
        let (input, index_type, value, context) = match parts.as_slice() {
            [input, index_type, value] => (input, index_type, value, ""),
            [input, index_type, value, context] => (input, index_type, value, *context),
            _ => return Err(malformed(members, name, index)),
        };
        let mut pairs = Map::new();
        for pair in context.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| malformed(members, name, index))?;
            pairs.insert(
                key.trim().to_owned(),
                Value::String(value.trim().to_owned()),
            );
        }
        let mapping = json!({
            "mapping-auth-index-type": index_type,
            "mapping-auth-index-value": value,
            "mapping-context": pairs,
        });
        map.insert((*input).to_owned(), mapping);
    }
    Ok(Value::Object(map))
}

#[cfg(test)]
mod tests;
