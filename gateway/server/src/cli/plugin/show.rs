//! What is known of plugins, for people. It comes as JSON, from a gateway or made here.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{CliError, say};

/// One plugin, for a person or as JSON.
pub(super) fn plugin(plugin: &Value, json: bool) -> Result<(), CliError> {
    if json {
        return say(&format!("{plugin:#}\n"));
    }
    say(&table(plugin))
}

fn table(plugin: &Value) -> String {
    let mut text = String::new();
    let mut line = |label: &str, said: &str| {
        if !said.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{label:<12} {said}");
        }
    };
    let manifest = plugin.get("manifest").unwrap_or(&Value::Null);
    let name = match (member(plugin, "name"), member(manifest, "name")) {
        ("", own) => own,
        (name, _) => name,
    };
    line("name", name);
    line("version", member(manifest, "version"));
    line("what", member(manifest, "description"));
    line("digest", member(plugin, "digest"));
    if let Some(size) = plugin.get("size").and_then(Value::as_u64) {
        line("size", &format!("{size} bytes"));
    }
    line("fills", &texts(plugin, "points"));
    for (capability, reason) in members(plugin, "capabilities") {
        line(
            "wants",
            &described(capability, reason.as_str().unwrap_or_default()),
        );
    }
    for (entry, config) in members(plugin, "config") {
        let mut kind = member(config, "type").to_owned();
        if config.get("required") == Some(&Value::Bool(true)) {
            kind.push_str(", required");
        }
        if let Some(default) = config.get("default") {
            let _ = write!(kind, ", default {default}");
        }
        let entry = format!("{entry} ({kind})");
        line("config", &described(&entry, member(config, "description")));
    }
    for (secret, wanted) in members(plugin, "secrets") {
        let reveal = if wanted.get("reveal") == Some(&Value::Bool(true)) {
            " (to be revealed)"
        } else {
            ""
        };
        let secret = format!("{secret}{reveal}");
        line("secret", &described(&secret, member(wanted, "description")));
    }
    for (key, wanted) in members(plugin, "keys") {
        let algorithms = texts(wanted, "algorithms");
        let key = if algorithms.is_empty() {
            key.clone()
        } else {
            format!("{key} ({algorithms})")
        };
        line("key", &described(&key, member(wanted, "description")));
    }
    line("isolation", member(plugin, "isolation"));
    let passed = plugin.pointer("/self_test/passed").and_then(Value::as_u64);
    line(
        "self-test",
        &match passed {
            None => String::new(),
            Some(0) => "no cases".to_owned(),
            Some(1) => "1 case passed".to_owned(),
            Some(cases) => format!("{cases} cases passed"),
        },
    );
    if let Some(revision) = plugin.get("revision").and_then(Value::as_u64) {
        line("revision", &revision.to_string());
    }
    line("used by", &texts(plugin, "instances"));
    line("pinned by", &texts(plugin, "pinned"));
    text
}

/// A member of an instance document that binds it, to be filled in.
pub(super) fn binding(plugin: &Value) -> String {
    let mut binding = Map::new();
    let points = texts(plugin, "points");
    if points.contains("validator") || points.contains("provider") {
        binding.insert("kind".to_owned(), json!("plugin"));
        let token_type = format!("urn:example:{}", member(plugin, "name"));
        binding.insert("token_type".to_owned(), json!(token_type));
    }
    binding.insert("plugin".to_owned(), json!(member(plugin, "name")));
    let config: Map<String, Value> = members(plugin, "config")
        .filter(|(_, entry)| entry.get("required") == Some(&Value::Bool(true)))
        .map(|(name, entry)| (name.clone(), sample(member(entry, "type"))))
        .collect();
    if !config.is_empty() {
        binding.insert("config".to_owned(), Value::Object(config));
    }
    let mut grants = Map::new();
    for (capability, _) in members(plugin, "capabilities") {
        let grant = match capability.as_str() {
            "crypto" | "secrets" => continue,
            "http" => json!({"origins": ["https://…"]}),
            "kv" => json!({"bytes": 1_048_576}),
            _ => json!(true),
        };
        grants.insert(capability.clone(), grant);
    }
    for table in ["keys", "secrets"] {
        let wanted: Map<String, Value> = members(plugin, table)
            .map(|(name, _)| (name.clone(), json!("<name in the vault>")))
            .collect();
        if !wanted.is_empty() {
            grants.insert(table.to_owned(), Value::Object(wanted));
        }
    }
    if !grants.is_empty() {
        binding.insert("grants".to_owned(), Value::Object(grants));
    }
    format!("{:#}\n", Value::Object(binding))
}

