//! Between JSON and the values of any function's types.

use serde_json::{Map, Value, json};
use wasmtime::component::{Type, Val, types};

use crate::manifest::ConfigValue;

/// Cases of a variant that JSON tells apart by itself.
const BARE: [&str; 4] = ["text", "integer", "boolean", "texts"];

/// A configured value as it stands in JSON.
pub(super) fn configured(value: &ConfigValue) -> Value {
    match value {
        ConfigValue::Boolean(value) => json!(value),
        ConfigValue::Integer(value) => json!(value),
        ConfigValue::Text(value) => json!(value),
        ConfigValue::Texts(values) => json!(values),
    }
}

/// The value of this type that `given` stands for. What is absent is none, or an empty list.
pub(super) fn read(path: &str, given: Option<&Value>, kind: &Type) -> Result<Val, String> {
    match (kind, given) {
        (Type::Option(_), None | Some(Value::Null)) => return Ok(Val::Option(None)),
        (Type::List(_), None) => return Ok(Val::List(Vec::new())),
        (Type::Bool, None) => return Ok(Val::Bool(false)),
        _ => {}
    }
    let given = given.ok_or_else(|| format!("`{path}` is missing"))?;
    let wrong = |wanted: &str| format!("`{path}` is not {wanted}");
    Ok(match kind {
        Type::Bool => Val::Bool(given.as_bool().ok_or_else(|| wrong("true or false"))?),
        Type::S64 => Val::S64(given.as_i64().ok_or_else(|| wrong("a whole number"))?),
        Type::U64 => Val::U64(given.as_u64().ok_or_else(|| wrong("a whole number"))?),
        Type::U32 => Val::U32(
            given
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| wrong("a whole number of 32 bits"))?,
        ),
        Type::String => Val::String(given.as_str().ok_or_else(|| wrong("text"))?.to_owned()),
        Type::Option(option) => Val::Option(Some(Box::new(read(path, Some(given), &option.ty())?))),
        Type::List(list) if list.ty() == Type::U8 => {
            let bytes = bytes(given).ok_or_else(|| wrong("text or {\"base64\": …}"))?;
            Val::List(bytes.into_iter().map(Val::U8).collect())
        }
        Type::List(list) => {
            let items = given.as_array().ok_or_else(|| wrong("a list"))?;
            let read_item =
                |(index, item)| read(&format!("{path}[{index}]"), Some(item), &list.ty());
            Val::List(
                items
                    .iter()
                    .enumerate()
                    .map(read_item)
                    .collect::<Result<_, _>>()?,
            )
        }
        Type::Tuple(tuple) => {
            let items = given.as_array().ok_or_else(|| wrong("a list"))?;
            if items.len() != tuple.types().len() {
                return Err(wrong("a list of the right length"));
            }
            let pairs = items.iter().zip(tuple.types());
            Val::Tuple(
                pairs
                    .map(|(item, kind)| read(path, Some(item), &kind))
                    .collect::<Result<_, _>>()?,
            )
        }
        Type::Record(record) => {
            let members = given.as_object().ok_or_else(|| wrong("an object"))?;
            read_record(path, members, record)?
        }
        Type::Enum(known) => {
            let name = given.as_str().ok_or_else(|| wrong("a name"))?;
            if !known.names().any(|known| known == name) {
                return Err(wrong("one of the known names"));
            }
            Val::Enum(name.to_owned())
        }
        Type::Variant(variant) => {
            let (name, payload) = chosen(given).ok_or_else(|| wrong("a typed value"))?;
            let case = variant
                .cases()
                .find(|case| case.name == name)
                .ok_or_else(|| wrong("one of the known cases"))?;
            let payload = case
                .ty
                .map(|kind| read(path, Some(payload), &kind).map(Box::new))
                .transpose()?;
            Val::Variant(name.to_owned(), payload)
        }
        _ => return Err(format!("`{path}` has a type that a case cannot give")),
    })
}

