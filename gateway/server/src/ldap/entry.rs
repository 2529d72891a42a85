//! What an entry says about a user.

use ldap3::SearchEntry;
use serde_json::{Map, Value};

/// Most values of one attribute that become a claim.
const MAX_VALUES: usize = 256;
/// Most bytes of all values of one attribute together.
const MAX_BYTES: usize = 16 * 1024;

/// The values of an attribute. Directories may answer in another letter case than they were asked in.
fn values<'e>(entry: &'e SearchEntry, name: &str) -> Option<&'e [String]> {
    entry
        .attrs
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, values)| values.as_slice())
}

/// The only value of an attribute.
pub(super) fn first(entry: &SearchEntry, name: &str) -> Option<String> {
    match values(entry, name)? {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// The attributes by the names that `wanted` gives them, one value as text and several as a list. What is no
/// text, and what is too much, is left out.
pub(super) fn attributes(entry: &SearchEntry, wanted: &[(String, String)]) -> Map<String, Value> {
    let mut found = Map::new();
    for (claim, name) in wanted {
        let Some(values) = values(entry, name) else {
            continue;
        };
        let bytes: usize = values.iter().map(String::len).sum();
        let value = match values {
            [] => continue,
            _ if values.len() > MAX_VALUES || bytes > MAX_BYTES => {
                tracing::warn!(
                    attribute = name,
                    "an LDAP attribute is too large for a claim"
                );
                continue;
            }
            [only] => Value::String(only.clone()),
            several => Value::from(several.to_vec()),
        };
        found.insert(claim.clone(), value);
    }
    found
}
