//! Plugins of a running gateway.

use std::path::Path;

use cambist_plugin::manifest::manifest_in;
use hyper::Method;
use serde_json::{Value, json};

use super::{CliError, GatewayArguments, PluginError, client::Client, project, say, show};

const PLUGINS: &str = "/admin/v1/plugins";

/// Uploads a file, or a project built now.
pub(super) fn push(
    gateway: GatewayArguments,
    plugin: &Path,
    name: Option<String>,
) -> Result<(), CliError> {
    let (component, own_name) = if plugin.is_dir() {
        let built = project::build(plugin)?;
        (built.component, Some(built.name))
    } else {
        let component = project::read(plugin)?;
        let own = own_name(&component);
        (component, own)
    };
    let name = name.or(own_name).ok_or(PluginError::NoName)?;
    let path = path_of(&name)?;
    let answer = Client::open(gateway)?.send(Method::PUT, &path, component)?;
    show::plugin(&answer, false)?;
    if is_empty(&answer, "instances") && is_empty(&answer, "pinned") {
        say(&format!(
            "\nNo instance uses it yet. Bind it where it is to stand, in a document for PUT /admin/v1/instances/{{id}}:\n{}",
            show::binding(&answer)
        ))?;
    }
    Ok(())
}

/// The name in a component's manifest. A component that cannot be read gets its refusal from the gateway.
fn own_name(component: &[u8]) -> Option<String> {
    let manifest: Value = serde_json::from_slice(manifest_in(component).ok()??).ok()?;
    manifest.get("name")?.as_str().map(ToOwned::to_owned)
}

/// One plugin and its history.
pub(super) fn inspect(gateway: GatewayArguments, name: &str, json: bool) -> Result<(), CliError> {
    let path = path_of(name)?;
    let client = Client::open(gateway)?;
    let plugin = client.send(Method::GET, &path, Vec::new())?;
    show::plugin(&plugin, json)?;
    if json {
        return Ok(());
    }
    let history = client.send(Method::GET, &format!("{path}/versions"), Vec::new())?;
    say(&show::history(&history))
}

/// All plugins.
pub(super) fn list(gateway: GatewayArguments, json: bool) -> Result<(), CliError> {
    let plugins = Client::open(gateway)?.send(Method::GET, PLUGINS, Vec::new())?;
    if json {
        return say(&format!("{plugins:#}\n"));
    }
    say(&show::list(&plugins))
}

/// Back to another component.
pub(super) fn rollback(
    gateway: GatewayArguments,
    name: &str,
    to: Option<&str>,
) -> Result<(), CliError> {
    let path = format!("{}/rollback", path_of(name)?);
    let body = to.map_or_else(Vec::new, |to| json!({ "to": to }).to_string().into_bytes());
    let answer = Client::open(gateway)?.send(Method::POST, &path, body)?;
    show::plugin(&answer, false)
}

fn is_empty(plugin: &Value, member: &str) -> bool {
    plugin
        .get(member)
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
}

/// The names a gateway takes stand in a path as they are.
fn path_of(name: &str) -> Result<String, PluginError> {
    let is_name = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if is_name {
        Ok(format!("{PLUGINS}/{name}"))
    } else {
        Err(PluginError::Reference(name.to_owned()))
    }
}