fn read_record(
    path: &str,
    members: &Map<String, Value>,
    record: &types::Record,
) -> Result<Val, String> {
    let mut fields = Vec::new();
    for field in record.fields() {
        let name = field.name.replace('-', "_");
        let value = read(&format!("{path}.{name}"), members.get(&name), &field.ty)?;
        fields.push((field.name.to_owned(), value));
    }
    let is_known = |name: &String| {
        record
            .fields()
            .any(|field| field.name.replace('-', "_") == *name)
    };
    match members.keys().find(|name| !is_known(name)) {
        None => Ok(Val::Record(fields)),
        Some(unknown) => Err(format!("`{path}.{unknown}` is not there to be set")),
    }
}

/// The case of a variant that a JSON value stands for, and what it holds.
fn chosen(given: &Value) -> Option<(&str, &Value)> {
    Some(match given {
        Value::String(_) => ("text", given),
        Value::Bool(_) => ("boolean", given),
        Value::Number(_) => ("integer", given),
        Value::Array(_) => ("texts", given),
        Value::Object(members) => {
            let (name, payload) = members.iter().next()?;
            (name.as_str(), payload)
        }
        Value::Null => return None,
    })
}

fn bytes(given: &Value) -> Option<Vec<u8>> {
    match given {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(members) => base64_simd::STANDARD
            .decode_to_vec(members.get("base64")?.as_str()?)
            .ok(),
        _ => None,
    }
}

/// A value as JSON.
pub(super) fn shown(value: &Val) -> Value {
    match value {
        Val::Bool(value) => json!(value),
        Val::S8(value) => json!(value),
        Val::U8(value) => json!(value),
        Val::S16(value) => json!(value),
        Val::U16(value) => json!(value),
        Val::S32(value) => json!(value),
        Val::U32(value) => json!(value),
        Val::S64(value) => json!(value),
        Val::U64(value) => json!(value),
        Val::Float32(value) => json!(value),
        Val::Float64(value) => json!(value),
        Val::Char(value) => json!(value),
        Val::String(text) | Val::Enum(text) => json!(text),
        Val::List(items) => octets(items).unwrap_or_else(|| items.iter().map(shown).collect()),
        Val::Tuple(items) => items.iter().map(shown).collect(),
        Val::Record(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.replace('-', "_"), shown(value)))
                .collect(),
        ),
        Val::Variant(name, payload) => {
            let payload = payload.as_deref().map_or(Value::Null, shown);
            if BARE.contains(&name.as_str()) {
                payload
            } else {
                named(name, payload)
            }
        }
        Val::Option(value) => value.as_deref().map_or(Value::Null, shown),
        Val::Result(Ok(value)) => named("ok", value.as_deref().map_or(Value::Null, shown)),
        Val::Result(Err(value)) => named("err", value.as_deref().map_or(Value::Null, shown)),
        _ => Value::Null,
    }
}

fn named(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// Bytes as text if they are, else in base64.
fn octets(items: &[Val]) -> Option<Value> {
    let bytes: Option<Vec<u8>> = items
        .iter()
        .map(|item| match item {
            Val::U8(byte) => Some(*byte),
            _ => None,
        })
        .collect();
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(error) => json!({"base64": base64_simd::STANDARD.encode_to_string(error.as_bytes())}),
    })
}

/// The first place where `found` does not agree with `expected`. Members that are not expected do not
/// matter; lists agree item by item.
pub(super) fn difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(members)) => {
            wanted.iter().find_map(|(name, value)| {
                let path = format!("{path}.{name}");
                difference(&path, value, members.get(name).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => wanted
            .iter()
            .zip(items)
            .enumerate()
            .find_map(|(index, (value, item))| {
                difference(&format!("{path}[{index}]"), value, item)
            }),
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!(
            "expected `{}` to be {wanted}, found {found}",
            path.trim_start_matches('.')
        )),
    }
}