fn sample(kind: &str) -> Value {
    match kind {
        "boolean" => json!(false),
        "integer" => json!(0),
        "texts" => json!(["…"]),
        _ => json!("…"),
    }
}

/// What a name stood for, the latest first.
pub(super) fn history(history: &Value) -> String {
    let mut text = "\nrevision  version     digest\n".to_owned();
    for version in list_of(history, "versions") {
        let mark = if version.get("is_current") == Some(&Value::Bool(true)) {
            "  (current)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{:>8}  {:<10}  {}{mark}",
            version
                .get("revision")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
            or_dash(member(version, "version")),
            member(version, "digest"),
        );
    }
    text
}

/// All plugins, one a line.
pub(super) fn list(plugins: &Value) -> String {
    let found = list_of(plugins, "plugins");
    if found.is_empty() {
        return "no plugins; `cambist plugin push` uploads one\n".to_owned();
    }
    found.iter().fold(String::new(), |mut text, plugin| {
        let _ = writeln!(
            text,
            "{:<24} {:<10} {:<24} {}",
            member(plugin, "name"),
            or_dash(member(plugin, "version")),
            texts(plugin, "points"),
            or_dash(&texts(plugin, "instances")),
        );
        text
    })
}

fn described(what: &str, description: &str) -> String {
    if description.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {description}")
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn members<'a>(
    value: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn list_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn texts(value: &Value, name: &str) -> String {
    let texts: Vec<&str> = list_of(value, name)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badge() -> Value {
        json!({
            "name": "badge",
            "manifest": {"name": "badge", "version": "1.0.0", "description": "Validates badges."},
            "digest": "sha256:00", "size": 12, "points": ["validator"],
            "capabilities": {"crypto": "checks MACs", "http": "asks"},
            "config": {
                "issuer": {"type": "text", "required": true, "description": "who"},
                "days": {"type": "texts", "default": ["mon"]}
            },
            "keys": {"badge": {"description": "signs", "algorithms": ["HS256"]}},
            "secrets": {"client": {"description": "", "reveal": true}},
            "isolation": "fresh", "self_test": {"passed": 1},
            "revision": 7, "instances": ["alpha/a", "alpha/b"], "pinned": []
        })
    }

    #[test]
    fn a_plugin_is_told_line_by_line() {
        let expected = "\
name         badge
version      1.0.0
what         Validates badges.
digest       sha256:00
size         12 bytes
fills        validator
wants        crypto: checks MACs
wants        http: asks
config       days (texts, default [\"mon\"])
config       issuer (text, required): who
secret       client (to be revealed)
key          badge (HS256): signs
isolation    fresh
self-test    1 case passed
revision     7
used by      alpha/a, alpha/b
";
        assert_eq!(table(&badge()), expected);
    }

    #[test]
    fn a_binding_names_all_that_must_be_filled_in() {
        let binding: Value = serde_json::from_str(&binding(&badge())).unwrap();
        assert_eq!(
            binding,
            json!({
                "kind": "plugin", "plugin": "badge", "token_type": "urn:example:badge",
                "config": {"issuer": "…"},
                "grants": {
                    "http": {"origins": ["https://…"]},
                    "keys": {"badge": "<name in the vault>"},
                    "secrets": {"client": "<name in the vault>"}
                }
            })
        );
    }

    #[test]
    fn lists_and_histories_have_one_line_each() {
        let plugins = json!({"plugins": [badge()]});
        assert_eq!(list(&plugins).lines().count(), 1);
        assert!(list(&json!({"plugins": []})).contains("cambist plugin push"));
        let told = history(&json!({"versions": [
            {"revision": 7, "version": "1.0.0", "digest": "sha256:00", "is_current": true},
            {"revision": 5, "digest": "sha256:11", "is_current": false}
        ]}));
        assert!(told.ends_with(
            "       7  1.0.0       sha256:00  (current)\n       5  -           sha256:11\n"
        ));
    }
}
