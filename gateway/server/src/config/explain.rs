//! What a key means and where its value comes from, for people.

use std::fmt::Write;

use figment::value::Value;

use super::{Config, KEYS, Key, Listener, Loaded, load::notation};

const NOT_SET: &str = "(not set)";

/// Everything about `key`, which stands at `path`: its own, or with a listener's name for the star.
pub fn explain(loaded: &Loaded, key: &Key, path: &str) -> String {
    let mut text = format!("{path}\n  {}\n", key.meaning);
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    line("expects", &key.kind.expected());
    line(
        "default",
        &default(key).unwrap_or_else(|| NOT_SET.to_owned()),
    );
    let environment = key.environment();
    let name = path.split('.').nth(1).unwrap_or_default();
    line(
        "environment",
        &environment.replace('*', &name.to_ascii_uppercase()),
    );
    if let Some(flag) = key.flag {
        line("flag", flag);
    }
    line(
        "value",
        &loaded.value(path).unwrap_or_else(|| NOT_SET.to_owned()),
    );
    line("from", &loaded.origin(path));
    text
}

/// One line per key: path, value, origin. Keys of further listeners once for each that there is.
pub fn explain_all(loaded: &Loaded) -> String {
    let listeners = &loaded.config.listener;
    let paths = KEYS.iter().flat_map(|key| -> Vec<String> {
        if key.path.contains('*') {
            let names = listeners.keys();
            names.map(|name| key.path.replace('*', name)).collect()
        } else {
            vec![key.path.to_owned()]
        }
    });
    let rows: Vec<(String, String, String)> = paths
        .map(|path| {
            let value = loaded.value(&path).unwrap_or_else(|| NOT_SET.to_owned());
            let origin = loaded.origin(&path);
            (path, value, origin)
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
    let mut config = Config::default();
    if key.path.contains('*') {
        config.listener.insert("*".to_owned(), Listener::default());
    }
    notation(&Value::serialize(config).ok()?.find(key.path)?)
}
