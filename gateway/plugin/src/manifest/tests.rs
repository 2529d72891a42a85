use serde_json::json;

use super::*;

const FULL: &str = r#"
name = "introspection"
version = "1.0.0-rc.1"
description = "asks the issuer"
isolation = "worker"
worker_calls = 64

[capabilities]
http = "asks the authorization server"
secrets = "proves who asks"

[config.endpoint]
type = "text"
required = true
description = "where to ask"
max = 64

[config.leeway]
type = "integer"
default = 30
min = 0
max = 300

[config.modes]
type = "texts"
choices = ["a", "b"]

[config.strict]
type = "boolean"

[secrets.client]
description = "the client secret"
"#;

fn given(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn both_forms_say_the_same() {
    let manifest = Manifest::from_toml(FULL).unwrap();
    let json = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
}

#[test]
fn defaults_are_filled_in_and_values_are_typed() {
    let manifest = Manifest::from_toml(FULL).unwrap();
    let configured = manifest
        .configure(&given(
            &json!({"endpoint": "https://as.example", "modes": ["b"]}),
        ))
        .unwrap();
    assert_eq!(
        configured,
        [
            (
                "endpoint".to_owned(),
                ConfigValue::Text("https://as.example".to_owned())
            ),
            ("leeway".to_owned(), ConfigValue::Integer(30)),
            ("modes".to_owned(), ConfigValue::Texts(vec!["b".to_owned()])),
        ]
    );
}

#[test]
fn a_wrong_configuration_is_named() {
    let manifest = Manifest::from_toml(FULL).unwrap();
    for (config, expected) in [
        (
            json!({}),
            "the setting `endpoint` is required: where to ask",
        ),
        (
            json!({"endpoint": 1}),
            "the setting `endpoint` is not a text",
        ),
        (
            json!({"endpoint": "x".repeat(65)}),
            "the setting `endpoint` is 65 bytes, more than 64",
        ),
        (
            json!({"endpoint": "x", "leeway": 301}),
            "the setting `leeway` is 301, more than 300",
        ),
        (
            json!({"endpoint": "x", "leeway": 1.5}),
            "the setting `leeway` is not a whole number of 64 bits",
        ),
        (
            json!({"endpoint": "x", "modes": ["c"]}),
            "the setting `modes` is none of a, b",
        ),
        (
            json!({"endpoint": "x", "strict": "yes"}),
            "the setting `strict` is not true or false",
        ),
        (
            json!({"endpoin": "x"}),
            "the plugin has no setting `endpoin`; it has `endpoint`, `leeway`, `modes`, `strict`",
        ),
    ] {
        let error = manifest.configure(&given(&config)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    for (text, expected) in [
        ("name = \"Big\"", "`name` is `Big`"),
        ("version = \"1\"", "`version` is `1`"),
        ("worker_calls = 3", "`worker_calls` stands without"),
        (
            "isolation = \"worker\"\nworker_calls = 0",
            "`worker_calls` is outside",
        ),
        (
            "isolation = \"worker\"\nwarm_up = \"a\"",
            "`warm_up` is for instances made ahead",
        ),
        ("[secrets.a]", "`secrets` and `capabilities.secrets`"),
        (
            "[capabilities]\ncrypto = \"x\"",
            "`keys` and `capabilities.crypto`",
        ),
        ("[capabilities]\nfiles = \"x\"", "unknown variant `files`"),
        (
            "[config.a]\ntype = \"integer\"\ndefault = \"x\"",
            "`config.a` has a `default` that is not a whole number",
        ),
        (
            "[config.a]\ntype = \"text\"\nrequired = true\ndefault = \"x\"",
            "`config.a` is both",
        ),
        ("surprise = 1", "unknown field `surprise`"),
    ] {
        let error = Manifest::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
