//! `cambist explain`: why an exchange ends as it does.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use hyper::Method;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    CliError,
    plugin::{Client, GatewayArguments, PluginError},
    say,
};

/// Most bytes of a request.
const REQUEST_BYTES: u64 = 4 << 20;
/// What is asked for unless something else is.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// The instance that is asked, or `route:` and the name of a route.
    target: String,
    /// Parameters of the request: `name=value`, or `name=@file` for what others must not see in the list of
    /// processes. `grant_type` is token exchange unless given.
    parameters: Vec<String>,
    /// Take this client as authenticated. Without it the request must authenticate.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// The whole form-encoded request from a file, or from standard input if it is `-`.
    #[arg(long, value_name = "PATH", conflicts_with = "parameters")]
    form: Option<PathBuf>,
    /// Take a `DPoP` key with this thumbprint as proven.
    #[arg(long, value_name = "THUMBPRINT")]
    dpop_key: Option<String>,
    /// Take the certificate in this PEM file as proven.
    #[arg(long, value_name = "PATH")]
    certificate: Option<PathBuf>,
    /// Where the request is to come from.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: ExplainArguments) -> Result<(), CliError> {
    let mut question = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            question.insert(name.to_owned(), value);
        }
    };
    match arguments.target.strip_prefix("route:") {
        Some(route) => put("route", Some(json!(route))),
        None => put("instance", Some(json!(arguments.target))),
    }
    put("client", arguments.client.map(Value::from));
    put("dpop_key", arguments.dpop_key.map(Value::from));
    put("address", arguments.address.map(Value::from));
    if let Some(path) = arguments.certificate {
        put("certificate", Some(json!(*read(&path)?)));
    }
    if let Some(path) = &arguments.form {
        put("form", Some(json!(read(path)?.trim_end())));
    } else {
        let parameters = parameters(&arguments.parameters)?;
        put("parameters", Some(json!(parameters)));
    }
    let body = Value::Object(question).to_string().into_bytes();
    let client = Client::open(arguments.gateway)?;
    let explanation = client.send(Method::POST, "/admin/v1/explain", body)?;
    if arguments.json {
        return say(&format!("{explanation:#}\n"));
    }
    say(&told(&explanation))
}

fn parameters(given: &[String]) -> Result<BTreeMap<String, Vec<String>>, CliError> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for parameter in given {
        let (name, value) = parameter
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| PluginError::Parameter(name_of(parameter)))?;
        let value = match value.strip_prefix('@') {
            Some(path) => read(&PathBuf::from(path))?.trim_end().to_owned(),
            None => value.to_owned(),
        };
        parameters.entry(name.to_owned()).or_default().push(value);
    }
    parameters
        .entry("grant_type".to_owned())
        .or_insert_with(|| vec![TOKEN_EXCHANGE.to_owned()]);
    Ok(parameters)
}

/// What is not understood may be a secret.
fn name_of(parameter: &str) -> String {
    let short: String = parameter.chars().take(12).collect();
    format!("{short}…")
}

fn read(path: &PathBuf) -> Result<Zeroizing<String>, PluginError> {
    let failed = |source| PluginError::File {
        doing: "read",
        path: path.clone(),
        source,
    };
    let mut text = Zeroizing::new(String::new());
    let read = if path.as_os_str() == "-" {
        io::stdin().take(REQUEST_BYTES).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(REQUEST_BYTES).read_to_string(&mut text))
    };
    read.map_err(failed)?;
    Ok(text)
}

/// An explanation for people.
fn told(explanation: &Value) -> String {
    let text = |value: &Value, name: &str| match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let decision = explanation.get("decided_by").unwrap_or(&Value::Null);
    let (instance, revision) = (text(explanation, "instance"), text(explanation, "revision"));
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = if text(explanation, "outcome") == "would_issue" {
        writeln!(
            out,
            "{instance} (revision {revision}) would issue a token\n"
        )
    } else {
        let (step, rule) = (text(decision, "step"), text(decision, "rule"));
        let reason = text(decision, "reason");
        writeln!(
            out,
            "{instance} (revision {revision}) would refuse: {reason}\n  decided by {step}: {rule}\n"
        )
    };
    let steps = explanation.get("steps").and_then(Value::as_array);
    for step in steps.into_iter().flatten() {
        let mark = if text(step, "outcome") == "passed" {
            "ok"
        } else {
            "NO"
        };
        let (name, says) = (text(step, "step"), text(step, "says"));
        let _ = writeln!(out, "{mark} {name:<16} {says}");
        let facts = step.as_object().into_iter().flatten();
        let facts = facts.filter(|(name, _)| !matches!(name.as_str(), "step" | "outcome" | "says"));
        for (name, fact) in facts {
            let _ = writeln!(out, "     {:<32} {}", name.replace('_', " "), shown(fact));
        }
    }
    if let Some(token) = explanation.get("token").and_then(Value::as_object) {
        let _ = writeln!(out, "\nThe token would carry");
        for (name, fact) in token {
            let _ = writeln!(out, "     {:<32} {}", name.replace('_', " "), shown(fact));
        }
    }
    if let Some(sees) = explanation.get("client_sees") {
        let (status, error) = (text(sees, "status"), text(sees, "error"));
        let description = text(sees, "error_description");
        let _ = writeln!(out, "\nThe client sees {status} {error}: {description}");
    }
    out
}

fn shown(fact: &Value) -> String {
    match fact {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            values.join(", ")
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{name} {}", shown(value)))
                .collect();
            members.join("; ")
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_by_name_or_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        fs::write(&file, "s3cret\n").unwrap();
        let given = [
            "audience=a".to_owned(),
            "audience=b".to_owned(),
            format!("subject_token=@{}", file.display()),
        ];
        let parameters = parameters(&given).unwrap();
        assert_eq!(parameters["audience"], ["a", "b"]);
        assert_eq!(parameters["subject_token"], ["s3cret"]);
        assert_eq!(parameters["grant_type"], [TOKEN_EXCHANGE]);
    }

    #[test]
    fn a_parameter_that_is_not_understood_is_not_repeated() {
        let error = parameters(&["eyJhbGciOiJFUzI1NiJ9.e30.sig".to_owned()]).unwrap_err();
        assert!(!error.to_string().contains("e30"), "{error}");
        assert!(parameters(&["=x".to_owned()]).is_err());
        assert!(parameters(&["a=@/nowhere/at/all".to_owned()]).is_err());
    }

    #[test]
    fn people_read_the_decision_first() {
        let explanation = json!({
            "instance": "alpha/orders", "revision": 3, "outcome": "refused",
            "decided_by": {"step": "targets", "rule": "unknown", "reason": "target: unknown"},
            "client_sees": {"status": 400, "error": "invalid_target", "error_description": "no"},
            "steps": [
                {"step": "client", "outcome": "passed", "says": "it authenticated", "client": "web"},
                {"step": "targets", "outcome": "refused", "says": "target: unknown", "audiences": ["x"]}
            ]
        });
        let text = told(&explanation);
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "alpha/orders (revision 3) would refuse: target: unknown"
        );
        for wanted in [
            "decided by targets: unknown",
            "ok client",
            "NO targets",
            "audiences                        x",
            "The client sees 400 invalid_target: no",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
    }
}
