//! What a key means and where its value comes from, for people.

use std::fmt::Write;

use figment::value::Value;

use super::{Config, KEYS, Key, Loaded, load::notation};

const NOT_SET: &str = "(not set)";

/// Everything about one key.
pub fn explain(loaded: &Loaded, key: &Key) -> String {
    let mut text = format!("{}\n  {}\n", key.path, key.meaning);
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    line("expects", &key.kind.expected());
    line(
        "default",
        &default(key).unwrap_or_else(|| NOT_SET.to_owned()),
    );
    line("environment", &key.environment());
    if let Some(flag) = key.flag {
        line("flag", flag);
    }
    line(
        "value",
        &loaded.value(key.path).unwrap_or_else(|| NOT_SET.to_owned()),
    );
    line("from", &loaded.origin(key.path));
    text
}

/// One line per key: path, value, origin.
pub fn explain_all(loaded: &Loaded) -> String {
    let rows: Vec<(&str, String, String)> = KEYS
        .iter()
        .map(|key| {
            (
                key.path,
                loaded.value(key.path).unwrap_or_else(|| NOT_SET.to_owned()),
                loaded.origin(key.path),
            )
        })
        .collect();
    let path_width = rows.iter().map(|row| row.0.len()).max().unwrap_or_default();
    let value_width = rows.iter().map(|row| row.1.len()).max().unwrap_or_default();
    rows.iter()
        .fold(String::new(), |mut text, (path, value, origin)| {
            let _ = writeln!(text, "{path:<path_width$}  {value:<value_width$}  {origin}");
            text
        })
}

fn default(key: &Key) -> Option<String> {
    notation(&Value::serialize(Config::default()).ok()?.find(key.path)?)
}
